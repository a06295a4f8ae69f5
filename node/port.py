"""What the HTTP API asks of the peer behind it; `node.app` provides it, tests fake it."""

import enum
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ledger.genesis import Genesis
from ledger.primitives import Digest
from ledger.store import Store
from node.errors import Refused


class Phase(enum.Enum):
    """How far a transaction came."""

    ACCEPTED = "accepted"  # synced in this peer's intake log and offered to the validators
    FINAL = "final"  # in a final block, with a result
    INVALID = "invalid"  # will never be in a block: expired, or its signer's key was rotated


@dataclass(frozen=True, slots=True)
class Status:
    """What became of a transaction.

    `code` is the result's when final (`ok` or a failure), the reason when invalid (`expired`,
    `key-rotated`), empty when accepted. `height` and `index` are -1 until final.
    """

    id: Digest
    phase: Phase
    code: str = ""
    height: int = -1
    index: int = -1


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the peer can do its work now; `reasons` say what it waits for."""

    ready: bool
    reasons: tuple[str, ...]


class Peer(Protocol):
    """A running peer."""

    genesis: Genesis  # its `hash`, `chain` and `data` (the document's bytes) among it
    code: str
    store: Store

    @property
    def is_joining(self) -> bool:
        """Whether this peer joins by a snapshot, and has no state to show yet."""
        ...

    async def submit(self, raws: Sequence[bytes]) -> list[Status | Refused]:
        """Take signed transactions; each answer stands at its transaction's place.

        Returns once those taken are synced in the intake log. A known one answers with what became
        of it.
        """
        ...

    def get_status(self, id_: Digest) -> Status | None:
        """What became of a transaction, or None if this peer never heard of it."""
        ...

    async def wait(self, id_: Digest, timeout_s: float) -> Status | None:
        """The status once it is no longer `accepted`, or as it is after `timeout_s`."""
        ...

    def watch_heights(self) -> AsyncIterator[int]:
        """The final height whenever it grows, the newest only; never falls behind."""
        ...

    def get_readiness(self) -> Readiness:
        """Whether the peer can do its work now."""
        ...

    def describe(self) -> dict[str, Any]:
        """What `/v1/status` shows: JSON values, heights and times as text."""
        ...

    def render_metrics(self) -> bytes:
        """The Prometheus exposition."""
        ...
