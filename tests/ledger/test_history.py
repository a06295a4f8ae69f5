"""The header tree kept in perfect subtrees answers what a tree over all headers answers."""

from hypothesis import given
from hypothesis import strategies as st

from ledger import merkle
from ledger.history import History, compute_new_nodes
from ledger.merkle import Accumulator
from ledger.primitives import Digest

MOST = 70
HEADERS = [merkle.sha256(bytes([n])).digest() for n in range(MOST)]
LEAVES = [merkle.compute_leaf_hash(header) for header in HEADERS]


def make_history() -> tuple[History, list[int], list[tuple[int, int]]]:
    nodes: dict[tuple[int, int], bytes] = {}
    writes, reads = [], []
    accumulator = Accumulator()
    for header in HEADERS:
        made = compute_new_nodes(accumulator, header)
        for level, index, node in made:
            assert (level, index) not in nodes, "no node is written twice"
            nodes[level, index] = node
        writes.append(len(made))
        accumulator.append(merkle.compute_leaf_hash(header))

    def read(level: int, index: int) -> bytes:
        reads.append((level, index))
        return nodes[level, index]

    return History(read, MOST), writes, reads


HISTORY, WRITES, READS = make_history()
counts = st.integers(1, MOST)


def test_roots_are_those_of_all_headers() -> None:
    assert HISTORY.compute_root(0) == merkle.EMPTY_ROOT
    for count in range(MOST + 1):
        assert HISTORY.compute_root(count) == merkle.compute_root(LEAVES[:count])


@given(counts, st.data())
def test_inclusion_is_that_of_a_naive_tree(count: int, data: st.DataObject) -> None:
    height = data.draw(st.integers(0, count - 1))
    READS.clear()
    path = HISTORY.prove_inclusion(height, count)
    assert len(READS) <= 2 * count.bit_length()
    assert path == merkle.compute_inclusion_proof(LEAVES[:count], height)
    merkle.verify_inclusion(LEAVES[height], height, count, path, HISTORY.compute_root(count))


@given(counts, st.data())
def test_consistency_is_that_of_a_naive_tree(count: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, count))
    path = HISTORY.prove_consistency(old, count)
    assert path == merkle.compute_consistency_proof(LEAVES[:count], old)
    old_root, root = HISTORY.compute_root(old), HISTORY.compute_root(count)
    merkle.verify_consistency(old, old_root, count, root, path)


def test_two_nodes_a_header_are_written_in_the_mean() -> None:
    assert sum(WRITES) < 2 * MOST
    assert Digest(HEADERS[0]) != LEAVES[0]
