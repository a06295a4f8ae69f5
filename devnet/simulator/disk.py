"""A disk in memory behind the store's port, which loses in a crash what was not synced.

1. A batch is written whole or not at all.
2. A write without sync is visible at once, and durable only when a later sync of this disk covers
   it. A crash loses some suffix of the unsynced batches.
3. A snapshot shows the map as it was; it keeps what later writes replace.
"""

import weakref
from collections.abc import Iterator, Sequence

from sortedcontainers import SortedDict

from ledger.keyvalue import Change, Readable


class PowerLoss(Exception):
    """The process ended while it was writing, or saying something."""


class DiskFailure(OSError):
    """The disk says no: it is full, its fsync failed, or what it read is damaged."""


class SimulatedDisk:
    """An ordered map; `writes_left` synced writes happen, the next one is the end (tests).

    `is_full` fails every write, `is_damaged` every read, `is_failing` the next sync: what that was
    to make durable may or may not be.
    """

    def __init__(self) -> None:
        self._items: SortedDict = SortedDict()
        self._undo: list[list[Change]] = []
        self._snapshots: list[weakref.ref[_Snapshot]] = []
        self.writes_left: int | None = None
        self.writes = 0
        self.is_full = self.is_damaged = self.is_failing = False

    @property
    def unsynced(self) -> int:
        """How many batches a crash may lose."""
        return len(self._undo)

    def get(self, key: bytes) -> bytes | None:
        """The value under a key."""
        if self.is_damaged:
            raise DiskFailure("a block fails its checksum")
        value: bytes | None = self._items.get(key)
        return value

    def scan(
        self, start: bytes, stop: bytes, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """The pairs with start <= key < stop."""
        if self.is_damaged:
            raise DiskFailure("a block fails its checksum")
        if start < stop:
            for key in self._items.irange(start, stop, (True, False), reverse):
                yield key, self._items[key]

    def write(self, changes: Sequence[Change], sync: bool) -> None:
        """One atomic batch."""
        if self.writes_left is not None:
            if self.writes_left == 0:
                raise PowerLoss
            self.writes_left -= 1
        if self.is_full:
            raise DiskFailure("no space left")
        self.writes += 1
        self._undo.append([(key, self._items.get(key)) for key, _ in changes])
        self._apply(changes)
        if sync and self.is_failing:
            self.is_failing = False
            raise DiskFailure("fsync failed")
        if sync:
            self._undo.clear()

    def crash(self, keep: int) -> None:
        """Lose all unsynced batches but the first `keep`; whoever held a snapshot is gone."""
        self._snapshots.clear()
        while len(self._undo) > keep:
            self._apply(list(reversed(self._undo.pop())))
        self._undo.clear()

    def snapshot(self) -> Readable:
        """The map as it is now."""
        snapshot = _Snapshot(self)
        self._snapshots = [ref for ref in self._snapshots if ref() is not None]
        self._snapshots.append(weakref.ref(snapshot))
        return snapshot

    def compact(self, start: bytes, stop: bytes) -> None:
        """Nothing to give back."""

    def close(self) -> None:
        """Nothing to release: the disk outlives the process."""

    def copy(self) -> "SimulatedDisk":
        """Another disk with the same content, all of it durable."""
        other = SimulatedDisk()
        other._items = self._items.copy()
        return other

    def _apply(self, changes: Sequence[Change]) -> None:
        for ref in self._snapshots:
            snapshot = ref()
            if snapshot is not None:
                snapshot.keep([(key, self._items.get(key)) for key, _ in changes])
        for key, value in changes:
            if value is None:
                self._items.pop(key, None)
            else:
                self._items[key] = value


class _Snapshot:
    """What was on the disk: the disk itself, but for what was replaced since."""

    def __init__(self, disk: SimulatedDisk) -> None:
        self._disk = disk
        self._kept: SortedDict = SortedDict()

    def keep(self, old: Sequence[Change]) -> None:
        """Values that are about to be replaced; what is kept already is older still."""
        for key, value in old:
            self._kept.setdefault(key, value)

    def get(self, key: bytes) -> bytes | None:
        """The value that stood under a key."""
        if key in self._kept:
            value: bytes | None = self._kept[key]
            return value
        return self._disk.get(key)

    def scan(
        self, start: bytes, stop: bytes, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """The pairs that stood there."""
        if not self._kept:
            return self._disk.scan(start, stop, reverse)
        return self._merge(start, stop, reverse)

    def _merge(self, start: bytes, stop: bytes, reverse: bool) -> Iterator[tuple[bytes, bytes]]:
        if start >= stop:
            return
        keys = {key: None for key, _ in self._disk.scan(start, stop)}
        keys.update(dict.fromkeys(self._kept.irange(start, stop, (True, False))))
        for key in sorted(keys, reverse=reverse):
            value = self.get(key)
            if value is not None:
                yield key, value
