"""The tables at the end of a run, and the same for programs."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from devnet.chaos.recovery import Measure, Recovery
from devnet.chaos.run import ChaosReport
from node.cli.output import print_json, show_fields, show_table


def show_report(report: ChaosReport, as_json: bool) -> None:
    """Print a report as tables, or as JSON."""
    if as_json:
        print_json(_compose(report))
        return
    acts = ", ".join(f"{kind} {count}" for kind, count in sorted(report.acts.items()))
    refused = ", ".join(f"{code} {count}" for code, count in sorted(report.refused.items()))
    slowest = max((item.whole_s for item in report.played), default=0.0)
    show_fields(
        "Nothing was violated",
        {
            "seed": report.seed,
            "episodes": len(report.played),
            "what was done": acts,
            "the disk that was full": report.disk,
            "blocks": report.blocks,
            "transactions final": report.transactions,
            "sent by clients": report.sent,
            "acknowledged": report.acknowledged,
            "of these expired": report.expired,
            "lost": 0,
            "handed in again": report.repeated,
            "without an answer": report.unanswered,
            "refused for now": refused or "none",
            "held back by the clients": report.held_back,
            "told what became of it": report.told,
            "votes": f"{report.votes} in {report.journals} journals and all certificates",
            "longest until all was well": f"{slowest:.1f} s",
            "state root on all peers": report.state_root,
        },
        False,
    )
    if report.recoveries:
        _show_recoveries(report.recoveries)


def _show_recoveries(recoveries: tuple[Recovery, ...]) -> None:
    """The table of recovery times."""
    columns = {
        "name": "what happens",
        "since": "counted from",
        "rounds": "times",
        "block": "next block",
        "final": "payment final",
        "pause": "longest without a block",
    }
    rows = [
        {
            "name": item.name,
            "since": item.since,
            "rounds": len(item.measures),
            "block": _show(item, lambda measure: measure.block_s),
            "final": _show(item, lambda measure: measure.final_s),
            "pause": _show(item, lambda measure: measure.pause_s),
        }
        for item in recoveries
    ]
    show_table("Recovery, seconds: median and worst", columns, rows, False)


def _show(recovery: Recovery, read: Callable[[Measure], float]) -> str:
    median, worst = recovery.compute(read)
    return f"{median:.2f} / {worst:.2f}"


def _compose(report: ChaosReport) -> dict[str, Any]:
    played = [
        {
            "at_s": round(item.began_s, 3),
            "what": item.episode.describe(),
            "blocks": item.blocks,
            "block_s": round(item.block_s, 3),
            "whole_s": round(item.whole_s, 3),
        }
        for item in report.played
    ]
    return {**asdict(report), "played": played}
