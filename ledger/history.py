"""The tree over all header hashes, with what proofs need of it kept on disk.

Leaf i is the hash of header i. The hash of every perfect subtree is stored once, when its last leaf
comes, under (level, index): two writes a block in the mean, and a proof reads a logarithm of them.
"""

from collections.abc import Callable

from ledger import merkle
from ledger.merkle import Accumulator
from ledger.primitives import Digest

NodeReader = Callable[[int, int], bytes]


def compute_new_nodes(before: Accumulator, header_hash: bytes) -> list[tuple[int, int, bytes]]:
    """The (level, index, hash) of the subtrees that the next header completes."""
    node: bytes = merkle.compute_leaf_hash(header_hash)
    peaks, size, level = list(before.peaks), before.count, 0
    nodes = [(0, size, node)]
    while size & 1:
        node = merkle.compute_node_hash(peaks.pop(), node)
        size, level = size >> 1, level + 1
        nodes.append((level, size, node))
    return nodes


class History:
    """Proofs about the first `count` headers."""

    __slots__ = ("_read", "count")

    def __init__(self, read: NodeReader, count: int) -> None:
        self._read = read
        self.count = count

    def compute_root(self, count: int) -> Digest:
        """The root over the first `count` headers, the `history_root` of header `count`."""
        assert count <= self.count
        return self._root(0, count)

    def prove_inclusion(self, height: int, count: int) -> list[Digest]:
        """That header `height` is under the `history_root` of header `count`."""
        assert height < count <= self.count
        return merkle.compute_inclusion_path(self._root, height, count)

    def prove_consistency(self, old_count: int, count: int) -> list[Digest]:
        """That the history of header `old_count` is the beginning of that of header `count`."""
        assert 0 < old_count <= count <= self.count
        return merkle.compute_consistency_path(self._root, old_count, count)

    def compute_range(self, start: int, end: int) -> Digest:
        """The root over headers `start` to `end` - 1, `start` a multiple of a power of two that is
        not less than their number."""
        return self._root(start, end)

    def _root(self, start: int, end: int) -> Digest:
        size = end - start
        if size == 0:
            return merkle.EMPTY_ROOT
        if size & (size - 1) == 0:
            level = size.bit_length() - 1
            return Digest(self._read(level, start >> level))
        split = start + (1 << ((size - 1).bit_length() - 1))
        return Digest(merkle.compute_node_hash(self._root(start, split), self._root(split, end)))
