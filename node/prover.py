"""Making proof bundles out of the store (docs/spec/proof.md).

1. Every bundle is anchored at the store's last final block, whose state and tree are in memory.
   Call `prove_*` on the thread that folds blocks: so they see one and the same block throughout.
2. What takes long may leave that thread: `load_items` reads blocks, which are final and only lie on
   the disk, and `Bundle.encode` nothing at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final

from consensus.validators import ValidatorSet
from ledger import merkle
from ledger.crypto import sha256
from ledger.genesis import Genesis
from ledger.primitives import Code, Digest, PublicKey
from ledger.proof import (
    Version,
    make_version,
    prove_absence,
    prove_prefix,
    prove_record,
)
from ledger.store import Store, StoredBlock
from ledger.transaction import decode_transaction, parse_key_signer
from node.client.bundle import (
    AbsenceClaim,
    Bundle,
    Certified,
    Claim,
    ConsistencyClaim,
    EpochLink,
    PastHeader,
    PrefixClaim,
    RecordClaim,
    ResultClaim,
    TransactionClaim,
    VersionsClaim,
)
from node.client.claims import make_identity_key
from node.errors import NodeError

MAX_RECORDS: Final = 100  # under a prefix: they are proved at one go, between votes
MAX_VERSIONS: Final = 1000  # of one record
MAX_ITEMS: Final = 200  # transactions and due items with the proofs of their blocks

Place = tuple[int, int]  # height and index
Items = Mapping[Place, Claim]


class ProverError(NodeError):
    """No such proof can be made: `not-found`, `too-many`, `pruned` or `not-yet`."""

    code = "prover"


def prove_anchor(store: Store, genesis: Genesis) -> Bundle:
    """That the last final block is final, and with it its state root."""
    return _Draft(store, genesis).finish([])


def prove_current(store: Store, genesis: Genesis, key: bytes) -> Bundle:
    """That a record stands now; or that none does."""
    found = prove_record(store.state, store.tree, key)
    if found is None:
        return prove_gap(store, genesis, key)
    return _Draft(store, genesis).finish([RecordClaim(found)], [found.version.height])


def prove_gap(store: Store, genesis: Genesis, key: bytes) -> Bundle:
    """That no record stands under a key now; raises ProverError if one does."""
    neighbour = prove_absence(store.state, store.tree, key)
    if neighbour is None:
        raise ProverError("a record stands under this key", "not-found")
    return _Draft(store, genesis).finish([AbsenceClaim(key, neighbour)])


def prove_list(store: Store, genesis: Genesis, prefix: bytes) -> Bundle:
    """That these are all the records under a prefix now."""
    if not prefix:
        raise ProverError("a prefix has at least a table", "not-found")
    proof = prove_prefix(store.state, store.tree, prefix, MAX_RECORDS)
    if proof is None:
        raise ProverError(
            f"more than {MAX_RECORDS} records stand under this prefix: ask for a longer one",
            "too-many",
        )
    return _Draft(store, genesis).finish([PrefixClaim(proof)])


def prove_transaction(store: Store, genesis: Genesis, id_: bytes) -> Bundle:
    """That a transaction is in a block, with its result and the keys that signed it."""
    place = store.find_transaction(id_)
    if place is None or place[0] > store.height:
        raise ProverError("no final transaction has this id", "not-found")
    draft = _Draft(store, genesis)
    claims = list(load_items(store, [place]).values())
    claims += draft.claim_signers(claims)
    return draft.finish(claims, [place[0]])


def prove_object_history(
    store: Store,
    genesis: Genesis,
    key: bytes,
    items: Items | None = None,
    at: int | None = None,
) -> Bundle:
    """Who did what to a record: every version, what wrote each, and the keys that signed it.

    The header of the block at `at` is there too, to say how the record stood then.

    What wrote it is there for the newest `MAX_ITEMS` places whose blocks are here. `items` are
    those that were loaded ahead; the others are loaded now.
    """
    draft = _Draft(store, genesis)
    versions = draft.claim_versions(key)
    places = _choose_places(store, [versions.record.version, *versions.older])
    known = dict(items or {})
    known |= load_items(store, [place for place in places if place not in known])
    claims: list[Claim] = [versions, *(known[place] for place in places)]
    claims += draft.claim_signers(claims, versions)
    heights = [height for height, _ in places]
    return draft.finish(claims, heights if at is None else [*heights, at])


def list_places(store: Store, key: bytes) -> list[Place]:
    """The places whose items the history of a record will have, to load them ahead."""
    current = store.state.get(key)
    if current is None:
        return []
    versions = [make_version(current)]
    return _choose_places(store, versions + _list_older(store, key, versions[0]))


def load_items(store: Store, places: Iterable[Place]) -> dict[Place, Claim]:
    """The transactions and due items at places, with their results; on any thread."""
    found: dict[Place, Claim] = {}
    for height, group in groupby(sorted(set(places)), key=lambda place: place[0]):
        block, leaves = store.get_block(height), store.get_result_leaves(height)
        if block is None or leaves is None:
            raise ProverError(f"this peer no longer has the body of block {height}", "pruned")
        found |= {place: _claim_item(block, leaves, place) for place in group}
    return found


def prove_consistency(
    store: Store, genesis: Genesis, height: int, later: int | None = None
) -> Bundle:
    """That the history below one block is the beginning of that below a later one."""
    end = store.height if later is None else later
    if not 0 < height <= end <= store.height:
        raise ProverError(f"heights go from 1 to {store.height}, the earlier first", "not-found")
    path = tuple(store.history.prove_consistency(height, end))
    return _Draft(store, genesis).finish([ConsistencyClaim(height, end, path)], [height, end])


class _Draft:
    """A bundle in the making, anchored at the last final block."""

    def __init__(self, store: Store, genesis: Genesis) -> None:
        self._store = store
        self._genesis = genesis
        self._height = store.height

    def claim_versions(self, key: bytes) -> VersionsClaim:
        """A record and all its older versions that this peer has."""
        current = prove_record(self._store.state, self._store.tree, key)
        if current is None:
            raise ProverError("no record stands under this key", "not-found")
        return VersionsClaim(current, tuple(_list_older(self._store, key, current.version)))

    def claim_signers(
        self, claims: Iterable[Claim], known: VersionsClaim | None = None
    ) -> list[Claim]:
        """The identities of those who signed the transactions among claims."""
        codes: dict[str, None] = {}
        for claim in claims:
            if isinstance(claim, TransactionClaim):
                signers = decode_transaction(claim.transaction, self._genesis.chain).signers
                codes.update(dict.fromkeys(s for s in signers if parse_key_signer(s) is None))
        keys = [make_identity_key(code) for code in sorted(codes)]
        if known is not None and known.record.key in keys:
            keys.remove(known.record.key)
        return [self.claim_versions(key) for key in keys if self._store.state.get(key)]

    def finish(self, claims: Sequence[Claim], heights: Iterable[int] = ()) -> Bundle:
        """The bundle, with the headers of these heights."""
        below = sorted({height for height in heights if height < self._height})
        return Bundle(
            genesis=self._genesis.data,
            epochs=tuple(self._link(epoch) for epoch in range(self._store.header.epoch)),
            anchor=self._certify(self._height),
            headers=tuple(self._prove_header(height) for height in below),
            claims=tuple(claims),
        )

    def _certify(self, height: int) -> Certified:
        certificate = self._store.get_finalization(height)
        if certificate is None:
            raise ProverError(
                "the genesis alone has no certificate: wait for the first block"
                if height == 0
                else f"block {height} has no finalization certificate of its own here",
                "not-yet",
            )
        return Certified(self._read_header(height), certificate)

    def _link(self, epoch: int) -> EpochLink:
        end = self._store.get_epoch_end(epoch)
        if end is None:
            raise ProverError(f"this peer does not know how epoch {epoch} ended", "pruned")
        following = ValidatorSet((Code(code), PublicKey(key)) for code, key in end.next_validators)
        return EpochLink(self._read_header(end.height), end.finalization, following.encode())

    def _prove_header(self, height: int) -> PastHeader:
        path = self._store.history.prove_inclusion(height, self._height)
        return PastHeader(self._read_header(height), tuple(path))

    def _read_header(self, height: int) -> bytes:
        data = self._store.get_header_bytes(height)
        if data is None:
            raise ProverError(f"this peer has no header of block {height}", "pruned")
        return data


def _list_older(store: Store, key: bytes, current: Version) -> list[Version]:
    """The versions before the current one that this peer has, newest first."""
    last = current.version - 1
    first = max(1, last - MAX_VERSIONS + 1)
    # A block on its way to the disk may have written newer ones already.
    records = store.list_versions(key, first, last - first + 1)
    return [make_version(record) for record in reversed(records) if record.version <= last]


def _choose_places(store: Store, versions: Iterable[Version]) -> list[Place]:
    """Where versions were written, but for the genesis and for blocks that this peer has forgotten:
    the newest in the order of history."""
    floor = store.floor
    places: set[Place] = {
        (item.height, item.index)
        for item in versions
        if item.height > 0 and floor.has_body(item.height) and floor.has_results(item.height)
    }
    return sorted(places)[-MAX_ITEMS:]


def _claim_item(block: StoredBlock, leaves: Sequence[bytes], place: Place) -> Claim:
    height, index = place
    result_path = _make_path(leaves, index)
    if index >= len(block.transactions):
        return ResultClaim(height, index, leaves[index], result_path)
    hashes = [sha256(item) for item in block.transactions]
    raw, path = block.transactions[index], _make_path(hashes, index)
    return TransactionClaim(height, index, raw, path, leaves[index], result_path)


def _make_path(items: Sequence[bytes], index: int) -> tuple[Digest, ...]:
    hashes = [merkle.compute_leaf_hash(item) for item in items]
    return tuple(merkle.compute_inclusion_proof(hashes, index))
