"""A disk in memory that can stop working, behind the store's port."""

from collections.abc import Sequence

from ledger.keyvalue import Change
from ledger.memory import Memory


class PowerLoss(Exception):
    """The process ended while it was writing."""


class MemoryDisk(Memory):
    """An ordered map; after `writes_left` batches the next one is lost and the process ends."""

    def __init__(self, items: dict[bytes, bytes] | None = None) -> None:
        super().__init__(items)
        self.writes_left: int | None = None
        self.batches: list[tuple[list[Change], bool]] = []

    def write(self, changes: Sequence[Change], sync: bool) -> None:
        if self.writes_left == 0:
            raise PowerLoss
        if self.writes_left is not None:
            self.writes_left -= 1
        self.batches.append((list(changes), sync))
        super().write(changes, sync)
