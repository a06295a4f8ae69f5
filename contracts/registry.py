"""All kinds of transactions and of due work, and all tables with what derives from them.

Each module says what it brings: `CALLS`, `DUE` and `TABLES`, any of which it may lack.
"""

from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final

from contracts import (
    account,
    admission,
    agreement,
    amendment,
    application,
    ballot,
    billing,
    challenge,
    claim,
    delivery,
    demand,
    dispute,
    evidence,
    help,
    hold,
    identity,
    lease,
    membership,
    metering,
    monitoring,
    move,
    nodes,
    observation,
    offer,
    policy,
    pool,
    proposal,
    quote,
    receipt,
    resource,
    review,
    root,
    rules,
    ruling,
    security,
    selection,
    service,
    settlement,
    standards,
    standing,
    statistics,
    taking,
    vote,
    voucher,
)
from contracts.call import Call, Due
from contracts.table import Table, get_table_name, rebuild_tables
from ledger.codec import Value
from ledger.state import Reader

# In the order in which docs/spec/rules.md shows them.
MODULES: Final[tuple[ModuleType, ...]] = (
    standing,
    identity,
    application,
    admission,
    review,
    nodes,
    membership,
    standards,
    resource,
    pool,
    monitoring,
    policy,
    offer,
    demand,
    taking,
    quote,
    selection,
    agreement,
    lease,
    move,
    metering,
    receipt,
    claim,
    hold,
    billing,
    observation,
    challenge,
    amendment,
    delivery,
    dispute,
    ruling,
    account,
    settlement,
    voucher,
    service,
    help,
    security,
    evidence,
    ballot,
    proposal,
    vote,
    statistics,
    rules,
    root,
)


def _collect(name: str) -> Iterator[Any]:
    for module in MODULES:
        yield from getattr(module, name, ())


CALLS: Final[dict[str, Call]] = {call.kind: call for call in _collect("CALLS")}
DUE: Final[dict[str, Due]] = {due.action: due for due in _collect("DUE")}
TABLES: Final[tuple[Table[Any], ...]] = tuple(_collect("TABLES"))
BY_NAME: Final[dict[str, Table[Any]]] = {table.name: table for table in TABLES}
DERIVED: Final[tuple[str, ...]] = tuple(
    sorted(dict.fromkeys(name for table in TABLES for name in table.derives))
)


def find_table(key: bytes) -> Table[Any] | None:
    """The table of a record; None where the machine itself keeps it."""
    return BY_NAME.get(get_table_name(key))


def rebuild_derived(state: Reader) -> dict[bytes, Value]:
    """The derived tables of a state, from its records alone, in key order."""
    return rebuild_tables(state, TABLES)
