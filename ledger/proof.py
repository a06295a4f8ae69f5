"""What the state root proves about records (docs/spec/proof.md).

1. *Presence*: the leaf of a key, with the value hash of the record's body.
2. *Absence*: a leaf whose key is below and whose next key is above.
3. *Prefix*: the leaf before the prefix, then every leaf of it, each the next of the one before, up
   to a leaf whose next key is beyond the prefix: so these are all its records.
4. *Versions*: a body names the value hash of the version before it, down to version 1.

`prove_*` read a final state and its tree, which must be of one and the same block; `verify_*` raise
ProofError and need nothing but the state root.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from ledger import codec, shape
from ledger.codec import Value
from ledger.errors import EncodingError, FormatError, ProofError
from ledger.leaf_proof import Leaf, Path, prove_leaf, verify_leaf
from ledger.primitives import MAX_HEIGHT, ZERO_DIGEST, Digest, Height
from ledger.record import SENTINEL_KEY, Record
from ledger.state import Reader
from ledger.tree import View


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a record as its value hash binds it; `body` are the canonical bytes."""

    body: bytes
    version: int
    created: Height
    height: Height
    index: int
    previous: bytes
    value: Value

    @property
    def hash(self) -> Digest:
        """The value hash."""
        return Digest(sha256(b"\x03" + self.body).digest())


@dataclass(frozen=True, slots=True)
class RecordProof:
    """A record and its path."""

    slot: int
    key: bytes
    next_key: bytes
    version: Version
    path: Path

    @property
    def leaf(self) -> Leaf:
        """The leaf that the path begins at."""
        return Leaf(self.slot, self.key, self.next_key, self.version.hash)


@dataclass(frozen=True, slots=True)
class NeighbourProof:
    """A leaf without its record: what stands before a key that is absent, or before a prefix."""

    leaf: Leaf
    path: Path


@dataclass(frozen=True, slots=True)
class PrefixProof:
    """All records under a prefix, and the leaf before them."""

    prefix: bytes
    before: NeighbourProof
    records: tuple[RecordProof, ...]


def decode_version(body: bytes) -> Version:
    """The version of its body; raises EncodingError or FormatError."""
    version, created, height, index, previous, value = shape.check_tuple(
        codec.decode(body), "a record", 6
    )
    shape.check_integer(version, "version", 1, MAX_HEIGHT)
    shape.check_bytes(previous, "previous", 32 if version > 1 else 0)
    return Version(
        body,
        version,
        Height(shape.check_integer(created, "created height", 0, MAX_HEIGHT)),
        Height(shape.check_integer(height, "write height", created, MAX_HEIGHT)),
        shape.check_integer(index, "write index", 0, 1 << 32),
        previous,
        value,
    )


def make_version(record: Record) -> Version:
    """The version that a record of the state is."""
    parts = [
        record.version,
        record.created,
        record.height,
        record.index,
        record.previous,
        record.value,
    ]
    body = codec.encode(parts)
    return Version(
        body,
        record.version,
        Height(record.created),
        Height(record.height),
        record.index,
        record.previous,
        record.value,
    )


def prove_record(state: Reader, view: View, key: bytes) -> RecordProof | None:
    """That a key has the record it has; None if it has none."""
    record = state.get(key) if key != SENTINEL_KEY else None
    return None if record is None else _prove_record(view, key, record)


def prove_absence(state: Reader, view: View, key: bytes) -> NeighbourProof | None:
    """That a key has no record; None if it has one."""
    if key == SENTINEL_KEY or state.get(key) is not None:
        return None
    return _prove_neighbour(state, view, state.find_predecessor(key))


def prove_prefix(state: Reader, view: View, prefix: bytes, most: int) -> PrefixProof | None:
    """That these are all records under a prefix; None if they are more than `most`."""
    assert prefix, "the whole state is a snapshot, not a proof"
    records: list[RecordProof] = []
    for key, record in state.scan(prefix):
        if len(records) == most:
            return None
        records.append(_prove_record(view, key, record))
    before = _prove_neighbour(state, view, state.find_predecessor(prefix))
    return PrefixProof(prefix, before, tuple(records))


def verify_record(proof: RecordProof, state_root: bytes) -> None:
    """Raise ProofError unless the record stands under the state root."""
    if proof.key == SENTINEL_KEY:
        raise ProofError("the sentinel is not a record")
    verify_leaf(proof.leaf, proof.path, state_root)


def verify_absence(key: bytes, proof: NeighbourProof, state_root: bytes) -> None:
    """Raise ProofError unless the state has no record under the key."""
    leaf = proof.leaf
    verify_leaf(leaf, proof.path, state_root)
    if not leaf.key < key or (leaf.next_key and not key < leaf.next_key):
        raise ProofError("the key is not between the neighbour's key and its next")


def verify_prefix(proof: PrefixProof, state_root: bytes) -> None:
    """Raise ProofError unless the records are all that stand under the prefix."""
    verify_leaf(proof.before.leaf, proof.before.path, state_root)
    if not proof.prefix or proof.before.leaf.key >= proof.prefix:
        raise ProofError("the leaf before the prefix is not before it")
    expected = proof.before.leaf.next_key
    for number, record in enumerate(proof.records):
        if not record.key.startswith(proof.prefix):
            raise ProofError(f"record {number} is not under the prefix")
        if record.key != expected:
            raise ProofError(f"record {number} is not the next one: something is left out")
        verify_record(record, state_root)
        expected = record.next_key
    if expected.startswith(proof.prefix):
        raise ProofError("a record under the prefix is left out at the end")


def verify_versions(current: Version, older: Sequence[Version]) -> None:
    """Raise ProofError unless `older` are the versions before `current`, newest first."""
    after = current
    for version in older:
        if after.previous != version.hash:
            raise ProofError(f"version {after.version} has another version before it")
        if version.version != after.version - 1 or version.created != after.created:
            raise ProofError(f"version {version.version} does not go before {after.version}")
        # Not by index within a block: due items are executed first, and counted last.
        if version.height > after.height:
            raise ProofError(f"version {version.version} was written after its successor")
        after = version


def check_version(body: bytes) -> Version:
    """The version of its body; raises ProofError."""
    try:
        return decode_version(body)
    except (EncodingError, FormatError) as error:
        raise ProofError(f"not a record: {error}") from None


def find_standing(versions: Sequence[Version], height: int) -> Version | None:
    """The version that stood after block `height`, of versions newest first.

    None if the record was created later, or if the versions do not reach back so far.
    """
    return next((version for version in versions if version.height <= height), None)


def _prove_record(view: View, key: bytes, record: Record) -> RecordProof:
    path = prove_leaf(view, record.slot)
    return RecordProof(record.slot, key, record.next_key, make_version(record), path)


def _prove_neighbour(state: Reader, view: View, key: bytes) -> NeighbourProof:
    record = state.get(key)
    assert record is not None
    value_hash = ZERO_DIGEST if key == SENTINEL_KEY else record.hash
    leaf = Leaf(record.slot, key, record.next_key, value_hash)
    return NeighbourProof(leaf, prove_leaf(view, record.slot))
