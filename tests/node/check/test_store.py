"""`node.check`: a good store is good, and one damaged entry of any table is named."""

import re
import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from devnet.simulator.disk import SimulatedDisk
from devnet.simulator.process import Process
from ledger import schema
from ledger.errors import DiskError
from ledger.keyvalue import Change, KeyValue, LevelDb, Readable, prefix_end
from ledger.store import Store
from node.check.finding import MAX_LISTED, TABLES
from node.check.store import Checked, check_store
from node.genesis_block import compute_genesis_block
from tests.ledger.chain import Chain, seal_genesis
from tests.ledger.memory import MemoryDisk
from tests.ledger.transfer import carry
from tests.node.network import run_network
from tests.node.stopped import copy_disk

FIRST_BLOCK = (schema.body_key(0), schema.results_key(0))
TABLE_BYTES = "hknefbrtislvd"
Pair = tuple[bytes, bytes]


@pytest.fixture(scope="module")
def process() -> Process:
    """A peer of a network that ran through some epochs."""
    return run_network().processes[0]


def check(process: Process, disk: KeyValue, journal: Readable | None = None) -> Checked:
    genesis = process.replica.genesis
    return check_store(disk, genesis, compute_genesis_block(genesis), lambda *_: None, journal)


def list_table(disk: Readable, table: str) -> list[Pair]:
    prefix = table.encode()
    return list(disk.scan(prefix, prefix_end(prefix)))


def named(checked: Checked) -> dict[str, list[str]]:
    """What was found, by table."""
    found: dict[str, list[str]] = {}
    for finding in checked.findings:
        found.setdefault(finding.table, []).append(f"{finding.place} {finding.wrong}")
    return found


def damage(process: Process, changes: list[Change]) -> dict[str, list[str]]:
    disk = process.store_disk.copy()
    disk.write(changes, sync=True)
    return named(check(process, disk))


def test_a_good_store_is_good(process: Process) -> None:
    checked = check(process, process.store_disk, process.journal_disk)
    assert named(checked) == {}
    assert (checked.wrong, checked.facts) == (0, ())
    assert checked.height == process.replica.store.height
    assert set(checked.counts) == set(TABLES)
    assert all(checked.counts.values())
    for table in TABLE_BYTES:
        assert checked.counts[table] == len(list_table(process.store_disk, table))


def middle(pairs: list[Pair]) -> Pair:
    return pairs[len(pairs) // 2]


def flip(pair: Pair) -> Change:
    """One bit of the last byte that a value has."""
    key, value = pair
    return key, value[:-1] + bytes([value[-1] ^ 1])


# What else is named with it, because it can be no more computed or compared.
BESIDE = {
    "h": set("kfs"),
    "e": set("f"),
    "s": set("vl"),
    "b": set(),
    "r": set(),
}


@pytest.mark.parametrize("table", TABLE_BYTES)
@pytest.mark.parametrize("which", ["first", "middle", "last"])
@pytest.mark.parametrize("how", ["flipped", "deleted"])
def test_an_entry_that_is_not_as_it_was_is_named(
    process: Process, table: str, which: str, how: str
) -> None:
    pairs = list_table(process.store_disk, table)
    pair = {"first": pairs[0], "middle": middle(pairs), "last": pairs[-1]}[which]
    if how == "flipped" and not pair[1]:
        pair = pairs[1]  # an empty value has nothing to flip
    found = damage(process, [flip(pair) if how == "flipped" else (pair[0], None)])
    if table == "f" and how == "deleted" and which != "last":
        assert not found  # only the last block's is always there
        return
    assert table in found, found
    assert set(found) - {table} <= BESIDE.get(table, set()), found


@pytest.mark.parametrize(
    "added",
    [
        schema.header_key(1 << 40),
        schema.header_hash_key(bytes(32)),
        schema.node_key(3, 1 << 40),
        schema.epoch_key(99),
        schema.finalization_key(1 << 40),
        schema.body_key(1 << 40),
        schema.results_key(1 << 40),
        schema.transaction_key(bytes(32)),
        schema.subject_prefix("nobody") + schema.place(1, 0),
        schema.record_key(b"zzz\x00"),
        schema.slot_key(1 << 40),
        schema.version_key(b"zzz\x00", 1),
        schema.derived_key(b"zzz\x00"),
    ],
    ids=lambda key: key[:1].decode(),
)
def test_an_entry_too_many_is_named(process: Process, added: bytes) -> None:
    table = added[:1].decode()
    like = {
        "s": middle(list_table(process.store_disk, "s"))[1],
        "v": list_table(process.store_disk, "v")[0][1],
        "t": schema.place(1, 0),
        "k": (1).to_bytes(8, "big"),
    }
    found = damage(process, [(added, like.get(table, b"\x00"))])
    assert table in found, found
    assert set(found) - {table} <= ({"v"} if table == "s" else set()), found


@pytest.mark.parametrize(
    "key", [b"", b"a", b"hx", b"m", b"zz", b"\xf0", b"mfinals", b"tx", b"i", b"v"]
)
def test_a_stranger_is_named(process: Process, key: bytes) -> None:
    found = damage(process, [(key, b"odd")])
    assert len(found) == 1, found


@pytest.mark.parametrize("key", [schema.META_FORMAT, schema.META_GENESIS, schema.META_FINAL])
@pytest.mark.parametrize("value", [None, b"", b"odd", b"\x92\xce\xff\xff\xff\xff\x90"])
def test_what_a_store_says_of_itself_is_checked(
    process: Process, key: bytes, value: bytes | None
) -> None:
    found = damage(process, [(key, value)])
    assert [item.split()[0] for item in found["m"]] == [key.decode()]


@pytest.fixture
def pruned(process: Process) -> SimulatedDisk:
    """A store that has forgotten half of its blocks, and the states before them."""
    disk = process.store_disk.copy()
    store = Store(disk, compute_genesis_block(process.replica.genesis))
    store.forget_blocks(store.height // 2)
    store.forget_states(store.height // 2 - 1)
    store.sweep(b"")
    return disk


def test_what_was_forgotten_is_a_fact(process: Process, pruned: SimulatedDisk) -> None:
    checked = check(process, pruned)
    assert named(checked) == {}
    half = process.replica.store.height // 2
    first, *others = checked.facts
    assert first.startswith(f"bodies are here from block {half} on, results from {half}, the index")
    assert f"states can be read from {half - 1} on" in first
    assert len(others) == 2, "the entries of both indexes below it"
    assert checked.counts["b"] == checked.height - half + 2


@pytest.mark.parametrize("table", "brv")
def test_what_may_not_be_missing_of_it_is_named(
    process: Process, pruned: SimulatedDisk, table: str
) -> None:
    pairs = [pair for pair in list_table(pruned, table) if pair[0] not in FIRST_BLOCK]
    if table == "v":  # a version whose successor is younger than the floor
        pairs = [pair for pair, after in pairwise(pairs) if after[0][:-8] == pair[0][:-8]]
    pruned.write([(pairs[0][0], None)], sync=True)
    assert set(named(check(process, pruned))) == {table}


@pytest.mark.parametrize("value", [b"", b"\x94\x01\x01\x01"])
def test_a_floor_that_cannot_be_read_is_named(process: Process, value: bytes) -> None:
    found = damage(process, [(schema.META_FLOOR, value)])
    assert found["m"][0].startswith("mfloor")


def test_a_store_that_began_with_a_snapshot_is_good_and_so_is_what_it_forgets() -> None:
    """It was begun with the genesis, whose versions are older than all that the snapshot has."""
    chain = Chain(records=[(b"a\x00", "genesis")])
    for number in range(0, 300, 5):
        puts = [(b"a\x00", number), (b"n%d\x00" % number, number)]
        chain.extend([chain.make_transaction(puts)])
        for _ in range(4):
            chain.extend()
    disk, first = MemoryDisk(), seal_genesis(chain.genesis)
    Store(disk, first)
    carry(chain.store, disk, 280)
    installed = check_store(disk, chain.genesis, first, lambda *_: None)
    assert installed.findings == ()
    assert installed.facts[0].startswith("bodies are here from block 45 on, results from 21, the")
    store = Store(disk, first)
    assert len(store.list_versions(b"a\x00")) == 1
    store.forget_blocks(100)
    assert check_store(disk, chain.genesis, first, lambda *_: None).findings == ()


def test_half_a_snapshot_is_no_store_yet(process: Process) -> None:
    found = damage(process, [(schema.META_INSTALL, b"\x05"), (schema.META_FINAL, None)])
    assert "minstall a snapshot is on its way here: start the peer, to go on" in found["m"]
    assert set(found) == {"m"}


def test_every_fault_is_counted_and_some_are_listed(process: Process) -> None:
    disk = process.store_disk.copy()
    keys = [key for key, _ in list_table(disk, "t")][: 2 * MAX_LISTED]
    disk.write([(key, None) for key in keys], sync=True)
    checked = check(process, disk)
    assert (checked.wrong, len(checked.findings)) == (2 * MAX_LISTED, MAX_LISTED)


Damage = Callable[[SimulatedDisk], list[Change]]


def swap(table: str) -> Damage:
    """The values of two entries in each other's place."""

    def make(disk: SimulatedDisk) -> list[Change]:
        (one, first), (other, second) = list_table(disk, table)[1:3]
        return [(one, second), (other, first)]

    return make


@pytest.mark.parametrize("table", "hkfbrtsl")
def test_entries_in_each_others_place_are_named(process: Process, table: str) -> None:
    found = damage(process, swap(table)(process.store_disk))
    assert table in found


@pytest.mark.parametrize("how", ["flipped", "deleted", "added", "foreign"])
@pytest.mark.parametrize("table", ["j", "y", "x"])
def test_a_journal_is_checked(process: Process, table: str, how: str) -> None:
    journal = process.journal_disk.copy()
    if not list_table(journal, table):
        raw = process.replica.store.get_block(1)
        assert raw is not None
        journal.write([(table.encode() + bytes(32), b"\x90")], sync=True)
    pair = list_table(journal, table)[0]
    changes: dict[str, list[Change]] = {
        "flipped": [(pair[0], b"\x00" + pair[1][1:])],
        "deleted": [(b"mjournal", None)],
        "added": [(b"odd", b"")],
        "foreign": [(b"mjournal", bytes(16))],
    }
    journal.write(changes[how], sync=True)
    assert set(named(check(process, process.store_disk, journal))) == {"journal"}


def copy_to_real(source: SimulatedDisk, folder: Path) -> None:
    disk = LevelDb(folder)
    copy_disk(source, disk)
    disk.compact()
    disk.close()


@pytest.fixture
def real(process: Process, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "store"
    copy_to_real(process.store_disk, folder)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("table", TABLE_BYTES)
def test_a_flipped_byte_in_a_file_is_a_finding(process: Process, real: Path, table: str) -> None:
    """LevelDB finds its block damaged; the check names the tables that lie in it, and goes on."""
    key, value = max(list_table(process.store_disk, table), key=lambda pair: len(pair[1]))
    for path in real.glob("*.ldb"):
        data = path.read_bytes()
        # Eight bytes of LevelDB's own lie between a key, cut to what is new in it, and its value.
        at = re.search(re.escape(key[-1:]) + b".{8}" + re.escape(value), data, re.DOTALL)
        if at is not None:
            first = at.start()
            path.write_bytes(data[:first] + bytes([data[first] ^ 1]) + data[first + 1 :])
            break
    disk = LevelDb(real, must_exist=True)
    checked = check(process, disk)
    disk.close()
    found = named(checked)
    assert table in found, found
    assert any("checksum mismatch" in item for items in found.values() for item in items)
    assert len(found) <= 5, found


def test_a_disk_that_fails_at_once_is_a_finding(process: Process) -> None:
    class Broken(SimulatedDisk):
        def get(self, key: bytes) -> bytes | None:
            raise DiskError("the disk failed: gone")

    disk = Broken()
    disk._items = process.store_disk.copy()._items
    found = named(check(process, disk))
    assert all("cannot be read" in items[0] for items in found.values())
