"""`suanlian node backup` and `suanlian node restore`: a store that can be had again."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from node.backup import Manifest, Progress, check_target, write_backup
from node.cli.output import AsJson, print_note, show_fields
from node.cli.stopped import open_disks
from node.config import FILE_NAME, load_config, load_genesis
from node.control import ask_for_backup
from node.restore import restore_backup

ConfigPath = Annotated[Path, typer.Option("--config", help="The configuration of the peer.")]


def backup(
    folder: Annotated[Path, typer.Argument(help="The folder to write; not there yet.")],
    config: ConfigPath = Path(FILE_NAME),
    as_json: AsJson = False,
) -> None:
    """Back up a peer's store, running or stopped, as it is at one moment.

    A running peer writes it itself, beside its work. No journal and no key is in it.
    """
    begun = time.monotonic()
    target = folder.absolute()
    check_target(target)
    status = Console(stderr=True, quiet=as_json).status("")
    with status:
        data = load_config(config).data_dir
        made = ask_for_backup(data, target, lambda count: status.update(f"{count} entries"))
        if made is None:
            progress = Progress(rest=lambda _: status.update(f"{progress.entries} entries"))
            with open_disks(config, None) as (disk, _, genesis):
                made = write_backup(disk.snapshot(), genesis, target, progress)
    show_fields("Backup made", _describe(made, target, begun), as_json)


def restore(
    folder: Annotated[Path, typer.Argument(help="The backup.")],
    config: ConfigPath = Path(FILE_NAME),
    as_json: AsJson = False,
) -> None:
    """Make the store of a peer that has none out of a backup.

    Nothing is overwritten. Without the journal that belonged to it the peer's validator keys vote
    no more: it follows, and votes again with a new key.
    """
    begun = time.monotonic()
    loaded = load_config(config)
    genesis = load_genesis(loaded)
    status = Console(stderr=True, quiet=as_json).status("")
    with status:
        restored = restore_backup(
            folder, loaded, genesis, lambda size: status.update(f"{size // 1_000_000} MB")
        )
    barred = [key.hex() for key in restored.barred]
    fields = _describe(restored.manifest, loaded.data_dir, begun) | {"barred": barred}
    show_fields("Store restored", fields, as_json)
    if barred and not as_json:
        print_note(
            "The journal is not there, so these validator keys vote no more: what they signed is "
            "not known. Start the peer, which follows, and rotate its validator key "
            "(operations.md, section 7)."
        )


def _describe(manifest: Manifest, path: Path, begun: float) -> dict[str, Any]:
    return {
        "path": str(path),
        "chain": manifest.chain,
        "height": str(manifest.height),
        "block": manifest.block,
        "state_root": manifest.state_root,
        "entries": str(manifest.entries),
        "bytes": str(sum(file.size for file in manifest.files)),
        "seconds": f"{time.monotonic() - begun:.1f}",
    }
