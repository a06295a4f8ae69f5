"""Installing a snapshot: a whole store or none, at whatever write it ends."""

from collections.abc import Iterator

import pytest

from ledger import install, schema
from ledger.codec import Value
from ledger.errors import StoreError
from ledger.final_state import read_envelope
from ledger.state import Reader
from ledger.store import Store
from tests.ledger.chain import REGIONS, Chain, key_of, seal_genesis
from tests.ledger.memory import MemoryDisk, PowerLoss
from tests.ledger.transfer import carry, compose_pieces, list_epochs, take_snapshot

KEYS = [b"k%05d\x00" % number for number in range(700)]
WINDOW = 300


def derive_values(state: Reader) -> dict[bytes, Value]:
    return {b"seen\x00" + key: record.version for key, record in state.scan(b"")}


@pytest.fixture(scope="module")
def chain() -> Chain:
    chain = Chain(records=[(KEYS[0], "first")])
    for number in range(330):
        puts = [(KEYS[0], number), (KEYS[2 * number + 1], number), (KEYS[2 * number + 2], "")]
        chain.extend([chain.make_transaction(puts)], due=[(KEYS[1], number)])
        if number in (40, 120):
            members = {str(code): key_of(f"{code} of {number}") for code in REGIONS}
            chain.extend(next_members=members)
    return chain


def open_store(chain: Chain, disk: MemoryDisk) -> Store:
    return Store(disk, seal_genesis(chain.genesis))


def read_table(disk: MemoryDisk, table: bytes) -> dict[bytes, bytes]:
    return dict(disk.scan(table, bytes((table[0] + 1,))))


def test_an_installed_store_is_that_of_a_peer_that_was_always_there(chain: Chain) -> None:
    disk = MemoryDisk()
    open_store(chain, disk)  # a peer begins with the genesis
    carry(chain.store, disk, WINDOW, derive_values)
    store, source = open_store(chain, disk), chain.disk
    assert isinstance(source, MemoryDisk)
    assert (store.height, store.hash, store.tree.root) == (
        chain.store.height,
        chain.store.hash,
        chain.store.tree.root,
    )
    assert store.tree.levels == chain.store.tree.levels
    assert store.history_accumulator.peaks == chain.store.history_accumulator.peaks
    for table in (b"e", b"h", b"k", b"l", b"n", b"s"):
        assert read_table(disk, table) == read_table(source, table), table
    for table in (b"b", b"f", b"i", b"r", b"t"):
        assert read_table(disk, table).items() <= read_table(source, table).items(), table
    theirs = read_table(source, b"v")
    for key, envelope in read_table(disk, b"v").items():
        assert read_envelope(envelope).body == read_envelope(theirs[key]).body
    versions = {key: record.version for key, record in store.state.scan(b"")}
    assert {key[5:]: value for key, value in store.state.scan_derived(b"")} == versions


def test_what_it_has_of_the_last_blocks(chain: Chain) -> None:
    disk = MemoryDisk()
    carry(chain.store, disk, WINDOW)
    store, last = open_store(chain, disk), chain.store.height
    assert last > WINDOW > 256
    for height in range(1, last + 1):
        has_body = height > last - 256
        assert store.get_block(height) == (chain.store.get_block(height) if has_body else None)
        has_results = height > last - WINDOW
        results = chain.store.get_results(height)
        assert store.get_results(height) == (results if has_results else None)
        assert results is not None
        for result in results[:1]:
            known = chain.store.find_transaction(result.id) if has_results else None
            assert store.find_transaction(result.id) == known
    assert store.get_block(0) == chain.store.get_block(0)
    entries = list(store.scan_subject("kind:due"))
    assert entries == [e for e in chain.store.scan_subject("kind:due") if e.height > last - 256]
    assert store.find_finalization(last) == chain.store.find_finalization(last)


def test_a_young_store_gives_way_to_a_snapshot() -> None:
    twin = Chain(disk=MemoryDisk(), records=[(KEYS[0], "first")])
    for number in range(300):
        twin.extend([twin.make_transaction([(KEYS[0], number), (KEYS[number + 1], number)])])
        if number == 4:
            young = MemoryDisk(dict(twin.disk.items))  # type: ignore[attr-defined]
    assert install.read_known(young) == 5
    carry(twin.store, young, WINDOW, derive_values)
    store = open_store(twin, young)
    assert (store.height, store.tree.root) == (300, twin.store.tree.root)
    assert store.get_block(3) is None
    assert (store.floor.body, store.floor.state) == (45, 300)
    assert [record.version for record in store.list_versions(KEYS[0])] == [301]
    for table in (b"h", b"k", b"l", b"n", b"s"):
        assert read_table(young, table) == read_table(twin.disk, table), table  # type: ignore[arg-type]


def test_it_goes_on_like_any_other(chain: Chain) -> None:
    twin = Chain(disk=MemoryDisk(), records=[(KEYS[0], "first")])
    for _ in range(5):
        twin.extend([twin.make_transaction([(KEYS[3], 1), (KEYS[4], 2)])])
    disk = MemoryDisk()
    carry(twin.store, disk, WINDOW)
    store = open_store(twin, disk)
    block = twin.extend([twin.make_transaction([(KEYS[9], 1), (KEYS[3], 2)])])
    finalization = twin.store.get_finalization(6)
    assert finalization is not None
    store.commit([block], finalization)
    store.fold([block])
    again = open_store(twin, disk)
    assert (again.height, again.tree.root) == (6, twin.store.tree.root)
    assert read_table(disk, b"n") == read_table(twin.disk, b"n")  # type: ignore[arg-type]


def write_all(chain: Chain, disk: MemoryDisk) -> Iterator[None]:
    """Every write of an installation, one by one."""
    snapshot = take_snapshot(chain.store)
    disk.write(install.compose_begin(snapshot.height), sync=True)
    for changes in compose_pieces(snapshot, WINDOW):
        disk.write(changes, sync=True)
        yield
    epochs = list_epochs(chain.store)
    certified = install.Certified(snapshot.manifest.header, snapshot.finalization, epochs)
    install.finish(disk, certified, WINDOW, derive_values)


def test_a_crash_at_any_write_leaves_a_store_or_something_that_says_it_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(install, "BATCH", 3)
    chain = Chain(records=[(KEYS[0], "first")])
    for number in range(4):
        chain.extend([chain.make_transaction([(key, number) for key in KEYS[: number + 2]])])
    whole = MemoryDisk()
    open_store(chain, whole)
    whole.batches.clear()
    list(write_all(chain, whole))
    assert len(whole.batches) > 20
    for writes in range(len(whole.batches)):
        disk = MemoryDisk()
        open_store(chain, disk)
        disk.writes_left = writes
        with pytest.raises(PowerLoss):
            list(write_all(chain, disk))
        disk.writes_left = None
        if writes:
            assert install.is_installing(disk)
            with pytest.raises(StoreError, match="being installed"):
                open_store(chain, disk)
            list(write_all(chain, disk))
        expected = chain.store.height if writes else 0
        assert open_store(chain, disk).height == expected
        assert not install.is_installing(disk)


def test_a_newer_snapshot_takes_over_what_an_older_one_left(chain: Chain) -> None:
    twin = Chain(disk=MemoryDisk(), records=[(KEYS[0], "first")])
    for number in range(270):
        twin.extend([twin.make_transaction([(KEYS[number], number)])])
    disk = MemoryDisk()
    snapshot = take_snapshot(twin.store)
    disk.write(install.compose_begin(snapshot.height), sync=True)
    for changes in compose_pieces(snapshot, 260):
        disk.write(changes, sync=True)
    root = snapshot.manifest.header_roots[:32]
    assert install.read_roots(disk, install.HEADERS) == {
        0: root,
        1: snapshot.manifest.header_roots[32:],
    }
    for number in range(20):
        twin.extend([twin.make_transaction([(KEYS[number + 400], number)])])
    carry(twin.store, disk, 260, derive_values)
    store = open_store(twin, disk)
    assert (store.height, store.tree.root) == (290, twin.store.tree.root)
    assert store.get_block(34) is None
    assert store.get_block(35) is not None
    assert store.get_results(30) is None
    assert store.get_results(31) is not None
    for height in (30, 31):
        results = twin.store.get_results(height)
        assert results is not None
        assert (store.find_transaction(results[0].id) is None) is (height == 30)
    assert install.read_roots(disk, install.HEADERS) == {}


def test_an_installation_that_cannot_be_ended_can_be_forgotten(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "BATCH", 50)
    mark = (b"mjournal", b"mark")
    disk = MemoryDisk()
    open_store(chain, disk)
    disk.write([mark], sync=True)
    pieces = write_all(chain, disk)
    for _ in range(5):
        next(pieces)
    install.wipe(disk)
    left = {schema.META_FORMAT, schema.META_GENESIS, mark[0]}
    assert set(disk.items) == left
    assert open_store(chain, disk).height == 0
    assert disk.get(mark[0]) == mark[1]
