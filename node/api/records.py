"""`/v1/records`: the records that stand now."""

import asyncio
from typing import Final

from aiohttp import web

from ledger.record import Record
from ledger.store import Store
from node.api.context import CONTEXT, answer, answer_list, check_final, dump, read_limit
from node.api.cursors import compose_cursor, read_cursor
from node.api.delivery import begin_read, charge_read
from node.api.limits import MAX_PAGE_CHARACTERS, MAX_PIECE_CHARACTERS
from node.api.parameters import (
    CURSOR,
    LIMIT,
    NUMBER,
    SWITCH,
    Parameter,
    parse_number,
    parse_switch,
)
from node.api.problems import Problem
from node.api.routes import Route, json_content, ref
from node.api.tails import KEY, read_key
from node.api.values import show_record
from node.past import PastError, read_past

_PATH: Final = "/v1/records/"
_PAUSE: Final = 32  # records before others get their turn
AT: Final[Parameter[int | None]] = Parameter(
    "at", "The record as it stood after the block of this height.", parse_number, NUMBER
)
PREFIX: Final = Parameter(
    "prefix",
    "List every record whose key begins with these fields, in key order.",
    parse_switch,
    SWITCH,
    False,
)


async def get_records(request: web.Request) -> web.Response:
    """One record, or a page of those under a prefix."""
    key, at = read_key(request, _PATH), AT.read(request)
    if PREFIX.read(request):
        if at is not None:
            raise Problem("bad-parameter", "at: for one record, not for a list")
        return await _list_records(request, key)
    for parameter in (LIMIT, CURSOR):
        if parameter.read(request) is not None:
            raise Problem("unknown-parameter", f"{parameter.name} is for lists: add prefix=true")
    store = request.app[CONTEXT].peer.store
    height = store.height if at is None else at
    record = store.state.get(key) if at is None else await _read_past(store, key, at)
    if record is None:
        raise Problem(
            "not-found", "no record has this key; with prefix=true those below it are listed"
        )
    return answer({"at_height": str(height), "record": show_record(key, record)})


async def _read_past(store: Store, key: bytes, height: int) -> Record | None:
    """The record as it stood at a height; raises Problem."""
    check_final(store, height)
    try:
        past = read_past(store, height)
        return await asyncio.to_thread(past.get, key)
    except PastError as error:
        raise Problem("pruned", str(error)) from None


async def _list_records(request: web.Request, prefix: bytes) -> web.Response:
    store = request.app[CONTEXT].peer.store
    limit = read_limit(request)
    cursor = CURSOR.read(request)
    scope = ("records", prefix)
    after = b""
    if cursor is not None:
        after = read_cursor(cursor, scope, (bytes,))[0]
        if not after.startswith(prefix):
            raise Problem("bad-cursor", "the cursor is damaged")
    await begin_read(request)
    height = store.height
    items: list[str] = []
    last, following, size, paused = b"", None, 0, 0
    # The scan sees one block throughout, whatever is folded in while others have their turn.
    for key, record in store.state.scan(prefix, after):
        if len(items) == limit or size >= MAX_PAGE_CHARACTERS:
            following = compose_cursor(scope, [last])
            break
        items.append(dump(show_record(key, record)))
        last = key
        size += len(items[-1])
        if len(items) % _PAUSE == 0 or size - paused >= MAX_PIECE_CHARACTERS:
            paused = size
            await asyncio.sleep(0)
    shown = answer_list(items, at_height=str(height), next=following)
    return charge_read(request, len(items), shown)


ROUTES: Final = (
    Route(
        "GET",
        "/v1/records/{key:.+}",
        get_records,
        "A record, now or at a height, or with `prefix=true` a page of those below it",
        "records",
        (KEY, AT, PREFIX, LIMIT, CURSOR),
        answers={
            200: json_content(
                "The record, or a page.", {"oneOf": [ref("CurrentRecord"), ref("RecordPage")]}
            )
        },
        problems=(
            "bad-parameter",
            "bad-cursor",
            "not-found",
            "not-yet",
            "pruned",
            "too-many-open",
            "too-many-requests",
        ),
    ),
)
