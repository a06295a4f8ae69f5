"""A whole state as a stream: every record and derived value after one final block.

    frame    4 bytes, big-endian: the length of what follows || canonical MessagePack
    first    ["state", 1, bundle]                  a proof bundle of the block, without claims
    then     ["records", [[key, envelope], ...]]   in key order, the tree's sentinel first
             ["derived", [[key, value], ...]]      in key order; the value's canonical bytes
    last     ["end", records, derived]             how many there were of each

The stream proves nothing until all of it is here: then the records give the state root that the
bundle's header commits, or they do not (`node.invariants`). Derived values are the peer's own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ledger import codec
from ledger.codec import Value
from ledger.errors import LedgerError
from node.client.errors import Unexpected

VERSION: Final = 1
MAX_FRAME_BYTES: Final = 16 * 1024 * 1024  # a record is far smaller
_CHUNK_BYTES: Final = 128 * 1024  # of pairs in one frame, and one pair more
_LENGTH_BYTES: Final = 4

Pair: TypeAlias = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Head:
    """The first frame: which block the state is of."""

    bundle: bytes


@dataclass(frozen=True, slots=True)
class Pairs:
    """Keys with envelopes of records, or with derived values."""

    table: Literal["records", "derived"]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class End:
    """The last frame: how many there were."""

    records: int
    derived: int


Frame: TypeAlias = Head | Pairs | End


def compose_frames(
    bundle: bytes, records: Iterable[Pair], derived: Iterable[Pair]
) -> Iterator[bytes]:
    """The whole stream, frame by frame; both runs are read as it goes on."""
    yield _compose(["state", VERSION, bundle])
    counts: list[int] = []
    for table, pairs in (("records", records), ("derived", derived)):
        count = 0
        for chunk in _split(pairs):
            count += len(chunk)
            yield _compose([table, chunk])
        counts.append(count)
    yield _compose(["end", *counts])


def _compose(value: Value) -> bytes:
    data = codec.encode(value)
    return len(data).to_bytes(_LENGTH_BYTES, "big") + data


def _split(pairs: Iterable[Pair]) -> Iterator[list[list[bytes]]]:
    chunk: list[list[bytes]] = []
    size = 0
    for key, value in pairs:
        chunk.append([key, value])
        size += len(key) + len(value)
        if size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


class StateParser:
    """Bytes in, frames out; `is_done` once the last one came."""

    def __init__(self) -> None:
        self.is_done = False
        self._has_head = False
        self._rest = b""

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that a chunk completes; raises Unexpected."""
        rest = self._rest + chunk
        frames: list[Frame] = []
        at = 0
        while len(rest) - at >= _LENGTH_BYTES:
            size = int.from_bytes(rest[at : at + _LENGTH_BYTES], "big")
            if size > MAX_FRAME_BYTES:
                raise Unexpected("the peer sends a frame that is longer than any can be")
            end = at + _LENGTH_BYTES + size
            if len(rest) < end:
                break
            frames.append(self._read(rest[at + _LENGTH_BYTES : end]))
            at = end
        self._rest = rest[at:]
        return frames

    def finish(self) -> None:
        """Raise Unexpected unless the stream came to its end."""
        if not self.is_done or self._rest:
            raise Unexpected("the peer broke off before the end of its state: try again")

    def _read(self, data: bytes) -> Frame:
        try:
            value = codec.decode(data)
            frame = _read_frame(value)
        except (LedgerError, ValueError, TypeError, IndexError) as error:
            raise Unexpected(f"the peer sends a frame that is none: {error}") from None
        if self.is_done or isinstance(frame, Head) == self._has_head:
            raise Unexpected("the peer sends its frames out of order")
        self._has_head = True
        self.is_done = isinstance(frame, End)
        return frame


def _read_frame(value: Value) -> Frame:
    match value:
        case ["state", version, bytes(bundle)] if version == VERSION:
            return Head(bundle)
        case ["state", version, _]:
            raise ValueError(f"version {version!r} of the stream is not known here")
        case [("records" | "derived") as table, list(pairs)]:
            return Pairs(table, tuple(_read_pair(pair) for pair in pairs))
        case ["end", int(records), int(derived)]:
            return End(records, derived)
    raise ValueError("not a frame of a state")


def _read_pair(value: Value) -> Pair:
    match value:
        case [bytes(key), bytes(content)]:
            return key, content
    raise ValueError("not a pair of bytes")
