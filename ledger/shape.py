"""Checked access to decoded values: every function returns what it names or raises FormatError."""

from collections.abc import Sequence

from ledger.codec import Value
from ledger.errors import FormatError
from ledger.primitives import Digest


def check_integer(value: Value, name: str, low: int, high: int) -> int:
    """An integer within low..high, both included."""
    if type(value) is not int:
        raise FormatError(f"{name} is not an integer")
    if not low <= value <= high:
        raise FormatError(f"{name} is not within {low} to {high}")
    return value


def check_text(value: Value, name: str, most: int, least: int = 1) -> str:
    """Printable ASCII text of bounded length."""
    if type(value) is not str:
        raise FormatError(f"{name} is not text")
    if not least <= len(value) <= most:
        raise FormatError(f"{name} has not {least} to {most} characters")
    if not (value.isascii() and value.isprintable()):
        raise FormatError(f"{name} is not printable ASCII")
    return value


def check_bytes(value: Value, name: str, size: int) -> bytes:
    """A byte string of exactly `size` bytes."""
    if type(value) is not bytes:
        raise FormatError(f"{name} is not a byte string")
    if len(value) != size:
        raise FormatError(f"{name} has {len(value)} bytes where {size} are needed")
    return value


def check_blob(value: Value, name: str, most: int) -> bytes:
    """A byte string of at most `most` bytes."""
    if type(value) is not bytes:
        raise FormatError(f"{name} is not a byte string")
    if len(value) > most:
        raise FormatError(f"{name} has more than {most} bytes")
    return value


def check_digest(value: Value, name: str) -> Digest:
    """A digest of 32 bytes."""
    return Digest(check_bytes(value, name, 32))


def check_list(value: Value, name: str, most: int, least: int = 0) -> list[Value]:
    """A list of bounded length."""
    if type(value) is not list:
        raise FormatError(f"{name} is not a list")
    if not least <= len(value) <= most:
        raise FormatError(f"{name} has not {least} to {most} entries")
    return value


def check_tuple(value: Value, name: str, size: int) -> list[Value]:
    """A list of exactly `size` entries."""
    return check_list(value, name, size, size)


def check_map(value: Value, name: str, keys: Sequence[str]) -> dict[str, Value]:
    """A map with exactly these keys; `keys` are in byte order, as decoded maps are."""
    if type(value) is not dict:
        raise FormatError(f"{name} is not a map")
    if tuple(value) != tuple(keys):
        wrong = sorted(set(value) ^ set(keys))
        raise FormatError(f"{name} has missing or extra keys: {', '.join(map(str, wrong[:8]))}")
    return value
