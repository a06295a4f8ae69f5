"""`suanlian verify`: check a proof bundle with nothing but the genesis hash; no peer is asked."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from ledger.primitives import Digest
from node.cli.output import AsJson, CommandError, print_json
from node.client.bundle import MAX_BUNDLE_BYTES, BundleError
from node.client.verified import Verified
from node.client.verify import load_bundle, verify_bundle

app = typer.Typer(help="Check a proof bundle offline.")


@app.command("verify")
def verify(
    bundle: Annotated[Path, typer.Argument(help="The bundle, as a peer gave it; - reads stdin.")],
    genesis: Annotated[
        str,
        typer.Option(
            envvar="SUANLIAN_GENESIS", help="The genesis hash that you trust, 64 hex digits."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Check a proof bundle offline: what was proved, as of when, and who vouches for it.

    Exits with 1 when any part of the bundle does not hold, and says which.
    """
    data = _read(bundle)
    try:
        verified = verify_bundle(data, _read_hash(genesis), time.time_ns() // 1_000_000)
    except BundleError as error:
        if not as_json:
            raise
        print_json({"verified": False, "part": error.part, "message": str(error)})
        raise typer.Exit(1) from None
    _show(verified, as_json)


def _show(verified: Verified, as_json: bool) -> None:
    if as_json:
        print_json(verified.as_json())
        return
    for line in verified.iterate_lines():
        typer.echo(line)


def _read(path: Path) -> bytes:
    return sys.stdin.buffer.read(MAX_BUNDLE_BYTES + 1) if path == Path("-") else load_bundle(path)


def _read_hash(text: str) -> Digest:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != 32:
        raise CommandError("a genesis hash is 64 hex digits: ask somebody you trust for it")
    return Digest(value)
