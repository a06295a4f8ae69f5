"""What bytes from outside meet: a decoder, what it may raise, and what it must reproduce."""

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

BYTES_EACH = 128  # of memory for one byte of input: an empty list costs as much
BYTES_ALWAYS = 512 * 1024


class Finding(AssertionError):
    """Bytes that a decoder does not take as it must."""


@dataclass(frozen=True)
class Target:
    """One way in.

    `write` gives back the bytes of what `read` answered, for every form that has one byte string;
    None where people write the form by hand, or where nothing is kept of it. `covers` are the entry
    points, as `module:name`, that it goes through.
    """

    name: str
    read: Callable[[bytes], Any]
    errors: tuple[type[Exception], ...]
    seeds: Callable[[], tuple[bytes, ...]]
    covers: tuple[str, ...]
    write: Callable[[Any], bytes] | None = None
    is_json: bool = False
    buffer_bytes: int = 0  # of memory that it takes whatever comes


def read_text(data: bytes) -> str:
    """Bytes as whoever reads texts is given them."""
    return data.decode("utf-8", "replace")


def check(target: Target, data: bytes) -> bool:
    """Whether the bytes are accepted; raises Finding where that is not as it must be."""
    try:
        value = target.read(data)
    except target.errors:
        return False
    except Exception as error:
        raise Finding(f"{target.name} raises {type(error).__name__}: {error}") from error
    if target.write is not None and target.write(value) != data:
        raise Finding(f"{target.name} accepts what it does not reproduce")
    return True


def check_memory(target: Target, data: bytes) -> int:
    """The peak of memory that the bytes cost; raises Finding where it is out of proportion."""
    tracemalloc.start()
    try:
        check(target, data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    most = BYTES_ALWAYS + target.buffer_bytes + BYTES_EACH * len(data)
    if peak > most:
        raise Finding(f"{target.name} takes {peak} bytes of memory for {len(data)} of input")
    return peak
