"""All kinds of transactions and of due work, and all tables that others are derived from."""

from typing import Any, Final

from contracts import identity, lease, market, membership, metering, resource, settlement
from contracts.agreement import LEASES
from contracts.call import Call, Due
from contracts.market import DEMANDS, OFFERS
from contracts.standing import IDENTITIES
from contracts.table import Table, rebuild_tables
from ledger.codec import Value
from ledger.state import Reader

CALLS: Final[dict[str, Call]] = {
    call.kind: call
    for module in (identity, membership, resource, market, lease, metering, settlement)
    for call in module.CALLS
}
DUE: Final[dict[str, Due]] = {
    due.action: due for module in (market, lease, metering) for due in module.DUE
}
TABLES: Final[tuple[Table[Any], ...]] = (IDENTITIES, OFFERS, DEMANDS, LEASES)


def rebuild_derived(state: Reader) -> dict[bytes, Value]:
    """The derived tables of a state, from its records alone, in key order."""
    return rebuild_tables(state, TABLES)
