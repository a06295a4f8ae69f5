"""`suanlian audit evidence`: validators that signed twice, each proof checked again here."""

from itertools import islice
from typing import Annotated, Any, Final

import typer

from contracts.context import ReadEvidence
from ledger.crypto import Domain, Purpose
from node.cli.keys import read_code
from node.cli.output import AsJson, print_note, show_table
from node.cli.remote import DEFAULT_PEER, GenesisHash, PeerUrl, connect, trust_genesis
from node.client.verified import show_time
from node.evidence import make_reader

_COLUMNS: Final = {
    "time": "recorded",
    "node": "node",
    "epoch": "epoch",
    "view": "view",
    "kinds": "signed both",
    "reporter": "reported by",
    "key": "validator key",
    "proven": "proven",
}


def audit_evidence(
    node: Annotated[str, typer.Argument(help="The code of a node; without it of all.")] = "",
    most: Annotated[int, typer.Option("--most", help="How many at most.", min=1)] = 1000,
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    as_json: AsJson = False,
) -> None:
    """List double signings; both signatures are checked here, and exit is 1 where one is wrong."""
    fields = (read_code(node),) if node else ()
    with connect(peer, genesis) as client:
        read = make_reader(Domain(Purpose.VOTE, trust_genesis(client, genesis)))
        found = client.iterate_records("double_signing", *fields)
        rows = [_describe(item, read) for item in islice(found, most)]
    show_table("Double signings", _COLUMNS, rows, as_json)
    if len(rows) == most:
        print_note(f"there may be more: these are the first {most} (--most)")
    if not all(row["proven"] for row in rows):
        raise typer.Exit(1)


def _describe(item: dict[str, Any], read: ReadEvidence) -> dict[str, Any]:
    _, code, *where = item["key"]
    epoch, view = (int(field, 16) for field in where)
    value = item["value"]
    proven = read(bytes.fromhex(value["key"]), bytes.fromhex(value["evidence"]))
    return {
        "time": show_time(int(value["time_ms"])),
        "node": code,
        "epoch": str(epoch),
        "view": str(view),
        "kinds": value["kinds"],
        "reporter": value["reporter"],
        "key": value["key"],
        "proven": proven is not None and (proven.epoch, proven.view) == (epoch, view),
    }
