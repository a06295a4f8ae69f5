"""The calendar against a plain count at every instant."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contracts import calendar
from ledger.record import make_key

SPANS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20), st.integers(1, 9)), max_size=20)


class Derived:
    """Derived values in a dict, as a context shows them."""

    def __init__(self, values: dict[bytes, int]) -> None:
        self._values = {key: value for key, value in values.items() if value}

    def get_derived(self, key: bytes) -> Any:
        return self._values.get(key)

    def scan_derived(self, prefix: bytes) -> Any:
        return (
            (key, self._values[key]) for key in sorted(self._values) if key[: len(prefix)] == prefix
        )


@given(SPANS, st.integers(0, 60), st.integers(1, 30))
def test_the_peak_is_the_most_at_any_instant(
    spans: list[tuple[int, int, int]], start: int, length: int
) -> None:
    sums: dict[bytes, int] = {make_key("calendar", "other", bytes(8)): 77}
    sums[make_key("reservations", "other")] = 1
    for begin, duration, units in spans:
        calendar.add_reservation(sums, "gpu", begin, begin + duration, units)
    ctx: Any = Derived(sums)

    def count(instant: int) -> int:
        return sum(units for begin, duration, units in spans if begin <= instant < begin + duration)

    wanted = max(count(instant) for instant in range(start, start + length))
    assert calendar.compute_peak(ctx, "gpu", start, start + length) == wanted
    assert calendar.compute_peak(ctx, "gpu", start) == max(map(count, range(start, 80)))
    changes = dict(calendar.list_changes(ctx, "gpu"))
    assert all(reserved == count(time) for time, reserved in calendar.compute_course(changes))
    ends = [begin + duration for begin, duration, _ in spans]
    assert calendar.compute_last_ms(ctx, "gpu") <= max(ends, default=0)


@given(SPANS, st.integers(0, 30), st.integers(0, 80))
def test_what_is_oversold_lasts_beyond_the_moment(
    spans: list[tuple[int, int, int]], capacity: int, now: int
) -> None:
    changes: dict[int, int] = {}
    for begin, duration, units in spans:
        changes[begin] = changes.get(begin, 0) + units
        changes[begin + duration] = changes.get(begin + duration, 0) - units

    def count(instant: int) -> int:
        return sum(units for begin, duration, units in spans if begin <= instant < begin + duration)

    oversold = dict(calendar.list_oversold(changes, capacity, now))
    assert all(reserved == count(time) > capacity for time, reserved in oversold.items())
    assert bool(oversold) == any(count(instant) > capacity for instant in range(now, 80))


def test_reservations_are_counted() -> None:
    sums: dict[bytes, int] = {}
    calendar.add_reservation(sums, "gpu", 5, 9, 3)
    calendar.add_reservation(sums, "gpu", 9, 12, 3)
    # One ends as the other begins: nothing changes then, and still they are two.
    assert list(sums.values()) == [3, 0, 2, -3]


def test_a_calendar_is_full_when_its_reservations_are_many() -> None:
    sums: dict[bytes, int] = {}
    ctx: Any = Derived(sums)
    for _ in range(calendar.MAX_RESERVATIONS):
        assert not calendar.is_full(ctx, "gpu")
        calendar.add_reservation(sums, "gpu", 5, 9, 1)
        ctx = Derived(sums)
    assert calendar.is_full(ctx, "gpu")
    assert calendar.compute_peak(ctx, "gpu", 5, 9) == calendar.MAX_RESERVATIONS
