"""Who is meant to read what: the visibility of each kind of record.

1. *public*: announcements, rules, standards, the directory, statistics, and what they are checked
   with. Whoever runs an open page serves these to anybody, without an identity.
2. *parties*: money, meters, applications, cases and incidents; they concern those whom the record
   names, their nodes, authorities and auditors.
3. *members*: all else, which those need who trade and who watch over the trade.

Every peer holds every record, because it has to execute what changes it. So visibility is a duty of
those who run peers, not a secret that the ledger keeps: what must stay secret is not written to it,
but its digest is.
"""

from typing import Final

PUBLIC: Final = "public"
MEMBERS: Final = "members"
PARTIES: Final = "parties"
_OF: Final = {
    PUBLIC: (
        "announcement",
        "ballot",
        "bar",
        "declaration",
        "double_signing",
        "entry",
        "former_key",
        "identity",
        "node",
        "notice",
        "pool",
        "root",
        "round",
        "rules",
        "standard",
        "statistic",
    ),
    PARTIES: (
        "account",
        "amendment",
        "application",
        "help",
        "incident",
        "lease",
        "observation",
        "voucher",
    ),
}
_BY_TABLE: Final = {name: visibility for visibility, names in _OF.items() for name in names}
NAMED: Final = tuple(sorted(_BY_TABLE))


def get_visibility(table: str) -> str:
    """Who is meant to read the records of a table: public, members or parties."""
    return _BY_TABLE.get(table, MEMBERS)
