"""The few pieces of DER (ITU-T X.690) that the certificate profile needs.

The reader is not what decides: it takes fields out, and `ledger.x509` encodes them again and
requires the same bytes. So it may stay this small without accepting anything odd.
"""

from typing import Final

from ledger.errors import CertificateError

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
OBJECT: Final = 0x06
UTF8_STRING: Final = 0x0C
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31

_MAX_LENGTH = 0xFFFF


def encode(tag: int, *parts: bytes) -> bytes:
    """One element with the concatenated parts as its contents."""
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    if size < 0x100:
        return bytes((tag, 0x81, size)) + body
    assert size <= _MAX_LENGTH
    return bytes((tag, 0x82, size >> 8, size & 0xFF)) + body


def encode_integer(value: int) -> bytes:
    """A non-negative INTEGER in its shortest form."""
    assert value >= 0
    return encode(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def encode_object(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER from its dotted form."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return encode(OBJECT, *(_encode_arc(arc) for arc in (first * 40 + second, *rest)))


def _encode_arc(arc: int) -> bytes:
    digits = [arc & 0x7F]
    while arc := arc >> 7:
        digits.append(arc & 0x7F | 0x80)
    return bytes(reversed(digits))


class Reader:
    """Takes elements from the front of DER bytes; raises CertificateError where they do not fit."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def read(self, tag: int, name: str) -> bytes:
        """The contents of the next element, which must have this tag."""
        head = self._data[self._at : self._at + 2]
        if len(head) < 2:
            raise CertificateError(f"the certificate ends before its {name}")
        if head[0] != tag:
            raise CertificateError(
                f"the {name} of the certificate has tag {head[0]:#04x}, not {tag:#04x}"
            )
        start, size = self._at + 2, head[1]
        if size >= 0x80:
            width = size & 0x7F
            if not 1 <= width <= 2:
                raise CertificateError(f"the {name} of the certificate has an odd length")
            size = int.from_bytes(self._data[start : start + width], "big")
            start += width
        end = start + size
        if end > len(self._data):
            raise CertificateError(f"the certificate ends within its {name}")
        self._at = end
        return self._data[start:end]

    def enter(self, tag: int, name: str) -> "Reader":
        """A reader of the contents of the next element."""
        return Reader(self.read(tag, name))

    def peek(self) -> int:
        """The tag of the next element; -1 at the end."""
        return self._data[self._at] if self._at < len(self._data) else -1

    def finish(self, name: str) -> None:
        """Require that nothing is left."""
        if self._at != len(self._data):
            raise CertificateError(f"the {name} of the certificate holds more than the profile has")
