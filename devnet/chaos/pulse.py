"""How the network does: every peer is asked again and again how far it is.

PrefixOrder: a peer whose height falls has lost a final block; nobody's ever may.
"""

import asyncio
import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from devnet.folder import Folder, NodeEntry
from node.client.async_http import AsyncClient
from node.client.errors import ClientError
from node.client.retry import NO_RETRY

INTERVAL_S = 0.1
ANSWER_S = 2.0


@dataclass(frozen=True, slots=True)
class Sight:
    """What a peer said of itself, and when."""

    at_s: float
    status: dict[str, Any]

    @property
    def height(self) -> int:
        """Its last final block."""
        return int(self.status["height"])

    @property
    def is_whole(self) -> bool:
        """Whether it does all that it should: a validator votes."""
        if self.status["role"] != "validator":
            return True
        return self.status["votes"] is True and self.status["recovering"] is False


@dataclass(slots=True)
class Pulse:
    """The newest sight of each peer, and when each height was first seen anywhere."""

    folder: Folder
    interval_s: float = INTERVAL_S
    sights: dict[str, Sight] = field(default_factory=dict)
    highest: dict[str, int] = field(default_factory=dict)
    grown: list[tuple[float, int]] = field(default_factory=lambda: [(time.monotonic(), 0)])
    wrong: list[str] = field(default_factory=list)
    time_ms: int = 0  # of the newest final block

    @property
    def height(self) -> int:
        """The newest final block that any peer has shown."""
        return self.grown[-1][1]

    def find_growth(self, above: int, after_s: float) -> float | None:
        """When a block above a height was first seen after a moment."""
        first = None
        for at_s, height in reversed(self.grown):
            if at_s <= after_s or height <= above:
                break
            first = at_s
        return first

    def compute_pause(self, from_s: float, to_s: float) -> float:
        """The longest time without a new block between two moments."""
        moments = [from_s, *(at for at, _ in self.grown if from_s < at < to_s), to_s]
        return max(later - earlier for earlier, later in pairwise(moments))

    def compute_rate(self, seconds: float) -> float:
        """Blocks a second of late."""
        since = time.monotonic() - seconds
        before = next((height for at, height in reversed(self.grown) if at < since), 0)
        return (self.height - before) / seconds

    async def run(self) -> None:
        """Ask everybody until cancelled."""
        await asyncio.gather(*(self._watch(node) for node in self.folder.nodes))

    async def _watch(self, node: NodeEntry) -> None:
        client = AsyncClient(node.http, timeout_s=ANSWER_S, retry=NO_RETRY, connections=2)
        async with client:
            while True:
                try:
                    self.see(node.label, Sight(time.monotonic(), await client.get_status()))
                except ClientError:
                    self.sights.pop(node.label, None)  # it is down, or stands still
                await asyncio.sleep(self.interval_s)

    def see(self, label: str, sight: Sight) -> None:
        """A peer answered."""
        before = self.highest.get(label, 0)
        if sight.height < before:
            self.wrong.append(f"{label} showed block {before}, and now {sight.height}")
        self.highest[label] = sight.height
        if sight.height > self.height:
            self.grown.append((time.monotonic(), sight.height))
            self.time_ms = int(sight.status["time_ms"])
        self.sights[label] = sight
