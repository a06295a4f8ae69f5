"""`/v1/statements`: what a party had, how its money moved in a period, and what it has then.

The statement is `node.statement`'s. It reads versions and blocks from the disk, so it has a thread,
as audit queries have, and shares their places.
"""

import asyncio
from typing import Any, Final

from aiohttp import web

from ledger.code import is_code
from ledger.keyvalue import Readable
from ledger.store import Store
from node.api import keys
from node.api.audit import FROM, TO
from node.api.context import CONTEXT, answer_list, dump, get_client, read_limit
from node.api.cursors import compose_cursor, read_cursor
from node.api.delivery import charge_read, hold_slot
from node.api.parameters import CURSOR, LIMIT, WORD, Parameter
from node.api.problems import Problem
from node.api.routes import Route, json_content, ref
from node.client.difference import show_value
from node.statement import Movement, Statement, StatementError, make_statement


def parse_code(text: str) -> str:
    """A code whose check characters are right."""
    if not is_code(text):
        raise ValueError("a code of 24 characters is wanted, with the right check characters")
    return text


CODE: Final = Parameter("code", "The party's code.", parse_code, WORD, in_path=True)


async def get_statement(request: web.Request) -> web.Response:
    """One page; it opens with what the page before closed with."""
    context = request.app[CONTEXT]
    party, start, end = CODE.read(request), FROM.read(request), TO.read(request)
    if start is not None and end is not None and start >= end:
        raise Problem("bad-parameter", "to: a time after `from` is wanted")
    limit = read_limit(request)
    cursor = CURSOR.read(request)
    scope = ("statement", party, start, end)
    height = None if cursor is None else read_cursor(cursor, scope, (int,))[0]
    context.costs.check(get_client(request))
    hold_slot(request, context.audits)
    store = context.peer.store
    view = store.state.view  # of this turn of the loop: what becomes final meanwhile is not in it
    try:
        statement, items = await asyncio.to_thread(
            _make, store, view, party, (start, end, height, limit)
        )
    except StatementError as error:
        raise Problem(error.code, str(error)) from None
    following = None
    if statement.next_height is not None:
        following = compose_cursor(scope, [statement.next_height])
    shown = answer_list(items, **_show_frame(statement), next=following)
    return charge_read(request, 1 + len(items), shown)


def _make(
    store: Store, view: Readable, party: str, span: tuple[int | None, int | None, int | None, int]
) -> tuple[Statement, list[str]]:
    statement = make_statement(store, view, party, *span)
    return statement, [dump(_show_movement(item)) for item in statement.movements]


def _show_frame(statement: Statement) -> dict[str, Any]:
    return {
        "at_height": str(statement.height),
        "party": statement.party,
        "first_height": str(statement.first),
        "last_height": str(statement.last),
        "opening": show_value(statement.opening),
        "closing": show_value(statement.closing),
    }


def _show_movement(item: Movement) -> dict[str, Any]:
    return {
        "id": item.id.hex(),
        "kind": item.kind,
        "signers": list(item.signers),
        "height": str(item.height),
        "index": str(item.index),
        "time_ms": str(item.time_ms),
        "events": list(item.events),
        "objects": list(item.objects),
        "epoch": None if item.epoch is None else str(item.epoch),
        "reference": item.reference,
        "changes": show_value(item.changes),
        "after": show_value(item.after),
        "postings": [
            {
                "key": keys.split(posting.key),
                "party": posting.party,
                "bucket": posting.bucket,
                "change": str(posting.change),
            }
            for posting in item.postings
        ],
    }


ROUTES: Final = (
    Route(
        "GET",
        "/v1/statements/{code}",
        get_statement,
        "A party's statement: opening, every movement of its money, closing",
        "audit",
        (CODE, FROM, TO, LIMIT, CURSOR),
        answers={200: json_content("A page of movements.", ref("StatementPage"))},
        problems=("bad-parameter", "bad-cursor", "pruned", "too-many", "too-many-open"),
    ),
)
