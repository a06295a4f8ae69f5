"""`suanlian node replay`: execute a stopped peer's chain again, from the genesis on."""

import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from node.cli.output import AsJson, show_fields, write_file
from node.cli.stopped import open_stopped
from node.config import FILE_NAME
from node.replay import Replayed, ReplayedBlock
from node.replay import replay as replay_chain

RootsFile = Annotated[
    Path | None,
    typer.Option(help="Write height, hash and roots of every block here, one block a line."),
]
DataFolder = Annotated[
    Path | None, typer.Option("--data", help="A copied data folder instead of the peer's own.")
]


def replay(
    config: Annotated[Path, typer.Option(help="The configuration of the peer.")] = Path(FILE_NAME),
    data: DataFolder = None,
    roots: RootsFile = None,
    as_json: AsJson = False,
) -> None:
    """Execute every block of a stopped peer again and compare every root."""
    lines: list[str] = []
    begun = time.monotonic()
    status = Console(stderr=True, quiet=as_json).status("")
    with (
        open_stopped(config, data) as (store, genesis),
        tempfile.TemporaryDirectory(prefix="suanlian-replay-") as scratch,
        status,
    ):

        def saw(block: ReplayedBlock) -> None:
            lines.append(block.line)
            status.update(f"block {block.height} of {store.height}")

        replayed = replay_chain(genesis, store, Path(scratch), saw)
    if roots is not None:
        write_file(roots, "".join(f"{line}\n" for line in lines))
    show_fields("The chain holds", _describe(replayed, time.monotonic() - begun), as_json)


def _describe(replayed: Replayed, seconds: float) -> dict[str, Any]:
    return {
        "chain": replayed.chain,
        "height": str(replayed.height),
        "transactions": str(replayed.transactions),
        "state_root": replayed.state_root.hex(),
        "digest": replayed.digest.hex(),
        "seconds": f"{seconds:.1f}",
    }
