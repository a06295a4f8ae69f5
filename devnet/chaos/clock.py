"""A peer's clock that others can set wrong: eight bytes of a file, read at every look.

The file is mapped into the peer's memory, so that a step takes effect at once, without a word to
the peer, and while it stands still.
"""

import mmap
from pathlib import Path

from node.clock import read_wall_ms

FILE_NAME = "clock"
_SIZE = 8


def set_offset(path: Path, offset_ms: int) -> None:
    """How far the clock of this file is ahead of the machine's from now on."""
    data = offset_ms.to_bytes(_SIZE, "little", signed=True)
    if not path.exists():
        path.write_bytes(data)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), _SIZE) as shared:
        shared[:] = data


class ShiftedClock:
    """The machine's clock, shifted by what the file says now."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._shared = mmap.mmap(file.fileno(), _SIZE, access=mmap.ACCESS_READ)

    def read_ms(self) -> int:
        """What this clock shows."""
        return read_wall_ms() + int.from_bytes(self._shared[:], "little", signed=True)
