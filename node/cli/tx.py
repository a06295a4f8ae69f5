"""`suanlian tx`: make, sign, send and follow transactions.

One party does all of it with `tx submit`. Several parties sign apart: `tx make` writes a draft,
each signs it with `tx sign` on its own machine, `tx join` puts the signatures together, `tx send`
hands the transaction in. How to write data, bytes among it, says `node.cli.values`.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from contracts.call import Call
from contracts.errors import CallError
from contracts.registry import CALLS
from ledger.genesis import Genesis, decode_genesis
from ledger.transaction import decode_transaction
from node.cli.output import AsJson, CommandError, print_note, show_fields, show_table, write_file
from node.cli.remote import (
    DEFAULT_PEER,
    GenesisHash,
    NamedSigner,
    PeerUrl,
    Signers,
    connect,
    read_signers,
)
from node.cli.values import read_data
from node.client import ChainInfo, Client, Composer, Draft, Outcome, PartError, Signed
from node.client.difference import iterate_fields
from node.client.parts import MAX_FILE_BYTES, make_draft, read_draft, read_part

app = typer.Typer(help="Make, sign, send and follow transactions.", no_args_is_help=True)

Kind = Annotated[str, typer.Argument(help="The kind, such as market.take: see `tx kinds`.")]
Data = Annotated[
    str,
    typer.Option(
        help="The data in JSON, @FILE, or - for stdin. Bytes: "
        '{"$hex": ..}, {"$base64": ..}, {"$file": ..}, {"$pem": ..}, {"$sha256": ..}.'
    ),
]
Until = Annotated[
    int | None,
    typer.Option(help="The last height at which it may be final; else the peer's and some.", min=1),
]
Timeout = Annotated[float, typer.Option(help="Seconds to wait until it is final.", min=0)]
DraftFile = Annotated[Path, typer.Argument(help="A draft file.")]
OutFile = Annotated[Path, typer.Option(help="The file to write; it must not be there yet.")]


@app.command("kinds")
def list_kinds(
    kind: Annotated[str, typer.Argument(help="One kind, to see its data.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the kinds of transactions, or show one with its data, signers and failures."""
    if kind:
        show_fields(kind, _describe_kind(_find_call(kind)), as_json)
        return
    rows = [
        {"kind": call.kind, "title": call.title, "signers": _name_roles(call)}
        for call in CALLS.values()
    ]
    show_table("Kinds", {"kind": "kind", "title": "does", "signers": "signed by"}, rows, as_json)


@app.command("make")
def make(
    kind: Kind,
    out: OutFile,
    signer: Signers,
    data: Data = "{}",
    until: Until = None,
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    genesis_file: Annotated[
        Path | None,
        typer.Option(help="The genesis document, to work without a peer; needs --until."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a draft for its signers; those whose key files are given sign at once."""
    signers = read_signers(signer)
    fields = _check_call(kind, read_data(data), [item.code for item in signers])
    if genesis_file is not None:
        draft = _compose(_compose_offline(genesis_file, until), kind, fields, signers, until)
    else:
        with connect(peer, genesis) as client:
            draft = _compose(client.composer, kind, fields, signers, until)
    write_file(out, draft.encode())
    show_fields("Draft made", {"path": str(out), **_describe_draft(draft)}, as_json)


@app.command("show")
def show(draft: DraftFile, as_json: AsJson = False) -> None:
    """Show what a draft says and who has signed it."""
    show_fields("Draft", _describe_draft(_load_draft(draft)), as_json)


@app.command("sign")
def sign(
    draft: DraftFile,
    out: OutFile,
    signer: Signers,
    as_json: AsJson = False,
) -> None:
    """Sign a draft; writes a signature file for whoever joins them."""
    found = _load_draft(draft)
    (named,) = read_signers(signer) if len(signer) == 1 else [None]
    if named is None:
        raise CommandError("give exactly one --signer: each signature is a file of its own")
    with_key = named.need_key()
    try:
        part = found.sign(with_key.code, with_key.key)
    except PartError as error:
        raise CommandError(str(error), "part") from None
    write_file(out, part.encode())
    shown = {"path": str(out), "signer": part.signer, **_describe_draft(found)}
    show_fields("Signed", shown, as_json)


@app.command("join")
def join(
    draft: DraftFile,
    signature: Annotated[list[Path], typer.Argument(help="Signature files.")],
    out: OutFile,
    as_json: AsJson = False,
) -> None:
    """Put signatures into a draft."""
    found = _load_draft(draft)
    try:
        joined = found.joined([read_part(_read_text(path)) for path in signature])
    except PartError as error:
        raise CommandError(str(error), "part") from None
    write_file(out, joined.encode())
    show_fields("Joined", {"path": str(out), **_describe_draft(joined)}, as_json)


@app.command("send")
def send(
    draft: DraftFile,
    timeout: Timeout = 30.0,
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    as_json: AsJson = False,
) -> None:
    """Hand a draft with all its signatures in, and wait until it is final."""
    found = _load_draft(draft)
    try:
        signed = found.finish()
    except PartError as error:
        raise CommandError(str(error), "part") from None
    with connect(peer, genesis or found.genesis_hash.hex()) as client:
        outcome = hand_in(client, signed, timeout)
    show_outcome(outcome, signed.id, as_json)


@app.command("submit")
def submit(
    kind: Kind,
    signer: Signers,
    data: Data = "{}",
    until: Until = None,
    timeout: Timeout = 30.0,
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    as_json: AsJson = False,
) -> None:
    """Make, sign, send and wait in one; needs the key files of all signers."""
    signers = [named.need_key() for named in read_signers(signer)]
    fields = _check_call(kind, read_data(data), [item.code for item in signers])
    with connect(peer, genesis) as client:
        signed = client.compose(kind, fields, signers, until)
        outcome = hand_in(client, signed, timeout)
    show_outcome(outcome, signed.id, as_json)


@app.command("status")
def status(
    id: Annotated[str, typer.Argument(help="The transaction's id (hex).")],
    wait: Annotated[float, typer.Option(help="Seconds to wait until it is final.", min=0)] = 0.0,
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    as_json: AsJson = False,
) -> None:
    """Say what became of a transaction, with its content and result once final."""
    with connect(peer, genesis) as client:
        outcome = client.wait(id, wait) if wait else client.get_transaction(id)
    _show_document(outcome.document, as_json)


def _find_call(kind: str) -> Call:
    call = CALLS.get(kind)
    if call is None:
        raise CommandError(f"there is no kind {kind}: see `suanlian tx kinds`", "unknown-kind")
    return call


def _check_call(kind: str, data: dict[str, Any], signers: Sequence[str]) -> dict[str, Any]:
    """The data, once it is what the kind asks for; raises CommandError."""
    call = _find_call(kind)
    try:
        call.parse(data)
        call.check_signers(signers)
    except CallError as error:
        raise CommandError(f"{error}: see `suanlian tx kinds {kind}`", error.code) from None
    return data


def _compose_offline(path: Path, until: int | None) -> Composer:
    if until is None:
        raise CommandError("without a peer nobody knows the height: give --until")
    genesis: Genesis = decode_genesis(path.read_bytes())
    window = genesis.consensus.transaction_window
    return Composer(ChainInfo(genesis.chain, genesis.hash, window))


def _compose(
    composer: Composer,
    kind: str,
    data: dict[str, Any],
    signers: Sequence[NamedSigner],
    until: int | None,
) -> Draft:
    body = composer.compose_body(kind, data, [item.code for item in signers], until)
    draft = make_draft(composer.chain.genesis_hash, body)
    return draft.joined(draft.sign(item.code, item.key) for item in signers if item.key is not None)


def _load_draft(path: Path) -> Draft:
    try:
        return read_draft(_read_text(path))
    except PartError as error:
        raise CommandError(f"{path}: {error}", "part") from None


def _read_text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(MAX_FILE_BYTES + 1).decode("utf-8", "replace")


def hand_in(client: Client, signed: Signed, timeout_s: float) -> Outcome:
    """Submit a transaction and wait until it is settled."""
    # Decoding it here gives a plain answer where the peer could only say that it is malformed.
    decode_transaction(signed.raw, client.get_chain().name)
    outcome = client.submit(signed)
    if outcome.is_settled or timeout_s == 0:
        return client.get_transaction(signed.id) if outcome.is_settled else outcome
    return client.wait(signed.id, timeout_s)


def show_outcome(outcome: Outcome, id_: str, as_json: bool) -> None:
    """Print what became of it; one that is final and failed, or invalid, exits with 1."""
    _show_document({"id": id_} | outcome.document, as_json)
    if outcome.is_settled and not outcome.is_ok:
        if not as_json:
            print_note(f"it is {outcome.status} and changed nothing: {outcome.code}")
        raise typer.Exit(1)


def _show_document(document: dict[str, Any], as_json: bool) -> None:
    """Print what the peer says: all of it for programs, what matters for people."""
    fields = document if as_json else dict(_summarize(document))
    show_fields("Transaction", fields, as_json)


def _summarize(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "id", document["id"]
    code = document.get("code")
    yield "outcome", f"{document['status']}: {code}" if code else document["status"]
    if "height" in document:
        yield "block", f"{document['height']}, transaction {document['index']}"
    if "time_ms" in document:
        moment = datetime.fromtimestamp(int(document["time_ms"]) / 1000, UTC)
        yield "time", moment.isoformat(sep=" ", timespec="milliseconds")
    if "transaction" in document:
        transaction = document["transaction"]
        yield "kind", transaction["kind"]
        yield "signed_by", transaction["signers"]
        yield "data", list(iterate_fields(transaction["data"]))
    if "result" in document:
        result = document["result"]
        yield (
            "events",
            [f"{event['type']} ({', '.join(event['about'])})" for event in result["events"]],
        )
        yield "wrote", [f"{'/'.join(item['key'])} #{item['version']}" for item in result["changes"]]


def _describe_draft(draft: Draft) -> dict[str, Any]:
    fields = draft.fields
    return {
        "id": draft.id,
        "chain": fields["chain"],
        "kind": fields["kind"],
        "data": fields["data"],
        "until": str(fields["until"]),
        "signed_by": [signer for signer in draft.signers if signer in draft.signatures],
        "missing": list(draft.missing),
    }


def _name_roles(call: Call) -> list[str]:
    return [f"{role.name} (if any)" if role.optional else role.name for role in call.signers]


def _describe_kind(call: Call) -> dict[str, Any]:
    schema = call.payload.model_json_schema()
    return {
        "kind": call.kind,
        "title": call.title,
        "signers": _name_roles(call),
        "data": {
            name: _describe_field(field, schema.get("$defs", {}))
            for name, field in schema.get("properties", {}).items()
        },
        "changes": call.changes,
        "events": list(call.events),
        "failures": list(call.failures),
    }


def _describe_field(field: dict[str, Any], models: dict[str, Any]) -> Any:
    """A field of a payload in a few words; a model within it as its own fields."""
    if "$ref" in field:
        model = models[field["$ref"].rpartition("/")[2]]
        return {name: _describe_field(item, models) for name, item in model["properties"].items()}
    if "enum" in field:
        return "one of " + ", ".join(repr(item) for item in field["enum"])
    kind = "bytes" if field.get("format") == "binary" else str(field.get("type", "value"))
    low, high = field.get("minimum"), field.get("maximum")
    bounds = f" {low} to {high}" if low is not None and high is not None else ""
    return f"{kind}{bounds}: {field.get('description', '')}".rstrip(": ")
