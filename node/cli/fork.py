"""`suanlian audit fork`: who made two final blocks that contradict each other."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ledger.crypto import Domain, Purpose
from ledger.store import Store
from node.cli.output import AsJson, CommandError, print_json, show_fields, show_table
from node.cli.remote import GenesisHash, read_genesis_hash
from node.cli.stopped import open_disks
from node.client.verify import load_bundle
from node.fork import ForkProof, Kept, compare_bundles, compare_stores
from node.genesis_block import compute_genesis_block
from node.journal import Journal

_CONVICTS: Final = {"node": "node", "key": "validator key", "evidence": "evidence"}
Source = Annotated[
    str,
    typer.Argument(
        help="A proof bundle; or the configuration of a stopped peer; or CONFIG=DATA, for a copy "
        "of a peer's data folder."
    ),
]


def audit_fork(
    one: Source, other: Source, genesis: GenesisHash = "", as_json: AsJson = False
) -> None:
    """Name the keys that made two contradictory blocks final.

    Both are proof bundles (with --genesis), or both the folders of peers, whose journals tell more.
    """
    sources = [_read_source(text) for text in (one, other)]
    if all(path.suffix == ".json" for path, _ in sources):
        proof = _compare_files([path for path, _ in sources], genesis)
    elif any(path.suffix == ".json" for path, _ in sources):
        raise CommandError("compare two bundles, or two folders")
    else:
        proof = _compare_folders(sources)
    _show(proof, as_json)


def _read_source(text: str) -> tuple[Path, Path | None]:
    name, separator, data = text.partition("=")
    return Path(name), Path(data) if separator else None


def _compare_files(paths: list[Path], genesis: str) -> ForkProof:
    if not genesis:
        raise CommandError("bundles are checked against a genesis: give --genesis HASH")
    hash_ = read_genesis_hash(genesis)
    one, other = (load_bundle(path) for path in paths)
    return compare_bundles(one, other, hash_, Domain(Purpose.VOTE, hash_))


def _compare_folders(sources: list[tuple[Path, Path | None]]) -> ForkProof:
    with ExitStack() as stack:
        opened = [stack.enter_context(open_disks(*source)) for source in sources]
        genesis = opened[0][2]
        if opened[1][2].hash != genesis.hash:
            raise CommandError("these peers are of two chains")
        first = compute_genesis_block(genesis)
        one, other = (
            Kept(Store(disk, first), None if journal is None else Journal(journal))
            for disk, journal, _ in opened
        )
        return compare_stores(one, other, genesis, Domain(Purpose.VOTE, genesis.hash))


def _show(proof: ForkProof, as_json: bool) -> None:
    sides = [
        {
            "height": str(side.height),
            "block": side.block.hex(),
            "view": str(side.certificate.view),
            "signers": list(side.certificate.signers),
        }
        for side in proof.sides
    ]
    convicts: list[dict[str, Any]] = [
        {"node": item.code, "key": item.key.hex(), "evidence": item.evidence.hex()}
        for item in proof.convicts
    ]
    fields = {
        "epoch": str(proof.epoch),
        "one": sides[0],
        "other": sides[1],
        "both_sides": list(proof.both),
        "faulty_at_least": str(proof.f + 1),
    }
    if as_json:
        print_json({**fields, "convicted": convicts})
        return
    show_fields("A fork", fields, as_json=False)
    show_table("Convicted by two votes of their own", _CONVICTS, convicts, as_json=False)
