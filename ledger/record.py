"""Records: what the state holds under a key, with where it came from (docs/spec/merkle.md).

    value hash = SHA-256(0x03 || canonical [version, created height, write height, write index,
                                            hash of the previous version or empty, value])
    envelope   = canonical [slot, next key, version, created height, write height, write index,
                            hash of the previous version or empty, value]

A key is `table 0x00 field 0x00 ...`: bounded printable ASCII or fixed-width big-endian integers,
each ended by a zero byte, so that the fields of a prefix are whole.
"""

from hashlib import sha256
from typing import Final

from ledger import codec, shape
from ledger.codec import Value
from ledger.errors import FormatError
from ledger.primitives import Digest

MAX_KEY_BYTES = 256
SENTINEL_KEY: Final = b""
SENTINEL_SLOT: Final = 0
_ARRAY_OF_2, _ARRAY_OF_6, _ARRAY_OF_8 = 0x92, 0x96, b"\x98"


class Record:
    """One version of the value under a key.

    `version` counts from 1. `height` and `index` name the transaction (or due item) that wrote it,
    `created` the height at which the key first stood. `previous` is the value hash of the version
    before, empty for the first. `slot` and `next_key` are the leaf's place in the state tree; they
    are -1 and empty until the block that creates the record is sealed.

    `value` must never be changed in place: it is shared by every reader.
    """

    __slots__ = (
        "_body",
        "_hash",
        "created",
        "height",
        "index",
        "next_key",
        "previous",
        "slot",
        "value",
        "version",
    )

    def __init__(
        self,
        value: Value,
        version: int,
        created: int,
        height: int,
        index: int,
        previous: bytes,
        slot: int = -1,
        next_key: bytes = b"",
    ) -> None:
        self.value = value
        self.version = version
        self.created = created
        self.height = height
        self.index = index
        self.previous = previous
        self.slot = slot
        self.next_key = next_key
        self._body: bytes | None = None
        self._hash: Digest | None = None

    @property
    def body(self) -> bytes:
        """What the value hash covers; encoded once, for the hash and for both copies on disk."""
        if self._body is None:
            self._body = codec.encode(
                [self.version, self.created, self.height, self.index, self.previous, self.value]
            )
        return self._body

    @property
    def hash(self) -> Digest:
        """The value hash."""
        if self._hash is None:
            self._hash = Digest(sha256(b"\x03" + self.body).digest())
        return self._hash

    def successor(self, value: Value, height: int, index: int) -> "Record":
        """The next version, in the same place of the tree."""
        return Record(
            value,
            self.version + 1,
            self.created,
            height,
            index,
            self.hash,
            self.slot,
            self.next_key,
        )

    def replaced(self, value: Value, height: int, index: int) -> "Record":
        """The same version with another value: for the one fold of an account at a block's end."""
        return Record(
            value,
            self.version,
            self.created,
            height,
            index,
            self.previous,
            self.slot,
            self.next_key,
        )

    def placed(self, slot: int, next_key: bytes) -> "Record":
        """The same version at a place of the tree."""
        copy = Record(
            self.value,
            self.version,
            self.created,
            self.height,
            self.index,
            self.previous,
            slot,
            next_key,
        )
        copy._body, copy._hash = self._body, self._hash
        return copy

    def encode(self) -> bytes:
        """The envelope: the place, then the fields of the body, in one array of eight."""
        place = codec.encode([self.slot, self.next_key])
        assert place[0] == _ARRAY_OF_2 and self.body[0] == _ARRAY_OF_6
        return _ARRAY_OF_8 + place[1:] + self.body[1:]


def compute_value_hash(
    version: int, created: int, height: int, index: int, previous: bytes, value: Value
) -> Digest:
    """The hash that the tree's leaf commits."""
    body = codec.encode([version, created, height, index, previous, value])
    return Digest(sha256(b"\x03" + body).digest())


def split_envelope(slot: int, envelope: bytes) -> tuple[bytes, bytes]:
    """The next key of an envelope of this slot, and what its value hash covers.

    Nothing is made of the value: it may be hashed before it is decoded. Raises FormatError.
    """
    start = _ARRAY_OF_8 + codec.encode(slot)
    at = len(start)
    kind = envelope[at : at + 1]
    width = 1 if kind == b"\xc4" else 2
    size = int.from_bytes(envelope[at + 1 : at + 1 + width], "big")
    next_key = envelope[at + 1 + width : at + 1 + width + size]
    head = start + codec.encode(next_key)
    if size > MAX_KEY_BYTES or not envelope.startswith(head):
        raise FormatError(f"not the envelope of slot {slot}")
    return next_key, bytes((_ARRAY_OF_6,)) + envelope[len(head) :]


def decode_record(data: bytes) -> Record:
    """The record of an envelope; raises EncodingError or FormatError."""
    slot, next_key, version, created, height, index, previous, value = shape.check_tuple(
        codec.decode(data), "an envelope", 8
    )
    if type(next_key) is not bytes or type(previous) is not bytes:
        raise FormatError("an envelope's keys are byte strings")
    return Record(value, version, created, height, index, previous, slot, next_key)


def make_key(table: str, *fields: str | bytes) -> bytes:
    """The state key of a table and its fields; bytes are fixed-width integers already encoded."""
    parts = [table.encode("ascii")]
    parts += [field if isinstance(field, bytes) else field.encode("ascii") for field in fields]
    key = b"\x00".join(parts) + b"\x00"
    if len(key) > MAX_KEY_BYTES:
        raise FormatError("a state key is too long")
    return key
