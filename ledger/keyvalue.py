"""The disk as the store sees it: an ordered map of bytes with atomic batches.

`LevelDb` is the real one. The simulator puts a disk of its own behind the same port, which loses
what was not synced.

Every block that is read is compared with its checksum, which LevelDB by itself leaves out: a byte
that flipped would be taken for what was written, and be answered, served and proved.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import plyvel

from ledger.errors import DiskError, StoreError
from ledger.torn import cut_torn_end

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

    def compact(self, start: bytes, stop: bytes) -> None:
        """Give back the space of what was deleted between two keys; may take long."""
        ...

    def close(self) -> None:
        """Release the files."""
        ...


Failed = Callable[[DiskError], None]
"""Hears of every failure of a disk, in the thread that met it, before it is raised there."""

_IN_USE: Final = ("Resource temporarily unavailable", "already held by process")
_ADVICE: Final = "See operations.md, section 6"


def _ignore(_: DiskError) -> None:
    """Whoever reads or writes is told in any case."""


def _show(error: Exception) -> str:
    """What LevelDB says, which comes as bytes."""
    text = error.args[0] if error.args else str(error)
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)


def _explain(error: plyvel.Error) -> str:
    text = _show(error)
    if any(reason in text for reason in _IN_USE):
        return "another peer or command is using it: stop it, or read a copy"
    return f"{text}. Is the disk full, or damaged? {_ADVICE}"


class LevelDb:
    """LevelDB through plyvel, uncompressed (docs/adr: compression was the largest single cost).

    What fails raises DiskError. `torn_bytes` at the end of the log were never synced, and were cut
    off when it was opened. With `must_exist` a folder without a database is refused instead of
    getting one.
    """

    def __init__(
        self, path: Path, write_buffer_bytes: int = 16 * 1024 * 1024, must_exist: bool = False
    ) -> None:
        self._source = _Source(path)
        self._failure: DiskError | None = None
        self.torn_bytes = 0
        if must_exist and not path.joinpath("CURRENT").is_file():
            raise StoreError(f"there is no database in {path}")
        path.mkdir(parents=True, exist_ok=True)
        try:
            self._db = self._open(path, write_buffer_bytes, not must_exist)
        except plyvel.Error as error:
            raise StoreError(f"cannot open the database {path}: {_explain(error)}") from None

    def _open(self, path: Path, write_buffer_bytes: int, may_create: bool) -> Any:
        """Open it, without the end of its log if the power took that."""
        options = {
            "create_if_missing": may_create,
            "compression": None,
            "write_buffer_size": write_buffer_bytes,
            "bloom_filter_bits": 10,
            "max_open_files": 256,
            "paranoid_checks": True,
        }
        try:
            return plyvel.DB(str(path), **options)
        except plyvel.CorruptionError:
            self.torn_bytes = cut_torn_end(path)
            if not self.torn_bytes:
                raise
            return plyvel.DB(str(path), **options)

    def watch(self, failed: Failed) -> None:
        """Tell of every failure: a peer must not go on where a reader only says that it failed."""
        self._source.failed = failed

    def get(self, key: bytes) -> bytes | None:
        """The value under a key."""
        return self._source.get(self._db, key)

    def scan(
        self, start: bytes, stop: bytes, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """The pairs with start <= key < stop."""
        return self._source.scan(self._db, start, stop, reverse)

    def write(self, changes: Sequence[Change], sync: bool) -> None:
        """One atomic batch. After one that failed none is taken: LevelDB would go on behind what it
        wrote of that one, and lose in the next start what came after."""
        if self._failure is not None:
            raise self._failure
        try:
            with self._db.write_batch(transaction=True, sync=sync) as batch:
                put, delete = batch.put, batch.delete
                for key, value in changes:
                    if value is None:
                        delete(key)
                    else:
                        put(key, value)
        except plyvel.Error as error:
            self._failure = self._source.fail(error)
            raise self._failure from None

    def snapshot(self) -> Readable:
        """The map as it is now."""
        return _Snapshot(self._source, self._db.snapshot())

    def compact(self, start: bytes | None = None, stop: bytes | None = None) -> None:
        """Give back the space of what was deleted between two keys, or everywhere; may take long.

        It may go on in a thread of its own while others read and write.
        """
        try:
            self._db.compact_range(start=start, stop=stop)
        except plyvel.Error as error:
            raise self._source.fail(error) from None

    def close(self) -> None:
        """Release the files."""
        self._db.close()


class _Snapshot:
    __slots__ = ("_snapshot", "_source")

    def __init__(self, source: "_Source", snapshot: Any) -> None:  # plyvel does not export its type
        self._source = source
        self._snapshot = snapshot

    def get(self, key: bytes) -> bytes | None:
        return self._source.get(self._snapshot, key)

    def scan(
        self, start: bytes, stop: bytes, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        return self._source.scan(self._snapshot, start, stop, reverse)


class _Source:
    """Reads a database or a snapshot of it, every block compared with its checksum."""

    __slots__ = ("_path", "failed")

    def __init__(self, path: Path) -> None:
        self._path = path
        self.failed: Failed = _ignore

    def get(self, database: Any, key: bytes) -> bytes | None:
        try:
            value: bytes | None = database.get(key, verify_checksums=True)
        except plyvel.Error as error:
            raise self.fail(error) from None
        return value

    def scan(
        self, database: Any, start: bytes, stop: bytes, reverse: bool
    ) -> Iterator[tuple[bytes, bytes]]:
        # plyvel's own iterators take a block that cannot be read for the end of what there is.
        pairs = database.raw_iterator(verify_checksums=True)
        walk = _walk_back(pairs, start, stop) if reverse else _walk(pairs, start, stop)
        return self._guard(walk)

    def _guard(self, pairs: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
        try:
            yield from pairs
        except plyvel.Error as error:
            raise self.fail(error) from None

    def fail(self, error: plyvel.Error) -> DiskError:
        """The error to raise, once it was told."""
        told = DiskError(f"the disk failed: {self._path}: {_show(error)}. {_ADVICE}")
        self.failed(told)
        return told


def _walk(pairs: Any, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
    pairs.seek(start)
    valid, item, advance = pairs.valid, pairs.item, pairs.next
    while valid():
        pair: tuple[bytes, bytes] = item()
        if pair[0] >= stop:
            return
        yield pair
        advance()


def _walk_back(pairs: Any, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
    pairs.seek(stop)
    if pairs.valid():
        pairs.prev()
    else:
        pairs.seek_to_last()
    valid, item, retreat = pairs.valid, pairs.item, pairs.prev
    while valid():
        pair: tuple[bytes, bytes] = item()
        if pair[0] < start:
            return
        yield pair
        retreat()


def prefix_end(prefix: bytes) -> bytes:
    """The least key beyond all keys that begin with `prefix`, which is not all 0xff."""
    trimmed = prefix.rstrip(b"\xff")
    assert trimmed
    return trimmed[:-1] + bytes((trimmed[-1] + 1,))
