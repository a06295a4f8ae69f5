"""State keys in paths and in JSON.

A key is `table 0x00 field 0x00 ...`. In a path its fields are segments, percent-encoded; in JSON
they are a list with the table first. A field of printable ASCII stands for itself, an integer field
(fixed width, big-endian) is written `0x` and its hex: `0x0000000000000007`.
"""

import re
from collections.abc import Sequence
from typing import Final

from ledger.errors import FormatError
from ledger.record import make_key

WIDTHS: Final = (8, 4, 6, 2, 16, 1, 32)  # of integer fields and digests, the likeliest first
_HEX = re.compile(r"0x((?:[0-9a-f]{2}){1,64})")
_TABLE = re.compile(r"[a-z][a-z0-9_.-]{0,47}")


def join(fields: Sequence[str]) -> bytes:
    """The key, or the prefix, of a table and its fields; raises FormatError."""
    if not fields or not _TABLE.fullmatch(fields[0]):
        raise FormatError("a table's name is lowercase letters, digits, `_`, `.` or `-`")
    return make_key(fields[0], *(_read(field) for field in fields[1:]))


def split(key: bytes) -> list[str]:
    """The table and fields of a key."""
    found = _split_from(key, 0, set())
    return [f"0x{key.hex()}"] if found is None else found


def _read(field: str) -> str | bytes:
    if match := _HEX.fullmatch(field):
        return bytes.fromhex(match[1])
    if not field or not (field.isascii() and field.isprintable()):
        raise FormatError("a field is printable ASCII, or `0x` and the hex of an integer")
    return field


def _split_from(key: bytes, at: int, dead_ends: set[int]) -> list[str] | None:
    """The fields from a position on; None where they cannot be told apart."""
    if at == len(key):
        return []
    if at in dead_ends:
        return None
    end = key.find(b"\x00", at)
    ends = [end] if end > at and _is_text(key[at:end]) else []
    ends += [at + width for width in WIDTHS if key[at + width : at + width + 1] == b"\x00"]
    for position, end in enumerate(ends):
        rest = _split_from(key, end + 1, dead_ends)
        if rest is not None:
            is_text = position == 0 and _is_text(key[at:end])
            return [key[at:end].decode() if is_text else f"0x{key[at:end].hex()}", *rest]
    dead_ends.add(at)
    return None


def _is_text(field: bytes) -> bool:
    return all(0x20 <= byte < 0x7F for byte in field)
