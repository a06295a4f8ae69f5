"""A disk in memory that can stop working, behind the store's port."""

from collections.abc import Iterator, Sequence

from sortedcontainers import SortedDict

from ledger.keyvalue import Change, Readable


class PowerLoss(Exception):
    """The process ended while it was writing."""


class MemoryDisk:
    """An ordered map; after `writes_left` batches the next one is lost and the process ends."""

    def __init__(self, items: dict[bytes, bytes] | None = None) -> None:
        self.items: SortedDict = SortedDict(items or {})
        self.writes_left: int | None = None
        self.batches: list[tuple[list[Change], bool]] = []

    def get(self, key: bytes) -> bytes | None:
        return self.items.get(key)

    def scan(
        self, start: bytes, stop: bytes, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        if start < stop:
            for key in self.items.irange(start, stop, (True, False), reverse):
                yield key, self.items[key]

    def write(self, changes: Sequence[Change], sync: bool) -> None:
        if self.writes_left == 0:
            raise PowerLoss
        if self.writes_left is not None:
            self.writes_left -= 1
        self.batches.append((list(changes), sync))
        for key, value in changes:
            if value is None:
                self.items.pop(key, None)
            else:
                self.items[key] = value

    def snapshot(self) -> Readable:
        return MemoryDisk(dict(self.items))

    def compact(self, start: bytes, stop: bytes) -> None:
        """Nothing to give back."""

    def close(self) -> None:
        self.items = SortedDict()
