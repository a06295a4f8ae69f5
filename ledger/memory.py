"""A map in memory behind the disk's port, for a store that nobody needs tomorrow."""

from collections.abc import Iterator, Sequence

from sortedcontainers import SortedDict

from ledger.keyvalue import Change, Readable


class Memory:
    """An ordered map that ends with the process."""

    def __init__(self, items: dict[bytes, bytes] | None = None) -> None:
        self.items: SortedDict = SortedDict(items or {})

    def get(self, key: bytes) -> bytes | None:
        """The value under a key."""
        value: bytes | None = self.items.get(key)
        return value

    def scan(
        self, start: bytes, stop: bytes, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """The pairs with start <= key < stop."""
        if start < stop:
            for key in self.items.irange(start, stop, (True, False), reverse):
                yield key, self.items[key]

    def write(self, changes: Sequence[Change], sync: bool) -> None:  # noqa: ARG002
        """One batch."""
        for key, value in changes:
            if value is None:
                self.items.pop(key, None)
            else:
                self.items[key] = value

    def snapshot(self) -> Readable:
        """The map as it is now: a copy."""
        return Memory(dict(self.items))

    def compact(self, start: bytes, stop: bytes) -> None:
        """Nothing to give back."""

    def close(self) -> None:
        """Forget everything."""
        self.items = SortedDict()
