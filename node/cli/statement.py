"""`suanlian audit statement`: what a party had, how its money moved, and what it has then."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from node.cli.keys import read_code
from node.cli.output import AsJson, print_json, show_fields, show_table
from node.cli.remote import DEFAULT_PEER, GenesisHash, PeerUrl, connect
from node.cli.times import From, To, read_time
from node.client.verified import show_time

_COLUMNS: Final = {
    "time": "time",
    "place": "block",
    "what": "what",
    "with": "other side",
    "about": "about",
    "changes": "CNY",
    "after": "after it",
}
_YUAN: Final = 1_000_000


def audit_statement(
    code: Annotated[str, typer.Argument(help="The code of a party or a bank.")],
    from_: From = "",
    to: To = "",
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    as_json: AsJson = False,
) -> None:
    """Show a party's statement of a period: opening, every movement, closing.

    It is added up again here, movement by movement, and refused when it does not come out even. To
    prove a balance without trusting the peer, fetch `audit bundle history account/CODE`.
    """
    party = read_code(code)
    start, end = (read_time(text) if text else None for text in (from_, to))
    with connect(peer, genesis) as client:
        statement = client.get_statement(party, start, end)
    if as_json:
        print_json(statement)
        return
    first, last = statement["first_height"], statement["last_height"]
    show_table(
        f"Statement of {party}, blocks {first} to {last}",
        _COLUMNS,
        [_show_movement(item, party) for item in statement["items"]],
        as_json=False,
    )
    sums = {name: _show_buckets(statement[name]) for name in ("opening", "closing")}
    show_fields("In all", {**sums, "movements": len(statement["items"])}, as_json=False)


def _show_movement(item: Mapping[str, Any], code: str) -> dict[str, Any]:
    others = [posting for posting in item["postings"] if posting["party"] != code]
    about = list(item["objects"])
    about += [f"epoch {item['epoch']}"] if item["epoch"] is not None else []
    about += [item["reference"]] if item["reference"] else []
    return {
        "time": show_time(int(item["time_ms"])),
        "place": f"{item['height']}/{item['index']}",
        "what": item["events"] or item["kind"],
        "with": list(dict.fromkeys(posting["party"] for posting in others)) or "own holds",
        "about": about,
        "changes": _show_buckets(item["changes"], "+"),
        "after": _show_buckets(item["after"]),
    }


def _show_buckets(buckets: Mapping[str, str], sign: str = "") -> dict[str, str]:
    return {name: show_yuan(int(text), sign) for name, text in buckets.items()}


def show_yuan(micro_yuan: int, sign: str = "") -> str:
    """Micro-yuan in yuan, exactly."""
    before = "-" if micro_yuan < 0 else sign
    whole, part = divmod(abs(micro_yuan), _YUAN)
    return f"{before}{whole:,}.{part:06}"
