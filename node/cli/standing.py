"""`suanlian identity status`: whether a certificate was valid and unrevoked at a height."""

from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli.keys import read_code
from node.cli.output import AsJson, CommandError, show_fields, write_file
from node.cli.remote import (
    DEFAULT_PEER,
    GenesisHash,
    PeerUrl,
    connect,
    read_genesis_hash,
    trust_genesis,
)
from node.client.bundle import compose_text
from node.client.errors import Rejected
from node.client.http import Client
from node.client.standing import Standing, judge_standing
from node.client.verified import show_time
from node.client.verify import load_bundle, verify_bundle

AtHeight = Annotated[
    int | None, typer.Option("--at", help="After the block of this height; else the newest.", min=0)
]
BundleFile = Annotated[
    Path | None, typer.Option("--bundle", help="Ask no peer: judge by this bundle.")
]
OutFile = Annotated[Path | None, typer.Option("--out", help="Keep the bundle that proves it.")]


def show_status(
    code: Annotated[str, typer.Argument(help="The code, plain or grouped.")],
    at: AtHeight = None,
    bundle: BundleFile = None,
    out: OutFile = None,
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    as_json: AsJson = False,
) -> None:
    """Say how an identity stood at a height, by a proof that is checked here.

    It is valid if it was registered, not suspended, not revoked and not expired by the block's
    time. Exits with 1 when it was not valid. What --out keeps says the same offline, for ever.
    """
    name = read_code(code)
    if bundle is not None:
        if not genesis:
            raise CommandError("a bundle is judged by a genesis hash that you trust: --genesis")
        data, trusted = load_bundle(bundle), read_genesis_hash(genesis)
    else:
        with connect(peer, genesis) as client:
            data, trusted = compose_text(_fetch(client, name, at)), trust_genesis(client, genesis)
    standing = judge_standing(verify_bundle(data, trusted), name, at)
    if out is not None:
        write_file(out, data)
    shown = _describe(standing)
    if not as_json:
        del shown["certificate"]
    show_fields("Valid" if standing.is_valid else "Not valid", shown, as_json)
    if not standing.is_valid:
        raise typer.Exit(1)


def _fetch(client: Client, code: str, at: int | None) -> dict[str, Any]:
    """The history of an identity with the header of a height, or the proof that there is none."""
    query = {} if at is None else {"at": str(at)}
    try:
        return client.get_proof("history", "identity", code, **query)
    except Rejected as error:
        if error.code != "not-found":
            raise
        return client.get_proof("records", "identity", code)


def _describe(standing: Standing) -> dict[str, Any]:
    record = standing.record or {}
    time_ms = standing.time_ms
    expires_ms = record.get("expires_ms")
    return {
        "code": standing.code,
        "at_height": str(standing.height),
        "time": None if time_ms is None else show_time(time_ms),
        "standing": standing.standing,
        "valid": standing.is_valid,
        "version": None if standing.version is None else str(standing.version),
        "since_height": None if standing.since_height is None else str(standing.since_height),
        "actor": record.get("actor"),
        "reason": record.get("reason"),
        "expires": None if expires_ms is None else show_time(int(expires_ms)),
        "issuer": record.get("issuer"),
        "key": record.get("key"),
        "certificate": record.get("certificate"),
    }
