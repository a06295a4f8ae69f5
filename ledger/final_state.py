"""The state after the last final block, read from the disk through a bounded cache."""

from collections.abc import Iterator

from ledger import codec, schema
from ledger.codec import Value
from ledger.keyvalue import KeyValue, Readable, prefix_end
from ledger.record import SENTINEL_KEY, Record
from ledger.state import Layer

CACHE_RECORDS = 50_000


class FinalState:
    """A `Reader` of what is final.

    It reads a snapshot that moves with `fold`, so that a block which is on its way to the disk is
    not half visible: readers see the state before it until it is folded in.
    """

    __slots__ = ("_disk", "_old", "_view", "_young")

    def __init__(self, disk: KeyValue) -> None:
        self._disk = disk
        self._view: Readable = disk.snapshot()
        # Two generations: dropping the older one as a whole costs nothing, while taking the first
        # key out of a large dict passes over all that were taken out before.
        self._young: dict[bytes, Record] = {}
        self._old: dict[bytes, Record] = {}

    @property
    def view(self) -> Readable:
        """The snapshot of the disk that this state reads now; it stays as it is."""
        return self._view

    def get(self, key: bytes) -> Record | None:
        """The record under a key."""
        record = self._young.get(key)
        if record is not None:
            return record
        record = self._old.get(key)
        if record is None:
            data = self._view.get(schema.record_key(key))
            if data is None:
                return None
            record = read_envelope(data)
        self._remember(key, record)
        return record

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, Record]]:
        """The records under a prefix in key order; the sentinel is not one."""
        start = schema.record_key(max(prefix, after + b"\x00"))
        for key, data in self._view.scan(start, prefix_end(schema.record_key(prefix))):
            yield key[1:], read_envelope(data)

    def find_predecessor(self, key: bytes) -> bytes:
        """The greatest key below `key`."""
        below = self._view.scan(schema.record_key(SENTINEL_KEY), schema.record_key(key), True)
        found = next(below, None)
        if found is None:
            return SENTINEL_KEY
        before = found[0][1:]
        if before not in self._young and before not in self._old:
            # Whoever inserts `key` reads this record next: spare it the second look-up.
            self._remember(before, read_envelope(found[1]))
        return before

    def get_derived(self, key: bytes) -> Value:
        """The derived value under a key."""
        data = self._view.get(schema.derived_key(key))
        return None if data is None else codec.decode_trusted(data)

    def scan_derived(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, Value]]:
        """The derived values under a prefix in key order."""
        start = schema.derived_key(max(prefix, after + b"\x00"))
        for key, data in self._view.scan(start, prefix_end(schema.derived_key(prefix))):
            yield key[1:], codec.decode_trusted(data)

    def scan_all(self) -> Iterator[tuple[bytes, Record]]:
        """Every record, the sentinel included."""
        for key, data in self._view.scan(b"s", b"t"):
            yield key[1:], read_envelope(data)

    def fold(self, layer: Layer) -> None:
        """Move on to the state after a block that is on disk now."""
        self._view = self._disk.snapshot()
        for key, record in layer.records.items():
            self._remember(key, record)

    def _remember(self, key: bytes, record: Record) -> None:
        self._young[key] = record
        if len(self._young) >= CACHE_RECORDS // 2:
            self._old, self._young = self._young, {}


def read_envelope(data: bytes) -> Record:
    """The record of an envelope that this peer wrote."""
    slot, next_key, version, created, height, index, previous, value = codec.decode_trusted(data)
    return Record(value, version, created, height, index, previous, slot, next_key)
