"""The disk's thread in virtual time; twin of `node.disk.DiskThread`.

What waits for the journal while a write is under way goes to it in one batch, and the journal comes
before the store. A write is durable at the end of its fsync, and known a moment later: a crash in
between has written what nobody was told.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from devnet.simulator.disk import DiskFailure, PowerLoss, SimulatedDisk
from ledger.keyvalue import Change

Later = Callable[[int, str, Callable[[], None]], object]


@dataclass(frozen=True, slots=True)
class _Write:
    changes: Sequence[Change]
    sync: bool
    done: Callable[[], None]


class SimulatedDiskThread:
    """Runs writes one after another; `later(delay_us, label, act)` is the process's clock."""

    def __init__(
        self, journal: SimulatedDisk, later: Later, draw_fsync_us: Callable[[], int]
    ) -> None:
        self._journal = journal
        self._later = later
        self._draw_fsync_us = draw_fsync_us
        self._writes: list[_Write] = []
        self._jobs: deque[tuple[Callable[[], None], Callable[[], None]]] = deque()
        self._running: Callable[[], None] | None = None
        self._is_busy = False

    def write_journal(
        self, changes: Sequence[Change], sync: bool, done: Callable[[], None]
    ) -> None:
        """Write to the journal."""
        self._writes.append(_Write(changes, sync, done))
        self._pump()

    def run(self, job: Callable[[], None], done: Callable[[], None]) -> None:
        """Run a synced write in turn."""
        self._jobs.append((job, done))
        self._pump()

    def crash(self, is_written: bool) -> None:
        """The power fails: what was just being written may have come to the disk."""
        running, self._running = self._running, None
        if running is not None and is_written:
            with suppress(DiskFailure, PowerLoss):  # nobody is left to hear of it
                running()
        self._writes.clear()
        self._jobs.clear()
        self._is_busy = True

    def _pump(self) -> None:
        if self._is_busy:
            return
        if self._writes:
            writes, self._writes = self._writes, []
            is_synced = any(write.sync for write in writes)
            changes = [change for write in writes for change in write.changes]
            self._start(
                "journal",
                lambda: self._journal.write(changes, is_synced),
                [write.done for write in writes],
                self._draw_fsync_us() if is_synced else 50,
            )
        elif self._jobs:
            job, done = self._jobs.popleft()
            self._start("commit", job, [done], self._draw_fsync_us())

    def _start(
        self,
        label: str,
        job: Callable[[], None],
        done: Sequence[Callable[[], None]],
        duration_us: int,
    ) -> None:
        self._is_busy = True
        self._running = job
        self._later(duration_us, f"{label} written", lambda: self._written(label, job, done))

    def _written(
        self, label: str, job: Callable[[], None], done: Sequence[Callable[[], None]]
    ) -> None:
        self._running = None
        job()
        self._later(100, f"{label} done", lambda: self._told(done))

    def _told(self, done: Sequence[Callable[[], None]]) -> None:
        self._is_busy = False
        for notify in done:
            notify()
        self._pump()
