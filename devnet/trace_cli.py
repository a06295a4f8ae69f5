"""`suanlian devnet trace`: a real cluster's machines and jobs on the ledger, in virtual time."""

import json
import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from devnet.market import WHOLE, show_yuan
from devnet.simulator.violation import Violation
from devnet.trace import load_trace
from devnet.trace_run import Group, Outcome, TraceRun
from node.cli.output import AsJson

HOUR_S = 3600


def trace(
    folder: Annotated[Path, typer.Argument(help="Folder of the cluster trace.")],
    jobs: Annotated[int | None, typer.Option(help="Only the first jobs.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="Of the network's delays.", min=0)] = 1,
    as_json: AsJson = False,
) -> None:
    """Play a whole trace through selection, leases, meters and settlement, in virtual time."""
    logging.disable(logging.WARNING)
    console = Console(stderr=True)
    run = TraceRun(load_trace(folder), jobs, seed)
    columns = (TextColumn("{task.description:<36}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=as_json, transient=True) as bar:
        task = bar.add_task("the market opens", total=1)
        try:
            outcome = run.run(
                lambda done, total, word: bar.update(
                    task, completed=done, total=total, description=word
                )
            )
        except Violation as error:
            console.print(f"[red]{error}[/]", highlight=False)
            raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(outcome.as_json()))
    else:
        show_outcome(Console(), outcome)


def show_outcome(console: Console, outcome: Outcome) -> None:
    """The report, as tables."""
    table = Table(title="A cluster's jobs on the ledger", show_header=False, title_justify="left")
    table.add_column(style="dim")
    table.add_column(justify="right")
    for name, value in _list_rows(outcome):
        table.add_row(name, value)
    console.print(table)
    _show_groups(console, "Where: by region of the machine", outcome.by_region)
    _show_groups(console, "On what: by model", outcome.by_model)
    fullest = Table(title="The fullest machines", title_justify="left")
    fullest.add_column("machine")
    for heading in ("most at once", "attested"):
        fullest.add_column(heading, justify="right")
    for name, peak, units in outcome.fullest:
        fullest.add_row(name, f"{peak / WHOLE:g}", f"{units / WHOLE:g}")
    console.print(fullest)


def _list_rows(outcome: Outcome) -> list[tuple[str, str]]:
    return [
        ("machines", f"{outcome.machines:,}"),
        ("jobs", f"{outcome.jobs:,}"),
        ("placed by selection", f"{outcome.placed:,}"),
        ("settled and closed", f"{outcome.closed:,}"),
        ("never placed", f"{outcome.expired:,}"),
        ("cost", show_yuan(outcome.billed_micro_yuan)),
        ("demand to running", f"median {outcome.median_wait_ms} ms"),
        ("at the longest", f"{outcome.longest_wait_ms} ms"),
        ("virtual time", f"{outcome.virtual_ms / 86_400_000:.1f} days"),
        ("wall time", f"{outcome.wall_s} s"),
        ("blocks", f"{outcome.blocks:,}"),
        ("transactions", f"{outcome.transactions:,}"),
        ("due items", f"{outcome.due_items:,}"),
        ("invariants checked", f"{outcome.checks:,} times, none broken"),
        ("state root", outcome.state_root[:32]),
        ("run", outcome.digest[:32]),
    ]


def _show_groups(console: Console, title: str, groups: tuple[Group, ...]) -> None:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for heading in ("jobs", "across regions", "unit-hours", "cost"):
        table.add_column(heading, justify="right")
    for group in groups:
        table.add_row(
            group.name,
            f"{group.jobs:,}",
            f"{group.across_regions:,}",
            f"{group.used_unit_seconds / WHOLE / HOUR_S:,.1f}",
            show_yuan(group.billed_micro_yuan),
        )
    console.print(table)
