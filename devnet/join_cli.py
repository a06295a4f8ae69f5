"""`suanlian devnet join`: what a new peer takes to join a long chain, by a snapshot and without."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from devnet.join import Joined, JoinReport, JoinSpec, run_join
from node.cli.output import AsJson, print_json, print_note, show_table


def join(
    transactions: Annotated[int, typer.Option(min=100, help="Payments in the chain.")] = 100_000,
    batch: Annotated[int, typer.Option(min=1, max=2_000, help="Payments in one request.")] = 250,
    in_flight: Annotated[int, typer.Option(min=1, help="Payments under way at a time.")] = 1_500,
    accounts: Annotated[int, typer.Option(min=2, max=40_000, help="Parties that pay.")] = 500,
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Keep the network's folder here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let a new peer join a long chain by a snapshot, another by executing it, and compare."""
    spec = JoinSpec(transactions, batch, in_flight, accounts)
    console = Console(stderr=True)
    with (
        tempfile.TemporaryDirectory(prefix="suanlian-join-") as temporary,
        console.status("starting") as status,
    ):
        place = folder or Path(temporary) / "network"
        report = run_join(place, spec, lambda text: status.update(text))
    show_report(report, as_json)


def show_report(report: JoinReport, as_json: bool) -> None:
    """Print a report as a table, or as JSON."""
    if as_json:
        print_json(asdict(report))
        return
    columns = {
        "way": "by",
        "seconds": "seconds",
        "received": "MiB received",
        "blocks": "blocks executed",
        "rate": "transactions a second",
    }
    title = f"A chain of {report.transactions} payments, {report.height} blocks"
    rows = [_describe(peer, report) for peer in report.peers]
    show_table(title, columns, rows, False)
    print_note(f"All peers have {report.records} records with the state root {report.state_root}")


def _describe(peer: Joined, report: JoinReport) -> dict[str, Any]:
    return {
        "way": peer.way,
        "seconds": f"{peer.seconds:.1f}",
        "received": f"{peer.received_bytes / (1 << 20):.1f}",
        "blocks": peer.blocks,
        "rate": f"{report.transactions / peer.seconds:.0f}",
    }
