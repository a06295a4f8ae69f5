"""Views of trade: what is wanted and not met, what was settled, prices, and how word was kept.

1. *Unmet* is what no lease has met yet of the demands that are open; *expired* what was never met
   of those whose time is over. Both belong to the region of the consumer.
2. The *gap* sets what is idle in a region beside what its own consumers want and do not have, and
   beside all that could be met there: a demand counts as a whole in every region that it allows.
3. Money is counted over all leases ever, so that the difference of two heights is what happened
   between them. It belongs to the region of the resource; *across* is what consumers of other
   regions paid.
4. Means are weighted with units and rounded down.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from contracts.account import ACCOUNTS
from contracts.agreement import LEASES, Lease
from contracts.capacity_views import (
    compute_attested,
    is_offered,
    is_reserving,
    measure_leases,
)
from contracts.demand import DEMANDS, DemandRecord
from contracts.grouping import PLACES, Groups, Row, apply_range, group_resource
from contracts.offer import OFFERS
from contracts.resource import RESOURCES
from contracts.table import get_last_field
from ledger.code import PROVINCES, parse_code
from ledger.state import Reader

_CONSUMER_REGION: Final = "province prefix of the consumer (GB/T 2260)"
UNMET_GROUPS: Final = ("region", "class")
UNMET_COLUMNS: Final[Mapping[str, str]] = {
    "region": _CONSUMER_REGION,
    "class": PLACES["class"],
    "demands": "open demands",
    "wanted_units": "what they want",
    "met_units": "what leases met of that",
    "unmet_units": "what is left",
    "lowest_ceiling_micro_yuan": "lowest price ceiling of a unit-hour",
    "highest_ceiling_micro_yuan": "highest price ceiling of a unit-hour",
    "expired_units": "what was never met of demands whose time is over",
}
GAP_GROUPS: Final = ("region", "class")
GAP_COLUMNS: Final[Mapping[str, str]] = {
    "region": "province prefix (GB/T 2260)",
    "class": PLACES["class"],
    "idle_units": "what is attested there and not sold",
    "unmet_units": "what its consumers want and do not have",
    "reachable_units": "unmet demand, of any consumer, that allows this region",
}
SETTLED_GROUPS: Final = tuple(PLACES)
SETTLED_COLUMNS: Final[Mapping[str, str]] = {
    **PLACES,
    "leases": "leases ever made",
    "closed": "of these, closed",
    "failed": "of these, failed",
    "used_unit_seconds": "metered usage",
    "billed_micro_yuan": "what was billed",
    "across_micro_yuan": "of that, to consumers of other regions",
    "refunded_micro_yuan": "what went back to consumers",
}
FLOW_GROUPS: Final = ("consumer_region", "resource_region", "class")
FLOW_COLUMNS: Final[Mapping[str, str]] = {
    "consumer_region": _CONSUMER_REGION,
    "resource_region": PLACES["region"],
    "class": PLACES["class"],
    "leases": "leases ever made",
    "sold_units": "what they reserve now",
    "used_unit_seconds": "metered usage",
    "billed_micro_yuan": "what was billed",
}
PRICE_GROUPS: Final = tuple(PLACES)
PRICE_COLUMNS: Final[Mapping[str, str]] = {
    **PLACES,
    "offers": "open offers in their window",
    "offered_units": "what they offer",
    "lowest_micro_yuan": "lowest price of a unit-hour offered",
    "highest_micro_yuan": "highest price of a unit-hour offered",
    "mean_micro_yuan": "mean price of a unit-hour offered",
    "sold_units": "what leases reserve now",
    "mean_sold_micro_yuan": "mean price of a unit-hour of these",
}
DELIVERY_GROUPS: Final = ("region", "sector")
DELIVERY_COLUMNS: Final[Mapping[str, str]] = {
    "region": "province prefix of the provider (GB/T 2260)",
    "sector": "industry letter of the provider (GB/T 4754)",
    "providers": "providers that have an account",
    "delivered": "epochs delivered as promised",
    "faults": "faults counted against them",
    "closed": "leases that closed",
    "failed": "leases that failed",
}


def compute_unmet(state: Reader, _time_ms: int) -> list[Row]:
    """Unmet demand by the consumers' region and by class (rule 1)."""
    groups = Groups(UNMET_GROUPS, UNMET_COLUMNS)
    for demand in _scan_demands(state):
        group = (demand["consumer"][1:3], demand["resource_class"])
        left = demand["left_units"]
        if demand["state"] == "open":
            row = groups.get(group)
            row["demands"] += 1
            row["wanted_units"] += demand["units"]
            row["met_units"] += demand["units"] - left
            row["unmet_units"] += left
            ceiling = demand["ceiling_micro_yuan"]
            columns = "lowest_ceiling_micro_yuan", "highest_ceiling_micro_yuan"
            apply_range(row, *columns, ceiling)
        elif demand["state"] == "expired" and left:
            groups.add(group, expired_units=left)
    return groups.list_rows()


def compute_gap(state: Reader, time_ms: int) -> list[Row]:
    """Idle capacity beside unmet demand by region and class (rule 2)."""
    groups = Groups(GAP_GROUPS, GAP_COLUMNS)
    usages = measure_leases(state, time_ms)
    for key, record in state.scan(RESOURCES.prefix):
        code = get_last_field(key)
        sold = usages[code].sold if code in usages else 0
        idle = max(0, compute_attested(record.value, time_ms) - sold)
        groups.add(group_resource(code)[:2], idle_units=idle)
    anywhere: dict[str, int] = {}
    for demand in _scan_demands(state):
        if demand["state"] == "open":
            left, resource_class = demand["left_units"], demand["resource_class"]
            groups.add((demand["consumer"][1:3], resource_class), unmet_units=left)
            if not demand["needs"]["regions"]:
                anywhere[resource_class] = anywhere.get(resource_class, 0) + left
            for region in dict.fromkeys(demand["needs"]["regions"]):
                groups.add((region, resource_class), reachable_units=left)
    for resource_class, left in anywhere.items():
        for region in PROVINCES:
            groups.add((region, resource_class), reachable_units=left)
    return groups.list_rows()


def compute_settled(state: Reader, _time_ms: int) -> list[Row]:
    """Leases and their money by region, class and sector of the resource (rule 3)."""
    groups = Groups(SETTLED_GROUPS, SETTLED_COLUMNS)
    for lease in _scan_leases(state):
        is_across = lease["consumer"][1:3] != lease["resource"][1:3]
        groups.add(
            group_resource(lease["resource"]),
            leases=1,
            closed=int(lease["state"] == "closed"),
            failed=int(lease["state"] == "failed"),
            used_unit_seconds=lease["used_unit_seconds"],
            billed_micro_yuan=lease["billed_micro_yuan"],
            across_micro_yuan=lease["billed_micro_yuan"] if is_across else 0,
            refunded_micro_yuan=lease["refunded_micro_yuan"],
        )
    return groups.list_rows()


def compute_flows(state: Reader, time_ms: int) -> list[Row]:
    """What consumers of one region use in another."""
    groups = Groups(FLOW_GROUPS, FLOW_COLUMNS)
    for lease in _scan_leases(state):
        region, resource_class, _ = group_resource(lease["resource"])
        groups.add(
            (lease["consumer"][1:3], region, resource_class),
            leases=1,
            sold_units=lease["units"] if is_reserving(lease, time_ms) else 0,
            used_unit_seconds=lease["used_unit_seconds"],
            billed_micro_yuan=lease["billed_micro_yuan"],
        )
    return groups.list_rows()


def compute_prices(state: Reader, time_ms: int) -> list[Row]:
    """Prices offered and agreed by region, class and sector (rule 4)."""
    groups = Groups(PRICE_GROUPS, PRICE_COLUMNS)
    for _, record in state.scan(OFFERS.prefix):
        offer = record.value
        if is_offered(offer, time_ms):
            row, price = groups.get(group_resource(offer["resource"])), offer["price_micro_yuan"]
            row["offers"] += 1
            row["offered_units"] += offer["units"]
            row["mean_micro_yuan"] += offer["units"] * price
            apply_range(row, "lowest_micro_yuan", "highest_micro_yuan", price)
    for lease in _scan_leases(state):
        if is_reserving(lease, time_ms):
            row = groups.get(group_resource(lease["resource"]))
            row["sold_units"] += lease["units"]
            row["mean_sold_micro_yuan"] += lease["units"] * lease["price_micro_yuan"]
    rows = groups.list_rows()
    for found in rows:
        _apply_mean(found, "mean_micro_yuan", "offered_units")
        _apply_mean(found, "mean_sold_micro_yuan", "sold_units")
    return rows


def compute_delivery(state: Reader, _time_ms: int) -> list[Row]:
    """How providers kept their word, by their region and sector."""
    groups = Groups(DELIVERY_GROUPS, DELIVERY_COLUMNS)
    for key, record in state.scan(ACCOUNTS.prefix + b"P"):
        account = record.value
        groups.add(
            _group_provider(get_last_field(key)),
            providers=1,
            delivered=account["delivered"],
            faults=account["faults"],
        )
    for lease in _scan_leases(state):
        if lease["state"] in ("closed", "failed"):
            groups.add(_group_provider(lease["provider"]), **{lease["state"]: 1})
    return groups.list_rows()


def _group_provider(code: str) -> tuple[str, str]:
    fields = parse_code(code)
    return fields.region, fields.industry


def _apply_mean(row: Row, column: str, weights: str) -> None:
    """Turn a sum of products into a mean."""
    weight = int(row[weights])
    row[column] = int(row[column]) // weight if weight else 0


def _scan_demands(state: Reader) -> Iterator[DemandRecord]:
    for _, record in state.scan(DEMANDS.prefix):
        yield record.value


def _scan_leases(state: Reader) -> Iterator[Lease]:
    for _, record in state.scan(LEASES.prefix):
        yield record.value
