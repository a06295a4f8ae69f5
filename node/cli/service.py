"""`suanlian service`: what nodes show in public, out of the current records of a peer.

Each command lists the records of one kind, of one node or of all. They are written with
`suanlian tx`: `tx kinds service.announce` says how.
"""

from collections.abc import Mapping
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

_DIRECTORY: Final = {
    "node": "node",
    "id": "name",
    "duty": "duty",
    "title": "title",
    "contact": "contact",
    "url": "url",
}
_NOTICES: Final = {
    "starts_ms": "since",
    "ends_ms": "until",
    "node": "by",
    "topic": "topic",
    "title": "title",
    "state": "state",
    "id": "id",
}
_CASES: Final = {
    "opened_ms": "opened",
    "node": "at",
    "opener": "by",
    "category": "category",
    "subject": "subject",
    "state": "state",
    "late": "late",
    "id": "id",
}
_INCIDENTS: Final = {
    "occurred_ms": "occurred",
    "node": "node",
    "severity": "severity",
    "category": "category",
    "title": "title",
    "state": "state",
    "resolved_ms": "resolved",
    "id": "id",
}
_POOLS: Final = {
    "node": "node",
    "name": "name",
    "scope": "scope",
    "place": "place",
    "resource_class": "class",
    "interface": "profile",
    "state": "state",
    "id": "id",
}


@app.command("directory")
def list_directory(
    node: Node = "",
    every: All = False,
    most: Most = 1000,
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    as_json: AsJson = False,
) -> None:
    """List what nodes offer, and how they are reached."""
    ended = () if every else ("delisted",)
    _list("Directory", ENTRIES, _DIRECTORY, (node, ended, most), (peer, genesis), as_json)


@app.command("notices")
def list_notices(
    node: Node = "",
    every: All = False,
    most: Most = 1000,
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    as_json: AsJson = False,
) -> None:
    """List the notices that stand."""
    ended = () if every else ("withdrawn", "expired")
    _list("Notices", NOTICES, _NOTICES, (node, ended, most), (peer, genesis), as_json)


@app.command("cases")
def list_cases(
    node: Node = "",
    every: All = False,
    most: Most = 1000,
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    as_json: AsJson = False,
) -> None:
    """List the help cases that are open."""
    ended = () if every else ("closed",)
    _list("Help cases", CASES, _CASES, (node, ended, most), (peer, genesis), as_json)


@app.command("incidents")
def list_incidents(
    node: Node = "",
    every: All = False,
    most: Most = 1000,
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    as_json: AsJson = False,
) -> None:
    """List the incidents that are not resolved."""
    ended = () if every else ("resolved",)
    _list("Incidents", INCIDENTS, _INCIDENTS, (node, ended, most), (peer, genesis), as_json)


@app.command("pools")
def list_pools(
    node: Node = "",
    every: All = False,
    most: Most = 1000,
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    as_json: AsJson = False,
) -> None:
    """List the open pools; what they can give says `suanlian statistics show pools-1`."""
    ended = () if every else ("closed",)
    _list("Pools", POOLS, _POOLS, (node, ended, most), (peer, genesis), as_json)


def _list(
    title: str,
    table: Table[Any],
    columns: Mapping[str, str],
    wanted: tuple[str, tuple[str, ...], int],
    where: tuple[str, str],
    as_json: bool,
) -> None:
    """Show records of a table: of which node, without which states, and how many."""
    node, ended, most = wanted
    fields = (read_code(node),) if node else ()
    with connect(*where) as client:
        found = (
            {"id": item["key"][2], **item["value"]}
            for item in client.iterate_records(table.name, *fields)
        )
        rows = list(islice((row for row in found if row["state"] not in ended), most))
    shown = rows if as_json else [_show_times(row) for row in rows]
    show_table(title, columns, shown, as_json)
    if len(rows) == most:
        print_note(f"there may be more: these are the first {most} (--most)")


def _show_times(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its moments as people read them."""
    return {
        name: (show_time(int(value)) if int(value) else "-") if name.endswith("_ms") else value
        for name, value in row.items()
    }
