"""The world as a simulated replica sees it: `node.ports.Ports` in virtual time."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from devnet.simulator.kernel import Event
from devnet.simulator.thread import SimulatedDiskThread
from ledger.crypto import Domain
from ledger.keyvalue import Change
from ledger.sealed import SealedBlock
from ledger.store import Store
from node.frames import MAX_BATCH, Frame, Transactions
from node.ports import Job

CHECK_US = 80  # what one signature check takes
ASIDE_US = 20_000


class Outlet(Protocol):
    """Where what a process says goes: the links, or who twists it before."""

    def send(self, sender: str, to: Sequence[str], frame: Frame) -> None:
        """Send to connected peers."""
        ...

    def list_connected(self, code: str) -> list[str]:
        """Who is connected to a process."""
        ...

    def hang_up(self, code: str, other: str) -> None:
        """End a connection."""
        ...


class Host(Protocol):
    """The process that the ports belong to."""

    code: str

    def later(self, delay_us: int, label: str, act: Callable[[], None]) -> Event:
        """Let something happen in this process, unless it ends before."""
        ...

    def wall_ms(self) -> int:
        """Its clock of the wall."""
        ...

    def monotonic_ms(self) -> int:
        """Its clock that never steps."""
        ...

    def compute_delay_us(self, at_ms: int) -> int:
        """How long it is until its monotonic clock shows `at_ms`."""
        ...

    def say(self, to: Sequence[str], frame: Frame) -> None:
        """Send to connected peers, as far as it gets."""
        ...

    def will_commit(self, blocks: Sequence[SealedBlock]) -> None:
        """Blocks are about to be written."""
        ...

    def has_committed(self, blocks: Sequence[SealedBlock]) -> None:
        """Blocks are durable in its store."""
        ...

    def has_stopped(self, error: Exception) -> None:
        """The replica gave up."""
        ...


class SimulatedPorts:
    """Provides `node.ports.Ports` to one process."""

    def __init__(
        self,
        host: Host,
        links: Outlet,
        store: Store,
        thread: SimulatedDiskThread,
        domain: Domain,
        checked: dict[tuple[bytes, tuple[bytes, ...]], bool],
        draw_busy_us: Callable[[], int],
    ) -> None:
        self._host = host
        self._links = links
        self._store = store
        self._thread = thread
        self._domain = domain
        self._checked = checked
        self._draw_busy_us = draw_busy_us
        self._timers: dict[str, Event] = {}
        self._batches: deque[tuple[Sequence[Job], Callable[[list[bool]], None]]] = deque()
        self._is_verifying = False

    def wall_ms(self) -> int:
        """The clock of the wall."""
        return self._host.wall_ms()

    def monotonic_ms(self) -> int:
        """A clock that never steps."""
        return self._host.monotonic_ms()

    def set_timer(self, name: str, at_ms: int, fire: Callable[[], None]) -> None:
        """Call `fire` at a monotonic time."""
        self.cancel_timer(name)

        def due() -> None:
            self._timers.pop(name, None)
            if self._host.monotonic_ms() < at_ms:  # the clock is slower now than it was
                self.set_timer(name, at_ms, fire)
            else:
                fire()

        delay_us = self._host.compute_delay_us(at_ms)
        label = name if len(name) < 24 else name[:24]
        self._timers[name] = self._host.later(delay_us, f"timer {label}", due)

    def cancel_timer(self, name: str) -> None:
        """Forget a timer."""
        event = self._timers.pop(name, None)
        if event is not None:
            event.cancel()

    def send(self, to: Sequence[str], frame: Frame) -> None:
        """Send to connected peers."""
        self._host.say(to, frame)

    def send_transactions(self, to: Sequence[str], raws: Sequence[bytes]) -> None:
        """Send transactions."""
        for start in range(0, len(raws), MAX_BATCH):
            self.send(to, Transactions(tuple(raws[start : start + MAX_BATCH])))

    def list_connected(self) -> list[str]:
        """Who is connected, in order."""
        return self._links.list_connected(self._host.code)

    def list_sync_sources(self) -> list[str]:
        """Who may be asked for ranges."""
        return self.list_connected()

    def drop(self, peer: str, reason: str) -> None:  # noqa: ARG002
        """Hang up on a peer."""
        self._links.hang_up(self._host.code, peer)

    def verify(self, jobs: Sequence[Job], done: Callable[[list[bool]], None]) -> None:
        """Check signatures, one batch after another."""
        self._batches.append((jobs, done))
        if not self._is_verifying:
            self._verify_next()

    def _verify_next(self) -> None:
        self._is_verifying = True
        jobs, done = self._batches.popleft()
        count = sum(len(transaction.signers) for transaction, _ in jobs)

        def finish() -> None:
            self._is_verifying = False
            if self._batches:
                self._verify_next()
            done([self._check(job) for job in jobs])

        duration_us = CHECK_US * (count + 1) + self._draw_busy_us()
        self._host.later(duration_us, f"verified {len(jobs)}", finish)

    def _check(self, job: Job) -> bool:
        transaction, keys = job
        known = self._checked.get((transaction.hash, keys))
        if known is None:
            known = all(
                self._domain.is_valid(key, signature, transaction.body)
                for key, signature in zip(keys, transaction.signatures, strict=True)
            )
            self._checked[transaction.hash, keys] = known
        return known

    def write_journal(
        self, changes: Sequence[Change], sync: bool, done: Callable[[], None]
    ) -> None:
        """Write on the disk's thread."""
        self._thread.write_journal(changes, sync, done)

    def commit(
        self,
        blocks: Sequence[SealedBlock],
        finalization: bytes,
        next_validators: Sequence[tuple[str, bytes]],
        done: Callable[[], None],
    ) -> None:
        """Write final blocks on the disk's thread."""

        def job() -> None:
            self._host.will_commit(blocks)
            self._store.commit(blocks, finalization, next_validators)
            self._host.has_committed(blocks)

        self._thread.run(job, done)

    def write_store(self, job: Callable[[], None], done: Callable[[], None]) -> None:
        """Write to the store on the disk's thread, in turn."""
        self._thread.run(job, done)

    def run_aside(self, job: Callable[[], None], done: Callable[[], None]) -> None:
        """Run what takes long beside all writes."""
        job()
        self._host.later(ASIDE_US, "aside", done)

    def stop(self, error: Exception) -> None:
        """End the process."""
        self._host.has_stopped(error)
