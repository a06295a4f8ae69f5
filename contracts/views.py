"""Views: named queries over the state at a height, which anybody can compute again.

1. A view reads records and the block's time, and nothing else: no derived table, which no root
   covers, and no clock. So whoever has the records of a height has its results.
2. Its result is {"height", "query", "rows", "time_ms"}. Rows are maps of texts and integers in the
   order of their first columns, which name the group. The digest of a result is the SHA-256 of its
   canonical encoding; that is what `statistics.publish` puts on the ledger.
3. A query never changes: what is computed otherwise gets the next number in its name.
4. A view passes once over each table it needs and keeps one row for each group, and a few integers
   for each resource and offer that is open. So its time grows with the records of its tables, and
   its memory with what is open; nothing of it is on the path of a block.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from contracts import capacity_views, public_views, trade_views
from contracts.grouping import Row
from ledger import codec
from ledger.codec import Value
from ledger.primitives import Digest
from ledger.state import Reader


@dataclass(frozen=True, slots=True)
class Query:
    """A view by its name; `columns` says what each column of a row is.

    `groups` are the first of them, which are texts; all others are integers.
    """

    name: str
    title: str
    groups: tuple[str, ...]
    columns: Mapping[str, str]
    compute: Callable[[Reader, int], list[Row]]


QUERIES: Final[Mapping[str, Query]] = {
    query.name: query
    for query in (
        Query(
            "capacity-1",
            "Capacity declared, attested, listed, sold, scheduled, running and idle",
            capacity_views.CAPACITY_GROUPS,
            capacity_views.CAPACITY_COLUMNS,
            capacity_views.compute_capacity,
        ),
        Query(
            "pools-1",
            "What each open pool can give",
            capacity_views.POOL_GROUPS,
            capacity_views.POOL_COLUMNS,
            capacity_views.compute_pools,
        ),
        Query(
            "monitoring-1",
            "What regional nodes saw on the last whole day",
            capacity_views.MONITORING_GROUPS,
            capacity_views.MONITORING_COLUMNS,
            capacity_views.compute_monitoring,
        ),
        Query(
            "unmet-1",
            "Demand that is not met, by the consumers' region",
            trade_views.UNMET_GROUPS,
            trade_views.UNMET_COLUMNS,
            trade_views.compute_unmet,
        ),
        Query(
            "gap-1",
            "Idle capacity beside unmet demand, by region",
            trade_views.GAP_GROUPS,
            trade_views.GAP_COLUMNS,
            trade_views.compute_gap,
        ),
        Query(
            "settled-1",
            "Leases ever made, their usage and their money",
            trade_views.SETTLED_GROUPS,
            trade_views.SETTLED_COLUMNS,
            trade_views.compute_settled,
        ),
        Query(
            "flows-1",
            "What consumers of one region use in another",
            trade_views.FLOW_GROUPS,
            trade_views.FLOW_COLUMNS,
            trade_views.compute_flows,
        ),
        Query(
            "prices-1",
            "Prices offered and agreed",
            trade_views.PRICE_GROUPS,
            trade_views.PRICE_COLUMNS,
            trade_views.compute_prices,
        ),
        Query(
            "delivery-1",
            "How providers kept their word",
            trade_views.DELIVERY_GROUPS,
            trade_views.DELIVERY_COLUMNS,
            trade_views.compute_delivery,
        ),
        Query(
            "identities-1",
            "Identities by class, region and standing",
            public_views.IDENTITY_GROUPS,
            public_views.IDENTITY_COLUMNS,
            public_views.compute_identities,
        ),
        Query(
            "service-1",
            "Directories, help cases and incidents by node",
            public_views.SERVICE_GROUPS,
            public_views.SERVICE_COLUMNS,
            public_views.compute_service,
        ),
    )
}


def compute_result(state: Reader, query: str, height: int, time_ms: int) -> Value:
    """The result of a query on the state after the block at a height (rule 2)."""
    rows = QUERIES[query].compute(state, time_ms)
    return {"height": height, "query": query, "rows": rows, "time_ms": time_ms}


def compute_digest(result: Value) -> Digest:
    """What stands on the ledger of a result (rule 2)."""
    return Digest(sha256(codec.encode(result)).digest())
