"""`suanlian audit invariants`: whether everything holds that must hold, of a peer's whole state."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import typer

from ledger.keyvalue import LevelDb
from node.cli.output import AsJson, print_json, show_fields, show_table
from node.cli.remote import DEFAULT_PEER, GenesisHash, PeerUrl, connect, trust_genesis
from node.cli.statement import show_yuan
from node.cli.stopped import DataFolder, Stopped, check_folders, open_stopped
from node.client.verified import show_time
from node.invariants import Examined, examine_store, examine_stream

_COLUMNS: Final = {
    "check": "what must hold",
    "looked_at": "looked at",
    "figures": "CNY",
    "wrong": "result",
}


def audit_invariants(
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    config: Stopped = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Check everything that must hold of a peer's whole state, against its certified root.

    The state comes in one stream, of one final block; its records must give the root that the block
    commits. Exits with 1 when anything does not hold, and says what.
    """
    check_folders(config, data)
    examined = _examine_peer(peer, genesis) if config is None else _examine_data(config, data)
    _show(examined, as_json)
    if examined.wrong:
        raise typer.Exit(1)


def _examine_peer(peer: str, genesis: str) -> Examined:
    with connect(peer, genesis) as client, _open_scratch() as scratch:
        return examine_stream(client.stream_state(), trust_genesis(client, genesis), scratch)


@contextmanager
def _open_scratch() -> Iterator[LevelDb]:
    with tempfile.TemporaryDirectory(prefix="suanlian-invariants-") as folder:
        disk = LevelDb(Path(folder))
        try:
            yield disk
        finally:
            disk.close()


def _examine_data(config: Path, data: Path | None) -> Examined:
    with open_stopped(config, data) as (store, genesis):
        return examine_store(store, genesis)


def _show(examined: Examined, as_json: bool) -> None:
    vouched = examined.vouched
    fields = {
        "chain": examined.chain,
        "height": str(examined.height),
        "time": show_time(examined.time_ms),
        "block": examined.block.hex(),
        "state_root": examined.state_root.hex(),
        "records": str(examined.records),
        "derived": str(examined.derived),
        "certified_by": list(vouched.signers),
    }
    checks = [
        {
            "check": check.name,
            "looked_at": f"{check.count} {check.things}",
            "figures": {name: str(figure) for name, figure in check.figures.items()},
            "wrong": check.wrong,
        }
        for check in examined.checks
    ]
    if as_json:
        print_json({**fields, "checks": checks, "holds": not examined.wrong})
        return
    show_fields("The state that was examined", fields, as_json=False)
    rows: list[dict[str, Any]] = [
        {
            **row,
            "figures": [f"{name}: {show_yuan(figure)}" for name, figure in check.figures.items()],
            "wrong": check.wrong or "holds",
        }
        for row, check in zip(checks, examined.checks, strict=True)
    ]
    show_table("What must hold of it", _COLUMNS, rows, as_json=False)
