"""What commands that read a stopped peer's own store have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ledger.genesis import Genesis
from ledger.keyvalue import LevelDb
from ledger.store import Store
from node.cli.output import CommandError
from node.config import load_config, load_genesis
from node.genesis_block import compute_genesis_block

Stopped = Annotated[
    Path | None,
    typer.Option("--config", help="Examine the stopped peer of this configuration instead."),
]
DataFolder = Annotated[
    Path | None,
    typer.Option("--data", help="With --config: a copied data folder instead of the peer's own."),
]


def check_folders(config: Path | None, data: Path | None) -> None:
    """Raise CommandError where a data folder has no configuration."""
    if data is not None and config is None:
        raise CommandError("--data needs the --config of the peer that it belongs to")


@contextmanager
def open_stopped(config: Path, data: Path | None) -> Iterator[tuple[Store, Genesis]]:
    """The store of a stopped peer, or of a copy of its data, and the genesis of its chain."""
    loaded = load_config(config)
    genesis = load_genesis(loaded)
    folder = (data or loaded.data_dir) / "store"
    if not folder.is_dir():
        raise CommandError(f"no store is in {folder}: has this peer ever run?")
    disk = LevelDb(folder)
    try:
        yield Store(disk, compute_genesis_block(genesis)), genesis
    finally:
        disk.close()
