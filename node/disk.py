"""The disk's thread: one for journal and store, so that neither fsync holds up the event loop.

What takes long and hurts nobody by waiting, such as giving back space, has a thread of its own.

What waits for the journal while a write is under way goes to it in one batch (group commit). The
journal comes before the store: votes wait for it. A disk that fails ends the peer, and so does a
`done` that raises: nothing is written or reported after it. Nothing acknowledged is lost, because
nothing was acknowledged before its write had ended.
"""

import asyncio
import logging
import shutil
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ledger.errors import DiskError
from ledger.keyvalue import Change, KeyValue
from node.failstop import Fail

_log = logging.getLogger("suanlian.disk")
MAX_TIMES = 64  # synced writes that the median is of


@dataclass(frozen=True, slots=True)
class DiskState:
    """How the disk does; times in milliseconds, 0 before the first synced write."""

    free_bytes: int
    total_bytes: int
    last_ms: float
    median_ms: float
    waiting_ms: float  # how long the write that is under way has taken so far


@dataclass(frozen=True, slots=True)
class _Write:
    changes: Sequence[Change]
    sync: bool
    done: Callable[[], None]


class DiskThread:
    """Runs writes one after another and tells the event loop when each has ended."""

    def __init__(self, journal: KeyValue, fail: Fail) -> None:
        self._journal = journal
        self._fail = fail
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="disk")
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="disk-aside")
        self._writes: list[_Write] = []
        self._jobs: deque[tuple[Callable[[], None], Callable[[], None]]] = deque()
        self._is_busy = False
        self._has_halted = False
        self._began_s: float | None = None
        self._times_s: deque[float] = deque(maxlen=MAX_TIMES)
        self.on_sync: Callable[[float], None] = lambda _: None  # told how many seconds each took
        self._idle = asyncio.Event()
        self._idle.set()

    def write_journal(
        self, changes: Sequence[Change], sync: bool, done: Callable[[], None]
    ) -> None:
        """Write to the journal; `done` runs on the event loop."""
        self._writes.append(_Write(changes, sync, done))
        self._pump()

    def run(self, job: Callable[[], None], done: Callable[[], None]) -> None:
        """Run a job on the thread, in turn; `done` runs on the event loop."""
        self._jobs.append((job, done))
        self._pump()

    def run_aside(self, job: Callable[[], None], done: Callable[[], None]) -> None:
        """Run a job that takes long, such as a compaction, on a thread of its own."""
        if self._has_halted:
            return
        future = self._aside.submit(job)
        future.add_done_callback(
            lambda ended: self._loop.call_soon_threadsafe(self._ended_aside, ended, done)
        )

    def read_state(self, folder: Path) -> DiskState:
        """How the disk under a folder does."""
        usage = shutil.disk_usage(folder)
        times_s, began_s = self._times_s, self._began_s
        return DiskState(
            usage.free,
            usage.total,
            1000 * times_s[-1] if times_s else 0.0,
            1000 * median(times_s) if times_s else 0.0,
            0.0 if began_s is None else 1000 * (time.monotonic() - began_s),
        )

    async def close(self) -> None:
        """Let everything that waits be written, unless this failed; then end the threads."""
        await self._idle.wait()
        self._thread.shutdown(wait=True)
        self._aside.shutdown(wait=True, cancel_futures=True)

    def _pump(self) -> None:
        if self._is_busy or self._has_halted:
            return
        if self._writes:
            writes, self._writes = self._writes, []
            is_synced = any(write.sync for write in writes)
            self._start(
                lambda: self._write(writes, is_synced), [write.done for write in writes], is_synced
            )
        elif self._jobs:
            job, done = self._jobs.popleft()
            self._start(job, [done], is_synced=True)

    def _write(self, writes: Sequence[_Write], is_synced: bool) -> None:
        changes = [change for write in writes for change in write.changes]
        self._journal.write(changes, is_synced)

    def _start(
        self, job: Callable[[], None], done: Sequence[Callable[[], None]], is_synced: bool
    ) -> None:
        self._is_busy = True
        self._began_s = time.monotonic()
        self._idle.clear()
        future = self._thread.submit(job)
        future.add_done_callback(
            lambda ended: self._loop.call_soon_threadsafe(self._ended, ended, done, is_synced)
        )

    def _ended(
        self, future: "Future[None]", done: Sequence[Callable[[], None]], is_synced: bool
    ) -> None:
        self._time(is_synced)
        if not self._tell(future, done):
            return
        self._is_busy = False
        self._pump()
        if not self._is_busy:
            self._idle.set()

    def _time(self, is_synced: bool) -> None:
        """A job has ended on the thread."""
        assert self._began_s is not None
        took_s, self._began_s = time.monotonic() - self._began_s, None
        if is_synced:
            self._times_s.append(took_s)
            self.on_sync(took_s)

    def _ended_aside(self, future: "Future[None]", done: Callable[[], None]) -> None:
        if not future.cancelled():
            self._tell(future, [done])

    def _tell(self, future: "Future[None]", done: Sequence[Callable[[], None]]) -> bool:
        """Report the end of a job; whether this goes on."""
        if self._has_halted:
            return False
        error = future.exception()
        if error is not None:
            told = error if isinstance(error, DiskError) else None
            self._halt(told or DiskError(f"the disk failed: {error}"))
            return False
        try:  # what this makes wait goes to the disk together, once all have heard
            for notify in done:
                notify()
        except Exception as mistake:  # noqa: BLE001 - whatever it is, it stops the peer
            _log.exception("what follows a write failed")
            self._halt(mistake)
            return False
        return True

    def _halt(self, error: Exception) -> None:
        """Begin and report nothing any more; who waits for the end need not."""
        self._has_halted = True
        self._writes.clear()
        self._jobs.clear()
        self._fail(error)
        self._idle.set()
