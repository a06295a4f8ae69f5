"""How much is in MessagePack bytes, before anything is made of them.

A byte that says "an empty list" becomes an object of 56 bytes, and its check and its encoding cost
time of their own: bytes from others are counted first. The walk reads headers only and steps over
what they announce; a list counts for as many values as it announces, wherever it stands, so lists
in lists do not multiply.
"""

from typing import Final

from ledger.errors import EncodingError

# Header bytes: what follows is so long, or its length is in so many bytes; a list or map announces
# its entries in so many bytes, a map two values each.
_FIXED: Final = {0xC0: 0, 0xC2: 0, 0xC3: 0} | {
    kind: 1 << size for first in (0xCC, 0xD0) for size, kind in enumerate(range(first, first + 4))
}
_SIZED: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_COUNTED: Final = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}


def check_values(data: bytes, most: int) -> None:
    """Raise EncodingError if the bytes announce more than `most` values.

    Says nothing about the rest: whether they are canonical, or whole, is for the decoder.
    """
    end = len(data)
    at, left, room = 0, 1, most - 1
    while left and at < end:
        kind = data[at]
        at += 1
        left -= 1
        if kind < 0x80 or kind >= 0xE0:
            continue
        if kind in _SIZED:
            width = _SIZED[kind]
            at += width + int.from_bytes(data[at : at + width], "big")
        elif 0xA0 <= kind < 0xC0:
            at += kind & 0x1F
        elif kind in _FIXED:
            at += _FIXED[kind]
        else:
            count, at = _read_count(data, kind, at)
            left += count
            room -= count
            if room < 0:
                raise EncodingError(f"more than {most} values")


def check_inner_values(data: bytes, most: int) -> None:
    """The same of what the first byte string of a list encodes, as a transaction has its body."""
    width = _SIZED.get(data[1], 0) if len(data) > 1 else 0
    check_values(data[2 + width :], most)


def _read_count(data: bytes, kind: int, at: int) -> tuple[int, int]:
    """How many values a list or map announces, and where they begin."""
    if kind < 0x90:
        return (kind & 0x0F) * 2, at
    if kind < 0xA0:
        return kind & 0x0F, at
    if kind not in _COUNTED:
        raise EncodingError("floats and extensions have no canonical encoding")
    width, each = _COUNTED[kind]
    return int.from_bytes(data[at : at + width], "big") * each, at + width
