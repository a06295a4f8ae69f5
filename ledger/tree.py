"""The indexed Merkle tree that authenticates the state (docs/spec/merkle.md).

1. Records take dense slots in order of insertion, within a block in key order; slot 0 is the
   sentinel with the empty key. Nothing is ever removed.
2. leaf = H(0x00 || canonical [slot, key, next key, value hash]); *next key* follows in byte order,
   and is empty in the last leaf. The sentinel's value hash is 32 zero bytes.
3. Nodes have 16 children of 32 bytes, absent ones zero: node = H(0x01 || level || children), level
   one byte, counted from 1 above the leaves.
4. root = H(0x02 || count as 8 bytes, big-endian || top). The depth is the least d with 16^d >=
   count.

The unit of storage is the *bundle*: the 16 children of one node, 512 bytes. A `Tree` is a stack of
flat arrays of bundles; an `Overlay` holds the bundles that one unfinalized block changed.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Protocol

from ledger import codec
from ledger.primitives import ZERO_DIGEST, Digest
from ledger.record import SENTINEL_KEY, Record
from ledger.state import Layer

WIDTH = 16
BUNDLE = WIDTH * 32
_EMPTY_BUNDLE = bytes(BUNDLE)


class View(Protocol):
    """A tree that can be read: bundle `index` of level `level` holds that level's 16 hashes."""

    count: int
    root: Digest

    def get_bundle(self, level: int, index: int) -> bytes:
        """512 bytes; zeros beyond the end."""
        ...


class Tree:
    """The tree of the final state, in memory: 34 MB per million records."""

    __slots__ = ("count", "levels", "root")

    def __init__(self) -> None:
        self.levels: list[bytearray] = [bytearray()]
        self.count = 0
        self.root = ZERO_DIGEST

    def get_bundle(self, level: int, index: int) -> bytes:
        """The bundle, or zeros beyond the end."""
        if level >= len(self.levels):
            return _EMPTY_BUNDLE
        bundle = bytes(self.levels[level][index * BUNDLE : (index + 1) * BUNDLE])
        return bundle or _EMPTY_BUNDLE

    def fold(self, overlay: "Overlay") -> None:
        """Take the changes of the next final block."""
        for (level, index), bundle in sorted(overlay.bundles.items()):
            while level >= len(self.levels):
                self.levels.append(bytearray())
            array, at = self.levels[level], index * BUNDLE
            if at > len(array):
                array.extend(bytes(at - len(array)))
            array[at : at + BUNDLE] = bundle
        self.count, self.root = overlay.count, overlay.root


class Overlay:
    """What one block changed on top of a view; itself a view."""

    __slots__ = ("bundles", "count", "parent", "root")

    def __init__(self, parent: View, bundles: dict[tuple[int, int], bytes], count: int) -> None:
        self.parent = parent
        self.bundles = bundles
        self.count = count
        self.root = ZERO_DIGEST

    def get_bundle(self, level: int, index: int) -> bytes:
        """The bundle as this block left it."""
        view: View = self
        while isinstance(view, Overlay):
            bundle = view.bundles.get((level, index))
            if bundle is not None:
                return bundle
            view = view.parent
        return view.get_bundle(level, index)


def compute_depth(count: int) -> int:
    """How many levels of nodes stand above `count` leaves."""
    depth, reach = 0, 1
    while reach < count:
        depth, reach = depth + 1, reach * WIDTH
    return depth


def compute_leaf(slot: int, key: bytes, next_key: bytes, value_hash: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\x00" + codec.encode([slot, key, next_key, value_hash])).digest()


def compute_node(level: int, children: bytes) -> bytes:
    """The hash of a node from its 16 children."""
    return sha256(b"\x01" + bytes((level,)) + children).digest()


def compute_state_root(count: int, top: bytes) -> Digest:
    """The root, which commits the count."""
    return Digest(sha256(b"\x02" + count.to_bytes(8, "big") + top).digest())


def update(parent: View, leaves: Iterable[tuple[int, bytes]], count: int) -> Overlay:
    """The tree with some leaves replaced or appended, `count` leaves in all."""
    overlay = Overlay(parent, {}, count)
    changed = dict(leaves)
    depth = compute_depth(count)
    old_depth = compute_depth(parent.count)
    level = 0
    while level < depth:
        if level == old_depth and level > 0 and parent.count:
            # A tree that grew a level: its old top becomes the first child of the new one.
            changed.setdefault(0, compute_top(parent, old_depth))
        changed = _rise(overlay, level, changed)
        level += 1
    top = changed[0] if changed else compute_top(parent, depth)
    if depth == 0 and changed:
        overlay.bundles[0, 0] = top + bytes(BUNDLE - 32)
    overlay.root = compute_state_root(count, top)
    return overlay


def compute_top(view: View, depth: int) -> bytes:
    """The hash under the root of a view whose tree is `depth` levels deep."""
    if depth == 0:
        return view.get_bundle(0, 0)[:32]
    return compute_node(depth, view.get_bundle(depth - 1, 0))


def _rise(overlay: Overlay, level: int, changed: dict[int, bytes]) -> dict[int, bytes]:
    """Write changed hashes of a level into their bundles; the hashes of the level above."""
    groups: dict[int, bytearray] = {}
    for at, digest in changed.items():
        index, child = at >> 4, at & 15
        bundle = groups.get(index)
        if bundle is None:
            bundle = groups[index] = bytearray(overlay.get_bundle(level, index))
        bundle[child * 32 : child * 32 + 32] = digest
    above: dict[int, bytes] = {}
    for index, bundle in groups.items():
        overlay.bundles[level, index] = bytes(bundle)
        above[index] = compute_node(level + 1, bytes(bundle))
    return above


def seal(parent: View, layer: Layer) -> Overlay:
    """Give a block's new records their places, and the tree its new root.

    Changes `layer.records`: new records get slot and next key, and the neighbours of insertions
    their new next key.
    """
    count = parent.count
    if count == 0:
        layer.records[SENTINEL_KEY] = make_sentinel()
        count = 1
    before = SENTINEL_KEY
    for key in sorted(key for key, record in layer.records.items() if record.slot < 0):
        # What stood before this block is below, and what it inserted so far is below `key` too.
        before = max(before, layer.parent.find_predecessor(key))
        count = _insert(layer, before, key, count)
        before = key
    leaves = [
        (record.slot, compute_record_leaf(key, record)) for key, record in layer.records.items()
    ]
    return update(parent, leaves, count)


def rebuild(records: Iterable[tuple[bytes, Record]]) -> Tree:
    """The tree of all records of a final state, the sentinel's included."""
    leaves, count = bytearray(), 0
    for key, record in records:
        at = record.slot * 32
        if at >= len(leaves):
            leaves.extend(bytes(at // BUNDLE * BUNDLE + BUNDLE - len(leaves)))
        leaves[at : at + 32] = compute_record_leaf(key, record)
        count += 1
    levels = [leaves]
    for level in range(1, compute_depth(count) + 1):
        levels.append(_compute_level(level, levels[-1]))
    tree = Tree()
    tree.levels, tree.count = levels[: max(1, len(levels) - 1)], count
    tree.root = compute_state_root(count, bytes(levels[-1][:32]))
    return tree


def climb(hashes: bytes, level: int, depth: int) -> bytes:
    """The hash at level `depth` over all the hashes of a level below it."""
    below = bytearray(hashes)
    for above in range(level + 1, depth + 1):
        below.extend(bytes(-len(below) % BUNDLE))
        below = _compute_level(above, below)
    return bytes(below[:32])


def _compute_level(level: int, below: bytearray) -> bytearray:
    nodes = bytearray()
    for at in range(0, len(below), BUNDLE):
        nodes += compute_node(level, bytes(below[at : at + BUNDLE]))
    nodes.extend(bytes(-len(nodes) % BUNDLE))
    return nodes


def iterate_path(view: View, slot: int) -> Iterator[bytes]:
    """The bundles from a leaf's up to the one below the root."""
    for level in range(compute_depth(view.count)):
        slot >>= 4
        yield view.get_bundle(level, slot)


def make_sentinel() -> Record:
    """What stands at slot 0 before there is a record."""
    return Record(None, 0, 0, 0, 0, b"", 0, b"")


def compute_record_leaf(key: bytes, record: Record) -> bytes:
    """The hash of the leaf of a record in its place."""
    value_hash = ZERO_DIGEST if key == SENTINEL_KEY else record.hash
    return compute_leaf(record.slot, key, record.next_key, value_hash)


def _insert(layer: Layer, before: bytes, key: bytes, slot: int) -> int:
    neighbour = layer.get(before)
    assert neighbour is not None
    record = layer.records[key]
    layer.records[key] = record.placed(slot, neighbour.next_key)
    layer.records[before] = neighbour.placed(neighbour.slot, key)
    return slot + 1
