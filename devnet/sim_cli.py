"""`suanlian devnet sim`: seeds of the deterministic simulator, many, or one in detail."""

import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from devnet.simulator.campaign import run_campaign
from devnet.simulator.case import Case, load_case
from devnet.simulator.run import Report, Summary, draw_plan, run_seed, summarize
from devnet.simulator.shrink import shrink
from node.cli.output import AsJson

MOST_SHRUNK = 3


@dataclass(frozen=True, slots=True)
class _Options:
    """How to show what is run."""

    as_json: bool
    is_traced: bool
    folder: Path | None  # for shrunk cases; None: they are not shrunk


def sim(
    seeds: Annotated[int, typer.Option(help="How many seeds to run.", min=1)] = 200,
    first: Annotated[int, typer.Option(help="The first of them.", min=0)] = 0,
    seed: Annotated[int | None, typer.Option(help="One seed only.", min=0)] = None,
    case: Annotated[Path | None, typer.Option(help="A case that was saved, instead.")] = None,
    trace: Annotated[bool, typer.Option(help="Print every event of one run.")] = False,
    jobs: Annotated[int, typer.Option(help="Processes; 0 is one for each core.", min=0)] = 0,
    log: Annotated[
        Path | None, typer.Option(help="A log of the campaign: seeds in it are not run again.")
    ] = None,
    save: Annotated[Path, typer.Option(help="The folder for cases of seeds that failed.")] = Path(),
    shrink_failures: Annotated[
        bool, typer.Option("--shrink/--no-shrink", help="Make failing runs small.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Run whole networks in virtual time under seeded faults and liars; check what must hold."""
    if trace and seed is None and case is None:
        raise typer.BadParameter("--trace needs --seed or --case: it prints every event of one run")
    # What goes wrong in a run is meant to: the peers' own warnings would hide what was found.
    logging.disable(logging.CRITICAL)
    options = _Options(as_json, trace, save if shrink_failures else None)
    if case is not None:
        reports = [_run_one(load_case(case), options)]
    elif seed is not None:
        reports = [_run_one(Case(seed, draw_plan(seed)), options)]
    else:
        reports = _run_many(range(first, first + seeds), jobs or os.cpu_count() or 1, log, options)
    if as_json:
        typer.echo(json.dumps({"seeds": [report.as_json() for report in reports]}))
    else:
        _show(summarize(reports), reports)
    failed = [report for report in reports if not report.is_well]
    if options.folder is not None and case is None:
        for report in failed[:MOST_SHRUNK]:
            _shrink(report, options.folder)
    if failed:
        raise typer.Exit(1)


def _run_one(case: Case, options: _Options) -> Report:
    Console(stderr=True).print(f"seed {case.seed}", highlight=False)
    return run_seed(case.seed, case.plan, watch=_print_event if options.is_traced else None)


def _run_many(
    numbers: Sequence[int], jobs: int, log: Path | None, options: _Options
) -> list[Report]:
    console = Console(stderr=True)
    console.print(f"seeds {numbers[0]} to {numbers[-1]}", highlight=False)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    reports: list[Report] = []
    with Progress(*columns, console=console, disable=options.as_json, transient=True) as progress:
        task = progress.add_task("seeds", total=len(numbers))
        for report in run_campaign(numbers, jobs, log):
            reports.append(report)
            if not report.is_well:
                progress.console.print(
                    f"seed {report.seed}: {report.violation}", highlight=False, markup=False
                )
            progress.update(task, description=f"seed {report.seed}", advance=1)
    return reports


def _print_event(now_us: int, text: str) -> None:
    typer.echo(f"{now_us / 1000:>12.3f}  {text}")


def _shrink(report: Report, folder: Path) -> None:
    """Make a failing seed small, write it down, and say what is left."""
    console = Console(stderr=True)
    with console.status(f"making seed {report.seed} small") as status:

        def tell(trials: int, case: Case) -> None:
            status.update(f"seed {report.seed}: {len(case.describe())} left after {trials} runs")

        case = shrink(report.seed, draw_plan(report.seed), report.violation, tell)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"case-{report.seed}.json"
    case.save(path)
    again = run_seed(case.seed, case.plan)
    console.print(f"seed {case.seed}, made small: {again.violation.splitlines()[0]}", markup=False)
    for line in case.describe():
        console.print(f"  {line}", highlight=False, markup=False)
    console.print(f"again: suanlian devnet sim --case {path} --trace", highlight=False)


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
        console.print(f"liars: {', '.join(only.liars) or 'none'}", highlight=False)
        console.print(f"digest: {only.digest}", highlight=False)
