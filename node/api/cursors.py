"""Cursors: where the next page of a list begins.

    cursor = base64url of canonical [1, scope, [position, ...]]

Opaque to clients and not secret: a forged one leads to a place in the same list that a client could
have reached anyway. `scope` is a hash of the list's name and filters, so that the cursor of one
list is refused by every other.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Final

from ledger import codec
from ledger.codec import Value
from ledger.crypto import sha256
from ledger.errors import EncodingError
from node.api.problems import Problem

VERSION: Final = 1
MAX_CURSOR: Final = 1024  # characters
_SCOPE_BYTES: Final = 8


def compose_cursor(scope: Sequence[str | bytes | int | None], position: Sequence[Value]) -> str:
    """The cursor of a position in the list that `scope` describes."""
    return _compose(codec.encode([VERSION, _digest(scope), list(position)]))


def read_cursor(
    text: str, scope: Sequence[str | bytes | int | None], types: Sequence[type]
) -> list[Value]:
    """The position, whose entries are of `types`; raises Problem `bad-cursor`."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        data = base64.b64decode(padded, b"-_", validate=True)
        value = codec.decode(data, MAX_CURSOR)
    except (binascii.Error, EncodingError, UnicodeEncodeError):
        raise _bad("the cursor is damaged") from None
    if _compose(data) != text or type(value) is not list or len(value) != 3:
        raise _bad("the cursor is damaged")
    if type(value[0]) is not int or value[0] != VERSION:
        raise _bad("the cursor is damaged")
    if value[1] != _digest(scope):
        raise _bad("the cursor belongs to another list or other filters")
    position = value[2]
    if type(position) is not list or tuple(map(type, position)) != tuple(types):
        raise _bad("the cursor is damaged")
    if any(type(item) is int and not 0 <= item < 1 << 63 for item in position):
        raise _bad("the cursor is damaged")
    return position


def _compose(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _digest(scope: Sequence[str | bytes | int | None]) -> bytes:
    return sha256(codec.encode(list(scope)))[:_SCOPE_BYTES]


def _bad(detail: str) -> Problem:
    return Problem("bad-cursor", detail)
