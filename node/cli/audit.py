"""`suanlian audit`: who did what, when, signed by whom, under which rules; and the proof of it.

A peer answers from its own indexes. Where its word is not enough, `audit bundle` fetches a proof
that `suanlian verify` checks without it.
"""

import enum
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from node.cli.evidence import audit_evidence
from node.cli.file import audit_file
from node.cli.fork import audit_fork
from node.cli.invariants import audit_invariants
from node.cli.keys import read_code
from node.cli.output import AsJson, print_note, show_table, write_file
from node.cli.remote import DEFAULT_PEER, GenesisHash, PeerUrl, connect, read_genesis_hash
from node.cli.statement import audit_statement
from node.cli.statistics import audit_statistic
from node.cli.times import From, To, read_time
from node.client.bundle import compose_text
from node.client.difference import compute_difference, iterate_fields
from node.client.http import Client
from node.client.verified import show_time
from node.client.verify import verify_bundle

app = typer.Typer(
    help="Who did what, when, signed by whom; and the proof of it.", no_args_is_help=True
)

Kind = Annotated[str, typer.Option(help="Only this kind, such as lease.take; due for due work.")]
Outcome = Annotated[str, typer.Option(help="Only ok, failed, or one failure's code.")]
Region = Annotated[str, typer.Option(help="Only where this place has a part: 52, 520100.")]
Industry = Annotated[str, typer.Option(help="Only where this letter has a part.")]
Newest = Annotated[bool, typer.Option("--newest", help="The newest first.")]
Most = Annotated[int, typer.Option("--most", help="How many at most.", min=1, max=100_000)]
Key = Annotated[str, typer.Argument(help="TABLE/FIELD/..., integers as 0x and their hex.")]

_PAGE: Final = 100  # entries asked for at once
_COLUMNS: Final = {
    "time": "time",
    "place": "block",
    "kind": "kind",
    "code": "result",
    "signers": "signed by",
    "changes": "wrote",
    "id": "id",
}
_VERSIONS: Final = {
    "version": "version",
    "time": "time",
    "place": "block",
    "kind": "kind",
    "signers": "signed by",
    "rules_version": "rules",
    "changes": "changed",
    "id": "id",
}


class What(enum.StrEnum):
    """What a bundle proves."""

    RECORD = "record"
    LIST = "list"
    HISTORY = "history"
    TRANSACTION = "transaction"
    CONSISTENCY = "consistency"


@app.command("party")
def audit_party(
    code: Annotated[str, typer.Argument(help="A code: who signed, or was concerned.")],
    kind: Kind = "",
    outcome: Outcome = "",
    from_: From = "",
    to: To = "",
    newest: Newest = False,
    most: Most = 100,
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    as_json: AsJson = False,
) -> None:
    """List what a party signed, and what concerned it."""
    party = code if code.startswith("key:") else read_code(code)
    filters = _filter(from_, to, newest, party=party, kind=kind, outcome=outcome)
    _list(f"What {party} did", filters, most, (peer, genesis), as_json)


@app.command("resource")
def audit_resource(
    code: Annotated[str, typer.Argument(help="The code of a resource or a service.")],
    kind: Kind = "",
    outcome: Outcome = "",
    from_: From = "",
    to: To = "",
    newest: Newest = False,
    most: Most = 100,
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    as_json: AsJson = False,
) -> None:
    """List what concerned a resource."""
    filters = _filter(from_, to, newest, resource=read_code(code), kind=kind, outcome=outcome)
    _list(f"What concerned {code}", filters, most, (peer, genesis), as_json)


@app.command("lease")
def audit_lease(
    name: Annotated[str, typer.Argument(help="The id of a lease.")],
    from_: From = "",
    to: To = "",
    newest: Newest = False,
    most: Most = 100,
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    as_json: AsJson = False,
) -> None:
    """List the life of a lease."""
    filters = _filter(from_, to, newest, object=name)
    _list(f"The life of {name}", filters, most, (peer, genesis), as_json)


@app.command("object")
def audit_object(
    name: Annotated[
        str,
        typer.Argument(
            help="The id of an offer, a quote, a voucher, a ballot, an application, ...; or a "
            "Unified Social Credit Code."
        ),
    ],
    from_: From = "",
    to: To = "",
    newest: Newest = False,
    most: Most = 100,
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    as_json: AsJson = False,
) -> None:
    """List the life of any object."""
    _list(
        f"The life of {name}",
        _filter(from_, to, newest, object=name),
        most,
        (peer, genesis),
        as_json,
    )


@app.command("find")
def audit_find(
    party: Annotated[str, typer.Option(help="A code: who signed, or was concerned.")] = "",
    resource: Annotated[str, typer.Option(help="The code of a resource.")] = "",
    object_: Annotated[str, typer.Option("--object", help="The id of an object.")] = "",
    kind: Kind = "",
    outcome: Outcome = "",
    region: Region = "",
    industry: Industry = "",
    from_: From = "",
    to: To = "",
    newest: Newest = False,
    most: Most = 100,
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    as_json: AsJson = False,
) -> None:
    """List what fits all conditions given: of a region, an industry, a span of time, ..."""
    filters = {
        "party": party,
        "resource": resource,
        "object": object_,
        "kind": kind,
        "outcome": outcome,
        "region": region,
        "industry": industry,
    }
    _list("What was found", _filter(from_, to, newest, **filters), most, (peer, genesis), as_json)


@app.command("kind")
def audit_kind(
    kind: Annotated[str, typer.Argument(help="contract.verb, or due for due work.")],
    outcome: Outcome = "",
    region: Region = "",
    industry: Industry = "",
    from_: From = "",
    to: To = "",
    newest: Newest = False,
    most: Most = 100,
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    as_json: AsJson = False,
) -> None:
    """List all transactions of a kind, also of one region or industry only."""
    filters = _filter(
        from_, to, newest, kind=kind, outcome=outcome, region=region, industry=industry
    )
    _list(f"All {kind}", filters, most, (peer, genesis), as_json)


@app.command("record")
def audit_record(
    key: Key,
    most: Most = 100,
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    as_json: AsJson = False,
) -> None:
    """Show who changed a record, when, how, signed by whom and under which rules."""
    table, *fields = key.strip("/").split("/")
    with connect(peer, genesis) as client:
        versions = list(islice(client.iterate_history(table, *fields), most))
    rows = versions if as_json else list(_show_versions(versions))
    show_table(f"Versions of {key}", _VERSIONS, rows, as_json)


app.command("statement")(audit_statement)
app.command("file")(audit_file)
app.command("evidence")(audit_evidence)
app.command("fork")(audit_fork)
app.command("invariants")(audit_invariants)
app.command("statistic")(audit_statistic)


@app.command("bundle")
def fetch_bundle(
    what: Annotated[What, typer.Argument(help="What to prove.")],
    target: Annotated[
        str,
        typer.Argument(
            help="TABLE/FIELD/... of a record, a history or a list; the id of a transaction; or "
            "FROM:TO, heights, for consistency."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The file to write; it must not be there yet.")],
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
) -> None:
    """Fetch a proof bundle; with --genesis it is checked before it is written."""
    path, query = _locate(what, target)
    with connect(peer, genesis) as client:
        data = compose_text(client.get_proof(*path, **query))
    if genesis:
        for line in verify_bundle(data, read_genesis_hash(genesis)).iterate_lines():
            typer.echo(line)
    else:
        print_note(f"not checked: run `suanlian verify {out} --genesis HASH`")
    write_file(out, data)


def _locate(what: What, target: str) -> tuple[Sequence[str], dict[str, str]]:
    """The path below /v1/proofs and its query."""
    fields = target.strip("/").split("/")
    match what:
        case What.RECORD:
            return ("records", *fields), {}
        case What.LIST:
            return ("records", *fields), {"prefix": "true"}
        case What.HISTORY:
            return ("history", *fields), {}
        case What.TRANSACTION:
            return ("transactions", target), {}
        case What.CONSISTENCY:
            earlier, separator, later = target.partition(":")
            query = {"from": earlier, "to": later} if separator else {"from": earlier}
            return ("consistency",), {name: height for name, height in query.items() if height}


def _filter(from_: str, to: str, newest: bool, **filters: str) -> dict[str, str]:
    """The query of an audit; what is empty does not matter."""
    query = {name: value for name, value in filters.items() if value}
    for name, text in (("from", from_), ("to", to)):
        if text:
            query[name] = str(read_time(text))
    return query | ({"order": "newest"} if newest else {})


def _list(
    title: str, filters: dict[str, str], most: int, where: tuple[str, str], as_json: bool
) -> None:
    with connect(*where) as client:
        entries = list(_fetch(client, filters, most))
        oldest = int(client.get_status().get("oldest_block", "0"))
    rows = entries if as_json else [_show_entry(entry) for entry in entries]
    show_table(title, _COLUMNS, rows, as_json)
    if len(entries) == most:
        print_note(f"there may be more: these are the first {most} (--most)")
    if oldest:
        print_note(
            f"this peer has whole blocks from {oldest} on: of older ones entries, or what they "
            "did, may be missing here. Ask an archive, such as the national node."
        )


def _fetch(client: Client, filters: dict[str, str], most: int) -> Iterator[dict[str, Any]]:
    page = min(most, _PAGE)
    return islice(client.iterate_audit(page, **filters), most)


def _show_entry(entry: dict[str, Any]) -> dict[str, Any]:
    changes = entry.get("changes") or ()
    return {
        "time": show_time(int(entry["time_ms"])),
        "place": f"{entry['height']}/{entry['index']}",
        "kind": entry["kind"],
        "code": entry["code"],
        "signers": entry["signers"],
        "changes": ["/".join(change["key"]) for change in changes],
        "id": entry["id"],
    }


def _show_versions(versions: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    before: Any = None
    for version in versions:
        maker = version.get("made_by") or {}
        yield {
            "version": version["version"],
            "time": show_time(int(maker["time_ms"])) if maker else None,
            "place": f"{version['height']}/{version['index']}",
            "kind": maker.get("kind", "genesis" if version["height"] == "0" else None),
            "signers": maker.get("signers", ()),
            "rules_version": maker.get("rules_version"),
            "changes": _show_changes(before, version["value"]),
            "id": maker.get("id"),
        }
        before = version["value"]


def _show_changes(before: Any, after: Any) -> list[str]:
    if before is None:
        return list(iterate_fields(after))
    return [str(change) for change in compute_difference(before, after)]
