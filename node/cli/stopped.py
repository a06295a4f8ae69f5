"""What commands that read a stopped peer's own store have in common."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ledger.genesis import Genesis
from ledger.keyvalue import LevelDb
from ledger.store import Store
from node.backup import MANIFEST, link_store
from node.cli.output import CommandError
from node.config import load_config, load_genesis
from node.genesis_block import compute_genesis_block

Stopped = Annotated[
    Path | None,
    typer.Option("--config", help="Examine the stopped peer of this configuration instead."),
]
DataFolder = Annotated[
    Path | None,
    typer.Option("--data", help="With --config: a copied data folder or a backup instead."),
]


def check_folders(config: Path | None, data: Path | None) -> None:
    """Raise CommandError where a data folder has no configuration."""
    if data is not None and config is None:
        raise CommandError("--data needs the --config of the peer that it belongs to")


@contextmanager
def open_stopped(config: Path, data: Path | None) -> Iterator[tuple[Store, Genesis]]:
    """The store of a stopped peer, or of a copy of its data, and the genesis of its chain."""
    with open_disks(config, data) as (disk, _, genesis):
        yield Store(disk, compute_genesis_block(genesis)), genesis


@contextmanager
def open_disks(
    config: Path, data: Path | None
) -> Iterator[tuple[LevelDb, LevelDb | None, Genesis]]:
    """The disks of a stopped peer, or of a copy of its data or a backup, which may have no journal.

    Raises CommandError, ConfigError, BackupError or StoreError.
    """
    loaded = load_config(config)
    genesis = load_genesis(loaded)
    folder = data or loaded.data_dir
    if not (folder / "store").is_dir():
        raise CommandError(f"no store is in {folder / 'store'}: has this peer ever run?")
    with ExitStack() as opened:
        is_backup = (folder / MANIFEST).is_file()
        place = opened.enter_context(link_store(folder)) if is_backup else folder / "store"
        disk = _open(place, opened)
        has_journal = (folder / "journal").is_dir()
        yield disk, _open(folder / "journal", opened) if has_journal else None, genesis


def _open(folder: Path, opened: ExitStack) -> LevelDb:
    disk = LevelDb(folder, must_exist=True)
    opened.callback(disk.close)
    return disk
