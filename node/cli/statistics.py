"""`suanlian statistics`: named queries over the ledger's state, and what nodes published of them.

`audit statistic` computes a published one again: by a peer, whose rows are held against the digest
on the ledger, or here, from the store of a stopped peer.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

from contracts.statistics import STATISTICS
from contracts.table import make_object_key
from ledger.store import Store
from node.cli.output import AsJson, CommandError, print_json, print_note, show_fields, show_table
from node.cli.remote import DEFAULT_PEER, GenesisHash, PeerUrl, Signers, connect, read_signers
from node.cli.stopped import DataFolder, Stopped, check_folders, open_stopped
from node.cli.tx import Timeout, hand_in, show_outcome
from node.client.difference import show_value
from node.client.http import Client
from node.client.statistic import compute_result_digest
from node.client.verified import show_time
from node.past import read_past
from node.statistics import compute_statistic, find_query

app = typer.Typer(
    help="Named queries over the ledger's state, and what nodes published.", no_args_is_help=True
)

At = Annotated[
    int | None, typer.Option("--at", help="The height after whose block; else the newest.", min=0)
]
QueryName = Annotated[str, typer.Argument(help="The name of a query: see `statistics list`.")]
StatisticName = Annotated[str, typer.Argument(help="The id of a published statistic.")]

_QUERIES: Final = {"query": "query", "title": "shows", "columns": "columns"}
_PUBLISHED: Final = {
    "id": "id",
    "title": "title",
    "node": "published by",
    "query": "query",
    "height": "height",
    "figures": "figures",
    "state": "state",
}


@dataclass(frozen=True, slots=True)
class _Again:
    """A published statistic, and the digest of the same query computed again."""

    statistic: dict[str, Any]
    time_ms: int
    digest: str
    by: str


@app.command("list")
def list_queries(
    peer: PeerUrl = DEFAULT_PEER, genesis: GenesisHash = "", as_json: AsJson = False
) -> None:
    """List the queries that there are."""
    with connect(peer, genesis) as client:
        queries = client.list_queries()
    rows = queries if as_json else [_name_columns(query) for query in queries]
    show_table("Queries", _QUERIES, rows, as_json)


@app.command("show")
def show(
    query: QueryName,
    at: At = None,
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    as_json: AsJson = False,
) -> None:
    """Show the result of a query, now or at a height, and the digest of it."""
    with connect(peer, genesis) as client:
        result = _fetch(client, query, at)
    if as_json:
        print_json(result)
        return
    columns = {column["name"]: column["name"].replace("_", " ") for column in result["columns"]}
    height, moment = result["height"], show_time(int(result["time_ms"]))
    title = f"{result['title']}: after block {height}, {moment}"
    show_table(title, columns, result["rows"], as_json=False)
    print_note(f"SHA-256 of the result: {result['result_sha256']}")


@app.command("published")
def list_published(
    node: Annotated[str, typer.Option(help="Only what this node published.")] = "",
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    as_json: AsJson = False,
) -> None:
    """List the statistics that nodes have published."""
    with connect(peer, genesis) as client:
        records = list(client.iterate_records(STATISTICS.name, *filter(None, (node,))))
    rows = [{"id": record["key"][2], **record["value"]} for record in records]
    show_table("Published statistics", _PUBLISHED, rows, as_json)


@app.command("publish")
def publish(
    query: QueryName,
    title: Annotated[str, typer.Option(help="What people read above it.")],
    signer: Signers,
    at: At = None,
    figure: Annotated[
        list[str] | None, typer.Option(help="NAME=INTEGER to put in front; once for each.")
    ] = None,
    replaces: Annotated[str, typer.Option(help="The id of a withdrawn one.")] = "",
    timeout: Timeout = 30.0,
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    as_json: AsJson = False,
) -> None:
    """Compute a query at the peer, and publish its digest under the node's signature."""
    signers = [named.need_key() for named in read_signers(signer)]
    figures = dict(_read_figure(text) for text in figure or ())
    with connect(peer, genesis) as client:
        result = _fetch(client, query, at)
        data = {
            "figures": figures,
            "height": int(result["height"]),
            "query": query,
            "replaces": replaces,
            "result_sha256": bytes.fromhex(result["result_sha256"]),
            "title": title,
        }
        signed = client.compose("statistics.publish", data, signers)
        outcome = hand_in(client, signed, timeout)
    show_outcome(outcome, signed.id, as_json)


def audit_statistic(
    name: StatisticName,
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    config: Stopped = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Compute a published statistic again, and say whether it is what its node says.

    With --config it is computed here, from a stopped peer's records; else by the peer, which should
    not be the one that published. Exits with 1 when the digests differ.
    """
    check_folders(config, data)
    if config is not None:
        with open_stopped(config, data) as (store, _):
            again = _compute_here(store, name)
    else:
        with connect(peer, genesis) as client:
            again = _compute_there(client, name, peer)
    matches = again.digest == again.statistic["result_sha256"]
    _show_again(name, again, matches, as_json)
    if not matches:
        raise typer.Exit(1)


def _compute_there(client: Client, name: str, peer: str) -> _Again:
    statistic = _find_statistic(client, name)
    result = client.get_statistic(statistic["query"], int(statistic["height"]))
    # Out of the rows that it sent: what it says their digest is does not matter.
    return _Again(statistic, int(result["time_ms"]), compute_result_digest(result), peer)


def _compute_here(store: Store, name: str) -> _Again:
    key = store.state.get_derived(make_object_key(name))
    record = None if key is None or not key.startswith(STATISTICS.prefix) else store.state.get(key)
    if record is None:
        raise CommandError(f"{name} is no statistic up to block {store.height}", "not-found")
    past = read_past(store, record.value["height"])
    computed = compute_statistic(past, find_query(record.value["query"]))
    return _Again(show_value(record.value), computed.time_ms, computed.digest.hex(), "this command")


def _find_statistic(client: Client, name: str) -> dict[str, Any]:
    """The record of a published statistic, by the transaction that made it."""
    found = client.iterate_audit(1, object=name, kind="statistics.publish", outcome="ok")
    for entry in found:
        for change in entry["changes"] or ():
            if change["key"][0] == STATISTICS.name and change["key"][2] == name:
                record = client.get_record(*change["key"])
                return dict(record["value"])
    raise CommandError(f"{name} is no statistic that the peer knows", "not-found")


def _fetch(client: Client, query: str, at: int | None) -> dict[str, Any]:
    """A result whose digest is that of its rows; raises CommandError."""
    result = client.get_statistic(query, at)
    if compute_result_digest(result) != result["result_sha256"]:
        raise CommandError("the peer's rows are not those of its digest: ask another", "mismatch")
    return result


def _show_again(name: str, again: _Again, matches: bool, as_json: bool) -> None:
    statistic = again.statistic
    fields = {
        "id": name,
        "title": statistic["title"],
        "published_by": statistic["node"],
        "query": statistic["query"],
        "height": statistic["height"],
        "time": show_time(again.time_ms),
        "state": statistic["state"],
        "published_sha256": statistic["result_sha256"],
        "computed_sha256": again.digest,
        "computed_by": again.by,
    }
    if as_json:
        print_json({**fields, "matches": matches})
        return
    verdict = "match" if matches else "mismatch: the result is not what was published"
    show_fields("Statistic", {**fields, "verdict": verdict}, as_json=False)


def _name_columns(query: dict[str, Any]) -> dict[str, Any]:
    return {**query, "columns": [column["name"] for column in query["columns"]]}


def _read_figure(text: str) -> tuple[str, int]:
    name, separator, value = text.partition("=")
    if not separator or not (value.isascii() and value.isdigit()):
        raise CommandError(f"{text} is not NAME=INTEGER")
    return name, int(value)
