"""One validator key in two peers: the second stops, whoever merely restored a backup does not."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from devnet.simulator.disk import SimulatedDisk
from devnet.simulator.kernel import MS, SECOND
from devnet.simulator.plan import Plan
from devnet.simulator.process import Process
from devnet.simulator.simulation import Simulation
from ledger.errors import LedgerError
from ledger.primitives import TimeMs
from ledger.sealed import SealedBlock
from node.errors import KeyInUse
from node.frames import REPLACED, Frame, Notice
from node.journal import Journal
from node.twin import MARGIN_MS, WINDOW_MS, TwinWatch
from tests.node.stage import Stage, change
from tests.node.test_conductor import Actor, make

ME = 1  # the region that is started twice


class Mirror:
    """The connections of the first copy, lent to the second: both hear all, and both are heard."""

    def __init__(self, simulation: Simulation) -> None:
        self._links = simulation.links

    def add(self, process: Process) -> None:
        """Its end of the links is the first copy's."""

    def is_up(self, code: str) -> None:
        """The connections stand already."""

    def is_down(self, code: str) -> None:
        """They are the first copy's."""

    def list_connected(self, code: str) -> list[str]:
        return self._links.list_connected(code)

    def send(self, sender: str, to: Sequence[str], frame: Frame) -> None:
        self._links.send(sender, to, frame)


class Silent:
    """Who is told what the second copy does, and how it ends."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def may_crash(self, process: Process) -> bool:
        return False

    def started(self, process: Process) -> None:
        """It runs."""

    def crashed(self, process: Process) -> None:
        """It is down."""

    def committed(self, process: Process, blocks: Sequence[SealedBlock]) -> None:
        """It follows."""

    def gave_up(self, process: Process, error: Exception) -> None:
        self.error = error

    def heard_garbage(self, process: Process, sender: str, error: LedgerError) -> None:
        raise AssertionError(error)


class Twins:
    """A calm network, in which one region may be started a second time."""

    def __init__(self) -> None:
        self.simulation = Simulation(9, Plan())
        self.simulation.start_all()
        self.first = self.simulation.processes[ME]
        self.stops: dict[str, Exception] = {}
        self.simulation.gave_up = self._gave_up  # type: ignore[method-assign]
        self.run(1)
        self.agree(3)

    def _gave_up(self, process: Process, error: Exception) -> None:
        self.stops[process.code] = error

    def run(self, seconds: int) -> None:
        self.simulation.kernel.run_until(self.simulation.kernel.now_us + seconds * SECOND)

    def agree(self, times: int, every_ms: int = 0) -> None:
        """So many transactions become final on the others."""
        processes = self.simulation.processes
        others = [process for process in processes if process is not self.first]
        for _ in range(times):
            raw = self.simulation.load.make_probe(others[0].replica.store.height)
            id_ = self.simulation.hand_in(others[0], raw)
            self.simulation.wait(lambda id_=id_: self.simulation.is_final(id_, others))
            self.simulation.kernel.run_until(self.simulation.kernel.now_us + every_ms * MS)

    def copy(self, has_journal: bool) -> tuple[SimulatedDisk, SimulatedDisk]:
        """The folder of the first copy as it is now, with its journal or without."""
        journal = self.first.journal_disk.copy() if has_journal else SimulatedDisk()
        return self.first.store_disk.copy(), journal

    def start_second(self, disks: tuple[SimulatedDisk, SimulatedDisk]) -> tuple[Process, Silent]:
        """Start a copy beside the first, from a copy of its folder."""
        setting: Any = replace(self.first._setting, links=Mirror(self.simulation))
        keys = self.simulation.population.voter_keys(self.first.code)
        told = Silent()
        second = Process(setting, self.first.code, keys, told)
        second.store_disk, second.journal_disk = disks
        deliver = self.first.deliver

        def to_both(sender: str, frame: Frame) -> None:
            deliver(sender, frame)
            if told.error is None:
                second.deliver(sender, frame)

        self.first.deliver = to_both  # type: ignore[method-assign]
        second.start()
        for peer in self.simulation.links.list_connected(self.first.code):
            second.connect(peer)
        return second, told


def is_barred(process: Process, twins: Twins) -> bool:
    key = twins.simulation.population.voter_keys(process.code)[0]
    return Journal(process.journal_disk).is_barred(key.public)


def test_a_second_copy_without_a_journal_hears_the_first_and_stops() -> None:
    twins = Twins()
    second, told = twins.start_second(twins.copy(has_journal=False))
    twins.agree(20, every_ms=1_000)
    assert isinstance(told.error, KeyInUse)
    assert told.error.exit_code == 3
    assert "in use elsewhere right now" in str(told.error)
    # It never voted, so the first goes on as if nothing had been.
    assert twins.stops == {}
    assert twins.first.replica.core.status().votes
    assert is_barred(second, twins) and not is_barred(twins.first, twins)


def test_a_second_copy_with_an_old_journal_stops() -> None:
    twins = Twins()
    disks = twins.copy(has_journal=True)
    twins.agree(5)
    second, told = twins.start_second(disks)
    twins.agree(20, every_ms=1_000)
    assert isinstance(told.error, KeyInUse)
    assert is_barred(second, twins)
    assert twins.stops == {}


def test_two_copies_of_one_moment_do_not_both_go_on() -> None:
    """Neither knows less than the other: who hears a vote that it did not cast stops."""
    twins = Twins()
    second, told = twins.start_second(twins.copy(has_journal=True))
    twins.run(20)
    for turn in range(40):
        # Each copy accepts something of its own, so that they propose different blocks.
        for process in (twins.first, second):
            if process.is_running and not process.replica.has_stopped:
                raw = twins.simulation.load.make_probe(process.replica.store.height + turn)
                process.submit([raw], lambda _: None)
        twins.run(1)
    errors = [error for error in (told.error, twins.stops.get(twins.first.code)) if error]
    assert errors and all(isinstance(error, KeyInUse) for error in errors)
    # With one of four gone the others go on.
    twins.agree(3)


@pytest.mark.parametrize("has_journal", [True, False])
def test_whoever_restored_a_backup_follows_without_a_vote(has_journal: bool) -> None:
    twins = Twins()
    store, journal = twins.copy(has_journal)
    height = twins.first.replica.store.height
    twins.agree(5)
    twins.first.crash()
    twins.agree(3)
    twins.first.store_disk, twins.first.journal_disk = store, journal
    # The checker of the network expects a disk that forgot nothing.
    twins.simulation.chain.heights[twins.first.code] = height
    twins.first.start()
    twins.agree(20, every_ms=1_000)
    twins.run(10)
    replica = twins.first.replica
    assert twins.stops == {}
    assert not replica.has_stopped
    assert replica.store.height == twins.simulation.processes[0].replica.store.height
    if not has_journal:
        assert not replica.core.status().votes


# --- the watch by itself


def watch(code: str, now_ms: int = 0) -> tuple[TwinWatch, Stage]:
    stage = Stage()
    return TwinWatch(code, stage.store.header.time_ms + now_ms, stage.store.header), stage


def final_blocks(stage: Stage, times_ms: Sequence[int]) -> list[SealedBlock]:
    """Blocks by the first region at these times after the genesis."""
    begin_ms = stage.store.header.time_ms
    blocks: list[SealedBlock] = []
    for at_ms in times_ms:
        above = blocks[-1] if blocks else None
        sealed = stage.make((), above, view=len(blocks) + 1)
        header = replace(sealed.block.header, time_ms=TimeMs(begin_ms + at_ms))
        blocks.append(replace(sealed, block=change(sealed, time_ms=header.time_ms)))
    return blocks


def test_only_what_is_younger_than_the_process_is_foreign() -> None:
    found, stage = watch(Stage().population.regions[0])
    blocks = final_blocks(stage, (1, MARGIN_MS, MARGIN_MS + 1))
    assert found.find_foreign(blocks[:2], False, True, 0) is None
    assert found.find_foreign(blocks[2:], False, True, 0) == blocks[2].block.header


@pytest.mark.parametrize(("is_voting", "has_key"), [(True, True), (False, False)])
def test_ones_own_blocks_are_not_foreign_nor_those_of_another_key(
    is_voting: bool, has_key: bool
) -> None:
    found, stage = watch(Stage().population.regions[0])
    blocks = final_blocks(stage, (MARGIN_MS + 1, MARGIN_MS + 2))
    assert found.find_foreign(blocks, is_voting, has_key, 0) is None


def test_who_stopped_voting_counts_from_then() -> None:
    found, stage = watch(Stage().population.regions[0])
    begin_ms = stage.store.header.time_ms
    blocks = final_blocks(stage, (MARGIN_MS + 1, 3 * MARGIN_MS, 3 * MARGIN_MS + 1))
    assert found.find_foreign(blocks[:1], True, True, 0) is None
    silent_ms = begin_ms + 2 * MARGIN_MS
    assert found.find_foreign(blocks[1:2], False, True, silent_ms) is None
    assert found.find_foreign(blocks[2:], False, True, silent_ms) is not None


@pytest.mark.parametrize("slow_ms", [0, 60_000])
def test_a_slow_clock_makes_nothing_young_that_the_store_had(slow_ms: int) -> None:
    found, stage = watch(Stage().population.regions[0], -slow_ms)
    blocks = final_blocks(stage, (1, MARGIN_MS))
    assert found.find_foreign(blocks[:1], False, True, 0) is None
    assert not found.is_fresh(blocks[1].block.header)
    assert found.find_foreign(blocks[1:], False, True, 0) is None


def test_another_proposer_is_nobody_of_ours() -> None:
    found, stage = watch(Stage().population.regions[3])
    blocks = final_blocks(stage, (MARGIN_MS + 1, MARGIN_MS + 2))
    assert found.find_foreign(blocks, False, True, 0) is None


# --- taken connections


def replaced(actor: Actor, *places: int) -> None:
    for place in places:
        code = actor.population.regions[place]
        actor.replica.receive(code, Notice(REPLACED, "connected anew"))


def test_who_does_not_vote_believes_f_plus_one_that_took_another_connection() -> None:
    actor = Actor()
    assert not actor.replica.core.status().votes
    replaced(actor, 1, 1, 1)
    actor.replica.receive(actor.population.observers[0], Notice(REPLACED, ""))
    assert actor.ports.stopped == []
    actor.ports.advance(WINDOW_MS + 1)
    replaced(actor, 2)
    assert actor.ports.stopped == []
    replaced(actor, 3)
    assert isinstance(actor.ports.stopped[0], KeyInUse)
    # Whoever stole a peer key can do this: the validator key is not barred.
    assert not actor.journal.is_barred(actor.validators.keys[0])


def test_who_votes_stays_whoever_takes_its_connections() -> None:
    actor = make()
    replaced(actor, 1, 2, 3)
    assert actor.ports.stopped == []
