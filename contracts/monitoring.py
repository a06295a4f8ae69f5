"""Monitoring: what a regional node saw of the resources of its region, hour by hour.

    key    report 0x00 resource 0x00 <day, 8 bytes> 0x00
    value  {"hours": [Hour, ...] in order of time, "resource", "rules"}

1. The regional node of a resource's region reports each full hour once: what the resource could
   give, what was used of it, the most at one moment, its availability, its energy, and the Merkle
   root of the raw samples with their count.
2. An hour is reported after its end and within `monitoring_window_ms`, so that no past is made up.
3. Capacity is at most what is attested, use at most capacity times time.
4. What was reported is never taken back: a correction writes the hour anew with its number and its
   reason, and the earlier version of the record stays.
5. A record holds the hours of one day of Asia/Shanghai, counted from 1970-01-01: a key for each
   hour would make the state grow by nine thousand records a resource and year.
"""

from collections.abc import Iterator
from typing import Annotated, Final, Literal, TypedDict

from pydantic import Field, model_validator

from contracts.call import Call, Role
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.payload import (
    MAX_UNITS,
    BasisPoints,
    Hash,
    Note,
    Payload,
    ResourceCode,
    TimeMs,
    UnitSeconds,
)
from contracts.resource import Resource, load_resource
from contracts.table import Table
from ledger.primitives import MAX_AMOUNT

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
OFFSET_MS: Final = 8 * HOUR_MS  # Asia/Shanghai is ahead of UTC by eight hours, all year
MAX_ENERGY_WH: Final = 10**12  # in an hour: no plant gives more
MAX_CORRECTIONS: Final = 100  # of one hour


class Hour(TypedDict):
    """One hour of a resource, as its regional node saw it; `reason` is that of a correction."""

    availability_bp: int
    capacity_units: int
    corrections: int
    energy_wh: int
    node: str
    peak_units: int
    reason: str
    samples_count: int
    samples_root: bytes
    starts_ms: int
    used_unit_seconds: int


class Report(TypedDict):
    """The value of a day: at most 24 hours, in order of time."""

    hours: list[Hour]
    resource: str
    rules: int


SeenUnits = Annotated[int, Field(ge=0, le=MAX_UNITS, description="thousandths of a unit")]


class Reading(Payload):
    """What was seen of a resource in one hour."""

    availability_bp: BasisPoints
    capacity_units: SeenUnits
    energy_wh: Annotated[int, Field(ge=0, le=MAX_ENERGY_WH, description="watt-hours")]
    peak_units: SeenUnits
    resource: ResourceCode
    samples_count: Annotated[int, Field(ge=1, le=MAX_AMOUNT, description="count of samples")]
    samples_root: Hash
    starts_ms: TimeMs
    used_unit_seconds: UnitSeconds

    @model_validator(mode="after")
    def _check_hour(self) -> "Reading":
        if self.starts_ms % HOUR_MS:
            raise ValueError("an hour begins on the hour")
        if self.peak_units > self.capacity_units:
            raise ValueError("more was used than there was")
        if self.used_unit_seconds * 1000 > self.peak_units * HOUR_MS:
            raise ValueError("more was used than the peak allows")
        return self


class Correction(Reading):
    """The figures of an hour anew, and why."""

    note: Note
    reason: Annotated[
        Literal["late-samples", "wrong-samples", "wrong-reading", "complaint"],
        Field(description="late-samples, wrong-samples, wrong-reading or complaint"),
    ]


def compute_day(time_ms: int) -> int:
    """The day of a moment: days of Asia/Shanghai since 1970-01-01."""
    return (time_ms + OFFSET_MS) // DAY_MS


def _check(key: bytes, report: Report) -> Iterator[str]:
    """Rules 1, 3 and 5, as far as a record shows them by itself."""
    starts = [hour["starts_ms"] for hour in report["hours"]]
    if starts != sorted(set(starts)) or len({compute_day(start) for start in starts}) > 1:
        yield f"{key!r} has hours twice, out of order or of another day"
    for hour in report["hours"]:
        if hour["used_unit_seconds"] * 1000 > hour["capacity_units"] * HOUR_MS:
            yield f"{key!r} says that more was used than there was"


REPORTS: Final[Table[Report]] = Table("report", Report, ("resource", "day"), check=_check)


def report(ctx: Context, call: Reading) -> None:
    """Report an hour of a resource."""
    # who may
    resource = load_resource(ctx, call.resource)
    require(ctx.actor[1:3] == call.resource[1:3], "wrong-region")

    # what must hold
    ended_ms = call.starts_ms + HOUR_MS
    require(ended_ms <= ctx.time_ms, "hour-not-over")
    require(ctx.time_ms < ended_ms + ctx.rules["monitoring_window_ms"], "too-late")
    _check_capacity(call, resource)
    key, record = _load_day(ctx, call)
    require(_find_hour(record, call.starts_ms) is None, "already-reported")

    # what changes
    hours = [*record["hours"], _make_hour(ctx, call, 0, "")]
    hours.sort(key=lambda hour: hour["starts_ms"])
    REPORTS.put(ctx, key, {**record, "hours": hours})
    _emit(ctx, "monitoring.reported", call, resource)


def correct(ctx: Context, call: Correction) -> None:
    """Write a reported hour anew."""
    # who may
    resource = load_resource(ctx, call.resource)
    require(ctx.actor[1:3] == call.resource[1:3], "wrong-region")

    # what must hold
    _check_capacity(call, resource)
    key, record = _load_day(ctx, call)
    before = _find_hour(record, call.starts_ms)
    if before is None:
        raise Failure("not-reported")
    require(before["corrections"] < MAX_CORRECTIONS, "too-many-corrections")

    # what changes
    corrected = _make_hour(ctx, call, before["corrections"] + 1, call.reason)
    hours = [corrected if hour is before else hour for hour in record["hours"]]
    REPORTS.put(ctx, key, {**record, "hours": hours})
    data = {"corrections": corrected["corrections"], "note": call.note, "reason": call.reason}
    _emit(ctx, "monitoring.corrected", call, resource, **data)


def _check_capacity(call: Reading, resource: Resource) -> None:
    """Rule 3; what a payload says is in itself within its own capacity and peak."""
    require(call.capacity_units <= resource["attested_units"], "over-attested")


def _load_day(ctx: Context, call: Reading) -> tuple[bytes, Report]:
    """The record of an hour's day, empty where there is none yet."""
    day = compute_day(call.starts_ms).to_bytes(8, "big")
    key = REPORTS.make_key(call.resource, day)
    record = REPORTS.get(ctx, key)
    if record is None:
        record = {"hours": [], "resource": call.resource, "rules": ctx.rules.version}
    return key, record


def _find_hour(record: Report, starts_ms: int) -> Hour | None:
    return next((hour for hour in record["hours"] if hour["starts_ms"] == starts_ms), None)


def _make_hour(ctx: Context, call: Reading, corrections: int, reason: str) -> Hour:
    return {
        "availability_bp": call.availability_bp,
        "capacity_units": call.capacity_units,
        "corrections": corrections,
        "energy_wh": call.energy_wh,
        "node": ctx.actor,
        "peak_units": call.peak_units,
        "reason": reason,
        "samples_count": call.samples_count,
        "samples_root": call.samples_root,
        "starts_ms": call.starts_ms,
        "used_unit_seconds": call.used_unit_seconds,
    }


def _emit(ctx: Context, type_: str, call: Reading, resource: Resource, **data: object) -> None:
    about = (call.resource, resource["provider"], ctx.actor)
    figures = {"starts_ms": call.starts_ms, "used_unit_seconds": call.used_unit_seconds}
    ctx.emit(type_, about, **figures, **data)


_NODE = Role("regional node of the resource's region", "R")
_KNOWN = {
    "unknown-resource": "the resource is registered",
    "wrong-region": "the signer is of the region of the resource",
}
_OVER = {"over-attested": "no more capacity was seen than is attested"}

CALLS = (
    Call(
        kind="monitoring.report",
        title="Report what was seen of a resource in one hour",
        payload=Reading,
        signers=(_NODE,),
        failures={
            **_KNOWN,
            "hour-not-over": "the hour ended by the block's time",
            "too-late": "it ended within `monitoring_window_ms`",
            **_OVER,
            "already-reported": "nobody has reported this hour",
        },
        handler=report,
        changes="the report of the day; the node's account",
        events=("monitoring.reported",),
    ),
    Call(
        kind="monitoring.correct",
        title="Correct a reported hour",
        payload=Correction,
        signers=(_NODE,),
        failures={
            **_KNOWN,
            **_OVER,
            "not-reported": "the hour was reported",
            "too-many-corrections": f"it was corrected fewer than {MAX_CORRECTIONS} times",
        },
        handler=correct,
        changes="the report of the day; the node's account",
        events=("monitoring.corrected",),
    ),
)

TABLES = (REPORTS,)
