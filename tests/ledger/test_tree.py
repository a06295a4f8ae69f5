"""The indexed tree: sealed block by block, it is the tree of the flat records."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import codec, tree
from ledger.leaf_proof import prove_leaf, verify_leaf
from ledger.primitives import ZERO_DIGEST
from ledger.proof import prove_absence, prove_prefix, prove_record, verify_absence, verify_record
from ledger.record import Record, make_key
from ledger.state import Layer, Reader
from tests.ledger import vectors
from tests.ledger.chain import Nothing


def key_of(number: int) -> bytes:
    """Keys in an order that has nothing to do with the numbers'."""
    return make_key("t", sha256(number.to_bytes(4, "big")).hexdigest()[:8])


def naive_root(records: dict[bytes, Record]) -> bytes:
    """The root straight from the definition: leaves in slot order, 16 to a node."""
    order = sorted(records, key=lambda key: records[key].slot)
    assert [records[key].slot for key in order] == list(range(len(order)))
    level = [naive_leaf(slot, key, records[key]) for slot, key in enumerate(order)]
    height = 0
    while len(level) > 1 or 16**height < len(order):
        height += 1
        groups = [level[at : at + 16] for at in range(0, len(level), 16)]
        level = [
            sha256(b"\x01" + bytes([height]) + b"".join(group).ljust(512, b"\x00")).digest()
            for group in groups
        ]
    return sha256(b"\x02" + len(order).to_bytes(8, "big") + level[0]).digest()


def naive_leaf(slot: int, key: bytes, record: Record) -> bytes:
    value_hash = record.hash if key else bytes(32)
    return sha256(b"\x00" + codec.encode([slot, key, record.next_key, value_hash])).digest()


def flatten(top: Reader) -> dict[bytes, Record]:
    """All records that a stack of layers shows, the sentinel included."""
    found: dict[bytes, Record] = {}
    layers: list[Layer] = []
    reader = top
    while isinstance(reader, Layer):
        layers.append(reader)
        reader = reader.parent
    for layer in reversed(layers):
        found.update(layer.records)
    return found


def check_against_twins(view: tree.View, top: Layer) -> tree.Tree:
    records = flatten(top)
    links = sorted(records)
    assert [records[key].next_key for key in links] == [*links[1:], b""]
    rebuilt = tree.rebuild(records.items())
    assert view.count == rebuilt.count == len(records)
    assert view.root == rebuilt.root == naive_root(records)
    return rebuilt


def grow(blocks: list[list[int]]) -> tuple[tree.Tree, Layer]:
    """Seal blocks of writes, folding every second one and leaving the others as overlays."""
    final, top = tree.Tree(), Layer(Nothing())
    view: tree.View = final
    waiting: list[tree.Overlay] = []
    for height, block in enumerate(blocks):
        layer = Layer(top) if height else top
        for number in block:
            layer.put(key_of(number), {"h": height}, height, 0)
        overlay = tree.seal(view, layer)
        waiting.append(overlay)
        view, top = overlay, layer
        check_against_twins(view, top)
        if height % 2:
            for done in waiting:
                final.fold(done)
            waiting, view = [], final
            check_against_twins(view, top)
    for done in waiting:
        final.fold(done)
    return final, top


@given(st.lists(st.lists(st.integers(0, 400), max_size=60), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_any_sequence_of_blocks_gives_the_tree_of_the_flat_records(
    blocks: list[list[int]],
) -> None:
    grow(blocks)


@pytest.mark.parametrize("edge", [1, 16, 256, 4096])
def test_the_tree_grows_over_its_edges(edge: int) -> None:
    """The sentinel is a leaf too, so the edge lies at `edge - 1` records."""
    blocks = [list(range(max(0, edge - 3)))]
    blocks += [[max(0, edge - 2) + step, 0] for step in range(4)]
    final, top = grow(blocks)
    rebuilt = check_against_twins(final, top)
    assert final.levels == rebuilt.levels
    assert tree.compute_depth(edge) == (edge.bit_length() - 1) // 4
    assert tree.compute_depth(edge + 1) == tree.compute_depth(edge) + 1


def test_a_jump_over_several_edges_at_once_is_the_same() -> None:
    for first in (0, 1, 14, 15, 16, 40):
        final, top = grow([list(range(first)), [], list(range(first, 600))])
        assert final.levels == check_against_twins(final, top).levels


def test_two_branches_on_one_parent_do_not_see_each_other() -> None:
    final, top = grow([list(range(300))])
    branches = []
    for number in (1000, 2000):
        layer = Layer(top)
        layer.put(key_of(number), number, 1, 0)
        layer.put(key_of(5), number, 1, 0)
        branches.append((tree.seal(final, layer), layer))
    for overlay, layer in branches:
        check_against_twins(overlay, layer)
    assert branches[0][0].root != branches[1][0].root
    assert final.root == check_against_twins(final, top).root


def test_only_what_changed_is_in_an_overlay() -> None:
    final, top = grow([list(range(5000))])
    layer = Layer(top)
    layer.put(key_of(7), "new", 1, 0)
    overlay = tree.seal(final, layer)
    assert len(layer.records) == 1, "an update touches no neighbour"
    assert len(overlay.bundles) == tree.compute_depth(final.count)


def test_an_insertion_touches_one_neighbour() -> None:
    final, top = grow([list(range(100))])
    layer = Layer(top)
    layer.put(key_of(1000), "new", 1, 0)
    tree.seal(final, layer)
    assert len(layer.records) == 2
    moved = next(key for key in layer.records if key != key_of(1000))
    before = top.get(moved)
    after = layer.records[moved]
    assert before is not None
    assert (after.slot, after.hash, after.next_key) == (before.slot, before.hash, key_of(1000))
    assert layer.versions == [(key_of(1000), layer.versions[0][1])]


def test_a_block_that_changes_nothing_keeps_the_root() -> None:
    final, top = grow([list(range(20))])
    overlay = tree.seal(final, Layer(top))
    assert (overlay.root, overlay.count, overlay.bundles) == (final.root, final.count, {})


def test_the_genesis_has_a_sentinel_and_nothing_else() -> None:
    layer = Layer(Nothing())
    overlay = tree.seal(tree.Tree(), layer)
    leaf = tree.compute_leaf(0, b"", b"", ZERO_DIGEST)
    assert overlay.count == 1
    assert overlay.root == sha256(b"\x02" + (1).to_bytes(8, "big") + leaf).digest()
    check_against_twins(overlay, layer)


@given(st.sets(st.integers(0, 3000), min_size=1, max_size=80), st.integers(0, 3000))
@settings(max_examples=40, deadline=None)
def test_every_record_and_every_gap_can_be_proved(present: set[int], asked: int) -> None:
    final, top = grow([sorted(present)])
    key = key_of(asked)
    record, gap = prove_record(top, final, key), prove_absence(top, final, key)
    assert (record is None, gap is None) == (asked not in present, asked in present)
    if record:
        verify_record(record, final.root)
    if gap:
        verify_absence(key, gap, final.root)
    everything = prove_prefix(top, final, b"t\x00", 100)
    assert everything is not None
    assert [proof.key for proof in everything.records] == sorted(map(key_of, present))
    for proof in everything.records:
        verify_leaf(proof.leaf, prove_leaf(final, proof.slot), final.root)


def test_the_format_is_pinned() -> None:
    assert vectors.load("tree") == vectors.compute_tree()
