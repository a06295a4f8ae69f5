"""`suanlian devnet bench`: what a network of this machine's size carries."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from devnet.bench import BenchReport, BenchSpec, Latency, Rate, run_bench
from node.cli.output import AsJson, print_json, show_fields, show_table


def bench(
    transactions: Annotated[int, typer.Option(min=100, help="Payments sent in batches.")] = 20_000,
    singles: Annotated[int, typer.Option(min=10, help="Payments sent one a request.")] = 4_000,
    batch: Annotated[int, typer.Option(min=2, max=2_000, help="Payments in one request.")] = 250,
    in_flight: Annotated[int, typer.Option(min=2, help="Payments under way at a time.")] = 1_500,
    accounts: Annotated[int, typer.Option(min=2, max=40_000, help="Parties that pay.")] = 500,
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Keep the network's folder here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure throughput and latency of four validators, beside the cost of a signature check."""
    spec = BenchSpec(transactions, singles, 100, batch, in_flight, accounts)
    console = Console(stderr=True)
    with (
        tempfile.TemporaryDirectory(prefix="suanlian-bench-") as temporary,
        console.status("starting") as status,
    ):
        place = folder or Path(temporary) / "network"
        report = run_bench(place, spec, lambda text: status.update(text))
    show_report(report, as_json)


def show_report(report: BenchReport, as_json: bool) -> None:
    """Print a report as tables, or as JSON."""
    if as_json:
        print_json(asdict(report))
        return
    show_fields(
        "Machine",
        {
            "cores": report.cores,
            "one signature check (v)": f"{report.check_us:.1f} µs "
            f"({report.check_us_before:.1f} before, {report.check_us_after:.1f} after the load)",
            "bound c / (4 v)": f"{report.bound_per_second:.0f} transactions a second",
        },
        False,
    )
    rows = [
        _describe("in batches", report.batches),
        _describe("one a request", report.singles),
        {"load": "one client alone", "rate": "-", "ratio": "-", **_latency(report.lone)},
    ]
    columns = {
        "load": "load",
        "rate": "final a second",
        "ratio": "of the bound",
        "median": "median ms",
        "p90": "p90 ms",
        "p99": "p99 ms",
    }
    show_table("Single-signature payments, final on four validators", columns, rows, False)
    show_fields(
        "Chain", {"blocks": report.blocks, "state root on all peers": report.state_root}, False
    )


def _describe(name: str, rate: Rate) -> dict[str, Any]:
    return {
        "load": f"{name} ({rate.transactions})",
        "rate": f"{rate.per_second:.0f}",
        "ratio": f"{rate.ratio:.2f}",
        **_latency(rate.latency),
    }


def _latency(latency: Latency) -> dict[str, str]:
    return {
        "median": f"{latency.median_ms:.1f}",
        "p90": f"{latency.p90_ms:.1f}",
        "p99": f"{latency.p99_ms:.1f}",
    }
