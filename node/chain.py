"""The unfinalized blocks: a small tree of sealed blocks on the last final one.

Blocks stand here from their execution until they are final and on disk (then they are folded into
the store's state) or a block beside them is final (then they are dropped).
"""

from collections.abc import Iterator

from ledger.block import Block
from ledger.primitives import Digest
from ledger.sealed import SealedBlock
from ledger.store import Store
from ledger.trail import Trail
from ledger.transaction import Transaction
from node.errors import make_fork
from node.execution import Parent, parent_of_sealed, parent_of_store


class Chain:
    """Sealed blocks by hash, above the store's last final block; `trail` is that one's."""

    def __init__(self, store: Store, trail: Trail) -> None:
        self.store = store
        self.trail = trail
        self._sealed: dict[Digest, SealedBlock] = {}
        self._ids: dict[Digest, frozenset[Digest]] = {}
        self._transactions: dict[Digest, dict[Digest, Transaction]] = {}  # of each block, by hash
        # Final, but still on their way to the disk.
        self._decided: list[SealedBlock] = []

    def __len__(self) -> int:
        return len(self._sealed)

    def __iter__(self) -> Iterator[SealedBlock]:
        return iter(self._sealed.values())

    def get(self, hash_: Digest) -> SealedBlock | None:
        """An executed block that is not on disk yet."""
        return self._sealed.get(hash_)

    def has(self, hash_: Digest) -> bool:
        """Whether a block can be a parent: executed here, and nothing final stands beside it."""
        return hash_ in self._sealed or hash_ == self.store.hash

    def find_parent(self, hash_: Digest) -> Parent | None:
        """The block as a parent, if it can be one."""
        sealed = self._sealed.get(hash_)
        if sealed is not None:
            return parent_of_sealed(sealed)
        return parent_of_store(self.store, self.trail) if hash_ == self.store.hash else None

    def add(self, sealed: SealedBlock) -> None:
        """Keep an executed block whose parent is here."""
        assert self.has(sealed.block.header.parent)
        self._sealed[sealed.block.hash] = sealed
        self._ids[sealed.block.hash] = frozenset(item.id for item in sealed.transactions)
        self._transactions[sealed.block.hash] = {item.hash: item for item in sealed.transactions}

    def find_transaction(self, hash_: Digest) -> Transaction | None:
        """A transaction of an executed block that is not on disk yet."""
        for found in self._transactions.values():
            if hash_ in found:
                return found[hash_]
        return None

    def list_branch(self, hash_: Digest) -> list[SealedBlock]:
        """The blocks from above the store's last to this one; empty if it is not here."""
        branch: list[SealedBlock] = []
        sealed = self._sealed.get(hash_)
        while sealed is not None:
            branch.append(sealed)
            sealed = self._sealed.get(sealed.block.header.parent)
        branch.reverse()
        return branch

    def list_branch_ids(self, hash_: Digest) -> "BranchIds":
        """The ids of all transactions in the unfinalized branch that ends here."""
        return BranchIds([self._ids[sealed.block.hash] for sealed in self.list_branch(hash_)])

    @property
    def decided_height(self) -> int:
        """The height of the last block that is final, on disk or on its way."""
        return self._decided[-1].height if self._decided else self.store.height

    @property
    def decided_hash(self) -> Digest:
        """Its hash."""
        return self._decided[-1].block.hash if self._decided else self.store.hash

    def decide(self, hash_: Digest) -> list[SealedBlock]:
        """A block is final: the newly final ones in order, to be written; losers are dropped."""
        branch = [item for item in self.list_branch(hash_) if item.height > self.decided_height]
        if not branch:
            return []
        if branch[0].block.header.parent != self.decided_hash:
            raise make_fork(hash_, self.decided_hash)
        self._decided += branch
        kept = {sealed.block.hash for sealed in self._decided}
        for sealed in sorted(self._sealed.values(), key=lambda item: item.height):
            if sealed.height > branch[-1].height and sealed.block.header.parent in kept:
                kept.add(sealed.block.hash)
        for lost in [key for key in self._sealed if key not in kept]:
            del self._sealed[lost], self._ids[lost], self._transactions[lost]
        return branch

    def check_final(self, block: Block) -> None:
        """Raises Fork where another block than this final one is stored as final at its height."""
        own = self.store.get_header_hash(block.header.height)
        if own is not None and own != block.hash:
            raise make_fork(block.hash, own)

    def fold(self, blocks: list[SealedBlock]) -> None:
        """Decided blocks are on disk: their children stand on the store now."""
        self.store.fold(blocks)
        self.trail = blocks[-1].trail
        last = blocks[-1].block.hash
        for sealed in blocks:
            assert self._decided[0] is sealed
            self._decided.pop(0)
            hash_ = sealed.block.hash
            del self._sealed[hash_], self._ids[hash_], self._transactions[hash_]
        for sealed in self._sealed.values():
            if sealed.block.header.parent == last:
                sealed.layer.parent = self.store.state
                sealed.tree.parent = self.store.tree


class BranchIds:
    """Membership in several sets of ids."""

    __slots__ = ("_sets",)

    def __init__(self, sets: list[frozenset[Digest]]) -> None:
        self._sets = [ids for ids in sets if ids]

    def __contains__(self, id_: object) -> bool:
        return any(id_ in ids for ids in self._sets)

    def __len__(self) -> int:
        return sum(map(len, self._sets))

    def __iter__(self) -> Iterator[Digest]:
        for ids in self._sets:
            yield from ids
