"""Reading the fields of decoded values: each accessor answers the value or raises FormatError."""

from ledger.codec import Value
from ledger.errors import FormatError
from ledger.primitives import DIGEST_BYTES, Digest, Epoch, View

MAX_VIEW = (1 << 48) - 1
MAX_EPOCH = (1 << 48) - 1


def read_list(value: Value, low: int, high: int, what: str) -> list[Value]:
    """A list of `low` to `high` items."""
    if type(value) is not list or not low <= len(value) <= high:
        raise FormatError(f"{what} must be a list of {low} to {high} items")
    return value


def read_int(value: Value, low: int, high: int, what: str) -> int:
    """An integer between `low` and `high`, both included."""
    if type(value) is not int or not low <= value <= high:
        raise FormatError(f"{what} must be an integer from {low} to {high}")
    return value


def read_bool(value: Value, what: str) -> bool:
    """True or false."""
    if type(value) is not bool:
        raise FormatError(f"{what} must be true or false")
    return value


def read_text(value: Value, max_length: int, what: str) -> str:
    """A text of 1 to `max_length` characters."""
    if type(value) is not str or not 0 < len(value) <= max_length:
        raise FormatError(f"{what} must be a text of 1 to {max_length} characters")
    return value


def read_bytes(value: Value, low: int, high: int, what: str) -> bytes:
    """A byte string of `low` to `high` bytes."""
    if type(value) is not bytes or not low <= len(value) <= high:
        raise FormatError(f"{what} must be {low} to {high} bytes")
    return value


def read_digest(value: Value, what: str) -> Digest:
    """32 bytes."""
    return Digest(read_bytes(value, DIGEST_BYTES, DIGEST_BYTES, what))


def read_view(value: Value, low: int, what: str = "view") -> View:
    """A view, at least `low`."""
    return View(read_int(value, low, MAX_VIEW, what))


def read_epoch(value: Value) -> Epoch:
    """An epoch."""
    return Epoch(read_int(value, 0, MAX_EPOCH, "epoch"))
