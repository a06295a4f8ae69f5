"""Views of the network itself: who is registered, and how nodes serve and guard.

1. An identity counts as what it is at the moment: revoked, suspended, expired or active.
2. What a node did late counts for ever: overdue answers and overdue incidents never leave.
"""

from collections.abc import Mapping
from typing import Final

from contracts.grouping import Groups, Row
from contracts.help import CASES
from contracts.security import INCIDENTS
from contracts.service import ENTRIES, NOTICES
from contracts.standing import IDENTITIES, compute_standing
from contracts.table import get_last_field
from ledger.code import parse_code
from ledger.state import Reader

IDENTITY_GROUPS: Final = ("kind", "region")
IDENTITY_COLUMNS: Final[Mapping[str, str]] = {
    "kind": "class of the code",
    "region": "province prefix; 00 for the whole country",
    "active": "in good standing",
    "suspended": "suspended",
    "expired": "whose certificate is expired",
    "revoked": "revoked",
}
SERVICE_GROUPS: Final = ("node",)
SERVICE_COLUMNS: Final[Mapping[str, str]] = {
    "node": "code of the node",
    "entries": "entries listed in its directory",
    "notices": "notices that stand",
    "cases": "help cases ever opened at it",
    "open_cases": "of these, not closed",
    "late_answers": "deadlines of an answer that it let pass",
    "incidents": "incidents ever reported",
    "open_incidents": "of these, not resolved",
    "grave_incidents": "of all, those of severity 1 or 2",
    "overdue_incidents": "of all, those not contained in time",
}


def compute_identities(state: Reader, time_ms: int) -> list[Row]:
    """Identities by class and region (rule 1)."""
    groups = Groups(IDENTITY_GROUPS, IDENTITY_COLUMNS)
    for key, record in state.scan(IDENTITIES.prefix):
        fields = parse_code(get_last_field(key))
        standing = compute_standing(record.value, time_ms)
        groups.add((fields.kind, fields.region), **{standing: 1})
    return groups.list_rows()


def compute_service(state: Reader, _time_ms: int) -> list[Row]:
    """What each node offers, answers and guards (rule 2)."""
    groups = Groups(SERVICE_GROUPS, SERVICE_COLUMNS)
    for table, column, standing in (
        (ENTRIES, "entries", "listed"),
        (NOTICES, "notices", "published"),
    ):
        for _, record in state.scan(table.prefix):
            groups.add((record.value["node"],), **{column: int(record.value["state"] == standing)})
    for _, record in state.scan(CASES.prefix):
        case = record.value
        is_open = int(case["state"] != "closed")
        groups.add((case["node"],), cases=1, open_cases=is_open, late_answers=case["late"])
    for _, record in state.scan(INCIDENTS.prefix):
        incident = record.value
        groups.add(
            (incident["node"],),
            incidents=1,
            open_incidents=int(incident["state"] != "resolved"),
            grave_incidents=int(incident["severity"] <= 2),
            overdue_incidents=incident["overdue"],
        )
    return groups.list_rows()
