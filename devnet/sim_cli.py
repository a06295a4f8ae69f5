"""`suanlian devnet sim`: seeds of the deterministic simulator, many, or one in detail."""

import json
import logging
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from devnet.simulator.run import Report, Summary, run_seed, summarize
from node.cli.output import AsJson


def sim(
    seeds: Annotated[int, typer.Option(help="How many seeds to run.", min=1)] = 200,
    first: Annotated[int, typer.Option(help="The first of them.", min=0)] = 0,
    seed: Annotated[int | None, typer.Option(help="One seed only.", min=0)] = None,
    trace: Annotated[bool, typer.Option(help="Print every event (with --seed).")] = False,
    as_json: AsJson = False,
) -> None:
    """Run whole networks in virtual time under seeded faults, and check what must hold."""
    if trace and seed is None:
        raise typer.BadParameter("--trace needs --seed: it prints every event of one run")
    numbers = range(first, first + seeds) if seed is None else range(seed, seed + 1)
    # What goes wrong in a run is meant to: the peers' own warnings would hide what was found.
    logging.disable(logging.CRITICAL)
    reports = list(_run_all(numbers, trace, as_json))
    if as_json:
        typer.echo(json.dumps({"seeds": [report.as_json() for report in reports]}))
    else:
        _show(summarize(reports), reports)
    if not all(report.is_well for report in reports):
        raise typer.Exit(1)


def _run_all(numbers: Sequence[int], trace: bool, as_json: bool) -> Iterator[Report]:
    console = Console(stderr=True)
    if len(numbers) == 1:
        console.print(f"seed {numbers[0]}", highlight=False)
        yield run_seed(numbers[0], watch=_print_event if trace else None)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=as_json, transient=True) as progress:
        task = progress.add_task("seeds", total=len(numbers))
        for number in numbers:
            progress.update(task, description=f"seed {number}")
            report = run_seed(number)
            if not report.is_well:
                progress.console.print(f"seed {number}: {report.violation}", highlight=False)
            progress.advance(task)
            yield report


def _print_event(now_us: int, text: str) -> None:
    typer.echo(f"{now_us / 1000:>12.3f}  {text}")


def _show(summary: Summary, reports: Sequence[Report]) -> None:
    console = Console()
    table = Table(title="deterministic simulation", show_header=False, title_justify="left")
    table.add_column(style="dim")
    table.add_column(justify="right")
    for name, value in summary.as_rows():
        table.add_row(name, value)
    console.print(table)
    for report in reports:
        if not report.is_well:
            console.print(
                f"[red]seed {report.seed}[/red] {report.violation.splitlines()[0]}\n"
                f"  again: suanlian devnet sim --seed {report.seed} --trace",
                highlight=False,
            )
    if len(reports) == 1:
        only = reports[0]
        console.print(f"faults: {', '.join(only.faults) or 'none'}", highlight=False)
        console.print(f"digest: {only.digest}", highlight=False)
