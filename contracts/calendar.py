"""The capacity calendar: what is reserved of a resource, or of an offer, at every instant.

1. An open lease reserves its units from the start of its window to the end of it, of its
   resource and of the offer that it was taken from.
2. Derived: `calendar 0x00 subject 0x00 <time, 8 bytes> 0x00` is by how many thousandths the
   reserved units of a resource or offer change at that time. A change of zero does not stand there.
   `reservations 0x00 subject 0x00` is how many reservations there are of it.
3. What is reserved at an instant is the sum of all changes up to it; so the most within a window
   is found by one walk over the subject's changes. A subject has at most `MAX_RESERVATIONS`, each
   of at most two changes, whenever they begin and end.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from contracts.context import Context
from ledger.record import make_key

DERIVED: Final = "calendar"
COUNTS: Final = "reservations"
MAX_RESERVATIONS: Final = 512  # of one subject: more leases are not made on it while these stand
MAX_CHANGES: Final = 2 * MAX_RESERVATIONS


def add_reservation(
    sums: dict[bytes, int], subject: str, starts_ms: int, ends_ms: int, units: int
) -> None:
    """Add a reservation to a record's shares in the calendar."""
    for time_ms, change in ((starts_ms, units), (ends_ms, -units)):
        key = make_key(DERIVED, subject, time_ms.to_bytes(8, "big"))
        sums[key] = sums.get(key, 0) + change
    key = make_key(COUNTS, subject)
    sums[key] = sums.get(key, 0) + 1


def count_reservations(ctx: Context, subject: str) -> int:
    """How many reservations there are of a resource or an offer."""
    count: int = ctx.get_derived(make_key(COUNTS, subject)) or 0
    return count


def list_changes(ctx: Context, subject: str) -> Iterator[tuple[int, int]]:
    """Times in ms and by how many units the reserved ones change then, in order of time."""
    if not count_reservations(ctx, subject):
        return  # the common case, and much cheaper to ask than a walk
    prefix = make_key(DERIVED, subject)
    at = len(prefix)
    for key, change in islice(ctx.scan_derived(prefix), MAX_CHANGES):
        yield int.from_bytes(key[at : at + 8], "big"), change


def compute_most(
    changes: Iterable[tuple[int, int]], starts_ms: int, ends_ms: int | None = None
) -> int:
    """The most units reserved at one instant from `starts_ms` on, before `ends_ms` if given."""
    reserved = most = 0
    for time_ms, change in changes:
        if ends_ms is not None and time_ms >= ends_ms:
            break
        if time_ms > starts_ms:
            most = max(most, reserved)
        reserved += change
    return max(most, reserved)


def compute_peak(ctx: Context, subject: str, starts_ms: int, ends_ms: int | None = None) -> int:
    """`compute_most` of what is reserved of a subject."""
    return compute_most(list_changes(ctx, subject), starts_ms, ends_ms)


def compute_last_ms(ctx: Context, subject: str) -> int:
    """The end of the last reservation; 0 where there is none."""
    return max((time_ms for time_ms, _ in list_changes(ctx, subject)), default=0)


def is_full(ctx: Context, subject: str) -> bool:
    """Whether there is no place for one more reservation in the calendar (rule 3)."""
    return count_reservations(ctx, subject) >= MAX_RESERVATIONS


def compute_course(changes: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """Times in order and the units reserved from each on, out of all changes by time."""
    reserved = 0
    for time_ms in sorted(changes):
        reserved += changes[time_ms]
        yield time_ms, reserved


def list_oversold(
    changes: Mapping[int, int], capacity: int, time_ms: int
) -> Iterator[tuple[int, int]]:
    """Where more is reserved than there is, and how much; what was over by `time_ms` is past."""
    course = list(compute_course(changes))
    for place, (starts_ms, reserved) in enumerate(course):
        lasts = place + 1 == len(course) or course[place + 1][0] > time_ms
        if lasts and reserved > capacity:
            yield starts_ms, reserved
