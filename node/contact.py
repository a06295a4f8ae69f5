"""A peer at the other end of a link: who it is, how far it is, what it hears, who hears it."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from node.admission import Allowance
from node.frames import Frame, Hello, Notice, Range, WantBlock, WantRange, WantTransactions
from node.link import Link
from node.offers import Answer, Want
from node.snapshot_frames import WantEpochs, WantPart, WantSnapshot
from node.tls import RemotePeer

Asked: TypeAlias = WantRange | Want
"""What is answered on any channel: what it is proves itself."""
Given: TypeAlias = Range | Answer
"""The answers."""
FOR_SYNC: Final = Hello | Asked | Given

REQUESTS_PER_S = 100.0
REQUESTS_BURST = 500.0
RANGE_COST = 4.0  # the dearest answer: 4 MiB off the disk
TURN_S = 0.002
OFFSETS = 6  # hellos of half a minute


class Listener(Protocol):
    """Who hears what comes over full channels; the replica."""

    @property
    def voters(self) -> Sequence[str]:
        """The validators of the running epoch."""
        ...

    def connected(self, peer: str, height: int) -> None:
        """A full channel stands."""
        ...

    def disconnected(self, peer: str) -> None:
        """A full channel, or one to ask for ranges, ended."""
        ...

    def receive(self, sender: str, frame: Frame) -> None:
        """A frame came over a full channel, or a hello or an answer over one that is asked;
        raises LedgerError for garbage."""
        ...

    def serve(self, want: Asked) -> Given:
        """Final blocks, or snapshots, for whoever asks."""
        ...


@dataclass(slots=True, eq=False)
class Contact:
    """What is known of a connected peer.

    `is_full` is what this side hears of the other. `hears_all` is what the other side hears of this
    one: nothing but requests for ranges once it has said `sync-only`.
    """

    remote: RemotePeer
    link: Link
    is_full: bool
    height: int = 0
    hears_all: bool = True
    since_s: float = field(default_factory=time.monotonic)
    offsets_ms: deque[int] = field(default_factory=lambda: deque(maxlen=OFFSETS))

    def note(self, frame: Frame, now_ms: int) -> None:
        """What a frame says of the connection itself."""
        if isinstance(frame, Hello):
            self.hear_hello(frame, now_ms)
        elif isinstance(frame, Notice) and frame.code == "sync-only":
            self.hears_all = False

    def hear_hello(self, hello: Hello, now_ms: int) -> None:
        """How far the other side is, and its clock, now by this one."""
        self.height = hello.height
        self.offsets_ms.append(hello.time_ms - now_ms)

    @property
    def offset_ms(self) -> int:
        """How far the other clock is ahead of this one.

        What a hello waits on its way makes the other clock look slow, never fast: of the last few
        the greatest is the nearest to the truth.
        """
        return max(self.offsets_ms, default=0)

    @property
    def is_connected(self) -> bool:
        """Whether everything can be said."""
        return self.is_full and self.hears_all and not self.link.is_closed


def takes_request(allowance: Allowance, frame: Frame) -> bool:
    """Whether a frame may still be answered; what asks for nothing costs nothing here."""
    if isinstance(frame, WantRange | WantSnapshot):
        return allowance.take(RANGE_COST)
    if isinstance(frame, WantTransactions | WantBlock | WantEpochs | WantPart):
        return allowance.take()
    return True


class Turn:
    """What one link may take of the event loop before the others have theirs."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    async def give_way(self) -> None:
        """Let others run, if this one had its time: a read of what is buffered suspends nobody."""
        if time.monotonic() - self._since >= TURN_S:
            await asyncio.sleep(0)
            self._since = time.monotonic()
