"""The state after any final block, read from the versions of records that a store keeps.

1. Records are never removed, so a past state has the keys of today whose first version is not
   younger. The record that stood at a height is the last version written at or below it; versions
   of one key have growing heights, so it is found by bisection.
2. Most records have not changed since: then nothing but the current one is read. A version that is
   missing was forgotten, and is older than all that are here.
3. Derived tables are made anew from the past records, as a whole, when somebody first asks for one.
4. All is read from one snapshot of the disk: it stays the same, and may be read in a thread, while
   blocks are folded in. A peer that began with a snapshot of the state, or that forgets old
   versions, lacks the states below its floor and says so.

What it gives has the value, version and history of the past; slots and next keys, which are the
tree's, are those of today or none.
"""

from bisect import bisect_left
from collections.abc import Iterator

from contracts.registry import rebuild_derived
from ledger import schema
from ledger.block import Header, decode_header
from ledger.codec import Value
from ledger.final_state import read_envelope
from ledger.floor import read_floor
from ledger.keyvalue import Readable, prefix_end
from ledger.record import SENTINEL_KEY, Record
from ledger.state import Reader
from ledger.store import Store
from node.errors import NodeError


class PastError(NodeError):
    """The state at a height cannot be read here."""

    code = "past"


class PastState:
    """A `Reader` of the state after the block at `height`."""

    __slots__ = ("_derived", "_derived_keys", "_view", "header")

    def __init__(self, view: Readable, header: Header) -> None:
        self.header = header
        self._view = view
        self._derived: dict[bytes, Value] = {}
        self._derived_keys: list[bytes] | None = None

    @property
    def height(self) -> int:
        """The height of the block after which this is the state."""
        return self.header.height

    def get(self, key: bytes) -> Record | None:
        """The record under a key."""
        data = self._view.get(schema.record_key(key))
        return None if data is None else self._find_version(key, read_envelope(data))

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, Record]]:
        """The records under a prefix in key order; the sentinel is not one."""
        start = schema.record_key(max(prefix, after + b"\x00"))
        for key, data in self._view.scan(start, prefix_end(schema.record_key(prefix))):
            record = self._find_version(key[1:], read_envelope(data))
            if record is not None:
                yield key[1:], record

    def find_predecessor(self, key: bytes) -> bytes:
        """The greatest key below `key`."""
        below = self._view.scan(schema.record_key(SENTINEL_KEY), schema.record_key(key), True)
        for found, data in below:
            if read_envelope(data).created <= self.height:
                return found[1:]
        return SENTINEL_KEY

    def get_derived(self, key: bytes) -> Value:
        """The derived value under a key."""
        self._list_derived()
        return self._derived.get(key)

    def scan_derived(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, Value]]:
        """The derived values under a prefix in key order."""
        keys = self._list_derived()
        for place in range(bisect_left(keys, max(prefix, after + b"\x00")), len(keys)):
            if not keys[place].startswith(prefix):
                return
            yield keys[place], self._derived[keys[place]]

    def derive(self, reader: Reader) -> None:
        """Make the derived tables now, reading the same records through another reader."""
        self._derived = rebuild_derived(reader)
        self._derived_keys = sorted(self._derived)

    def _list_derived(self) -> list[bytes]:
        if self._derived_keys is None:
            self.derive(self)
        assert self._derived_keys is not None
        return self._derived_keys

    def _find_version(self, key: bytes, current: Record) -> Record | None:
        """The version that stood at the height (rule 1), out of 1 to that of the current one."""
        if current.created > self.height:
            return None
        if current.height <= self.height:
            return current
        low, high = 1, current.version
        while high - low > 1:
            middle = (low + high) // 2
            record = self._read_version(key, middle)
            if record is None or record.height <= self.height:
                low = middle
            else:
                high = middle
        found = self._read_version(key, low)
        if found is None:
            raise PastError(f"this peer lacks what was so at {self.height}: ask an archive")
        return found

    def _read_version(self, key: bytes, version: int) -> Record | None:
        data = self._view.get(schema.version_key(key, version))
        return None if data is None else read_envelope(data)


def read_past(store: Store, height: int) -> PastState:
    """The state after the block at a final height; raises PastError."""
    if not 0 <= height <= store.height:
        raise PastError(f"heights from 0 to {store.height} are final here")
    view = store.state.view
    oldest = read_floor(view).state
    if height < oldest:
        raise PastError(
            f"this peer lacks what was so at {height}, and has only what was so from {oldest} on: "
            "ask an archive"
        )
    data = store.get_header_bytes(height)
    assert data is not None, "headers are never pruned"
    return PastState(view, decode_header(data))
