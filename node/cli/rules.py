"""`suanlian rules`: the rules in force, and what other rules would have changed."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from contracts.ballot import make_ballot_key
from node.cli.output import AsJson, CommandError, print_json, show_fields, show_table
from node.cli.remote import DEFAULT_PEER, GenesisHash, PeerUrl, connect
from node.cli.stopped import open_stopped
from node.config import FILE_NAME
from node.trial import MAX_BLOCKS, show_trial, try_rules

app = typer.Typer(
    help="The rules in force, and what other rules would have changed.", no_args_is_help=True
)

Changes = Annotated[
    list[str] | None,
    typer.Option("--change", help="A rule and its new integer, NAME=VALUE. Repeat it."),
]
OfBallot = Annotated[
    str, typer.Option("--ballot", help="Take the changes that this ballot would carry.")
]
Last = Annotated[int, typer.Option("--last", help="How many blocks.", min=1, max=MAX_BLOCKS)]
Config = Annotated[Path, typer.Option("--config", help="The configuration of a stopped peer.")]
DataFolder = Annotated[
    Path | None, typer.Option("--data", help="A copied data folder instead of the peer's own.")
]
LivePeer = Annotated[
    str, typer.Option("--peer", help="Let this running peer try them, on a few blocks.")
]
Most = Annotated[int, typer.Option("--most", help="Rows of each table at most.", min=1)]

_CHANGE: Final = re.compile(r"([^=]*)=([0-9]+(?:_[0-9]+)*)")
_VERSIONS: Final = {"rule": "rule", "integer": "integer", "version": "since version"}
_CODES: Final = {"was": "ended as", "would_be": "would have ended as", "count": "transactions"}
_OTHERWISE: Final = {
    "place": "block",
    "kind": "kind",
    "was": "ended as",
    "would_be": "would have",
    "why": "differs in",
    "signers": "signed by",
    "id": "id",
}
_MOVED: Final = {
    "events": "what",
    "was": "was done in block",
    "would_be": "would have been",
    "about": "about",
}
_BALANCES: Final = {
    "code": "party",
    "was_micro_yuan": "has",
    "would_be_micro_yuan": "would have",
    "difference_micro_yuan": "difference",
}
_TABLES: Final = (
    ("otherwise", "Transactions that would have ended otherwise", _OTHERWISE),
    ("moved", "Due work at other heights", _MOVED),
    ("balances", "Balances at the end, in micro-yuan", _BALANCES),
)


@app.command("show")
def show_rules(
    peer: PeerUrl = DEFAULT_PEER, genesis: GenesisHash = "", as_json: AsJson = False
) -> None:
    """List the rules in force, and the versions that wait for their height."""
    with connect(peer, genesis) as client:
        versions = [item["value"] for item in client.iterate_records("rules")]
        height = client.get_height()
    current = [item for item in versions if int(item["from_height"]) <= height][-1]
    waiting = [item for item in versions if int(item["from_height"]) > height]
    if as_json:
        print_json({"height": str(height), "current": current, "waiting": waiting})
        return
    rows = [
        {"rule": name, "integer": integer, "version": _find_since(versions, current, name)}
        for name, integer in sorted(current["integers"].items())
    ]
    title = f"Rules of version {current['version']}, in force since block {current['from_height']}"
    show_table(title, _VERSIONS, rows, as_json=False)
    for item in waiting:
        show_fields(
            f"Version {item['version']}, in force from block {item['from_height']}",
            {
                name: f"{current['integers'].get(name)} -> {integer}"
                for name, integer in sorted(item["integers"].items())
                if current["integers"].get(name) != integer
            },
            as_json=False,
        )


@app.command("try")
def try_on_blocks(
    change: Changes = None,
    ballot: OfBallot = "",
    last: Last = 1_000,
    config: Config = Path(FILE_NAME),
    data: DataFolder = None,
    live: LivePeer = "",
    genesis: GenesisHash = "",
    most: Most = 50,
    as_json: AsJson = False,
) -> None:
    """Execute the last blocks again under other rules: what would have ended otherwise?

    Nothing is written. The changes are tried as a further version, in force from the first of the
    blocks; leases made before keep the version they were made under.
    """
    changes = _read_changes(change or ())
    if not changes and not ballot:
        raise CommandError("nothing is changed: give --change NAME=VALUE, or --ballot ID")
    if live:
        with connect(live, genesis) as client:
            if ballot:
                record = client.get_record("ballot", ballot)["value"]
                changes = {**_list_changes(ballot, record), **changes}
            tried = client.try_rules(changes, last)
    else:
        with open_stopped(config, data) as (store, document):
            if ballot:
                found = store.state.get(make_ballot_key(ballot)) if ballot.isascii() else None
                record = None if found is None else found.value
                changes = {**_list_changes(ballot, record), **changes}
            tried = show_trial(try_rules(document, store, changes, last))
    if as_json:
        print_json(tried)
    else:
        _show(tried, most)


def _find_since(versions: Sequence[dict[str, Any]], current: dict[str, Any], name: str) -> str:
    """The version since which a rule is what it is now."""
    since = current
    for item in reversed(versions[: versions.index(current)]):
        if item["integers"].get(name) != current["integers"][name]:
            break
        since = item
    return str(since["version"])


def _read_changes(texts: Sequence[str]) -> dict[str, int]:
    changes: dict[str, int] = {}
    for text in texts:
        change = _CHANGE.fullmatch(text)
        if change is None:
            raise CommandError(f"{text!r} is no change of a rule, such as hold_epochs=3")
        changes[change[1]] = int(change[2])
    return changes


def _list_changes(name: str, ballot: Mapping[str, Any] | None) -> dict[str, int]:
    """What a ballot would carry; raises CommandError where it is none about rules."""
    if ballot is None or ballot["matter"] != "rules":
        raise CommandError(f"{name} is no ballot about rules on this ledger")
    return {rule: int(integer) for rule, integer in ballot["details"]["changes"].items()}


def _show(tried: dict[str, Any], most: int) -> None:
    counts = tried["counts"]
    summary = {
        "blocks": f"{tried['first']} to {tried['last']}",
        "changes": [
            f"{name}: {item['was']} -> {item['would_be']}"
            for name, item in tried["changes"].items()
        ],
        "transactions": tried["transactions"],
        "would have ended otherwise": counts["otherwise"],
        "due items": f"{tried['due_items']} -> {tried['due_items_would_be']}",
        "due work at other heights": counts["moved"],
        "parties with another balance": counts["balances"],
    }
    show_fields("The rules on trial", summary, as_json=False)
    if tried["codes"]:
        show_table("By code", _CODES, tried["codes"], as_json=False)
    for name, title, columns in _TABLES:
        rows, count = tried[name][:most], int(counts[name])
        if rows:
            part = f" (the first {len(rows)} of {count})" if count > len(rows) else ""
            show_table(title + part, columns, rows, as_json=False)
