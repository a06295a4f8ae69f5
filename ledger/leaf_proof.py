"""The path of one leaf of the state tree to the state root (docs/spec/proof.md).

A leaf binds its slot, its key, the next key and a value hash; its path has the 15 siblings of every
level. The state root commits the count of leaves, and the count implies the depth: so no path can
be shorter or longer than the tree is deep, and no inner node can pass for a leaf.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ledger import tree
from ledger.errors import ProofError
from ledger.primitives import ZERO_DIGEST, Digest
from ledger.record import SENTINEL_KEY, SENTINEL_SLOT

SIBLINGS_BYTES: Final = (tree.WIDTH - 1) * 32
MAX_DEPTH: Final = 12  # 16^12 leaves are more than MAX_HEIGHT


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf of the state tree; slot 0 is the sentinel with the empty key and a zero hash."""

    slot: int
    key: bytes
    next_key: bytes
    value_hash: Digest


@dataclass(frozen=True, slots=True)
class Path:
    """Where a leaf stands: among how many, and its siblings level by level, 480 bytes each."""

    count: int
    siblings: tuple[bytes, ...]


def prove_leaf(view: tree.View, slot: int) -> Path:
    """The path of the leaf at a slot of a tree."""
    assert 0 <= slot < view.count
    siblings: list[bytes] = []
    for bundle in tree.iterate_path(view, slot):
        at = slot % tree.WIDTH * 32
        siblings.append(bundle[:at] + bundle[at + 32 :])
        slot //= tree.WIDTH
    return Path(view.count, tuple(siblings))


def verify_leaf(leaf: Leaf, path: Path, state_root: bytes) -> None:
    """Raise ProofError unless the leaf stands under the state root."""
    check_leaf(leaf)
    if compute_root_from_leaf(leaf, path) != state_root:
        raise ProofError("its path does not lead to the state root")


def check_leaf(leaf: Leaf) -> None:
    """Raise ProofError unless a leaf is one that the tree can have."""
    if (leaf.slot == SENTINEL_SLOT) is not (leaf.key == SENTINEL_KEY):
        raise ProofError("slot 0 and the empty key belong together")
    if leaf.slot == SENTINEL_SLOT and leaf.value_hash != ZERO_DIGEST:
        raise ProofError("the sentinel has no value")
    if leaf.next_key and leaf.next_key <= leaf.key:
        raise ProofError("the next key is not above the key")


def compute_root_from_leaf(leaf: Leaf, path: Path) -> Digest:
    """The state root that a leaf and its path lead to; raises ProofError for an impossible path."""
    if not 0 <= leaf.slot < path.count:
        raise ProofError(f"slot {leaf.slot} is not among {path.count} leaves")
    check_depth(path.count, path.siblings)
    node = tree.compute_leaf(leaf.slot, leaf.key, leaf.next_key, leaf.value_hash)
    slot = leaf.slot
    for level, siblings in enumerate(path.siblings, start=1):
        at = slot % tree.WIDTH * 32
        node = tree.compute_node(level, siblings[:at] + node + siblings[at:])
        slot //= tree.WIDTH
    return tree.compute_state_root(path.count, node)


def check_depth(count: int, siblings: Sequence[bytes]) -> None:
    """Raise ProofError unless the path has as many whole levels as the count implies."""
    if count.bit_length() > 4 * MAX_DEPTH:
        raise ProofError("no state has so many leaves")
    if len(siblings) != tree.compute_depth(count):
        raise ProofError(f"its path has {len(siblings)} levels, which {count} leaves do not have")
    if any(len(level) != SIBLINGS_BYTES for level in siblings):
        raise ProofError(f"a level of its path has not {SIBLINGS_BYTES} bytes")
