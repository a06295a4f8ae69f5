"""A snapshot: the state after a final block in pieces that prove themselves.

See docs/spec/snapshot.md.

1. Whoever has a final header h knows the state root, and the root over all headers below it. The
   *manifest* splits both: the roots of the state tree's chunks of 256 slots, and of the header
   tree's chunks of 256 headers. They lead to the roots of the header, or the manifest is a lie.
2. A part of a chunk then proves itself: with the hashes of the leaves that are not in it, it gives
   the chunk's root. So does a part of a block's results, by the header of the block.
3. The results of the last blocks carry the ids that must not come again; the bodies of the very
   last ones carry who was alive.

Reading is for who offers a snapshot, verifying for who takes it. Parts are bounded by `MAX_PART`
bytes, but for a single record, result or body that is larger by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from ledger import codec, merkle, schema, tree
from ledger.block import (
    Block,
    Header,
    compute_header_hash,
    decode_header,
    make_block_of_parts,
)
from ledger.errors import FormatError, ProofError, StoreError
from ledger.final_state import read_envelope
from ledger.history import History
from ledger.keyvalue import Readable
from ledger.leaf_proof import Leaf, check_leaf
from ledger.primitives import ZERO_DIGEST, Digest
from ledger.record import SENTINEL_KEY, Record, split_envelope
from ledger.result import Result, read_result
from ledger.trail import MAX_STEPS
from ledger.tree import Tree

CHUNK_LEVEL: Final = 2
CHUNK_SLOTS: Final = tree.WIDTH**CHUNK_LEVEL
HEADERS_LEVEL: Final = 8
CHUNK_HEADERS: Final = 1 << HEADERS_LEVEL
MAX_PART: Final = 1024 * 1024
MAX_CHUNKS: Final = 1 << 16  # of either kind: 16 777 216 records, and as many headers
BODIES: Final = MAX_STEPS  # what a trail is made of
DIGEST: Final = 32


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the pieces of a snapshot must give; the roots are digests end to end."""

    header: bytes
    count: int
    state_roots: bytes
    header_roots: bytes


@dataclass(frozen=True, slots=True)
class StatePart:
    """Records of a chunk in the order of slots, (key, envelope), and the other leaves' hashes."""

    height: int
    chunk: int
    before: bytes
    records: tuple[tuple[bytes, bytes], ...]
    after: bytes


@dataclass(frozen=True, slots=True)
class HeaderPart:
    """The headers of a chunk."""

    height: int
    chunk: int
    headers: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ResultPart:
    """The result leaves of blocks from `first` on; of a large one some, and the others' hashes."""

    height: int
    first: int
    before: bytes
    blocks: tuple[tuple[bytes, ...], ...]
    after: bytes


@dataclass(frozen=True, slots=True)
class Body:
    """What a block is beside its header."""

    transactions: tuple[bytes, ...]
    parent_certificate: bytes


@dataclass(frozen=True, slots=True)
class BodyPart:
    """The bodies of blocks from `first` on."""

    height: int
    first: int
    bodies: tuple[Body, ...]


def count_chunks(items: int, size: int) -> int:
    """How many chunks of a size hold so many items."""
    return -(-items // size)


def compute_state_roots(view: Tree) -> bytes:
    """The roots of the chunks of a tree in memory."""
    depth = tree.compute_depth(view.count)
    if depth <= CHUNK_LEVEL:
        return tree.compute_top(view, depth)
    chunks = count_chunks(view.count, CHUNK_SLOTS)
    return bytes(view.levels[CHUNK_LEVEL][: chunks * DIGEST])


def find_first_body(height: int) -> int:
    """The lowest block whose body a snapshot of this height has."""
    return max(1, height + 1 - BODIES)


def find_first_results(height: int, window: int) -> int:
    """The lowest block whose results it has: its transactions must not come again."""
    return max(1, height + 1 - max(window, BODIES))


# --- verifying


def verify_manifest(manifest: Manifest) -> Header:
    """The header, if the manifest's roots lead to those that it has; raises LedgerError."""
    header, count = decode_header(manifest.header), manifest.count
    if header.height < 1:
        raise FormatError("the genesis needs no snapshot")
    chunks = (count_chunks(count, CHUNK_SLOTS), count_chunks(header.height, CHUNK_HEADERS))
    if not all(1 <= number <= MAX_CHUNKS for number in chunks):
        raise FormatError(f"a manifest has 1 to {MAX_CHUNKS} chunks of each kind")
    if (len(manifest.state_roots), len(manifest.header_roots)) != tuple(
        number * DIGEST for number in chunks
    ):
        raise FormatError("the manifest has not a root for each chunk")
    depth = tree.compute_depth(count)
    top = tree.climb(manifest.state_roots, min(depth, CHUNK_LEVEL), depth)
    if tree.compute_state_root(count, top) != header.state_root:
        raise ProofError("the chunks' roots do not lead to the state root")
    if merkle.compute_root(split(manifest.header_roots)) != header.history_root:
        raise ProofError("the chunks' roots do not lead to the history root")
    return header


def verify_state_part(manifest: Manifest, part: StatePart) -> list[tuple[bytes, Record]]:
    """The records of a part, with their keys; raises LedgerError for anything but the certified.

    No record is decoded before all of them are proved; then they need no check of their own.
    """
    first = part.chunk * CHUNK_SLOTS
    before, after = split(part.before), split(part.after)
    size = min(CHUNK_SLOTS, manifest.count - first)
    if not part.records or len(before) + len(part.records) + len(after) != size:
        raise FormatError(f"chunk {part.chunk} of the state has {size} leaves, the part others")
    leaves = [
        _compute_leaf(slot, key, envelope)
        for slot, (key, envelope) in enumerate(part.records, start=first + len(before))
    ]
    level = min(CHUNK_LEVEL, tree.compute_depth(manifest.count))
    root = tree.climb(b"".join([*before, *leaves, *after]), 0, level)
    if root != find_root(manifest.state_roots, part.chunk):
        raise ProofError(f"chunk {part.chunk} of the state is not the certified one")
    return [(key, read_envelope(envelope)) for key, envelope in part.records]


def _compute_leaf(slot: int, key: bytes, envelope: bytes) -> bytes:
    """The hash of the leaf that an envelope is of; the sentinel's commits no value."""
    next_key, body = split_envelope(slot, envelope)
    if key == SENTINEL_KEY:
        value_hash = ZERO_DIGEST
        if tree.make_sentinel().placed(slot, next_key).encode() != envelope:
            raise FormatError("the envelope of slot 0 is not the sentinel's")
    else:
        value_hash = Digest(sha256(b"\x03" + body).digest())
    check_leaf(Leaf(slot, key, next_key, value_hash))
    return tree.compute_leaf(slot, key, next_key, value_hash)


def verify_headers(manifest: Manifest, part: HeaderPart) -> list[Header]:
    """The headers of a chunk; raises LedgerError for anything but the certified."""
    if compute_headers_root(part.headers) != find_root(manifest.header_roots, part.chunk):
        raise ProofError(f"chunk {part.chunk} of the headers is not the certified one")
    headers = [decode_header(data) for data in part.headers]
    for height, header in enumerate(headers, start=part.chunk * CHUNK_HEADERS):
        if header.height != height:
            raise FormatError(f"header {header.height} stands at {height}")
    return headers


def verify_results(header: Header, part: ResultPart, leaves: Sequence[bytes]) -> list[Result]:
    """Results of one block, all or some of them; raises LedgerError for anything but its own."""
    before, after = split(part.before), split(part.after)
    hashes = [*before, *(merkle.compute_leaf_hash(leaf) for leaf in leaves), *after]
    if len(hashes) != header.results_count or merkle.compute_root(hashes) != header.results_root:
        raise ProofError(f"these are not the results of block {header.height}")
    results = [read_result(leaf) for leaf in leaves]
    for index, result in enumerate(results, start=len(before)):
        if (result.height, result.index) != (header.height, index):
            raise FormatError(f"a result of block {header.height} names another place")
    return results


def verify_body(header: Header, header_bytes: bytes, body: Body) -> Block:
    """The block of a header and a body; raises LedgerError where they do not belong together."""
    hashes = [Digest(sha256(raw).digest()) for raw in body.transactions]
    return make_block_of_parts(header, header_bytes, hashes, body.parent_certificate)


def find_root(roots: bytes, chunk: int) -> bytes:
    """The root of a chunk; empty where there is no such chunk."""
    return roots[chunk * DIGEST : (chunk + 1) * DIGEST]


def split(digests: bytes) -> list[bytes]:
    """Digests that stand end to end, one by one; raises FormatError for a broken one."""
    if len(digests) % DIGEST:
        raise FormatError("digests have 32 bytes each")
    return [digests[at : at + DIGEST] for at in range(0, len(digests), DIGEST)]


def compute_headers_root(headers: Sequence[bytes]) -> Digest:
    """The root over a chunk of headers."""
    return merkle.compute_root(
        [merkle.compute_leaf_hash(compute_header_hash(data)) for data in headers]
    )


# --- reading


class Snapshot:
    """A snapshot that a peer offers, read from a view of its disk that stays as it is.

    Every piece is read when somebody asks for it. What is not there, or is no part of it, is None.
    """

    def __init__(self, view: Readable, header: Header, finalization: bytes, records: Tree) -> None:
        self.header = header
        self.height = int(header.height)
        self.finalization = finalization
        self._view = view
        self._count = records.count
        self._state_roots = compute_state_roots(records)
        self._manifest: Manifest | None = None

    @property
    def manifest(self) -> Manifest:
        """What the pieces must give."""
        if self._manifest is None:
            self._manifest = Manifest(
                self.header.encode(), self._count, self._state_roots, self._read_header_roots()
            )
        return self._manifest

    @property
    def fits(self) -> bool:
        """Whether a manifest can say it."""
        return (
            max(
                count_chunks(self._count, CHUNK_SLOTS),
                count_chunks(self.height, CHUNK_HEADERS),
            )
            <= MAX_CHUNKS
        )

    def _read_header_roots(self) -> bytes:
        whole = self.height // CHUNK_HEADERS
        first, end = schema.node_key(HEADERS_LEVEL, 0), schema.node_key(HEADERS_LEVEL, whole)
        roots = [node for _, node in self._view.scan(first, end)]
        if len(roots) != whole:
            raise StoreError("the header tree has gaps: the disk is damaged")
        if self.height % CHUNK_HEADERS:
            history = History(self._read_node, self.height)
            roots.append(history.compute_range(whole * CHUNK_HEADERS, self.height))
        return b"".join(roots)

    def _read_node(self, level: int, index: int) -> bytes:
        node = self._view.get(schema.node_key(level, index))
        if node is None:
            raise StoreError(f"node {index} of level {level} of the header tree is missing")
        return node

    def read_state(self, chunk: int, skip: int) -> StatePart | None:
        """Records of a chunk of the state, but for the first `skip`, as many as make a part."""
        start = chunk * CHUNK_SLOTS
        end = min(start + CHUNK_SLOTS, self._count)
        if not start + skip < end:
            return None
        before, after = bytearray(), bytearray()
        records: list[tuple[bytes, bytes]] = []
        size = 0
        slots = self._view.scan(schema.slot_key(start), schema.slot_key(end))
        for at, (_, key) in enumerate(slots):
            envelope = self._view.get(schema.record_key(key))
            if envelope is None:
                raise StoreError(f"the record at slot {start + at} is missing")
            if at < skip:
                before += tree.compute_record_leaf(key, read_envelope(envelope))
            elif not after and (not records or size + len(envelope) <= MAX_PART):
                records.append((key, envelope))
                size += len(envelope)
            else:
                after += tree.compute_record_leaf(key, read_envelope(envelope))
        return StatePart(self.height, chunk, bytes(before), tuple(records), bytes(after))

    def read_headers(self, chunk: int) -> HeaderPart | None:
        """The headers of a chunk, of those below the snapshot's own."""
        first = chunk * CHUNK_HEADERS
        last = min(first + CHUNK_HEADERS, self.height)
        found = self._view.scan(schema.header_key(first), schema.header_key(last))
        headers = tuple(data for _, data in found) if first < last else ()
        return HeaderPart(self.height, chunk, headers) if headers else None

    def read_results(self, first: int, last: int, skip: int) -> ResultPart | None:
        """The results of blocks from `first` on, as many whole ones as make a part.

        Where the first one is more than a part by itself, or its first `skip` leaves are known, a
        part of that one.
        """
        blocks: list[tuple[bytes, ...]] = []
        size = 0
        for height in range(first, min(last, self.height, first + CHUNK_HEADERS - 1) + 1):
            leaves = self._read_list(schema.results_key(height))
            if leaves is None:
                break
            size += sum(map(len, leaves))
            if skip or (size > MAX_PART and not blocks):
                return self._cut_results(height, leaves, skip)
            if size > MAX_PART:
                break
            blocks.append(tuple(leaves))
        return ResultPart(self.height, first, b"", tuple(blocks), b"") if blocks else None

    def _cut_results(self, height: int, leaves: Sequence[bytes], skip: int) -> ResultPart | None:
        taken: list[bytes] = []
        size = 0
        for leaf in leaves[skip:]:
            size += len(leaf)
            if size > MAX_PART and taken:
                break
            taken.append(leaf)
        if not taken:
            return None
        hashes = [merkle.compute_leaf_hash(leaf) for leaf in leaves]
        before, after = hashes[:skip], hashes[skip + len(taken) :]
        return ResultPart(self.height, height, b"".join(before), (tuple(taken),), b"".join(after))

    def read_bodies(self, first: int, last: int) -> BodyPart | None:
        """The bodies of blocks from `first` on, as many as make a part, one at least."""
        bodies: list[Body] = []
        size = 0
        for height in range(first, min(last, self.height, first + CHUNK_HEADERS - 1) + 1):
            entry = self._read_list(schema.body_key(height))
            if entry is None:
                break
            certificate, raws = entry
            size += sum(map(len, raws))
            if size > MAX_PART and bodies:
                break
            bodies.append(Body(tuple(raws), certificate))
        return BodyPart(self.height, first, tuple(bodies)) if bodies else None

    def _read_list(self, key: bytes) -> list[codec.Value] | None:
        data = self._view.get(key)
        return None if data is None else list(codec.decode_trusted(data))
