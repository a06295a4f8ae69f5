"""Views of capacity: what there is, what is for sale, what is sold, what is idle.

1. At a moment, of each resource: *attested* is what is attested of it as it is described then;
   *listed* what open offers offer in their window under that description, at most what is attested,
   and at least what is sold; *sold* what leases reserve; *scheduled* the part of it that is
   dispatched; *running* the part that is active. So listed is not below sold, sold not below
   scheduled, scheduled not below running; and listed is not above attested while that stands.
2. *Idle* is what is attested and not sold.
3. A pool's members that no longer fit it count for nothing but themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from contracts.agreement import LEASES, OPEN, RUNNING, Lease, compute_window_end
from contracts.grouping import PLACES, Groups, Row, group_resource
from contracts.monitoring import HOUR_MS, REPORTS, Report, compute_day
from contracts.offer import OFFERS, OfferRecord
from contracts.pool import MEMBERS, POOLS, Pool, is_fitting
from contracts.resource import RESOURCES, Resource, is_attested
from contracts.table import get_last_field
from ledger.state import Reader

CAPACITY_GROUPS: Final = tuple(PLACES)
CAPACITY_COLUMNS: Final[Mapping[str, str]] = {
    **PLACES,
    "resources": "resources registered",
    "declared_units": "what their descriptors say",
    "attested_units": "what is attested of them now",
    "listed_units": "what is for sale or sold",
    "sold_units": "what leases reserve now",
    "scheduled_units": "what is dispatched of that",
    "running_units": "what is active of that",
    "idle_units": "what is attested and not sold",
    "metered_unit_seconds": "what was metered of all leases ever",
}
POOL_GROUPS: Final = ("pool", "node", "scope", "place")
POOL_COLUMNS: Final[Mapping[str, str]] = {
    "pool": "id of an open pool",
    "node": "its node",
    "scope": "region or sector",
    "place": "the region's prefix or the sector's letter",
    "members": "resources in it",
    "fitting": "members that still fit it",
    "attested_units": "what is attested of these now",
    "sold_units": "what leases reserve of these now",
    "idle_units": "what is attested and not sold",
}
MONITORING_GROUPS: Final = ("region", "class", "day")
MONITORING_COLUMNS: Final[Mapping[str, str]] = {
    "region": PLACES["region"],
    "class": PLACES["class"],
    "day": "the last whole day of Asia/Shanghai, counted from 1970-01-01",
    "resources": "resources reported",
    "hours": "hours reported of them",
    "capacity_unit_seconds": "what they could give",
    "used_unit_seconds": "what was used",
    "peak_units": "the sum of their peaks, each the highest of its day",
    "availability_bp": "mean availability of the hours, rounded down",
    "energy_wh": "energy",
    "corrections": "corrections of these hours",
}


@dataclass(slots=True)
class Usage:
    """What leases take of a resource at a moment, in thousandths, and what was metered ever."""

    sold: int = 0
    scheduled: int = 0
    running: int = 0
    metered: int = 0


def compute_capacity(state: Reader, time_ms: int) -> list[Row]:
    """Capacity by region, class and sector (rules 1 and 2)."""
    groups = Groups(CAPACITY_GROUPS, CAPACITY_COLUMNS)
    usages, offered = measure_leases(state, time_ms), measure_offers(state, time_ms)
    for key, record in state.scan(RESOURCES.prefix):
        code = get_last_field(key)
        resource: Resource = record.value
        usage = usages.get(code) or Usage()
        attested = compute_attested(resource, time_ms)
        for_sale = offered.get((code, resource["version"]), 0)
        groups.add(
            group_resource(code),
            resources=1,
            declared_units=resource["descriptor"]["units"],
            attested_units=attested,
            listed_units=max(usage.sold, min(attested, for_sale)),
            sold_units=usage.sold,
            scheduled_units=usage.scheduled,
            running_units=usage.running,
            idle_units=max(0, attested - usage.sold),
            metered_unit_seconds=usage.metered,
        )
    return groups.list_rows()


def compute_pools(state: Reader, time_ms: int) -> list[Row]:
    """What each open pool can give (rule 3)."""
    groups = Groups(POOL_GROUPS, POOL_COLUMNS)
    usages = measure_leases(state, time_ms)
    for key, record in state.scan(POOLS.prefix):
        pool: Pool = record.value
        if pool["state"] != "open":
            continue
        name = get_last_field(key)
        group = (name, pool["node"], pool["scope"], pool["place"])
        groups.get(group)
        for member_key, member in state.scan(MEMBERS.make_key(name)):
            if member.value["state"] == "joined":
                code = get_last_field(member_key)
                groups.add(group, members=1)
                _add_member(groups, group, state, pool, code, usages, time_ms)
    return groups.list_rows()


def compute_monitoring(state: Reader, time_ms: int) -> list[Row]:
    """What regional nodes saw on the last whole day, by region and class."""
    groups = Groups(MONITORING_GROUPS, MONITORING_COLUMNS)
    day = max(0, compute_day(time_ms) - 1)
    for key, _ in state.scan(RESOURCES.prefix):
        code = get_last_field(key)
        record = state.get(REPORTS.make_key(code, day.to_bytes(8, "big")))
        if record is not None:
            region, resource_class, _ = group_resource(code)
            _add_day(groups.get((region, resource_class, str(day))), record.value)
    rows = groups.list_rows()
    for row in rows:
        row["availability_bp"] = int(row["availability_bp"]) // int(row["hours"])
    return rows


def compute_attested(resource: Resource, time_ms: int) -> int:
    """What is attested of a resource, as it is described now, at a moment."""
    return resource["attested_units"] if is_attested(resource, time_ms) else 0


def measure_leases(state: Reader, time_ms: int) -> dict[str, Usage]:
    """What leases take of each resource."""
    usages: dict[str, Usage] = {}
    for _, record in state.scan(LEASES.prefix):
        lease: Lease = record.value
        usage = usages.setdefault(lease["resource"], Usage())
        usage.metered += lease["used_unit_seconds"]
        if is_reserving(lease, time_ms):
            usage.sold += lease["units"]
            usage.scheduled += lease["units"] if lease["state"] != "matched" else 0
            usage.running += lease["units"] if lease["state"] in RUNNING else 0
    return usages


def is_reserving(lease: Lease, time_ms: int) -> bool:
    """Whether an open lease has its units reserved at a moment."""
    in_window = lease["starts_ms"] <= time_ms < compute_window_end(lease)
    return lease["state"] in OPEN and in_window


def measure_offers(state: Reader, time_ms: int) -> dict[tuple[str, int], int]:
    """What open offers offer of each resource by the version of its descriptor."""
    offered: dict[tuple[str, int], int] = {}
    for _, record in state.scan(OFFERS.prefix):
        offer: OfferRecord = record.value
        if is_offered(offer, time_ms):
            subject = offer["resource"], offer["descriptor_version"]
            offered[subject] = offered.get(subject, 0) + offer["units"]
    return offered


def is_offered(offer: OfferRecord, time_ms: int) -> bool:
    """Whether an offer is open and within its window."""
    return offer["state"] == "open" and offer["starts_ms"] <= time_ms < offer["ends_ms"]


def _add_member(
    groups: Groups,
    group: tuple[str, ...],
    state: Reader,
    pool: Pool,
    code: str,
    usages: Mapping[str, Usage],
    time_ms: int,
) -> None:
    record = state.get(RESOURCES.make_key(code))
    assert record is not None
    if is_fitting(pool, code, record.value):
        usage = usages.get(code) or Usage()
        attested = compute_attested(record.value, time_ms)
        groups.add(
            group,
            fitting=1,
            attested_units=attested,
            sold_units=usage.sold,
            idle_units=max(0, attested - usage.sold),
        )


def _add_day(row: dict[str, int], report: Report) -> None:
    """Add a resource's day; the availability is a sum until all hours are in."""
    hours = report["hours"]
    row["resources"] += 1
    row["hours"] += len(hours)
    row["peak_units"] += max(hour["peak_units"] for hour in hours)
    for hour in hours:
        row["capacity_unit_seconds"] += hour["capacity_units"] * (HOUR_MS // 1000)
        for column in ("used_unit_seconds", "availability_bp", "energy_wh", "corrections"):
            row[column] += hour[column]
