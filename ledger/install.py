"""Installing a snapshot: its verified pieces become a store (docs/spec/snapshot.md).

1. `minstall` says that a disk is not a store yet. It is written with the first piece, in the batch
   that takes `mfinal` away; the last batch, which is the first to have `mfinal` again, removes it.
   So a disk is a whole store, or one that says what it lacks.
2. What is here is kept over a restart, and over a change to a newer snapshot: a chunk with its
   root, blocks by themselves. A slot keeps its key for ever: a newer chunk replaces an older one.
3. Every batch is synced: what comes before another is never lost without it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from ledger import codec, merkle, schema
from ledger.block import Header, compute_header_hash, decode_header
from ledger.codec import Value
from ledger.errors import StoreError
from ledger.final_state import FinalState
from ledger.floor import Floor
from ledger.index import compose_index
from ledger.keyvalue import Change, KeyValue, Readable, prefix_end
from ledger.merkle import Accumulator
from ledger.pruning import sweep_versions
from ledger.record import Record
from ledger.result import Result, read_result
from ledger.snapshot import (
    CHUNK_HEADERS,
    HEADERS_LEVEL,
    HeaderPart,
    find_first_body,
    find_first_results,
)
from ledger.state import Reader
from ledger.store import (
    EpochEnd,
    compose_body,
    compose_epoch_end,
    compose_final,
    compose_header,
    compose_results,
)
from ledger.store import read_height as read_final

BATCH = 2_000
STATE, HEADERS = "s", "h"


@dataclass(frozen=True, slots=True)
class Certified:
    """The block that a snapshot is of: its header, what makes it final, and all epochs before."""

    header: bytes
    finalization: bytes
    epochs: tuple[EpochEnd, ...]


@dataclass(frozen=True, slots=True)
class _Call:
    """A transaction as the index has it; its block is proved, and its signatures with it."""

    kind: str
    signers: tuple[str, ...]


def is_installing(disk: Readable) -> bool:
    """Whether a disk has a part of a snapshot and is no store."""
    return disk.get(schema.META_INSTALL) is not None


def compose_begin(height: int) -> list[Change]:
    """A snapshot of this height is on its way here: from now on the disk is no store."""
    return [(schema.META_INSTALL, codec.encode(height)), (schema.META_FINAL, None)]


def read_known(disk: Readable) -> int:
    """The height that a snapshot must have to be of use, as a store or with what is here of one."""
    final = 0 if disk.get(schema.META_FINAL) is None else read_final(disk)
    return max(1, read_height(disk), final)


def read_roots(disk: Readable, kind: str) -> dict[int, bytes]:
    """The roots of the chunks of a kind that are here as a whole, by chunk."""
    first = schema.piece_key(kind, 0)
    found = disk.scan(first, prefix_end(first[:-8]))
    return {int.from_bytes(key[-8:], "big"): root for key, root in found}


def read_height(disk: Readable) -> int:
    """The height of the newest snapshot of which something is here; 0 for none."""
    data = disk.get(schema.META_INSTALL)
    return 0 if data is None else int(codec.decode_trusted(data))


def compose_root(kind: str, chunk: int, root: bytes) -> Change:
    """A chunk is here as a whole."""
    return schema.piece_key(kind, chunk), root


def compose_records(records: Iterable[tuple[bytes, Record]]) -> Iterator[Change]:
    """Records of a chunk of the state; of each the current version is the only one here."""
    for key, record in records:
        envelope = record.encode()
        yield schema.record_key(key), envelope
        yield schema.slot_key(record.slot), key
        if key:
            yield schema.version_key(key, record.version), envelope


def compose_headers(part: HeaderPart) -> Iterator[Change]:
    """A chunk of headers, with the nodes that stand over them alone."""
    first = part.chunk * CHUNK_HEADERS
    leaves: list[bytes] = []
    for height, data in enumerate(part.headers, start=first):
        hash_ = compute_header_hash(data)
        leaves.append(merkle.compute_leaf_hash(hash_))
        yield schema.header_key(height), data
        yield schema.header_hash_key(hash_), height.to_bytes(8, "big")
    yield from _compose_nodes(leaves, 0, first)


def compose_places(header: Header, results: Iterable[Result]) -> Iterator[Change]:
    """Where transactions stand, so that they do not come again."""
    for result in results:
        if result.index < header.transactions_count:
            place = schema.place(header.height, result.index)
            yield schema.transaction_key(result.id), place


def _compose_nodes(nodes: Sequence[bytes], level: int, first: int) -> Iterator[Change]:
    """Perfect subtrees over nodes of a level that begin at `first`, themselves included."""
    row = list(nodes)
    while row:
        for at, node in enumerate(row):
            yield schema.node_key(level, first + at), node
        pairs = zip(row[::2], row[1::2], strict=False)
        row = [merkle.compute_node_hash(left, right) for left, right in pairs]
        level, first = level + 1, first // 2


def finish(
    disk: KeyValue,
    certified: Certified,
    window: int,
    derive: Callable[[Reader], dict[bytes, Value]],
) -> None:
    """Make a store of a disk that has all pieces.

    It may be stopped at any write and begun again.
    """
    header = decode_header(certified.header)
    height, state = int(header.height), FinalState(disk)
    _write_all(disk, _forget_stale(disk, height, window))
    _forget_old_versions(disk, height)
    _write_all(disk, [(key, None) for key, _ in disk.scan(b"d", b"e")])
    _write_all(
        disk,
        (
            (schema.derived_key(key), codec.encode(value))
            for key, value in derive(state).items()
            if value is not None
        ),
    )
    whole = schema.node_key(HEADERS_LEVEL, 0), schema.node_key(HEADERS_LEVEL + 1, 0)
    _write_all(disk, _compose_nodes([node for _, node in disk.scan(*whole)], HEADERS_LEVEL, 0))
    numbers = range(find_first_body(height), height + 1)
    index = (_compose_index(disk, number) for number in numbers)
    _write_all(disk, chain.from_iterable(index))
    disk.write(_compose_final(disk, header, certified, window), sync=True)


def wipe(disk: KeyValue) -> None:
    """Forget a snapshot that cannot be had: the disk is empty again, but for its mark.

    What is noted as here goes first, so that whoever ends in the middle fetches it again.
    """
    notes = disk.scan(schema.META_PIECE, prefix_end(schema.META_PIECE))
    _write_all(disk, [(key, None) for key, _ in notes])
    _wipe_between(disk, b"", b"m")
    _wipe_between(disk, prefix_end(b"m"), schema.END)
    disk.write([(schema.META_FINAL, None), (schema.META_INSTALL, None)], sync=True)


def _wipe_between(disk: KeyValue, start: bytes, stop: bytes) -> None:
    """Forget what lies between two keys; it goes on from the last one, not over what is gone."""
    while batch := [key for key, _ in islice(disk.scan(start, stop), BATCH)]:
        disk.write([(key, None) for key in batch], sync=True)
        start = batch[-1]


def _write_all(disk: KeyValue, changes: Iterable[Change]) -> None:
    rest = iter(changes)
    while batch := list(islice(rest, BATCH)):
        disk.write(batch, sync=True)


def _forget_stale(disk: KeyValue, height: int, window: int) -> list[Change]:
    """What an older snapshot had and this one has not: bodies and results below its own."""
    first_body = schema.body_key(find_first_body(height))
    changes: list[Change] = [(key, None) for key, _ in disk.scan(schema.body_key(1), first_body)]
    first_results = schema.results_key(find_first_results(height, window))
    for key, data in disk.scan(schema.results_key(1), first_results):
        changes.append((key, None))
        results = [read_result(leaf) for leaf in codec.decode_trusted(data)]
        changes += [(schema.transaction_key(result.id), None) for result in results]
    return changes


def _forget_old_versions(disk: KeyValue, height: int) -> None:
    """The genesis and older snapshots have left versions, between which others are missing."""
    resume: bytes | None = b""
    while resume is not None:
        swept = sweep_versions(disk, resume, height)
        _write_all(disk, swept.changes)
        resume = swept.resume


def _compose_index(disk: Readable, height: int) -> Iterator[Change]:
    """The entries of one block whose body and results are here."""
    body, leaves = disk.get(schema.body_key(height)), disk.get(schema.results_key(height))
    if body is None or leaves is None:
        raise StoreError(f"block {height} of the snapshot is not here")
    _, raws = codec.decode_trusted(body)
    bodies = [codec.decode_trusted(codec.decode_trusted(raw)[0]) for raw in raws]
    results = [read_result(leaf) for leaf in codec.decode_trusted(leaves)]
    return compose_index(
        height, results, [_Call(body["kind"], tuple(body["signers"])) for body in bodies]
    )


def _compose_final(
    disk: Readable, header: Header, certified: Certified, window: int
) -> list[Change]:
    """The last batch: the header itself, what proves it and every epoch before, and `mfinal`."""
    height, hash_ = int(header.height), compute_header_hash(certified.header)
    before = Accumulator(height, _read_peaks(disk, height))
    after = before.copy()
    after.append(merkle.compute_leaf_hash(hash_))
    changes: list[Change] = [
        compose_body(0, b"", ()),
        compose_results(0, ()),
        *compose_header(height, certified.header, hash_, before),
        (schema.finalization_key(height), certified.finalization),
    ]
    for epoch, end in enumerate(certified.epochs):
        changes.append((schema.finalization_key(end.height), end.finalization))
        changes.append(compose_epoch_end(epoch, end))
    body, results = find_first_body(height), find_first_results(height, window)
    changes.append(Floor(body, results, body, height).compose())
    changes.append(compose_final(height, after))
    return changes + _forget_pieces(disk)


def _forget_pieces(disk: Readable) -> list[Change]:
    pieces = disk.scan(schema.META_PIECE, prefix_end(schema.META_PIECE))
    return [*((key, None) for key, _ in pieces), (schema.META_INSTALL, None)]


def _read_peaks(disk: Readable, count: int) -> list[bytes]:
    peaks: list[bytes] = []
    first = 0
    for level in reversed(range(count.bit_length())):
        if count >> level & 1:
            node = disk.get(schema.node_key(level, first >> level))
            if node is None:
                raise StoreError(f"the header tree of the snapshot lacks a node of level {level}")
            peaks.append(node)
            first += 1 << level
    return peaks
