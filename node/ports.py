"""What the replica needs of the world. The asyncio driver and the simulator both provide it."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from ledger.keyvalue import Change
from ledger.primitives import PublicKey
from ledger.sealed import SealedBlock
from ledger.transaction import Transaction
from node.frames import Frame

Job: TypeAlias = tuple[Transaction, tuple[PublicKey, ...]]
"""A transaction and the key of each of its signers, in their order."""


class Ports(Protocol):
    """Clock, network, disk and processor. No call blocks; `done` is called later, in order."""

    def wall_ms(self) -> int:
        """The clock of the wall, for the times of blocks."""
        ...

    def monotonic_ms(self) -> int:
        """A clock that never steps, for timers."""
        ...

    def set_timer(self, name: str, at_ms: int, fire: Callable[[], None]) -> None:
        """Call `fire` at a monotonic time; replaces the timer of this name."""
        ...

    def cancel_timer(self, name: str) -> None:
        """Forget a timer; an unknown one is ignored."""
        ...

    def send(self, to: Sequence[str], frame: Frame) -> None:
        """Send to connected peers; dropped where one is not connected or its queue is full."""
        ...

    def send_transactions(self, to: Sequence[str], raws: Sequence[bytes]) -> None:
        """Send transactions: what waits while a batch is on its way makes the next one."""
        ...

    def list_connected(self) -> list[str]:
        """The codes of the connected peers, in order."""
        ...

    def list_sync_sources(self) -> list[str]:
        """Who may be asked for ranges, in order: the connected, and peers that the state here does
        not know any more, to whom nothing else is sent."""
        ...

    def drop(self, peer: str, reason: str) -> None:
        """End a connection whose other side misbehaved."""
        ...

    def verify(self, jobs: Sequence[Job], done: Callable[[list[bool]], None]) -> None:
        """Check all signatures of transactions, yielding to other work between chunks."""
        ...

    def write_journal(
        self, changes: Sequence[Change], sync: bool, done: Callable[[], None]
    ) -> None:
        """Write to the journal's disk in one batch."""
        ...

    def commit(
        self,
        blocks: Sequence[SealedBlock],
        finalization: bytes,
        next_validators: Sequence[tuple[str, bytes]],
        done: Callable[[], None],
    ) -> None:
        """Write final blocks to the store in one synced batch."""
        ...

    def write_store(self, job: Callable[[], None], done: Callable[[], None]) -> None:
        """Run a synced write to the store's disk, in turn with its commits."""
        ...

    def stop(self, error: Exception) -> None:
        """End the process: it cannot go on without harm."""
        ...
