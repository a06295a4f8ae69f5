"""Records, their slots in the tree and their versions, against the state root of the last header.

1. The records stand in one line, each naming the next key; their slots are dense, and the table of
   slots says the same; the tree over them has the state root of the last header.
2. The versions of a record count up, each naming the hash of the one before; the newest is the
   record. The oldest ones may be missing as far as the store says so.
3. Derived values are those that the records give.
"""

from collections.abc import Iterator

from contracts.registry import rebuild_derived
from ledger import codec, schema, shape, tree
from ledger.errors import FormatError, LedgerError
from ledger.final_state import FinalState
from ledger.keyvalue import KeyValue, prefix_end
from ledger.primitives import MAX_HEIGHT
from ledger.record import SENTINEL_KEY, SENTINEL_SLOT, Record, decode_record
from node.check.finding import show_key, show_place
from node.check.scope import Scope


def check_records(scope: Scope) -> bool:
    """The tables `s` and `l`; whether the records are those of the last header."""
    count = sum(1 for _ in scope.scan("s"))
    before = scope.findings.counts.get("s", 0)
    rebuilt = tree.rebuild(_check_line(scope, count))
    for stored, _ in scope.scan("l"):
        if len(stored) != 9 or int.from_bytes(stored[1:], "big") >= count:
            scope.findings.add("l", show_place(stored), f"is no slot of {count} records")
    if scope.findings.counts.get("s", 0) > before:
        scope.facts.append("the state root was not compared, because records are wrong")
        return False
    header = scope.read_header(scope.height)
    if header is None:
        scope.facts.append("the state root was not compared: the last header cannot be read")
        return False
    is_right = rebuilt.root == header.state_root
    if not is_right:
        wrong = f"give the state root {rebuilt.root.hex()}"
        scope.findings.add("s", f"all records after block {scope.height}", wrong)
    return is_right


def _check_line(scope: Scope, count: int) -> Iterator[tuple[bytes, Record]]:
    """The records that have a slot of their own."""
    taken = bytearray(count)
    expected = SENTINEL_KEY
    for stored, data in scope.scan("s"):
        key = stored[1:]
        if key != expected:
            scope.findings.add("s", show_key(key), f"stands where {show_key(expected)!r} must")
        try:
            record = decode_record(data)
            expected = record.next_key
            _check_fields(record, scope.height)
            if not 0 <= record.slot < count or taken[record.slot]:
                raise FormatError(f"has the slot {record.slot} of {count}, or shares it")
        except LedgerError as error:
            scope.findings.add("s", show_key(key), str(error))
            continue
        taken[record.slot] = 1
        listed = scope.get(schema.slot_key(record.slot))
        if listed != key and "l" not in scope.unreadable:
            found = "is missing" if listed is None else f"is {show_key(listed)!r}"
            scope.findings.add("l", record.slot, f"{found}, not {show_key(key)!r}")
        yield key, record
    if count and expected != SENTINEL_KEY and "s" not in scope.unreadable:
        scope.findings.add("s", show_key(expected), "is missing: the last record names it")


def _check_fields(record: Record, height: int) -> None:
    """Raise FormatError where a record's own account of itself cannot be."""
    shape.check_integer(record.slot, "slot", 0, MAX_HEIGHT)
    if record.slot != SENTINEL_SLOT:
        shape.check_integer(record.version, "version", 1, MAX_HEIGHT)
        shape.check_integer(record.index, "index", 0, 1 << 32)
        shape.check_integer(record.height, "write height", 0, height)
        shape.check_integer(record.created, "created height", 0, record.height)


def check_versions(scope: Scope) -> None:
    """The table `v`, beside the records that are checked already."""
    groups = 0
    newest: tuple[bytes, Record] | None = None
    for stored, data in scope.scan("v"):
        place = _parse_version_key(stored)
        if place is None:
            scope.findings.add("v", stored[1:].hex(), "is no version of a record")
            continue
        key, version = place
        if newest is not None and newest[0] != key:
            groups += _check_newest(scope, *newest)
            newest = None
        before = newest
        try:
            record = _read_version(data, version)
            newest = (key, record)
            _check_step(record, None if before is None else before[1], scope.floor.state)
        except LedgerError as error:
            scope.findings.add("v", _show(key, version), str(error))
    if newest is not None:
        groups += _check_newest(scope, *newest)
    if groups < scope.counts["s"] - 1 and "v" not in scope.unreadable:
        _name_unversioned(scope)


def _parse_version_key(stored: bytes) -> tuple[bytes, int] | None:
    size = int.from_bytes(stored[1:3], "big")
    if len(stored) != 3 + size + 8 or not size:
        return None
    return stored[3 : 3 + size], int.from_bytes(stored[3 + size :], "big")


def _read_version(data: bytes, version: int) -> Record:
    record = decode_record(data)
    if record.version != version or type(record.height) is not int:
        raise FormatError(f"says that it is version {record.version}")
    return record


def _check_step(record: Record, before: Record | None, oldest_state: int) -> None:
    """Raise FormatError unless a version follows the one before, or may be the oldest kept one."""
    if before is None and record.version == 1:
        if record.previous or record.created != record.height:
            raise FormatError("is the first, and says that there was one before")
    elif before is None:
        if record.height > oldest_state:
            raise FormatError("is the oldest, and those before it may not be missing")
    elif record.version != before.version + 1:
        raise FormatError(f"follows version {before.version}: those between are missing")
    elif record.previous != before.hash:
        raise FormatError("names another version before it than the one that is there")
    elif record.height < before.height or record.created != before.created:
        raise FormatError("is of an earlier block than the version before it")


def _check_newest(scope: Scope, key: bytes, newest: Record) -> int:
    """Whether the newest version is the record itself."""
    data = scope.get(schema.record_key(key))
    try:
        current = None if data is None else decode_record(data)
    except LedgerError:
        return 1  # that is said of the record
    if current is None:
        if "s" in scope.unreadable:
            return 1
        scope.findings.add("v", _show(key, newest.version), "is of a record that is not there")
        return 0
    if current.hash != newest.hash:
        wrong = f"is the newest, and is not the record, which is version {current.version}"
        scope.findings.add("v", _show(key, newest.version), wrong)
    return 1


def _name_unversioned(scope: Scope) -> None:
    for stored, _ in scope.scan("s"):
        prefix = schema.version_prefix(stored[1:])
        has_any = next(scope.view.scan(prefix, prefix_end(prefix)), None) is not None
        if not has_any and stored[1:] != SENTINEL_KEY:
            scope.findings.add("v", show_key(stored[1:]), "has no version")


def _show(key: bytes, version: int) -> str:
    return f"{show_key(key)} version {version}"


def check_derived(scope: Scope, disk: KeyValue) -> None:
    """The table `d`; the records are those of the last header."""
    expected = rebuild_derived(FinalState(disk))
    for stored, data in scope.scan("d"):
        key = stored[1:]
        value = expected.pop(key, None)
        if value is None:
            scope.findings.add("d", show_key(key), "does not follow from the records")
        elif codec.encode(value) != data:
            scope.findings.add("d", show_key(key), "is not what follows from the records")
    if "d" not in scope.unreadable:
        for key in expected:
            scope.findings.add("d", show_key(key), "is missing")
