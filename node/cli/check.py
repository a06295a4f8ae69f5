"""`suanlian node check`: is everything in a stopped peer's store, or in a copy, as it must be?"""

import time
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from node.check.finding import TABLES
from node.check.store import Checked, check_store
from node.cli.output import AsJson, print_json, print_note, show_fields, show_table
from node.cli.stopped import open_disks
from node.config import FILE_NAME
from node.genesis_block import compute_genesis_block

DataFolder = Annotated[
    Path | None,
    typer.Option("--data", help="A copied data folder, or a backup, instead of the peer's own."),
]
_COLUMNS: Final = {"table": "table", "place": "where", "wrong": "what is wrong"}


def check(
    config: Annotated[Path, typer.Option(help="The configuration of the peer.")] = Path(FILE_NAME),
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Check a stopped peer's store and journal end to end, and say what is wrong.

    Every entry of every table is compared with what it follows from; nothing is written. Exits with
    1 when anything is wrong. Blocks are not executed again: `suanlian node replay` does that.
    """
    begun = time.monotonic()
    status = Console(stderr=True, quiet=as_json).status("")
    with open_disks(config, data) as (disk, journal, genesis), status:
        checked = check_store(
            disk,
            genesis,
            compute_genesis_block(genesis),
            lambda table, count: status.update(f"{TABLES[table]}: {count}"),
            journal,
        )
    _show(checked, time.monotonic() - begun, as_json)
    if checked.wrong:
        raise typer.Exit(1)


def _show(checked: Checked, seconds: float, as_json: bool) -> None:
    fields: dict[str, Any] = {
        "chain": checked.chain,
        "height": str(checked.height),
        "entries": str(sum(checked.counts.values())),
        "seconds": f"{seconds:.1f}",
        "wrong": str(checked.wrong),
        "facts": list(checked.facts),
    }
    rows = [
        {"table": item.table, "place": item.place, "wrong": item.wrong} for item in checked.findings
    ]
    if as_json:
        counts = {table: str(count) for table, count in checked.counts.items()}
        print_json({**fields, "holds": not checked.wrong, "counts": counts, "findings": rows})
        return
    show_fields("The store is wrong" if rows else "The store holds", fields, as_json=False)
    if rows:
        named = [{**row, "table": f"{row['table']} ({TABLES[row['table']]})"} for row in rows]
        show_table("What is wrong", _COLUMNS, named, as_json=False)
        print_note("What to do about it: operations.md, section 6.")
