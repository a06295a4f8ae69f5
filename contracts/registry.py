"""All kinds of transactions and of due work, and all tables that others are derived from."""

from typing import Any, Final

from contracts import identity, settlement
from contracts.call import Call, Due
from contracts.standing import IDENTITIES
from contracts.table import Table
from contracts.table import rebuild_derived as rebuild_from
from ledger.codec import Value
from ledger.state import Reader

CALLS: Final[dict[str, Call]] = {call.kind: call for call in (*identity.CALLS, *settlement.CALLS)}
DUE: Final[dict[str, Due]] = {}
TABLES: Final[tuple[Table[Any], ...]] = (IDENTITIES,)


def rebuild_derived(state: Reader) -> dict[bytes, Value]:
    """The derived tables of a state, from its records alone, in key order."""
    return rebuild_from(state, TABLES)
