"""`suanlian service`: what nodes show in public, out of the current records of a peer.

Each command lists the records of one kind, of one node or of all. They are written with
`suanlian tx`: `tx kinds service.announce` says how.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Final

import typer

from contracts.help import CASES
from contracts.pool import POOLS
from contracts.security import INCIDENTS
from contracts.service import ENTRIES, NOTICES
from contracts.table import Table
from node.cli.keys import read_code
from node.cli.output import AsJson, print_note, show_table
from node.cli.remote import DEFAULT_PEER, GenesisHash, PeerUrl, connect
from node.client.verified import show_time

app = typer.Typer(
    help="Directories, notices, help cases, incidents and pools of nodes.", no_args_is_help=True
)

Node = Annotated[str, typer.Argument(help="The code of a node; without it those of all.")]
All = Annotated[bool, typer.Option("--all", help="Also what has ended.")]
Most = Annotated[int, typer.Option("--most", help="How many at most.", min=1, max=100_000)]


@dataclass(frozen=True, slots=True)
class _Listing:
    """One command: the table whose records it lists, and the states that `--all` shows too."""

    name: str
    help: str
    title: str
    table: Table[Any]
    columns: Mapping[str, str]
    ended: tuple[str, ...]


_LISTINGS: Final = (
    _Listing(
        "directory",
        "List what nodes offer, and how they are reached.",
        "Directory",
        ENTRIES,
        {
            "node": "node",
            "id": "name",
            "duty": "duty",
            "title": "title",
            "contact": "contact",
            "url": "url",
        },
        ("delisted",),
    ),
    _Listing(
        "notices",
        "List the notices that stand.",
        "Notices",
        NOTICES,
        {
            "starts_ms": "since",
            "ends_ms": "until",
            "node": "by",
            "topic": "topic",
            "title": "title",
            "state": "state",
            "id": "id",
        },
        ("withdrawn", "expired"),
    ),
    _Listing(
        "cases",
        "List the help cases that are open.",
        "Help cases",
        CASES,
        {
            "opened_ms": "opened",
            "node": "at",
            "opener": "by",
            "category": "category",
            "subject": "subject",
            "state": "state",
            "late": "late",
            "id": "id",
        },
        ("closed",),
    ),
    _Listing(
        "incidents",
        "List the incidents that are not resolved.",
        "Incidents",
        INCIDENTS,
        {
            "occurred_ms": "occurred",
            "node": "node",
            "severity": "severity",
            "category": "category",
            "title": "title",
            "state": "state",
            "resolved_ms": "resolved",
            "id": "id",
        },
        ("resolved",),
    ),
    _Listing(
        "pools",
        "List the open pools; what they can give says `suanlian statistics show pools-1`.",
        "Pools",
        POOLS,
        {
            "node": "node",
            "name": "name",
            "scope": "scope",
            "place": "place",
            "resource_class": "class",
            "interface": "profile",
            "state": "state",
            "id": "id",
        },
        ("closed",),
    ),
)


def _add(listing: _Listing) -> None:
    @app.command(listing.name, help=listing.help)
    def list_records(
        node: Node = "",
        every: All = False,
        most: Most = 1000,
        peer: PeerUrl = DEFAULT_PEER,
        genesis: GenesisHash = "",
        as_json: AsJson = False,
    ) -> None:
        fields = (read_code(node),) if node else ()
        ended = () if every else listing.ended
        with connect(peer, genesis) as client:
            found = (
                {"id": item["key"][2], **item["value"]}
                for item in client.iterate_records(listing.table.name, *fields)
            )
            rows = list(islice((row for row in found if row["state"] not in ended), most))
        shown = rows if as_json else [_show_times(row) for row in rows]
        show_table(listing.title, listing.columns, shown, as_json)
        if len(rows) == most:
            print_note(f"there may be more: these are the first {most} (--most)")


for _listing in _LISTINGS:
    _add(_listing)


def _show_times(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its moments as people read them."""
    return {
        name: (show_time(int(value)) if int(value) else "-") if name.endswith("_ms") else value
        for name, value in row.items()
    }
