"""The world as the replica's ports see it: asyncio's clock, the network, the disk's thread.

It performs and decides nothing. Everything runs on one event loop; what comes back from the disk
and the verifier comes back on that loop, in order.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from ledger.keyvalue import Change
from ledger.sealed import SealedBlock
from ledger.store import Store
from node.clock import WallClock
from node.disk import DiskThread
from node.failstop import Fail
from node.frames import Frame
from node.network import Network
from node.ports import Job
from node.verifier import Verifier

_log = logging.getLogger("suanlian.ports")


class AsyncPorts:
    """Provides `node.ports.Ports` on the running event loop."""

    def __init__(
        self,
        store: Store,
        disk: DiskThread,
        verifier: Verifier,
        fail: Fail,
        wall_ms: WallClock,
    ) -> None:
        self._store = store
        self._disk = disk
        self._verifier = verifier
        self._fail = fail
        self._read_wall_ms = wall_ms
        self._loop = asyncio.get_running_loop()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._is_closed = False
        self.network: Network | None = None

    def wall_ms(self) -> int:
        """The clock of the wall."""
        return self._read_wall_ms()

    def monotonic_ms(self) -> int:
        """The event loop's clock."""
        return int(self._loop.time() * 1000)

    def set_timer(self, name: str, at_ms: int, fire: Callable[[], None]) -> None:
        """Call `fire` at a time of the loop's clock."""
        self.cancel_timer(name)
        if self._is_closed:
            return

        def due() -> None:
            self._timers.pop(name, None)
            try:
                fire()
            except Exception as error:  # noqa: BLE001 - whatever it is, it stops the peer
                _log.exception("the timer %s failed", name)
                self._fail(error)

        # One millisecond later, so that the clock, cut to whole ones, has reached `at_ms`.
        self._timers[name] = self._loop.call_at((at_ms + 1) / 1000, due)

    def cancel_timer(self, name: str) -> None:
        """Forget a timer."""
        handle = self._timers.pop(name, None)
        if handle is not None:
            handle.cancel()

    def send(self, to: Sequence[str], frame: Frame) -> None:
        """Send to connected peers."""
        if self.network is not None:
            self.network.send(to, frame)

    def send_transactions(self, to: Sequence[str], raws: Sequence[bytes]) -> None:
        """Send transactions, batched by the links."""
        if self.network is not None:
            self.network.send_transactions(to, raws)

    def list_connected(self) -> list[str]:
        """Who is connected."""
        return [] if self.network is None else self.network.list_connected()

    def list_sync_sources(self) -> list[str]:
        """Who may be asked for ranges."""
        return [] if self.network is None else self.network.list_sync_sources()

    def drop(self, peer: str, reason: str) -> None:
        """Hang up on a peer."""
        if self.network is not None:
            self.network.drop(peer, reason)

    def verify(self, jobs: Sequence[Job], done: Callable[[list[bool]], None]) -> None:
        """Check signatures between other work."""
        self._verifier.verify(jobs, done)

    def write_journal(
        self, changes: Sequence[Change], sync: bool, done: Callable[[], None]
    ) -> None:
        """Write on the disk's thread."""
        self._disk.write_journal(changes, sync, done)

    def commit(
        self,
        blocks: Sequence[SealedBlock],
        finalization: bytes,
        next_validators: Sequence[tuple[str, bytes]],
        done: Callable[[], None],
    ) -> None:
        """Write final blocks on the disk's thread."""
        self._disk.run(lambda: self._store.commit(blocks, finalization, next_validators), done)

    def write_store(self, job: Callable[[], None], done: Callable[[], None]) -> None:
        """Write to the store on the disk's thread, in turn."""
        self._disk.run(job, done)

    def run_aside(self, job: Callable[[], None], done: Callable[[], None]) -> None:
        """Run what takes long beside all writes."""
        self._disk.run_aside(job, done)

    def stop(self, error: Exception) -> None:
        """End the process."""
        self._fail(error)

    def close(self) -> None:
        """No timer fires any more, and none is set."""
        self._is_closed = True
        for handle in self._timers.values():
            handle.cancel()
        self._timers.clear()
