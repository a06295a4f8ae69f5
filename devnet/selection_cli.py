"""`suanlian devnet selection`: what blocks cost while demands wait for offers, and how it grows."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console

from devnet.selection_bench import SelectionReport, SelectionSpec, run_cases
from node.cli.output import AsJson, print_json, show_table

SIZES = (1_000, 3_000)  # measured before the size asked for, where they are smaller

COLUMNS = {
    "case": "case",
    "size": "demands x offers",
    "blocks": "blocks",
    "turns": "turns",
    "leases": "leases",
    "empty": "without turns ms",
    "median": "median ms",
    "p99": "p99 ms",
    "worst": "worst ms",
    "wall": "worst by the wall ms",
    "share": "worst of the leader timer",
}


def selection(
    demands: Annotated[int, typer.Option(min=1, max=100_000, help="Open demands.")] = 10_000,
    offers: Annotated[int, typer.Option(min=1, max=100_000, help="Open offers.")] = 10_000,
    payments: Annotated[
        int, typer.Option(min=0, max=2_000, help="Payments in every block besides.")
    ] = 500,
    growth: Annotated[bool, typer.Option(help="Measure smaller markets too.")] = True,
    as_json: AsJson = False,
) -> None:
    """Measure blocks that match demands with offers, against the leader timer."""
    sizes = [(size, size) for size in SIZES if growth and size < min(demands, offers)]
    reports: list[SelectionReport] = []
    with Console(stderr=True).status("starting") as status:
        for size in (*sizes, (demands, offers)):
            spec = SelectionSpec(*size, payments)
            reports += run_cases(spec, lambda text: status.update(text))
    if as_json:
        print_json([asdict(report) for report in reports])
        return
    timer_ms = reports[0].leader_timer_ms
    title = (
        f"Blocks with {payments} payments each, executed, sealed and written; timer {timer_ms} ms"
    )
    show_table(title, COLUMNS, [_describe(report) for report in reports], False)


def _describe(report: SelectionReport) -> dict[str, Any]:
    return {
        "case": report.case,
        "size": f"{report.demands} x {report.offers}",
        "blocks": report.blocks,
        "turns": report.turns,
        "leases": report.leases,
        "empty": f"{report.empty_ms:.0f}",
        "median": f"{report.median_ms:.0f}",
        "p99": f"{report.p99_ms:.0f}",
        "worst": f"{report.worst_ms:.0f}",
        "wall": f"{report.worst_wall_ms:.0f}",
        "share": f"{report.worst_ms / report.leader_timer_ms:.0%}",
    }
