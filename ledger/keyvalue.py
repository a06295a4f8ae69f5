"""The disk as the store sees it: an ordered map of bytes with atomic batches.

`LevelDb` is the real one. The simulator puts a disk of its own behind the same port, which loses
what was not synced.
"""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, Final, Protocol

import plyvel

from ledger.errors import StoreError

Change = tuple[bytes, bytes | None]  # None deletes


class Readable(Protocol):
    """What a disk and a snapshot of it both answer."""

    def get(self, key: bytes) -> bytes | None:
        """The value under a key."""
        ...

    def scan(
        self, start: bytes, stop: bytes, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """The pairs with start <= key < stop, in key order or the reverse."""
        ...


class KeyValue(Readable, Protocol):
    """An ordered map on disk."""

    def write(self, changes: Sequence[Change], sync: bool) -> None:
        """All changes or none; with `sync` they are durable when this returns."""
        ...

    def snapshot(self) -> Readable:
        """The map as it is now, whatever is written later."""
        ...

    def close(self) -> None:
        """Release the files."""
        ...


_IN_USE: Final = ("Resource temporarily unavailable", "already held by process")


def _explain(error: plyvel.Error) -> str:
    if any(reason in str(error) for reason in _IN_USE):
        return "another peer or command is using it: stop it, or read a copy"
    return f"{error}. Is the disk full, or damaged? See operations.md, section 6"


class LevelDb:
    """LevelDB through plyvel, uncompressed (docs/adr: compression was the largest single cost)."""

    def __init__(self, path: Path, write_buffer_bytes: int = 16 * 1024 * 1024) -> None:
        path.mkdir(parents=True, exist_ok=True)
        try:
            self._db = plyvel.DB(
                str(path),
                create_if_missing=True,
                compression=None,
                write_buffer_size=write_buffer_bytes,
                bloom_filter_bits=10,
                max_open_files=256,
                paranoid_checks=True,
            )
        except plyvel.Error as error:
            raise StoreError(f"cannot open the database {path}: {_explain(error)}") from None

    def get(self, key: bytes) -> bytes | None:
        """The value under a key."""
        value: bytes | None = self._db.get(key)
        return value

    def scan(
        self, start: bytes, stop: bytes, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """The pairs with start <= key < stop."""
        return _scan(self._db, start, stop, reverse)

    def write(self, changes: Sequence[Change], sync: bool) -> None:
        """One atomic batch."""
        with self._db.write_batch(transaction=True, sync=sync) as batch:
            put, delete = batch.put, batch.delete
            for key, value in changes:
                if value is None:
                    delete(key)
                else:
                    put(key, value)

    def snapshot(self) -> Readable:
        """The map as it is now."""
        return _Snapshot(self._db.snapshot())

    def compact(self) -> None:
        """Give back the space of what was deleted."""
        self._db.compact_range()

    def close(self) -> None:
        """Release the files."""
        self._db.close()


class _Snapshot:
    __slots__ = ("_snapshot",)

    def __init__(self, snapshot: Any) -> None:  # plyvel does not export its type
        self._snapshot = snapshot

    def get(self, key: bytes) -> bytes | None:
        value: bytes | None = self._snapshot.get(key)
        return value

    def scan(
        self, start: bytes, stop: bytes, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        return _scan(self._snapshot, start, stop, reverse)


def _scan(source: Any, start: bytes, stop: bytes, reverse: bool) -> Iterator[tuple[bytes, bytes]]:
    if not reverse:
        return iter(source.iterator(start=start, stop=stop))
    # plyvel 1.5.1 loses a range of one pair whose key is `start` when it walks backwards.
    backwards = source.iterator(stop=stop, reverse=True)
    return takewhile(lambda pair: bool(pair[0] >= start), backwards)


def prefix_end(prefix: bytes) -> bytes:
    """The least key beyond all keys that begin with `prefix`, which is not all 0xff."""
    trimmed = prefix.rstrip(b"\xff")
    assert trimmed
    return trimmed[:-1] + bytes((trimmed[-1] + 1,))
