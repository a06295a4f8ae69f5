"""What peers say to each other, inside length-prefixed frames (docs/spec/network.md).

    frame   = length as 4 bytes, big-endian, then that many bytes of canonical [tag, ...]
    1 Hello             [1, version, genesis hash, code, final height, time]
    2 Consensus         [2, message]
    3 Transactions      [3, [signed transaction, ...]]
    4 WantTransactions  [4, [hash, ...]]
    5 WantBlock         [5, hash]
    6 BlockBody         [6, header, [signed transaction, ...], parent certificate]
    7 WantRange         [7, first height, last height]
    8 Range             [8, [[header, [signed transaction, ...], parent certificate], ...],
                         finalization or empty, [header, ...]]
    9 Notice            [9, code, detail]
    10 to 18            of snapshots: `node.snapshot_frames`

Unknown tags, wrong shapes and oversized frames end the connection. A kind has its own bounds of
bytes and of values, so that no frame costs more to decode than an honest one of its kind.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ledger import codec, shape
from ledger.block import MAX_BLOCK_TRANSACTIONS, MAX_CERTIFICATE_BYTES, MAX_HEADER_BYTES
from ledger.codec import Value
from ledger.errors import EncodingError, FormatError
from ledger.primitives import MAX_AMOUNT, MAX_HEIGHT, Digest
from ledger.transaction import MAX_TRANSACTION_BYTES
from node import snapshot_frames
from node.outline import check_values
from node.snapshot_frames import SnapshotFrame

VERSION = 1
MAX_FRAME_BYTES = 12 * 1024 * 1024
MAX_BATCH = 4096
MAX_RANGE = 256
MAX_RANGE_BYTES = 4 * 1024 * 1024
MAX_TALK_BYTES = 1024  # of a hello, a notice, or whatever is heard on the sync channel
REPLACED = "replaced"  # the notice to whoever another connection of the same code takes over from
_MAX_CONSENSUS_BYTES = 2 * 1024 * 1024
_MAX_CONSENSUS_VALUES = 1 << 14  # the largest report holds 40 certificates and votes
_MAX_RANGE_VALUES = MAX_RANGE_BYTES // 64 + MAX_BLOCK_TRANSACTIONS + 8 * MAX_RANGE
_MAX_BATCH_BYTES = 4 * 1024 * 1024 + 64 * 1024  # an answer's transactions, and their lengths

# Of each kind: bytes, and values of whatever depth.
_BOUNDS = {
    1: (MAX_TALK_BYTES, 8),
    2: (_MAX_CONSENSUS_BYTES + 16, 8),
    3: (_MAX_BATCH_BYTES, MAX_BATCH + 8),
    4: (MAX_BATCH * 34 + 16, MAX_BATCH + 8),
    5: (64, 8),
    6: (MAX_FRAME_BYTES, MAX_BLOCK_TRANSACTIONS + 8),
    7: (64, 8),
    8: (MAX_FRAME_BYTES, _MAX_RANGE_VALUES),
    9: (MAX_TALK_BYTES, 8),
    **snapshot_frames.BOUNDS,
}


@dataclass(frozen=True, slots=True)
class Hello:
    """The first frame of both sides, and again every heartbeat; `time_ms` is the wall clock."""

    version: int
    genesis_hash: Digest
    code: str
    height: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class Consensus:
    """A message of the consensus package, as bytes."""

    message: bytes


@dataclass(frozen=True, slots=True)
class Transactions:
    """Signed transactions, new or asked for."""

    raws: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class WantTransactions:
    """Ask for transactions that a proposal names."""

    hashes: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class WantBlock:
    """Ask for a block that may not be final yet."""

    hash: Digest


@dataclass(frozen=True, slots=True)
class BlockBody:
    """A block with its transactions."""

    header: bytes
    raws: tuple[bytes, ...]
    parent_certificate: bytes


@dataclass(frozen=True, slots=True)
class WantRange:
    """Ask for final blocks, first to last height."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Range:
    """Final blocks in order; `finalization` finalizes the last of them.

    Where bodies are too many for one frame, `headers` are those of the blocks that follow up to the
    finalized one: they prove the bodies, and the next range goes on behind these.
    """

    blocks: tuple[BlockBody, ...]
    finalization: bytes
    headers: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """Why this side ends the connection, or narrows it: a stable code and a sentence."""

    code: str
    detail: str


Frame: TypeAlias = (
    Hello
    | Consensus
    | Transactions
    | WantTransactions
    | WantBlock
    | BlockBody
    | WantRange
    | Range
    | Notice
    | SnapshotFrame
)


def encode_frame(frame: Frame) -> bytes:
    """The canonical bytes of a frame, without the length."""
    return codec.encode(_to_value(frame))


def decode_frame(data: bytes) -> Frame:
    """The frame of its bytes; raises EncodingError or FormatError.

    What a kind may hold, in bytes and in values, is held against it before anything is decoded.
    """
    _check_bounds(data)
    value = codec.decode(data, MAX_FRAME_BYTES)
    fields = shape.check_list(value, "a frame", 8, 1)
    tag = fields[0]
    reader = _READERS.get(tag) if type(tag) is int else None
    if reader is None:
        raise FormatError("a frame of an unknown kind")
    return reader(fields)


def _check_bounds(data: bytes) -> None:
    if not data or data[0] & 0xF0 != 0x90:
        raise EncodingError("a frame is a list of at most eight entries")
    bounds = _BOUNDS.get(data[1]) if len(data) > 1 else None
    if bounds is None:
        raise FormatError("a frame of an unknown kind")
    most_bytes, most_values = bounds
    if len(data) > most_bytes:
        raise EncodingError(f"a frame of kind {data[1]} and {len(data)} bytes", "frame-too-large")
    check_values(data, most_values)


def _to_value(frame: Frame) -> Value:
    match frame:
        case Hello(version, genesis_hash, code, height, time_ms):
            return [1, version, genesis_hash, code, height, time_ms]
        case Consensus(message):
            return [2, message]
        case Transactions(raws):
            return [3, list(raws)]
        case WantTransactions(hashes):
            return [4, list(hashes)]
        case WantBlock(hash_):
            return [5, hash_]
        case BlockBody():
            return [6, *_body_to_value(frame)]
        case WantRange(first, last):
            return [7, first, last]
        case Range(blocks, finalization, headers):
            return [8, [_body_to_value(body) for body in blocks], finalization, list(headers)]
        case Notice(code, detail):
            return [9, code, detail]
        case _:
            return snapshot_frames.to_value(frame)


def _body_to_value(body: BlockBody) -> list[Value]:
    return [body.header, list(body.raws), body.parent_certificate]


def _read_hello(fields: Sequence[Value]) -> Hello:
    _, version, genesis_hash, code, height, time_ms = shape.check_tuple(fields, "a hello", 6)
    return Hello(
        shape.check_integer(version, "version", 0, 1 << 16),
        shape.check_digest(genesis_hash, "genesis hash"),
        shape.check_text(code, "code", 24),
        shape.check_integer(height, "height", 0, MAX_HEIGHT),
        shape.check_integer(time_ms, "time", 0, MAX_AMOUNT),
    )


def _read_notice(fields: Sequence[Value]) -> Notice:
    _, code, detail = shape.check_tuple(fields, "a notice", 3)
    return Notice(shape.check_text(code, "code", 64), shape.check_text(detail, "detail", 512))


def _read_consensus(fields: Sequence[Value]) -> Consensus:
    _, message = shape.check_tuple(fields, "a consensus frame", 2)
    checked = shape.check_blob(message, "message", _MAX_CONSENSUS_BYTES)
    check_values(checked, _MAX_CONSENSUS_VALUES)
    return Consensus(checked)


def _read_transactions(fields: Sequence[Value]) -> Transactions:
    _, raws = shape.check_tuple(fields, "a batch", 2)
    return Transactions(_read_raws(raws, MAX_BATCH))


def _read_want_transactions(fields: Sequence[Value]) -> WantTransactions:
    _, hashes = shape.check_tuple(fields, "a request", 2)
    checked = shape.check_list(hashes, "hashes", MAX_BATCH)
    return WantTransactions(tuple(shape.check_digest(item, "a hash") for item in checked))


def _read_want_block(fields: Sequence[Value]) -> WantBlock:
    _, hash_ = shape.check_tuple(fields, "a request", 2)
    return WantBlock(shape.check_digest(hash_, "a hash"))


def _read_block(fields: Sequence[Value]) -> BlockBody:
    return _read_body(shape.check_tuple(fields, "a block", 4)[1:])


def _read_body(value: Value) -> BlockBody:
    header, raws, certificate = shape.check_tuple(value, "a block", 3)
    return BlockBody(
        shape.check_blob(header, "header", MAX_HEADER_BYTES),
        _read_raws(raws, MAX_BLOCK_TRANSACTIONS),
        shape.check_blob(certificate, "certificate", MAX_CERTIFICATE_BYTES),
    )


def _read_raws(value: Value, most: int) -> tuple[bytes, ...]:
    raws = shape.check_list(value, "transactions", most)
    for raw in raws:
        shape.check_blob(raw, "a transaction", MAX_TRANSACTION_BYTES)
    return tuple(raws)


def _read_want_range(fields: Sequence[Value]) -> WantRange:
    _, first, last = shape.check_tuple(fields, "a request", 3)
    shape.check_integer(first, "first", 1, MAX_HEIGHT)
    return WantRange(first, shape.check_integer(last, "last", first, MAX_HEIGHT))


def _read_range(fields: Sequence[Value]) -> Range:
    _, bodies, finalization, headers = shape.check_tuple(fields, "a range", 4)
    return Range(
        tuple(_read_body(item) for item in shape.check_list(bodies, "blocks", MAX_RANGE)),
        shape.check_blob(finalization, "finalization", MAX_CERTIFICATE_BYTES),
        tuple(
            shape.check_blob(item, "header", MAX_HEADER_BYTES)
            for item in shape.check_list(headers, "headers", MAX_RANGE)
        ),
    )


_READERS: dict[int, Callable[[Sequence[Value]], Frame]] = {
    1: _read_hello,
    2: _read_consensus,
    3: _read_transactions,
    4: _read_want_transactions,
    5: _read_want_block,
    6: _read_block,
    7: _read_want_range,
    8: _read_range,
    9: _read_notice,
    **snapshot_frames.READERS,
}
