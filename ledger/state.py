"""State as its users see it: an ordered map of keys to records, in layers.

A `Reader` answers; a `Layer` holds what one block, or one checkpoint within it, changed on top of a
reader. Layers nest: the state of an unfinalized block is its layer on its parent's; within a block
each transaction runs in a layer of its own, committed into the block's or dropped.

Authenticated records are only ever put. Derived tables, which are not authenticated, may delete.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Protocol

from ledger.codec import Value
from ledger.record import Record


class Reader(Protocol):
    """What can be read of a state."""

    def get(self, key: bytes) -> Record | None:
        """The record under a key."""
        ...

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, Record]]:
        """The records under a prefix in key order, those beyond the key `after` only."""
        ...

    def find_predecessor(self, key: bytes) -> bytes:
        """The greatest key below `key`; the sentinel's empty key when there is none."""
        ...

    def get_derived(self, key: bytes) -> Value:
        """The value of a derived table under a key, or None."""
        ...

    def scan_derived(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, Value]]:
        """The derived values under a prefix in key order, those beyond `after` only."""
        ...


class Layer:
    """Changes on top of a reader; itself a reader.

    `records` and `derived` are the changes, a derived value of None being a deletion. `versions`
    lists every version written through this layer in the order of writing, the intermediate ones
    included.
    """

    __slots__ = ("_derived_keys", "_keys", "derived", "parent", "records", "versions")

    def __init__(self, parent: Reader) -> None:
        self.parent = parent
        self.records: dict[bytes, Record] = {}
        self.derived: dict[bytes, Value] = {}
        self.versions: list[tuple[bytes, Record]] = []
        self._keys = _SortedKeys()
        self._derived_keys = _SortedKeys()

    def get(self, key: bytes) -> Record | None:
        """The record under a key."""
        # Loops, not recursion: layers nest as deep as blocks wait for their finality.
        reader: Reader = self
        while isinstance(reader, Layer):
            record = reader.records.get(key)
            if record is not None:
                return record
            reader = reader.parent
        return reader.get(key)

    def put(self, key: bytes, value: Value, height: int, index: int) -> Record:
        """Write the next version of a record, or its first."""
        current = self.get(key)
        if current is None:
            record = Record(value, 1, height, height, index, b"")
        else:
            record = current.successor(value, height, index)
        self.records[key] = record
        self.versions.append((key, record))
        return record

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, Record]]:
        """The records under a prefix in key order."""
        layers, base = self._stack()
        items: dict[bytes, Record] = {}
        for layer in layers:
            for key in layer._keys.within(layer.records, prefix, after):
                items[key] = layer.records[key]
        yield from _merge(sorted(items), items, base.scan(prefix, after))

    def find_predecessor(self, key: bytes) -> bytes:
        """The greatest key below `key`."""
        layers, base = self._stack()
        mine = max(layer._keys.before(layer.records, key) for layer in layers)
        return max(mine, base.find_predecessor(key))

    def get_derived(self, key: bytes) -> Value:
        """The derived value under a key."""
        reader: Reader = self
        while isinstance(reader, Layer):
            if key in reader.derived:
                return reader.derived[key]
            reader = reader.parent
        return reader.get_derived(key)

    def put_derived(self, key: bytes, value: Value) -> None:
        """Write a derived value; None deletes it."""
        self.derived[key] = value

    def scan_derived(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, Value]]:
        """The derived values under a prefix in key order."""
        layers, base = self._stack()
        items: dict[bytes, Value] = {}
        for layer in layers:
            for key in layer._derived_keys.within(layer.derived, prefix, after):
                items[key] = layer.derived[key]
        merged = _merge(sorted(items), items, base.scan_derived(prefix, after))
        return ((key, value) for key, value in merged if value is not None)

    def _stack(self) -> tuple[list["Layer"], Reader]:
        """The layers from the lowest to this one, and the reader that they stand on."""
        layers: list[Layer] = []
        reader: Reader = self
        while isinstance(reader, Layer):
            layers.append(reader)
            reader = reader.parent
        layers.reverse()
        return layers, reader

    def commit(self) -> None:
        """Move the changes into the layer below, which must be a Layer."""
        below = self.parent
        assert isinstance(below, Layer)
        below.records.update(self.records)
        below.derived.update(self.derived)
        below.versions.extend(self.versions)


class _SortedKeys:
    """The keys of a growing dict in order, sorted only when somebody asks."""

    __slots__ = ("_keys",)

    def __init__(self) -> None:
        self._keys: list[bytes] = []

    def _sorted(self, items: dict[bytes, Value]) -> list[bytes]:
        if len(self._keys) != len(items):
            # Sorting a list that is sorted up to its tail is nearly linear in CPython.
            fresh = list(items)[len(self._keys) :]
            self._keys.extend(fresh)
            self._keys.sort()
        return self._keys

    def within(self, items: dict[bytes, Value], prefix: bytes, after: bytes) -> Iterable[bytes]:
        keys = self._sorted(items)
        # The empty key is the tree's sentinel and no record: with `after` empty it is left out too.
        start = bisect_left(keys, max(prefix, after + b"\x00"))
        end = start
        while end < len(keys) and keys[end].startswith(prefix):
            end += 1
        return keys[start:end]

    def before(self, items: dict[bytes, Value], key: bytes) -> bytes:
        keys = self._sorted(items)
        at = bisect_left(keys, key)
        return keys[at - 1] if at else b""


def _merge(
    keys: Iterable[bytes], items: dict[bytes, Value], below: Iterator[tuple[bytes, Value]]
) -> Iterator[tuple[bytes, Value]]:
    """Two ordered runs as one; where both have a key, the upper one's stands."""
    lower = next(below, None)
    for key in keys:
        while lower is not None and lower[0] < key:
            yield lower
            lower = next(below, None)
        if lower is not None and lower[0] == key:
            lower = next(below, None)
        yield key, items[key]
    while lower is not None:
        yield lower
        lower = next(below, None)


class Empty:
    """The state before the genesis: a reader of nothing."""

    __slots__ = ()

    def get(self, key: bytes) -> Record | None:  # noqa: ARG002
        """Nothing."""
        return None

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, Record]]:  # noqa: ARG002
        """Nothing."""
        return iter(())

    def find_predecessor(self, key: bytes) -> bytes:  # noqa: ARG002
        """The sentinel's key."""
        return b""

    def get_derived(self, key: bytes) -> Value:  # noqa: ARG002
        """Nothing."""
        return None

    def scan_derived(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, Value]]:  # noqa: ARG002
        """Nothing."""
        return iter(())
