"""`/v1/audit`: who did what, when, signed by whom.

The query itself is `node.audit`'s. It reads blocks from the disk, thousands for a page in the worst
case, so it has a thread: the loop, on which votes wait, never waits for it.
"""

import asyncio
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from ledger.store import Store
from node.api.context import CONTEXT, answer_list, dump, get_client, read_limit
from node.api.cursors import compose_cursor, read_cursor
from node.api.delivery import charge_read, hold_slot
from node.api.parameters import CURSOR, LIMIT, NUMBER, WORD, Parameter, parse_number, parse_word
from node.api.problems import Problem
from node.api.routes import Route, json_content, ref
from node.api.values import show_changes
from node.audit import AuditEntry, AuditPage, AuditQuery, run_audit
from node.client.difference import show_value


def parse_time(text: str) -> int:
    """A moment in ms: whole milliseconds, or RFC 3339 with its offset."""
    if text.isdigit():
        return parse_number(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError("ms since 1970 or RFC 3339 is wanted, such as 2026-04-02T00:00:00+08:00")
    return max(0, int(moment.timestamp() * 1000))


def parse_order(text: str) -> bool:
    """Whether the newest come first."""
    if text not in ("newest", "oldest"):
        raise ValueError("newest or oldest is wanted")
    return text == "newest"


def parse_region(text: str) -> str:
    """The beginning of a place."""
    if not 2 <= len(text) <= 6 or not (text.isascii() and text.isdigit()):
        raise ValueError("two to six digits of a place are wanted")
    return text


def parse_industry(text: str) -> str:
    """A section of GB/T 4754."""
    if len(text) != 1 or text not in "0ABCDEFGHIJKLMNOPQRST":
        raise ValueError("a letter from A to T, or 0, is wanted")
    return text


def _word(name: str, description: str) -> Parameter[str | None]:
    return Parameter(name, description, parse_word, WORD)


PARTY: Final = _word("party", "A code that signed or is concerned.")
RESOURCE: Final = _word("resource", "A resource's code.")
OBJECT: Final = _word("object", "An object's id: a lease, an offer, ...")
KIND: Final = _word("kind", "A kind of transaction; `due` for what blocks did themselves.")
OUTCOME: Final = _word("outcome", "`ok`, `failed`, or a failure's code.")
REGION: Final[Parameter[str | None]] = Parameter(
    "region",
    "The beginning of a place (GB/T 2260) of any code concerned.",
    parse_region,
    {"type": "string", "pattern": "^[0-9]{2,6}$"},
)
INDUSTRY: Final[Parameter[str | None]] = Parameter(
    "industry",
    "The industry letter (GB/T 4754) of any code concerned.",
    parse_industry,
    {"type": "string", "pattern": "^[0A-T]$"},
)
FROM: Final[Parameter[int | None]] = Parameter(
    "from", "From this block time on: ms, or RFC 3339.", parse_time, NUMBER
)
TO: Final[Parameter[int | None]] = Parameter(
    "to", "Before this block time: ms, or RFC 3339.", parse_time, NUMBER
)
ORDER: Final = Parameter(
    "order",
    "`oldest` first, or `newest`.",
    parse_order,
    {"type": "string", "enum": ["oldest", "newest"], "default": "oldest"},
    False,
)
_FILTERS: Final = (PARTY, RESOURCE, OBJECT, KIND, OUTCOME, REGION, INDUSTRY, FROM, TO, ORDER)


async def audit(request: web.Request) -> web.Response:
    """A page of what a query finds; a page may be empty and still have a next one."""
    context = request.app[CONTEXT]
    scope = ("audit", *(_as_scope(item.read(request)) for item in _FILTERS))
    query = _read_query(request, scope)
    height = context.chain.height
    context.costs.check(get_client(request))
    hold_slot(request, context.audits)
    page, items = await asyncio.to_thread(_run, context.peer.store, query)
    following = None if page.next_cursor is None else compose_cursor(scope, page.next_cursor)
    lacking = str(page.complete_from)
    shown = answer_list(items, at_height=str(height), complete_from=lacking, next=following)
    return charge_read(request, len(items), shown)


def _run(store: Store, query: AuditQuery) -> tuple[AuditPage, list[str]]:
    page = run_audit(store, query)
    return page, [dump(_show_entry(entry)) for entry in page.entries]


def _as_scope(value: Any) -> str | int | None:
    return int(value) if isinstance(value, bool) else value


def _read_query(request: web.Request, scope: tuple[str | int | None, ...]) -> AuditQuery:
    start, end = FROM.read(request), TO.read(request)
    if start is not None and end is not None and start >= end:
        raise Problem("bad-parameter", "to: a time after `from` is wanted")
    cursor = CURSOR.read(request)
    position = None if cursor is None else read_cursor(cursor, scope, (int, int))
    return AuditQuery(
        party=PARTY.read(request),
        resource=RESOURCE.read(request),
        object_id=OBJECT.read(request),
        kind=KIND.read(request),
        outcome=OUTCOME.read(request),
        region=REGION.read(request),
        industry=INDUSTRY.read(request),
        from_ms=start,
        to_ms=end,
        newest_first=ORDER.read(request),
        limit=read_limit(request),
        cursor=None if position is None else (position[0], position[1]),
    )


def _show_entry(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": entry.id.hex(),
        "kind": entry.kind,
        "code": entry.code,
        "signers": list(entry.signers),
        "height": str(entry.height),
        "index": str(entry.index),
        "time_ms": str(entry.time_ms),
        "rules_version": str(entry.rules_version),
        "events": None if entry.events is None else [show_value(item) for item in entry.events],
        "changes": None if entry.changes is None else show_changes(entry.changes),
    }


ROUTES: Final = (
    Route(
        "GET",
        "/v1/audit",
        audit,
        "Find transactions and due items by party, resource, object, kind, outcome, place and time",
        "audit",
        (*_FILTERS, LIMIT, CURSOR),
        answers={200: json_content("A page of entries.", ref("AuditPage"))},
        problems=("bad-parameter", "bad-cursor", "too-many-open"),
    ),
)
