"""The tables at the end of a scenario."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table

from devnet.evidence import Deed
from devnet.market import WHOLE, show_yuan
from devnet.replay import JobRun, Replay
from devnet.scene import Scene

DUE = "due"


def print_history(console: Console, scene: Scene, deeds: Sequence[Deed]) -> None:
    """Who did what to a lease."""
    table = _make_table("The lease, as the ledger tells it")
    for heading in ("time", "what", "signed by", "outcome"):
        table.add_column(heading)
    table.add_column("billed", justify="right")
    for deed in deeds:
        value = deed.value
        table.add_row(
            show_clock(deed.time_ms),
            "the block itself" if deed.kind == DUE else deed.kind,
            ", ".join(scene.name(code) for code in deed.signers) or "-",
            f"{deed.code}, {value['state']}",
            show_yuan(int(value["billed_micro_yuan"])),
        )
    console.print()
    console.print(table)


def print_figures(console: Console, scene: Scene, height: int, state_root: str) -> None:
    """Blocks, transactions, latency, and that all was verified."""
    tally = scene.tally
    table = _make_table("The run", show_header=False)
    table.add_column(style="dim")
    table.add_column()
    table.add_row("blocks", str(height))
    table.add_row("transactions", str(tally.sent))
    median, high = tally.compute_quantile_ms(0.5), tally.compute_quantile_ms(0.99)
    table.add_row("submit to final", f"median {median:.0f} ms, p99 {high:.0f} ms")
    table.add_row("state root", f"{state_root[:32]}… on all {len(scene.folder.nodes)} peers")
    table.add_row("proof", "[bold green]verified[/] offline")
    console.print()
    console.print(table)


def print_jobs(console: Console, runs: Sequence[JobRun], scale: int) -> None:
    """What was placed and settled, by the model of the machine; hours are the trace's."""
    table = _make_table("Jobs by model")
    table.add_column("model")
    for heading in ("jobs", "across regions", "unit-hours", "settled"):
        table.add_column(heading, justify="right")
    groups: dict[str, list[JobRun]] = {}
    for run in runs:
        groups.setdefault(run.machine.node.model or "CPU cores", []).append(run)
    groups = dict(sorted(groups.items()))
    for model, group in [*groups.items(), ("all", list(runs))]:
        hours = sum(run.used_unit_seconds for run in group) * scale // 3600 // WHOLE
        table.add_row(
            model,
            str(len(group)),
            str(sum(run.is_across for run in group)),
            f"{hours:,}",
            show_yuan(sum(run.billed_micro_yuan for run in group)),
            end_section=model != "all",
        )
    console.print()
    console.print(table)


def print_outcome(console: Console, replay: Replay) -> None:
    """What became of all jobs."""
    table = _make_table("What became of the jobs", show_header=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_row("placed, metered, settled, closed", str(len(replay.finished)))
    table.add_row("never scheduled: the demand expired by itself", str(len(replay.expired)))
    table.add_row("no offer fitted", str(len(replay.unplaced)))
    receipts = sum(len(run.trade.receipts) for run in replay.finished)
    table.add_row("receipts signed by both sides", str(receipts))
    console.print()
    console.print(table)


def show_clock(time_ms: int) -> str:
    """A moment of today, in local time."""
    moment = datetime.fromtimestamp(time_ms / 1000).astimezone()
    return f"{moment:%H:%M:%S}.{time_ms % 1000:03}"


def _make_table(title: str, show_header: bool = True) -> Table:
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        header_style="dim",
        show_header=show_header,
        box=None,
        pad_edge=False,
    )
