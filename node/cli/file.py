"""`suanlian audit file`: whether a document is the one that the ledger names."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from node.cli.output import AsJson, CommandError, print_json, show_table
from node.cli.remote import DEFAULT_PEER, GenesisHash, PeerUrl, connect, read_genesis_hash
from node.client.document import Fingerprint, find_namings, read_fingerprint
from node.client.errors import Rejected
from node.client.http import Client
from node.client.verify import load_bundle, verify_bundle

_COLUMNS: Final = {
    "record": "record",
    "version": "version",
    "field": "named in",
    "about": "as",
    "fits": "size",
}
_SHOWN: Final = ("kind", "location", "media_type", "size", "note", "party")
_MOST_RECORDS: Final = 10_000  # that are looked through

Found = tuple[str, str, Any]  # a record's key, its version, its value


def audit_file(
    file: Annotated[Path, typer.Argument(help="The document.", exists=True, dir_okay=False)],
    key: Annotated[
        str,
        typer.Argument(
            help="TABLE/FIELD/... of the record that should name it, in any version; or the "
            "beginning of a key, such as application, to look through all records below it."
        ),
    ] = "",
    bundle: Annotated[
        Path | None,
        typer.Option(help="Look into this proof bundle instead, offline; needs --genesis."),
    ] = None,
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    as_json: AsJson = False,
) -> None:
    """Check a document against what the ledger holds of it: SHA-256 and size.

    Exits with 1 when no record names it, or one names another size.
    """
    if (bundle is None) == (not key):
        raise CommandError("give the KEY of a record, or a --bundle with one")
    fingerprint = read_fingerprint(file)
    if bundle is not None:
        namings = _list_namings(_read_bundle(bundle, genesis), fingerprint)
    else:
        with connect(peer, genesis) as client:
            namings = _list_namings(_read_records(client, key), fingerprint)
    holds = bool(namings) and all(naming["fits"] for naming in namings)
    if as_json:
        shown = {"sha256": fingerprint.sha256, "size": str(fingerprint.size)}
        print_json({**shown, "named": namings, "holds": holds})
    else:
        _show(file, fingerprint, namings)
    if not holds:
        raise typer.Exit(1)


def _list_namings(found: Iterator[Found], file: Fingerprint) -> list[dict[str, Any]]:
    return [
        {
            "record": key,
            "version": version,
            "field": naming.path,
            "about": {name: naming.about[name] for name in _SHOWN if name in naming.about},
            "fits": naming.fits(file),
        }
        for key, version, value in found
        for naming in find_namings(value, file)
    ]


def _show(file: Path, fingerprint: Fingerprint, namings: list[dict[str, Any]]) -> None:
    rows = [{**row, "fits": "fits" if row["fits"] else "differs"} for row in _merge(namings)]
    title = f"{file}: {fingerprint.size} bytes, SHA-256 {fingerprint.sha256}"
    show_table(title, _COLUMNS, rows, as_json=False)


def _merge(namings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for versions of a record, one after the other, that name the document alike."""
    rows: list[dict[str, Any]] = []
    last: dict[str, tuple[int, dict[str, Any]]] = {}  # by naming: the version, and the row
    for naming in namings:
        alike, version = json.dumps({**naming, "version": ""}), int(naming["version"] or 0)
        before, row = last.get(alike, (version, {}))
        if before + 1 == version:
            row["version"] = f"{row['version'].split()[0]} to {version}"
        else:
            row = dict(naming)
            rows.append(row)
        last[alike] = version, row
    return rows


def _read_records(client: Client, key: str) -> Iterator[Found]:
    """Every version of one record; or else the current ones below the beginning of a key."""
    table, *fields = key.strip("/").split("/")
    try:
        for item in client.iterate_history(table, *fields):
            yield "/".join(item["key"]), item["version"], item["value"]
    except Rejected as error:
        if error.code != "not-found":
            raise
        yield from _read_prefix(client, table, fields)


def _read_prefix(client: Client, table: str, fields: list[str]) -> Iterator[Found]:
    for count, item in enumerate(client.iterate_records(table, *fields)):
        if count == _MOST_RECORDS:
            raise CommandError(f"more than {_MOST_RECORDS} records stand there: give a longer key")
        yield "/".join(item["key"]), item["version"], item["value"]


def _read_bundle(path: Path, genesis: str) -> Iterator[Found]:
    """What a bundle proves, once all of it was verified."""
    if not genesis:
        raise CommandError("a bundle proves nothing without the --genesis hash that you trust")
    for item in verify_bundle(load_bundle(path), read_genesis_hash(genesis)).proved:
        versions = item.fields.get("versions") or [item.fields]
        for version in versions:
            yield item.subject, str(version.get("version", "")), version.get("value")
