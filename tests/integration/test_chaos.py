"""A short chaos on real processes: what `suanlian devnet chaos` does for minutes."""

import io
from pathlib import Path

from rich.console import Console

from devnet.chaos.run import ChaosSpec, run_chaos
from devnet.chaos.schedule import Kind
from devnet.stage import Stage

SPEC = ChaosSpec(seconds=16.0, seed=2, rate=15.0, rounds=0, pause_s=0.0)
KINDS = {Kind.KILL, Kind.KILL_ALL, Kind.CUT, Kind.FULL_DISK, Kind.PAUSE}


def test_nothing_is_lost_in_a_short_chaos(slot: None, tmp_path: Path) -> None:
    shown = io.StringIO()
    report = run_chaos(tmp_path / "network", SPEC, Stage(Console(file=shown, width=200)))
    text = shown.getvalue()
    assert text.startswith("seed 2, 5 episodes in 16 s:")
    assert text.index("fill the disk") < text.index("found and start")
    assert set(report.acts) >= KINDS
    assert report.acknowledged > 100
    assert report.expired == 0
    assert report.transactions >= report.acknowledged
    assert report.votes > report.blocks
    assert not list(tmp_path.glob("network/run/*"))
