"""Merkle trees of RFC 9162, section 2.1: roots, inclusion and consistency proofs.

Leaf hash = SHA-256(0x00 || leaf), node hash = SHA-256(0x01 || left || right). A root does not
commit its size: whoever keeps a root keeps the count beside it.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256

from ledger.errors import ProofError
from ledger.primitives import Digest

Ranges = Callable[[int, int], Digest]  # the root over leaves start to end - 1
EMPTY_ROOT = Digest(sha256(b"").digest())
MAX_PATH = 64


def compute_leaf_hash(leaf: bytes) -> Digest:
    """The hash of one leaf."""
    return Digest(sha256(b"\x00" + leaf).digest())


def compute_root(leaf_hashes: Sequence[bytes]) -> Digest:
    """The root over leaf hashes, bottom-up in one pass a level."""
    if not leaf_hashes:
        return EMPTY_ROOT
    level = list(leaf_hashes)
    while len(level) > 1:
        paired = [
            sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)
        ]
        if len(level) % 2:
            paired.append(level[-1])
        level = paired
    return Digest(level[0])


def compute_inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[Digest]:
    """The audit path of leaf `index` (RFC 9162 section 2.1.3.1), from the leaf upwards."""
    return compute_inclusion_path(_ranges(leaf_hashes), index, len(leaf_hashes))


def compute_inclusion_path(ranges: Ranges, index: int, count: int) -> list[Digest]:
    """The same out of the roots of ranges of leaves, for a tree that is not in memory."""
    assert 0 <= index < count
    path: list[Digest] = []
    start, end = 0, count
    while end - start > 1:
        split = start + _split(end - start)
        if index < split:
            path.append(ranges(split, end))
            end = split
        else:
            path.append(ranges(start, split))
            start = split
    path.reverse()
    return path


def compute_root_from_inclusion(
    leaf_hash: bytes, index: int, count: int, path: Sequence[bytes]
) -> Digest:
    """The root that an audit path leads to (RFC 9162 section 2.1.3.2); raises ProofError."""
    if not 0 <= index < count or len(path) > MAX_PATH:
        raise ProofError("the leaf's index is not within the tree")
    fn, sn, running = index, count - 1, leaf_hash
    for node in path:
        if sn == 0:
            raise ProofError("the inclusion path is too long")
        if fn & 1 or fn == sn:
            running = compute_node_hash(node, running)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            running = compute_node_hash(running, node)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise ProofError("the inclusion path is too short")
    return Digest(running)


def verify_inclusion(
    leaf_hash: bytes, index: int, count: int, path: Sequence[bytes], root: bytes
) -> None:
    """Raise ProofError unless the leaf stands at `index` in the tree of `count` leaves."""
    if compute_root_from_inclusion(leaf_hash, index, count, path) != root:
        raise ProofError("the inclusion path does not lead to the root")


def compute_consistency_proof(leaf_hashes: Sequence[bytes], old_count: int) -> list[Digest]:
    """The proof that the first `old_count` leaves are a prefix (RFC 9162 section 2.1.4.1)."""
    return compute_consistency_path(_ranges(leaf_hashes), old_count, len(leaf_hashes))


def compute_consistency_path(ranges: Ranges, old_count: int, count: int) -> list[Digest]:
    """The same out of the roots of ranges of leaves."""
    assert 0 < old_count <= count
    path: list[Digest] = []
    start, end, whole = 0, count, True
    while old_count != end:
        split = start + _split(end - start)
        if old_count <= split:
            path.append(ranges(split, end))
            end = split
        else:
            path.append(ranges(start, split))
            start, whole = split, False
    if not whole:
        path.append(ranges(start, end))
    path.reverse()
    return path


def verify_consistency(
    old_count: int, old_root: bytes, new_count: int, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Raise ProofError unless the old tree is a prefix of the new (RFC 9162 section 2.1.4.2)."""
    if not 0 < old_count <= new_count or len(path) > 2 * MAX_PATH:
        raise ProofError("the counts of a consistency proof are out of order")
    if old_count == new_count:
        if path or old_root != new_root:
            raise ProofError("two trees of one size differ")
        return
    nodes = list(path)
    if old_count & (old_count - 1) == 0:
        nodes.insert(0, Digest(old_root))
    if not nodes:
        raise ProofError("the consistency proof is empty")
    fn, sn = old_count - 1, new_count - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old, new = nodes[0], nodes[0]
    for node in nodes[1:]:
        if sn == 0:
            raise ProofError("the consistency proof is too long")
        if fn & 1 or fn == sn:
            old, new = compute_node_hash(node, old), compute_node_hash(node, new)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            new = compute_node_hash(new, node)
        fn, sn = fn >> 1, sn >> 1
    if sn or old != old_root or new != new_root:
        raise ProofError("history was not only appended to")


class Accumulator:
    """A tree that only grows: its root after every leaf, in logarithmic memory.

    `peaks` are the roots of the perfect subtrees from the largest to the smallest; they and `count`
    are the whole state.
    """

    __slots__ = ("count", "peaks")

    def __init__(self, count: int = 0, peaks: Sequence[bytes] = ()) -> None:
        assert len(peaks) == count.bit_count()
        self.count = count
        self.peaks = list(peaks)

    def append(self, leaf_hash: bytes) -> None:
        """Add one leaf."""
        node, size = leaf_hash, self.count
        while size & 1:
            node = compute_node_hash(self.peaks.pop(), node)
            size >>= 1
        self.peaks.append(node)
        self.count += 1

    def copy(self) -> "Accumulator":
        """An independent accumulator with the same leaves."""
        return Accumulator(self.count, self.peaks)

    def compute_root(self) -> Digest:
        """The root over all leaves so far."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = compute_node_hash(peak, root)
        return Digest(root)


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def _ranges(leaf_hashes: Sequence[bytes]) -> Ranges:
    return lambda start, end: compute_root(leaf_hashes[start:end])


def compute_node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()
