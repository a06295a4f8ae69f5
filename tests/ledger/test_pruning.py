"""Forgetting: in steps, never what a later block or state needs, and the space is given back."""

from pathlib import Path

import pytest

from ledger import pruning, schema
from ledger.floor import Floor
from ledger.keyvalue import KeyValue, LevelDb, prefix_end
from ledger.store import Store
from tests.ledger.chain import Chain, seal_genesis
from tests.ledger.memory import MemoryDisk
from tests.ledger.test_store import A, B, describe, grow


def make_chain(blocks: int, disk: KeyValue | None = None) -> Chain:
    chain = Chain(disk=disk or MemoryDisk(), records=[(A, "first")])
    grow(chain, blocks)
    return chain


def sweep(store: Store) -> int:
    """The whole walk; how many steps it took."""
    resume: bytes | None = b""
    steps = 0
    while resume is not None:
        resume = store.sweep(resume)
        steps += 1
    return steps


def count(disk: KeyValue, table: bytes) -> int:
    return sum(1 for _ in disk.scan(table, prefix_end(table)))


def test_blocks_are_forgotten_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "STEP_BLOCKS", 4)
    chain = make_chain(12)
    store = chain.store
    floors = []
    for _ in range(4):
        store.forget_blocks(10)
        floors.append((store.floor.body, store.floor.results))
    assert floors == [(5, 5), (9, 9), (10, 10), (10, 10)]
    assert [store.get_block(height) is not None for height in (0, 1, 9, 10, 12)] == [
        True, False, False, True, True,
    ]  # fmt: skip
    assert [store.get_results(height) is not None for height in (0, 9, 10)] == [True, False, True]
    assert Store(chain.disk, seal_genesis(chain.genesis)).floor == Floor(10, 10, 1, 0)


def test_what_is_not_forgotten_stays_as_it_was() -> None:
    chain = make_chain(12)
    before = describe(chain.store)
    chain.store.forget_blocks(10)
    chain.store.forget_states(9)
    sweep(chain.store)
    reopened = describe(Store(chain.disk, seal_genesis(chain.genesis)))
    forgotten = {"blocks", "results", "versions"}
    assert {name for name in before if before[name] != reopened[name]} == forgotten


def test_only_versions_that_no_state_needs_go() -> None:
    """The record A has a version in each block, 1 at the genesis; B one in each from block 1 on."""
    chain = make_chain(9)
    store = chain.store
    store.forget_states(5)
    sweep(store)
    assert [record.height for record in store.list_versions(A)] == [5, 6, 7, 8, 9]
    assert [record.height for record in store.list_versions(B)] == [5, 6, 7, 8, 9]
    assert len(store.list_versions(b"n2\x00")) == 1, (
        "a record that never changed keeps its only one"
    )
    sweep(store)
    assert [record.height for record in store.list_versions(A)] == [5, 6, 7, 8, 9]


@pytest.mark.parametrize("most", [2, 3, 5])
def test_a_walk_in_small_steps_takes_the_same(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    whole, stepwise = make_chain(9), make_chain(9)
    whole.store.forget_states(5)
    assert sweep(whole.store) == 1
    monkeypatch.setattr(pruning, "STEP_VERSIONS", most)
    stepwise.store.forget_states(5)
    assert sweep(stepwise.store) > 3
    assert list(stepwise.disk.scan(b"", b"\xff")) == list(whole.disk.scan(b"", b"\xff"))


def test_the_floor_never_falls() -> None:
    chain = make_chain(9)
    chain.store.forget_blocks(8)
    chain.store.forget_states(7)
    chain.store.forget_blocks(3)
    chain.store.forget_states(2)
    assert chain.store.floor == Floor(8, 8, 1, 7)


def test_results_that_a_snapshot_brought_go_with_their_bodies() -> None:
    floor, changes = pruning.compose_blocks_step(Floor(body=40, results=8, index=40, state=90), 50)
    assert floor == Floor(50, 50, 40, 90)
    assert (schema.results_key(8), None) in changes
    assert changes[-1] == floor.compose()


def test_what_a_reader_held_in_the_first_compaction_goes_in_the_next(tmp_path: Path) -> None:
    disk = LevelDb(tmp_path, write_buffer_bytes=64 * 1024)
    chain = Chain(disk=disk, records=[(A, "first")])
    for number in range(100):
        chain.extend([chain.make_transaction([(b"n%d\x00" % number, bytes(16 * 1024))])])
    disk.compact()
    reader = disk.snapshot()
    while chain.store.floor.body < 91:
        chain.store.forget_blocks(91)
    grow(chain, 1)
    chain.store.compact_blocks(1, 91)
    held = size_of(tmp_path)
    assert reader.get(schema.body_key(1)) is not None
    del reader
    chain.store.compact_blocks(1, 91)
    assert size_of(tmp_path) < held - 80 * 16 * 1024
    chain.store.close()


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_the_folder_shrinks(tmp_path: Path) -> None:
    """Some megabytes of blocks and versions on the real disk, of which a tenth is to stay."""
    disk = LevelDb(tmp_path, write_buffer_bytes=256 * 1024)
    chain = Chain(disk=disk, records=[(A, "first")])
    payload = 16 * 1024
    for number in range(200):
        puts = [(A, [number, bytes(payload)]), (b"n%d\x00" % number, number)]
        chain.extend([chain.make_transaction(puts)])
    disk.compact()
    before = size_of(tmp_path)
    store = chain.store
    while store.floor.body < 181:
        store.forget_blocks(181)
    store.forget_states(180)
    sweep(store)
    grow(chain, 1)  # whoever reads a state keeps what was there: the next block lets it go
    store.compact_blocks(1, 181)
    store.compact_versions(b"", b"")
    after = size_of(tmp_path)
    assert before > 200 * 2 * payload
    assert after < before / 5
    store.close()
    again = Chain(disk=LevelDb(tmp_path), records=[(A, "first")])
    assert again.store.height == 201
    assert count(again.disk, b"b") == 22, "block 0 and the last 21"
    again.store.close()
