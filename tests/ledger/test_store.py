"""The store: all of a block or nothing of it, whatever happens, and nothing of another chain."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ledger import merkle, schema
from ledger.block import compute_header_hash
from ledger.errors import StoreError
from ledger.keyvalue import LevelDb
from ledger.record import Record
from ledger.store import IndexEntry, Store
from tests.ledger.chain import REGIONS, Chain, make_genesis, seal_genesis
from tests.ledger.memory import MemoryDisk, PowerLoss

A, B, C = b"a\x00", b"b\x00", b"c\x00"


def grow(chain: Chain, blocks: int = 4) -> None:
    for number in range(blocks):
        puts = [(A, number), (b"n%d\x00" % number, {"n": number})]
        chain.extend([chain.make_transaction(puts, REGIONS[:1])], due=[(B, number)])


@pytest.fixture
def chain() -> Chain:
    chain = Chain(records=[(A, "first")])
    grow(chain)
    return chain


def describe(store: Store) -> dict[str, Any]:
    """All that readers see."""
    subject = REGIONS[0]
    return {
        "height": store.height,
        "header": store.header,
        "hash": store.hash,
        "root": store.tree.root,
        "levels": store.tree.levels,
        "records": [(key, record.encode()) for key, record in store.state.scan(b"")],
        "blocks": [store.get_block(height) for height in range(store.height + 2)],
        "results": [store.get_results(height) for height in range(store.height + 2)],
        "versions": [record.encode() for record in store.list_versions(A)],
        "index": list(store.scan_subject(subject)),
        "peaks": store.history_accumulator.peaks,
        "finalization": store.get_last_finalization(),
        "root_of_history": store.history.compute_root(store.height + 1),
    }


def reopen(chain: Chain) -> Store:
    return Store(chain.disk, seal_genesis(chain.genesis))


def test_a_new_store_begins_with_the_genesis() -> None:
    store = Chain(records=[(A, 1)]).store
    assert (store.height, store.header.height) == (0, 0)
    record = store.state.get(A)
    assert record is not None
    assert (record.value, record.version, record.created) == (1, 1, 0)
    assert store.tree.root == store.header.state_root
    assert store.get_last_finalization() is None


def test_everything_is_there_after_reopening(chain: Chain) -> None:
    assert describe(reopen(chain)) == describe(chain.store)


def test_everything_is_there_after_reopening_the_real_disk(tmp_path: Path) -> None:
    chain = Chain(disk=LevelDb(tmp_path), records=[(A, "first")])
    grow(chain)
    before = describe(chain.store)
    chain.store.close()
    chain.disk = LevelDb(tmp_path)
    assert describe(reopen(chain)) == before
    chain.disk.close()


def test_both_disks_give_the_same_store(tmp_path: Path, chain: Chain) -> None:
    twin = Chain(disk=LevelDb(tmp_path), records=[(A, "first")])
    grow(twin)
    assert describe(twin.store) == describe(chain.store)
    twin.disk.close()


def test_a_crash_at_any_write_leaves_all_of_a_block_or_nothing() -> None:
    """Every batch is lost once, the first ones of a new store included."""
    whole = Chain(records=[(A, "first")])
    states = {0: describe(whole.store)}
    for height in range(1, 4):
        grow(whole, 1)
        states[height] = describe(whole.store)
    for writes in range(len(whole.disk.batches)):  # type: ignore[attr-defined]
        disk = MemoryDisk()
        disk.writes_left = writes
        with pytest.raises(PowerLoss):
            chain = Chain(disk=disk, records=[(A, "first")])
            chain.disk = disk
            for _ in range(3):
                grow(chain, 1)
        survivor = Store(MemoryDisk(dict(disk.items)), seal_genesis(whole.genesis))
        assert describe(survivor)["height"] == max(0, writes - 2)


def test_every_block_is_one_synced_batch(chain: Chain) -> None:
    disk = chain.disk
    assert isinstance(disk, MemoryDisk)
    before = len(disk.batches)
    grow(chain, 3)
    assert [sync for _, sync in disk.batches[before:]] == [True] * 3
    for changes, _ in disk.batches[before:]:
        assert len({key for key, _ in changes}) == len(changes), "no key is written twice"


def test_a_run_of_blocks_is_one_batch_too(chain: Chain) -> None:
    disk = chain.disk
    assert isinstance(disk, MemoryDisk)
    twin = Chain(disk=MemoryDisk(dict(disk.items)), records=chain.records)
    run = []
    for _ in range(3):
        run.append(chain.extend([chain.make_transaction([(A, "run")])]))
    batches = len(twin.disk.batches)  # type: ignore[attr-defined]
    last = chain.store.get_last_finalization()
    assert last is not None
    twin.store.commit(run, last[1])
    assert len(twin.disk.batches) == batches + 1  # type: ignore[attr-defined]
    assert twin.store.height == run[0].height - 1, "readers move with fold, not with commit"
    twin.store.fold(run)
    assert describe(twin.store) == describe(chain.store)
    assert twin.store.get_finalization(run[0].height) is None
    assert twin.store.find_finalization(run[0].height) == last


def test_every_slot_of_the_tree_names_its_record(chain: Chain) -> None:
    state = chain.store.state
    slots = {record.slot: key for key, record in state.scan_all()}
    assert sorted(slots) == list(range(chain.store.tree.count))
    found = {int.from_bytes(key[1:], "big"): value for key, value in chain.disk.scan(b"l", b"m")}
    assert found == slots


def test_another_format_version_is_refused(chain: Chain) -> None:
    chain.disk.write([(schema.META_FORMAT, b"1")], sync=True)
    with pytest.raises(StoreError, match="format 1"):
        reopen(chain)


def test_another_genesis_is_refused(chain: Chain) -> None:
    with pytest.raises(StoreError, match="another chain"):
        Store(chain.disk, seal_genesis(make_genesis([(B, 1)])))


@pytest.mark.parametrize("damage", ["record", "lost record", "header"])
def test_a_damaged_disk_is_noticed(chain: Chain, damage: str) -> None:
    record = chain.store.state.get(A)
    assert record is not None
    other = Record("forged", *parts(record))
    changes = {
        "record": (schema.record_key(A), other.encode()),
        "lost record": (schema.record_key(B), None),
        "header": (schema.header_key(chain.store.height), None),
    }
    chain.disk.write([changes[damage]], sync=True)
    with pytest.raises(StoreError, match="damaged"):
        reopen(chain)


def parts(record: Record) -> tuple[Any, ...]:
    names = ("version", "created", "height", "index", "previous", "slot", "next_key")
    return tuple(getattr(record, name) for name in names)


def test_blocks_results_and_transactions_are_found(chain: Chain) -> None:
    for height in range(chain.store.height + 1):
        block = chain.store.get_block(height)
        assert block is not None
        assert block.header.height == height
        assert block.hash == compute_header_hash(block.header_bytes)
        assert chain.store.find_height(block.hash) == height
    block, results = chain.store.get_block(2), chain.store.get_results(2)
    assert block is not None
    assert results is not None
    assert len(block.transactions) == 1
    assert [result.index for result in results] == [0, 1]
    assert chain.store.find_transaction(results[0].id) == (2, 0)
    assert chain.store.find_transaction(results[1].id) is None, "a due item is no transaction"
    leaves = chain.store.get_result_leaves(2)
    assert leaves is not None
    hashes = [merkle.compute_leaf_hash(leaf) for leaf in leaves]
    assert merkle.compute_root(hashes) == block.header.results_root


def test_what_is_not_there_is_none(chain: Chain) -> None:
    store = chain.store
    assert store.get_block(99) is None
    assert store.get_header_bytes(-1) is None
    assert store.get_results(99) is None
    assert store.get_result_leaves(99) is None
    assert store.find_transaction(bytes(32)) is None
    assert store.find_height(merkle.EMPTY_ROOT) is None
    assert store.find_finalization(99) is None
    assert store.get_epoch_end(0) is None
    assert store.list_versions(b"nobody\x00") == []


def test_every_version_of_a_record_is_kept(chain: Chain) -> None:
    versions = chain.store.list_versions(A)
    assert [record.value for record in versions] == ["first", 0, 1, 2, 3]
    assert [record.version for record in versions] == [1, 2, 3, 4, 5]
    for before, after in pairwise(versions):
        assert after.previous == before.hash
    assert [record.version for record in chain.store.list_versions(A, 2, 2)] == [2, 3]


def test_versions_written_twice_in_a_block_are_both_kept(chain: Chain) -> None:
    chain.extend([chain.make_transaction([(C, 1)]), chain.make_transaction([(C, 2), (C, 3)])])
    assert [record.value for record in chain.store.list_versions(C)] == [1, 2, 3]


def test_the_index_is_in_the_order_of_history_and_back(chain: Chain) -> None:
    entries = list(chain.store.scan_subject(REGIONS[0]))
    assert [(entry.height, entry.index) for entry in entries] == [(h, 0) for h in range(1, 5)]
    assert list(chain.store.scan_subject(REGIONS[0], reverse=True)) == entries[::-1]
    for at, entry in enumerate(entries):
        place = (entry.height, entry.index)
        assert list(chain.store.scan_subject(REGIONS[0], place)) == entries[at + 1 :]
        assert list(chain.store.scan_subject(REGIONS[0], place, True)) == entries[:at][::-1]


def test_subjects_are_signers_kinds_and_what_events_are_about(chain: Chain) -> None:
    def find(subject: str) -> list[IndexEntry]:
        return list(chain.store.scan_subject(subject))

    assert [entry.kind for entry in find("a")] == ["toy.put"] * 4
    assert [entry.kind for entry in find("b")] == ["due"] * 4
    assert [entry.signers for entry in find("b")] == [()] * 4
    assert len(find("kind:toy.put")) == len(find("kind:due")) == 4
    assert [entry.height for entry in find("n2")] == [3]
    assert find("n") == []


def test_the_end_of_an_epoch_is_kept_with_the_next_set(chain: Chain) -> None:
    members = dict(list(chain.members.items())[1:]) | {REGIONS[0]: chain.identities[REGIONS[0]]}
    old = chain.validators
    sealed = chain.extend(next_members=members)
    assert sealed.block.header.is_last_of_epoch
    assert sealed.block.header.validators_hash == old.hash
    end = chain.store.get_epoch_end(0)
    assert end is not None
    assert end.next_validators == tuple(
        zip(chain.validators.codes, chain.validators.keys, strict=True)
    )
    assert (end.height, end.finalization) == chain.store.get_last_finalization()
    assert end.height == sealed.height
    grow(chain, 2)
    assert chain.store.get_epoch_end(0) == end
    assert chain.store.header.epoch == 1
    assert chain.store.header.validators_hash == chain.validators.hash
