"""The cheap invariants, part of the validity of every block: they look at what items changed.

1. Money: what the changed records have together, by the declarations of their tables, changed by
   nothing; no bucket is negative.
2. Capacity: where a block reserved more of a subject at any instant, or lowered its capacity, no
   more is reserved from the block's time on than there is.
3. Lives: every version of a record is a step of its life, and an end is final.
4. Each changed record holds its table's own equations.

What they find is a fault of the rules themselves, which no input should cause. The machine asks
them of each block and, if one fails, of each of its items (its rule 6). The cost is one look at
each changed record, and one walk through the calendar of a subject that was sold.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from contracts.calendar import DERIVED as CALENDAR
from contracts.calendar import compute_course, list_oversold
from contracts.life import compute_terminal
from contracts.registry import BY_NAME, TABLES, find_table
from contracts.table import Table, count_money, get_last_field, get_table_name, make_object_key
from ledger.record import make_key
from ledger.state import Layer, Reader

_CALENDAR_PREFIX: Final = make_key(CALENDAR)
_Course = dict[int, int]  # changes of reserved units by time in ms


class _Steps:
    """The life of a table as sets, for one look-up a version."""

    __slots__ = ("ends", "field", "grows", "pairs")

    def __init__(self, table: Table[Any]) -> None:
        assert table.life is not None
        self.field = table.state
        self.grows = table.grows
        self.pairs = frozenset((state, following) for (state, _), following in table.life.items())
        self.ends = frozenset(compute_terminal(table.life))


_STEPS: Final = {table.name: _Steps(table) for table in TABLES if table.life is not None}


def check_changes(before: Reader, layer: Layer, time_ms: int) -> list[str]:
    """What is wrong with the changes of an item, or of a whole block, on the state before it."""
    return [
        *_check_records(before, layer),
        *_check_capacity(before, layer, time_ms),
        *check_steps(before, layer),
    ]


def check_steps(before: Reader, layer: Layer) -> Iterator[str]:
    """Rule 3."""
    last: dict[bytes, str] = {}
    for key, record in layer.versions:
        steps = _STEPS.get(get_table_name(key))
        if steps is None:
            continue
        following = record.value[steps.field]
        state = last.get(key)
        if state is None and record.version > 1:
            state = _get_state(before, key, steps.field)
        last[key] = following
        if state is None or (state, following) in steps.pairs:
            continue
        if state not in steps.ends and state != following:
            yield f"{key!r} went from {state} to {following}"
        elif state in steps.ends and not (steps.grows and state == following):
            yield f"{key!r} changed after its end as {state}"


def _get_state(before: Reader, key: bytes, field: str) -> str | None:
    record = before.get(key)
    return None if record is None else record.value[field]


def _check_records(before: Reader, layer: Layer) -> Iterator[str]:
    """Rules 1 and 4."""
    moved: dict[str, int] = {}
    for key, record in layer.records.items():
        table = find_table(key)
        if table is None:
            continue
        if table.money is not None:
            buckets = table.money(key, record.value)
            if min(buckets.values()) < 0:
                yield f"{key!r} has a negative bucket: {dict(buckets)}"
            _add(moved, buckets, 1)
            old = before.get(key) if record.version > 1 else None
            if old is not None:
                _add(moved, table.money(key, old.value), -1)
        if table.check is not None:
            yield from table.check(key, record.value)
    total = count_money(moved)
    if total:
        yield f"money was made or lost, {total} micro-yuan: {moved}"


def _add(moved: dict[str, int], buckets: Mapping[str, int], sign: int) -> None:
    for name, micro_yuan in buckets.items():
        moved[name] = moved.get(name, 0) + sign * micro_yuan


def _check_capacity(before: Reader, layer: Layer, time_ms: int) -> Iterator[str]:
    """Rule 2."""
    subjects = dict.fromkeys([*_list_sold(before, layer), *_list_lowered(before, layer)])
    for subject in subjects:
        most = _find_capacity(layer, subject)
        changes = dict(_read_calendar(layer, subject))
        for starts_ms, reserved in islice(list_oversold(changes, most, time_ms), 1):
            yield f"{subject} is oversold at {starts_ms}: {reserved} of {most}"


def _list_sold(before: Reader, layer: Layer) -> Iterator[str]:
    """The subjects of which more is reserved at some instant than before."""
    changed: dict[bytes, _Course] = {}
    for key, value in layer.derived.items():
        if key.startswith(_CALENDAR_PREFIX):
            # The time is the last eight bytes before the final zero, and may have zeros in it.
            change = (value or 0) - (before.get_derived(key) or 0)
            changed.setdefault(key[:-9], {})[int.from_bytes(key[-9:-1], "big")] = change
    for prefix, changes in changed.items():
        if any(reserved > 0 for _, reserved in compute_course(changes)):
            yield get_last_field(prefix)


def _list_lowered(before: Reader, layer: Layer) -> Iterator[str]:
    """The subjects that have less capacity than before."""
    for key, record in layer.records.items():
        table = find_table(key)
        if table is None or table.capacity is None or record.version == 1:
            continue
        old = before.get(key)
        if old is not None and table.capacity(record.value) < table.capacity(old.value):
            yield get_last_field(key)


def _find_capacity(layer: Layer, subject: str) -> int:
    """How many units of a subject there are: of a resource by its code, or of an object."""
    key = layer.get_derived(make_object_key(subject)) or make_key("resource", subject)
    table, record = BY_NAME[get_table_name(key)], layer.get(key)
    if table.capacity is None or record is None:
        return 0
    return table.capacity(record.value)


def _read_calendar(layer: Layer, subject: str) -> Iterator[tuple[int, int]]:
    prefix = make_key(CALENDAR, subject)
    for key, change in layer.scan_derived(prefix):
        yield int.from_bytes(key[len(prefix) : len(prefix) + 8], "big"), change
