"""`suanlian devnet chaos`: real processes under load while things go wrong."""

import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from devnet.chaos.report import show_report
from devnet.chaos.run import ChaosSpec, run_chaos
from devnet.errors import DevnetError
from devnet.simulator.violation import Violation
from devnet.stage import Stage
from node.cli.output import AsJson, print_json


def chaos(
    minutes: Annotated[
        float, typer.Option(help="How long things go wrong.", min=0.1, max=1440)
    ] = 10.0,
    seed: Annotated[int, typer.Option(help="Decides what is done to whom.", min=0)] = 0,
    rate: Annotated[float, typer.Option(help="Payments a second.", min=1, max=1000)] = 25.0,
    recovery: Annotated[
        int, typer.Option(help="How often each recovery is measured; 0: not at all.", min=0)
    ] = 3,
    pause_seconds: Annotated[
        float, typer.Option(help="How long two are paused in that.", min=1)
    ] = 60.0,
    path: Annotated[
        Path | None, typer.Option("--dir", help="The folder; a temporary one without.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Kill, pause, fill, cut and missteer peers under load, then check that nothing was lost."""
    signal.signal(signal.SIGTERM, _leave)  # so that what was begun is cleared away
    folder = path or Path(tempfile.mkdtemp(prefix="suanlian-chaos-")) / "network"
    spec = ChaosSpec(minutes * 60, seed, rate, recovery, pause_seconds)
    try:
        report = run_chaos(folder, spec, Stage(Console(stderr=True, highlight=False)))
    except Violation as violation:
        _fail(violation, seed, folder, as_json)
    show_report(report, as_json)
    if path is None:
        shutil.rmtree(folder.parent)


def _fail(violation: Violation, seed: int, folder: Path, as_json: bool) -> NoReturn:
    if as_json:
        fields = {"checker": violation.checker, "detail": violation.detail}
        print_json({"violation": fields, "seed": seed, "folder": str(folder)})
        raise typer.Exit(1)
    raise DevnetError(f"seed {seed}: {violation}. All folders are kept in {folder}")


def _leave(_number: int, _frame: object) -> None:
    sys.exit(1)
