"""A crash at every write boundary of all that writes to a store or a journal: all or nothing.

Each case runs once as a whole and counts its writes; then once for each of them, with the power
failing just there, and everything that was not synced kept or lost. What is left is opened as a
peer would open it, and checked end to end.
"""

from collections.abc import Callable, Iterator

import pytest

from contracts.registry import rebuild_derived
from devnet.simulator.disk import PowerLoss, SimulatedDisk
from devnet.simulator.simulation import Simulation
from ledger import pruning
from ledger.errors import StoreError
from ledger.floor import Floor
from ledger.keyvalue import Change
from ledger.primitives import Digest, PublicKey
from ledger.schema import META_FINAL, META_INSTALL
from ledger.sealed import SealedBlock
from ledger.store import Store
from node.check.store import Checked, check_store
from node.frames import BlockBody
from node.journal import Journal, adopt
from tests.ledger.transfer import carry
from tests.node.network import run_network

KEEP = 3
KEY = PublicKey(bytes(32))
SENT = Digest(b"t" * 32)
Run = tuple[list[SealedBlock], bytes]
Script = Callable[[SimulatedDisk], None]


@pytest.fixture(scope="module")
def network() -> Simulation:
    """Some epochs of real blocks."""
    return run_network()


def list_runs(network: Simulation) -> Iterator[Run]:
    """The blocks of the chain as one of its peers finalized them: each run with what ended it."""
    source = network.processes[0].replica.store
    run: list[SealedBlock] = []
    for height in range(1, source.height + 1):
        run.append(network.chain.blocks[height])
        finalization = source.get_finalization(height)
        if finalization is not None:
            yield run, finalization
            run = []


def write_chain(network: Simulation, disk: SimulatedDisk) -> None:
    """Commit all runs, ends of epochs among them."""
    store = Store(disk, network.population.first)
    for run, finalization in list_runs(network):
        commit(network, store, run, finalization)


def commit(network: Simulation, store: Store, run: list[SealedBlock], finalization: bytes) -> None:
    header = run[-1].block.header
    end = network.processes[0].replica.store.get_epoch_end(header.epoch)
    following = end.next_validators if end and header.is_last_of_epoch else ()
    store.commit(run, finalization, following)
    store.fold(run)


def write_and_forget(network: Simulation, disk: SimulatedDisk) -> None:
    """The same by a peer that forgets all but the last blocks, step by step."""
    store = Store(disk, network.population.first)
    for run, finalization in list_runs(network):
        commit(network, store, run, finalization)
        keep_from = store.height + 1 - KEEP
        while keep_from > store.floor.body:
            store.forget_blocks(keep_from)
        if store.floor.body - 1 > store.floor.state:
            store.forget_states(store.floor.body - 1)
            resume: bytes | None = b""
            while resume is not None:
                resume = store.sweep(resume)
            store.compact_blocks(1, store.floor.body)


def crash_everywhere(script: Script) -> Iterator[tuple[int, bool, SimulatedDisk]]:
    """What is on the disk after a crash before each write, unsynced batches kept or not."""
    whole = SimulatedDisk()
    script(whole)
    for writes in range(whole.writes):
        for keeps in (True, False):
            disk = SimulatedDisk()
            disk.writes_left = writes
            with pytest.raises(PowerLoss):
                script(disk)
            disk.crash(disk.unsynced if keeps else 0)
            disk.writes_left = None
            yield writes, keeps, disk


def check(network: Simulation, disk: SimulatedDisk) -> Checked:
    population = network.population
    votes = network.processes[0].replica.domain
    return check_store(disk, population.genesis, population.first, lambda *_: None, None, votes)


@pytest.mark.parametrize("script", [write_chain, write_and_forget])
def test_a_store_is_whole_after_a_crash_at_any_write(
    network: Simulation,
    script: Callable[[Simulation, SimulatedDisk], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pruning, "STEP_BLOCKS", 2)
    monkeypatch.setattr(pruning, "STEP_VERSIONS", 40)
    ends = {0, *(run[-1].height for run, _ in list_runs(network))}
    seen: set[int] = set()
    floors: set[Floor] = set()
    for writes, _, disk in crash_everywhere(lambda disk: script(network, disk)):
        store = Store(disk, network.population.first)
        checked = check(network, disk)
        assert checked.findings == (), f"after {writes} writes"
        assert store.height in ends, "all of a run, or nothing of it"
        seen.add(store.height)
        floors.add(store.floor)
        assert store.get_block(store.height) is not None
    assert seen == ends - {max(ends)} or seen == ends
    assert (len(floors) > 5) == (script is write_and_forget)


def test_it_goes_on_from_there_to_the_same_bytes(
    network: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was interrupted, a peer that goes on ends with what one has that never stopped."""
    monkeypatch.setattr(pruning, "STEP_BLOCKS", 2)
    monkeypatch.setattr(pruning, "STEP_VERSIONS", 40)
    whole = SimulatedDisk()
    write_and_forget(network, whole)
    for _, _, disk in crash_everywhere(lambda disk: write_and_forget(network, disk)):
        again = Store(disk, network.population.first)
        for run, finalization in list_runs(network):
            if run[-1].height > again.height:
                commit(network, again, run, finalization)
        while again.height + 1 - KEEP > again.floor.body:
            again.forget_blocks(again.height + 1 - KEEP)
        again.forget_states(again.floor.body - 1)
        resume: bytes | None = b""
        while resume is not None:
            resume = again.sweep(resume)
        assert list(disk.scan(b"", b"\xff")) == list(whole.scan(b"", b"\xff"))


def test_a_snapshot_is_a_whole_store_or_none_after_a_crash_at_any_write(
    network: Simulation,
) -> None:
    """And the store that it becomes is right in every table, whatever interrupted it."""
    source, first = network.processes[0].replica.store, network.population.first
    whole = SimulatedDisk()

    def install(disk: SimulatedDisk) -> None:
        Store(disk, first)
        carry(source, disk, 10, rebuild_derived)

    install(whole)
    assert check(network, whole).findings == ()
    assert check(network, whole).facts[0].startswith("bodies are here from block 1 on")
    for writes, _, disk in crash_everywhere(install):
        if disk.get(META_FINAL) is None and disk.get(META_INSTALL) is None:
            assert writes < 2, "nothing was begun"
        elif disk.get(META_INSTALL) is None:
            assert (check(network, disk).findings, Store(disk, first).height) == ((), 0)
        else:
            with pytest.raises(StoreError, match="being installed"):
                Store(disk, first)
            carry(source, disk, 10, rebuild_derived)
            assert list(disk.scan(b"", b"\xff")) == list(whole.scan(b"", b"\xff"))


def make_body(number: int) -> tuple[Digest, BlockBody]:
    return Digest(bytes([number]) * 32), BlockBody(b"header", (b"raw",), b"certificate")


BATCHES: list[Callable[[Journal], list[Change]]] = [
    lambda journal: journal.compose_records([b"vote 1"]),
    lambda journal: [*journal.compose_records([b"vote 2"]), journal.compose_body(*make_body(1))],
    lambda journal: [journal.compose_accepted(SENT, b"raw")],
    lambda journal: journal.compose_rewrite([b"vote 2", b"vote 3"]),
    lambda journal: [journal.forget_body(make_body(1)[0]), journal.forget_accepted(SENT)],
    lambda journal: journal.compose_records([b"vote 4"]),
]  # fmt: skip


def describe(disk: SimulatedDisk) -> tuple[object, ...]:
    """What a peer reads of a journal when it starts."""
    journal = Journal(disk)
    return tuple(journal.list_records()), tuple(disk.scan(b"x", b"z"))


def test_a_journal_has_each_batch_or_nothing_of_it() -> None:
    """Synced batches are there; of the others what came to the disk, in their order."""
    states = []
    disk = SimulatedDisk()
    states.append(describe(disk))
    for compose in BATCHES:
        disk.write(compose(Journal(disk)), sync=True)
        states.append(describe(disk))

    def script(disk: SimulatedDisk) -> None:
        journal = Journal(disk)
        for number, compose in enumerate(BATCHES):
            disk.write(compose(journal), sync=number % 2 == 0)

    for writes, keeps, left in crash_everywhere(script):
        last_synced = (writes + 1) // 2 * 2 - 1 if writes else 0
        assert describe(left) == states[writes if keeps else last_synced]


def test_a_first_start_that_is_interrupted_bars_nobody() -> None:
    """Journal and store get their mark one after the other: whatever is missing is made good."""
    for in_journal in (0, 1):
        for in_store in (0, 1):
            journal, store = SimulatedDisk(), SimulatedDisk()
            journal.writes_left, store.writes_left = in_journal, in_store
            if in_journal and in_store:
                assert adopt(journal, store, b"a" * 16, [KEY])
            else:
                with pytest.raises(PowerLoss):
                    adopt(journal, store, b"a" * 16, [KEY])
            for disk in (journal, store):
                disk.crash(0)
                disk.writes_left = None
            assert adopt(journal, store, b"b" * 16, [KEY])
            assert adopt(journal, store, b"c" * 16, [KEY])
            assert not Journal(journal).is_barred(KEY)


def test_a_lost_journal_bars_its_keys_even_if_that_is_interrupted() -> None:
    for in_journal, in_store in ((0, 1), (1, 0)):
        journal, store = SimulatedDisk(), SimulatedDisk()
        assert adopt(SimulatedDisk(), store, b"a" * 16, [KEY])
        journal.writes_left, store.writes_left = in_journal, in_store
        with pytest.raises(PowerLoss):
            adopt(journal, store, b"b" * 16, [KEY])
        for disk in (journal, store):
            disk.crash(0)
            disk.writes_left = None
        adopt(journal, store, b"c" * 16, [KEY])
        assert Journal(journal).is_barred(KEY)
