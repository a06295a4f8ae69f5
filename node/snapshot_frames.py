"""What peers say to each other about snapshots (docs/spec/network.md, section 8).

    10 WantSnapshot     [10]
    11 Offer            [11, header or empty, finalization, records, roots, roots]
    12 WantEpochs       [12, first epoch]
    13 EpochEnds        [13, first epoch, [[header, finalization, validators], ...]]
    14 WantPart         [14, height, kind, first, last, skip]
    15 StatePart        [15, height, chunk, hashes, [[key, envelope], ...], hashes]
    16 HeaderPart       [16, height, chunk, [header, ...]]
    17 ResultPart       [17, height, first height, hashes, [[leaf, ...], ...], hashes]
    18 BodyPart         [18, height, first height, [[[signed transaction, ...], certificate], ...]]

An answer without records, headers, results or bodies says that they are not to be had here.
"""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from ledger import shape
from ledger.block import MAX_BLOCK_TRANSACTIONS, MAX_CERTIFICATE_BYTES, MAX_HEADER_BYTES
from ledger.codec import Value
from ledger.errors import FormatError
from ledger.primitives import MAX_HEIGHT
from ledger.record import MAX_KEY_BYTES
from ledger.result import MAX_RESULT_BYTES
from ledger.snapshot import (
    CHUNK_HEADERS,
    CHUNK_SLOTS,
    DIGEST,
    MAX_CHUNKS,
    MAX_PART,
    Body,
    BodyPart,
    HeaderPart,
    Manifest,
    ResultPart,
    StatePart,
)
from ledger.transaction import MAX_TRANSACTION_BYTES

MAX_EPOCHS: Final = 32
MAX_PART_BYTES: Final = 12 * 1024 * 1024
_MAX_SET_BYTES: Final = 24 * 1024
_MAX_ROOTS: Final = MAX_CHUNKS * DIGEST
_MAX_LEAVES: Final = 2 * MAX_BLOCK_TRANSACTIONS
_MAX_PART_VALUES: Final = MAX_PART // 32 + _MAX_LEAVES + 4 * CHUNK_HEADERS

# Of each kind: bytes, and values of whatever depth.
BOUNDS: Final = {
    10: (64, 8),
    11: (2 * _MAX_ROOTS + MAX_HEADER_BYTES + MAX_CERTIFICATE_BYTES + 64, 8),
    12: (64, 8),
    13: (
        MAX_EPOCHS * (MAX_HEADER_BYTES + MAX_CERTIFICATE_BYTES + _MAX_SET_BYTES + 16),
        4 * MAX_EPOCHS + 8,
    ),
    14: (64, 8),
    15: (MAX_PART_BYTES, 3 * CHUNK_SLOTS + 8),
    16: (CHUNK_HEADERS * (MAX_HEADER_BYTES + 4) + 64, CHUNK_HEADERS + 8),
    17: (MAX_PART_BYTES, _MAX_PART_VALUES),
    18: (MAX_PART_BYTES, _MAX_PART_VALUES),
}


@dataclass(frozen=True, slots=True)
class WantSnapshot:
    """Ask for the newest snapshot that the other side offers."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A snapshot that a peer offers; None where it has none."""

    manifest: Manifest | None
    finalization: bytes = b""


@dataclass(frozen=True, slots=True)
class WantEpochs:
    """Ask how epochs ended, from one on."""

    first: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The last block of an epoch, its finalization and the canonical set of the next."""

    header: bytes
    finalization: bytes
    next_validators: bytes


@dataclass(frozen=True, slots=True)
class EpochEnds:
    """How epochs ended, from `first` on."""

    first: int
    ends: tuple[Ended, ...]


class PartKind(enum.IntEnum):
    """What a part is of."""

    STATE = 1
    HEADERS = 2
    RESULTS = 3
    BODIES = 4


@dataclass(frozen=True, slots=True)
class WantPart:
    """Ask for a part of the snapshot of a height.

    `first` and `last` are chunks of state or headers, one and the same, or heights; `skip` leaves
    of the first are known.
    """

    height: int
    kind: PartKind
    first: int
    last: int
    skip: int = 0


SnapshotFrame: TypeAlias = (
    WantSnapshot
    | Offer
    | WantEpochs
    | EpochEnds
    | WantPart
    | StatePart
    | HeaderPart
    | ResultPart
    | BodyPart
)


def to_value(frame: SnapshotFrame) -> Value:
    """The list that a frame is."""
    match frame:
        case WantSnapshot():
            return [10]
        case Offer(manifest, finalization):
            if manifest is None:
                return [11, b"", b"", 0, b"", b""]
            roots: list[Value] = [manifest.count, manifest.state_roots, manifest.header_roots]
            return [11, manifest.header, finalization, *roots]
        case WantEpochs(first):
            return [12, first]
        case EpochEnds(first, ends):
            items = [[end.header, end.finalization, end.next_validators] for end in ends]
            return [13, first, items]
        case WantPart(height, kind, first, last, skip):
            return [14, height, int(kind), first, last, skip]
        case StatePart(height, chunk, before, records, after):
            return [15, height, chunk, before, [list(pair) for pair in records], after]
        case HeaderPart(height, chunk, headers):
            return [16, height, chunk, list(headers)]
        case ResultPart(height, first, before, blocks, after):
            return [17, height, first, before, [list(leaves) for leaves in blocks], after]
        case BodyPart(height, first, bodies):
            pairs = [[list(body.transactions), body.parent_certificate] for body in bodies]
            return [18, height, first, pairs]
        case _:
            assert_never(frame)


def _read_want_snapshot(fields: Sequence[Value]) -> WantSnapshot:
    shape.check_tuple(fields, "a request", 1)
    return WantSnapshot()


def _read_offer(fields: Sequence[Value]) -> Offer:
    _, header, finalization, count, states, headers = shape.check_tuple(fields, "an offer", 6)
    manifest = Manifest(
        shape.check_blob(header, "header", MAX_HEADER_BYTES),
        shape.check_integer(count, "records", 0, MAX_HEIGHT),
        shape.check_blob(states, "roots", _MAX_ROOTS),
        shape.check_blob(headers, "roots", _MAX_ROOTS),
    )
    checked = shape.check_blob(finalization, "finalization", MAX_CERTIFICATE_BYTES)
    if header:
        return Offer(manifest, checked)
    if manifest != Manifest(b"", 0, b"", b"") or checked:
        raise FormatError("an offer without a header offers nothing")
    return Offer(None)


def _read_want_epochs(fields: Sequence[Value]) -> WantEpochs:
    _, first = shape.check_tuple(fields, "a request", 2)
    return WantEpochs(shape.check_integer(first, "first", 0, MAX_HEIGHT))


def _read_epochs(fields: Sequence[Value]) -> EpochEnds:
    _, first, items = shape.check_tuple(fields, "ends of epochs", 3)
    ends = [
        shape.check_tuple(item, "the end of an epoch", 3)
        for item in shape.check_list(items, "ends of epochs", MAX_EPOCHS)
    ]
    return EpochEnds(
        shape.check_integer(first, "first", 0, MAX_HEIGHT),
        tuple(
            Ended(
                shape.check_blob(header, "header", MAX_HEADER_BYTES),
                shape.check_blob(finalization, "finalization", MAX_CERTIFICATE_BYTES),
                shape.check_blob(validators, "validators", _MAX_SET_BYTES),
            )
            for header, finalization, validators in ends
        ),
    )


def _read_want_part(fields: Sequence[Value]) -> WantPart:
    _, height, kind, first, last, skip = shape.check_tuple(fields, "a request", 6)
    shape.check_integer(first, "first", 0, MAX_HEIGHT)
    return WantPart(
        shape.check_integer(height, "height", 1, MAX_HEIGHT),
        PartKind(shape.check_integer(kind, "kind", 1, len(PartKind))),
        first,
        shape.check_integer(last, "last", first, MAX_HEIGHT),
        shape.check_integer(skip, "skip", 0, _MAX_LEAVES),
    )


def _read_place(fields: Sequence[Value], size: int) -> tuple[int, int]:
    """The height of a snapshot and the chunk or height at which a part begins."""
    _, height, first, *_ = shape.check_tuple(fields, "a part", size)
    return (
        shape.check_integer(height, "height", 1, MAX_HEIGHT),
        shape.check_integer(first, "first", 0, MAX_HEIGHT),
    )


def _read_state_part(fields: Sequence[Value]) -> StatePart:
    height, chunk = _read_place(fields, 6)
    _, _, _, before, items, after = fields
    pairs = [
        shape.check_tuple(item, "a record", 2)
        for item in shape.check_list(items, "records", CHUNK_SLOTS)
    ]
    records = tuple(
        (
            shape.check_blob(key, "a key", MAX_KEY_BYTES),
            shape.check_blob(envelope, "an envelope", MAX_PART_BYTES),
        )
        for key, envelope in pairs
    )
    most = CHUNK_SLOTS * DIGEST
    return StatePart(
        height,
        chunk,
        shape.check_blob(before, "hashes", most),
        records,
        shape.check_blob(after, "hashes", most),
    )


def _read_header_part(fields: Sequence[Value]) -> HeaderPart:
    height, chunk = _read_place(fields, 4)
    headers = shape.check_list(fields[3], "headers", CHUNK_HEADERS)
    return HeaderPart(
        height,
        chunk,
        tuple(shape.check_blob(header, "a header", MAX_HEADER_BYTES) for header in headers),
    )


def _read_result_part(fields: Sequence[Value]) -> ResultPart:
    height, first = _read_place(fields, 6)
    _, _, _, before, items, after = fields
    most = _MAX_LEAVES * DIGEST
    blocks = [
        shape.check_list(item, "results", _MAX_LEAVES)
        for item in shape.check_list(items, "blocks", CHUNK_HEADERS)
    ]
    return ResultPart(
        height,
        first,
        shape.check_blob(before, "hashes", most),
        tuple(
            tuple(shape.check_blob(leaf, "a result", MAX_RESULT_BYTES) for leaf in leaves)
            for leaves in blocks
        ),
        shape.check_blob(after, "hashes", most),
    )


def _read_body_part(fields: Sequence[Value]) -> BodyPart:
    height, first = _read_place(fields, 4)
    bodies = [
        shape.check_tuple(item, "a body", 2)
        for item in shape.check_list(fields[3], "bodies", CHUNK_HEADERS)
    ]
    return BodyPart(
        height,
        first,
        tuple(
            Body(
                _read_raws(raws),
                shape.check_blob(certificate, "certificate", MAX_CERTIFICATE_BYTES),
            )
            for raws, certificate in bodies
        ),
    )


def _read_raws(value: Value) -> tuple[bytes, ...]:
    raws = shape.check_list(value, "transactions", MAX_BLOCK_TRANSACTIONS)
    return tuple(shape.check_blob(raw, "a transaction", MAX_TRANSACTION_BYTES) for raw in raws)


READERS: Final[dict[int, Callable[[Sequence[Value]], SnapshotFrame]]] = {
    10: _read_want_snapshot,
    11: _read_offer,
    12: _read_want_epochs,
    13: _read_epochs,
    14: _read_want_part,
    15: _read_state_part,
    16: _read_header_part,
    17: _read_result_part,
    18: _read_body_part,
}
