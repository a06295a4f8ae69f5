"""A peer as a process: two disks that outlive it, a clock of its own, and a replica while it runs.

It can crash before any event, lose what its disks had not synced, start again, and stand still for
a while, after which everything that waited happens at once.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from devnet.simulator.disk import DiskFailure, PowerLoss, SimulatedDisk
from devnet.simulator.faults import Weather
from devnet.simulator.kernel import MS, Event, Kernel
from devnet.simulator.links import Links
from devnet.simulator.ports import Outlet, SimulatedPorts
from devnet.simulator.thread import SimulatedDiskThread
from ledger import install, schema
from ledger.crypto import Domain, SigningKey
from ledger.errors import LedgerError
from ledger.genesis import Genesis
from ledger.memory import Memory
from ledger.sealed import SealedBlock
from ledger.store import Store, read_height
from node.errors import Restart
from node.frames import Frame, Hello
from node.identity import Identity
from node.intake import Answer
from node.journal import Journal, adopt
from node.mempool import MempoolLimits
from node.pruning import Pruning
from node.replica import Replica
from node.snapshot_rules import ALONE, SnapshotRules

HELLO_US = 5_000 * MS


class Witness(Protocol):
    """Who is told what processes do; the checkers."""

    def may_crash(self, process: "Process", /) -> bool:
        """Whether a process may crash just now."""
        ...

    def started(self, process: "Process") -> None:
        """A process runs."""
        ...

    def crashed(self, process: "Process") -> None:
        """A process is down."""
        ...

    def emptied(self, process: "Process") -> None:
        """The store of a process that is down was damaged or given up, and is empty now."""
        ...

    def lost_journal(self, process: "Process") -> None:
        """The journal of a process that is down was lost, and what it had promised."""
        ...

    def committed(self, process: "Process", blocks: Sequence[SealedBlock]) -> None:
        """Blocks are durable in a store."""
        ...

    def installed(self, process: "Process") -> None:
        """A snapshot is the store of a process now."""
        ...

    def gave_up(self, process: "Process", error: Exception) -> None:
        """A replica stopped by itself."""
        ...

    def heard_garbage(self, process: "Process", sender: str, error: LedgerError) -> None:
        """A frame could not be read."""
        ...


@dataclass(frozen=True, slots=True)
class Setting:
    """What all processes of a network share."""

    kernel: Kernel
    weather: Weather
    links: Links
    genesis: Genesis
    first: SealedBlock
    votes: Domain
    transactions: Domain
    limits: MempoolLimits
    start_ms: int
    checked: dict[tuple[bytes, tuple[bytes, ...]], bool]
    hello_us: int = HELLO_US
    rules: SnapshotRules = ALONE


class Process:
    """One peer, up or down."""

    _replica_class: type[Replica] = Replica

    def __init__(
        self, setting: Setting, code: str, voter_keys: tuple[SigningKey, ...], witness: Witness
    ) -> None:
        self.code = code
        self.store_disk = SimulatedDisk()
        self.journal_disk = SimulatedDisk()
        self.is_up = False
        self.starts = 0
        self.keep_blocks = 0
        self.is_archive = False  # never begins with a snapshot
        self.events = 0
        self.crash_at: deque[int] = deque()  # numbers of events, ascending
        self.sends_left: int | None = None  # then the power fails
        self.skew_ms = 0
        self.drift = 0.0
        self._setting = setting
        self._kernel = setting.kernel
        self._identity = Identity(code, voter_keys)
        self._witness = witness
        self._replica: Replica | None = None
        self._thread: SimulatedDiskThread | None = None
        self._joins = self._began_anew = False
        self._joined_from = 0  # the height of the store when this replica began
        self._unsure: Sequence[SealedBlock] = ()  # written, and not known to be durable
        self._is_paused = False
        self._backlog: list[Callable[[], None]] = []
        self._monotonic_base_ms = 0
        self._appear()

    def _appear(self) -> None:
        """Have a place in the network."""
        self._setting.links.add(self)

    def _show(self, is_up: bool) -> None:
        """The network finds out that this process came or went."""
        if is_up:
            self._setting.links.is_up(self.code)
        else:
            self._setting.links.is_down(self.code)

    @property
    def outlet(self) -> Outlet:
        """Where what this process says goes."""
        return self._setting.links

    @property
    def replica(self) -> Replica:
        """The running replica."""
        assert self._replica is not None
        return self._replica

    @property
    def is_running(self) -> bool:
        """Whether there is a replica: a process may be up and not that far yet."""
        return self._replica is not None

    # --- life

    def start(self) -> None:
        """Start, from whatever the disks hold."""
        assert not self.is_up
        kernel = self._kernel
        self.starts += 1
        self.is_up = True
        kernel.note(f"{self.code} starts")
        self._monotonic_base_ms = kernel.random.randrange(1_000_000)
        self._run(self._start)

    def _start(self) -> None:
        setting, rng = self._setting, self._kernel.random
        is_installing = install.is_installing(self.store_disk)
        self._joined_from = 0 if is_installing else self._read_height()
        joins = self._joins or is_installing
        store = Store(Memory() if joins else self.store_disk, setting.first)
        held = [key.public for key in self._identity.voter_keys]
        adopt(self.journal_disk, self.store_disk, rng.randbytes(16), held)
        self._thread = SimulatedDiskThread(
            self.journal_disk, self.later, lambda: rng.randint(*setting.weather.fsync_us)
        )
        may_join = setting.rules.may_join and not (self.is_archive or self._began_anew)
        ports = SimulatedPorts(
            self,
            self.outlet,
            store,
            self._thread,
            setting.transactions,
            setting.checked,
            lambda: rng.randint(0, setting.weather.busy_us),
        )
        self._replica = self._replica_class(
            self._identity,
            setting.genesis,
            store,
            Journal(self.journal_disk),
            ports,
            setting.limits,
            lambda _: pruning.advance(),
            setting.votes,
            rules=replace(setting.rules, may_join=may_join),
            installing=self.store_disk if joins else None,
        )
        pruning = Pruning(store, ports, self.keep_blocks)
        self._replica.start()
        self._witness.started(self)
        self._show(True)
        self._greet()

    def hold(self, voter_keys: tuple[SigningKey, ...]) -> None:
        """Have other validator keys from the next start on."""
        self._identity = Identity(self.code, voter_keys)

    def crash(self) -> None:
        """The power fails: nothing of this process goes on, and unsynced writes may be lost."""
        if not self.is_up:
            return
        self._kernel.note(f"{self.code} crashes")
        joiner = self._replica is not None and self._replica.joiner is not None
        self._end()
        if joiner and not self.store_disk.is_damaged:
            self._settle_join()
        self._joins = self._began_anew = False
        self._witness.crashed(self)

    def _end(self) -> None:
        rng = self._kernel.random
        self.is_up = self._is_paused = False
        self.sends_left = None
        self._backlog.clear()
        if self._thread is not None:
            self._thread.crash(rng.random() < 0.5)
        for disk in (self.journal_disk, self.store_disk):
            disk.crash(rng.randint(0, disk.unsynced))
        self._replica = self._thread = None
        self._settle_commit()
        self._show(False)

    def _begin_anew(self, joins: bool) -> None:
        """The replica wants to go on in another way: the process stays, all else is new."""
        if self._replica is None or not self._replica.has_stopped:
            return  # it crashed before
        self._end()
        self._joins, self._began_anew = joins, True
        if not joins and not install.is_installing(self.store_disk):
            is_wiped = self.store_disk.get(schema.META_FINAL) is None
            (self._witness.emptied if is_wiped else self._witness.installed)(self)
        self.start()

    def _settle_join(self) -> None:
        """A snapshot may have been installed to its end just before the crash."""
        has_ended = not install.is_installing(self.store_disk)
        if has_ended and self._read_height() > self._joined_from:
            self._witness.installed(self)

    def _read_height(self) -> int:
        has_store = self.store_disk.get(schema.META_FINAL) is not None
        return read_height(self.store_disk) if has_store else 0

    def _settle_commit(self) -> None:
        """A commit whose fsync failed may have come to the disk all the same."""
        blocks, self._unsure = self._unsure, ()
        is_readable = bool(blocks) and not self.store_disk.is_damaged
        if is_readable and read_height(self.store_disk) >= blocks[-1].height:
            self._witness.committed(self, blocks)

    def pause(self, duration_us: int) -> None:
        """Stand still for a while."""
        if self.is_up and not self._is_paused:
            self._is_paused = True
            number = self.starts
            self._kernel.after(duration_us, f"{self.code} goes on", lambda: self._resume(number))

    def _resume(self, number: int) -> None:
        if self.starts != number or not self.is_up:
            return
        self._is_paused = False
        backlog, self._backlog = self._backlog, []
        for act in backlog:
            if self.starts == number:
                self._run(act)

    # --- what happens in it

    def later(self, delay_us: int, label: str, act: Callable[[], None]) -> Event:
        """Let something happen in this process, unless it ends before."""
        number = self.starts

        def happen() -> None:
            if self.starts == number:
                self._run(act)

        return self._kernel.after(delay_us, f"{self.code[:3]} {label}", happen)

    def _run(self, act: Callable[[], None]) -> None:
        if not self.is_up:
            return
        if self._is_paused:
            self._backlog.append(act)
            return
        self.events += 1
        if self.crash_at and self.events >= self.crash_at[0]:
            self.crash_at.popleft()
            if self._witness.may_crash(self):
                self.crash()
                return
        try:
            act()
        except (PowerLoss, DiskFailure) as error:
            self._kernel.note(f"{self.code}: {type(error).__name__} {error}")
            self.crash()

    # --- its disks

    def fail_next_sync(self) -> None:
        """The next fsync of the journal fails, or the store's if that comes first."""
        self.journal_disk.is_failing = self.store_disk.is_failing = True

    def fill_disks(self) -> None:
        """No write succeeds until the disks are mended."""
        self.journal_disk.is_full = self.store_disk.is_full = True

    def damage_store(self) -> None:
        """The next read of the store fails its checksum: an operator begins with an empty one."""
        self.store_disk.is_damaged = True

    def fail_at_write(self, writes: int) -> None:
        """So many more writes succeed on one of the disks, then the power fails."""
        disk = self._kernel.random.choice((self.journal_disk, self.store_disk))
        disk.writes_left = writes

    def fail_at_send(self, sends: int) -> None:
        """So many more peers are told something, then the power fails."""
        self.sends_left = sends

    def lose_journal(self) -> None:
        """Of a process that is down: its journal is gone, with votes and promises."""
        self.journal_disk = SimulatedDisk()
        self._witness.lost_journal(self)

    def mend_disks(self) -> None:
        """There is space again, and a damaged store has made place for an empty one."""
        if self.store_disk.is_damaged and not self.is_up:
            self.store_disk = SimulatedDisk()
            self._witness.emptied(self)
        for disk in (self.journal_disk, self.store_disk):
            disk.is_full = disk.is_damaged = disk.is_failing = False
            disk.writes_left = None

    def connect(self, peer: str) -> None:
        """A connection stands; both say hello."""
        self._run(lambda: self._hello([peer]))

    def disconnect(self, peer: str) -> None:
        """A connection ended."""
        self._run(lambda: self.replica.disconnected(peer))

    def deliver(self, sender: str, frame: Frame) -> None:
        """A frame came."""
        self._run(lambda: self._receive(sender, frame))

    def _receive(self, sender: str, frame: Frame) -> None:
        try:
            self.replica.receive(sender, frame)
        except LedgerError as error:
            self._witness.heard_garbage(self, sender, error)

    def garble(self, sender: str, error: LedgerError) -> None:
        """Bytes came that are no frame."""
        self._run(lambda: self._witness.heard_garbage(self, sender, error))

    def _hello(self, to: Sequence[str]) -> None:
        store = self.replica.store
        hello = Hello(1, self._setting.genesis.hash, self.code, store.height, self.wall_ms())
        self.outlet.send(self.code, to, hello)
        for peer in to:
            self.replica.connected(peer, 0)

    def _greet(self) -> None:
        links = self.outlet
        store = self.replica.store
        hello = Hello(1, self._setting.genesis.hash, self.code, store.height, self.wall_ms())
        links.send(self.code, links.list_connected(self.code), hello)
        self.later(self._setting.hello_us, "hello", self._greet)

    def submit(self, raws: Sequence[bytes], done: Callable[[list[Answer]], None]) -> None:
        """A client hands in transactions."""
        self._run(lambda: self.replica.submit(raws, done))

    # --- clocks

    def wall_ms(self) -> int:
        """Its clock of the wall."""
        return self._setting.start_ms + self.skew_ms + self._elapsed_ms()

    def monotonic_ms(self) -> int:
        """Its clock that never steps; it begins anywhere."""
        return self._monotonic_base_ms + self._elapsed_ms()

    def compute_delay_us(self, at_ms: int) -> int:
        """How long it is until its monotonic clock shows `at_ms`."""
        elapsed_us = (at_ms - self._monotonic_base_ms) * MS
        return int(elapsed_us / (1 + self.drift)) - self._kernel.now_us + 10

    def _elapsed_ms(self) -> int:
        return int(self._kernel.now_us * (1 + self.drift)) // MS

    def mend_clock(self) -> None:
        """Show the true time from now on; what never steps goes on from where it is."""
        self._monotonic_base_ms += self._elapsed_ms() - self._kernel.now_us // MS
        self.skew_ms, self.drift = 0, 0.0

    # --- its mouth

    def say(self, to: Sequence[str], frame: Frame) -> None:
        """Send a frame to these peers, or to the first of them, when the power fails."""
        left = self.sends_left
        if left is None or len(to) <= left:
            self.outlet.send(self.code, to, frame)
            self.sends_left = None if left is None else left - len(to)
        else:
            self.outlet.send(self.code, to[:left], frame)
            raise PowerLoss

    # --- what the ports report

    def will_commit(self, blocks: Sequence[SealedBlock]) -> None:
        """Blocks are about to be written."""
        self._unsure = blocks

    def has_committed(self, blocks: Sequence[SealedBlock]) -> None:
        """Blocks are durable in the store."""
        self._unsure = ()
        for block in blocks:
            self._kernel.note(f"{self.code} has {block.height} {block.block.hash.hex()}")
        self._witness.committed(self, blocks)

    def has_stopped(self, error: Exception) -> None:
        """The replica gave up, or begins anew."""
        self._kernel.note(f"{self.code} stops: {error}")
        if isinstance(error, Restart):
            self._kernel.after(0, f"{self.code} again", lambda: self._begin_anew(error.joins))
            return
        self._witness.gave_up(self, error)
