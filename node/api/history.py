"""`/v1/history`: every version of a record, and who made it."""

import asyncio
from typing import Any, Final

from aiohttp import web

from ledger.codec import Value
from ledger.record import Record
from node.api.chain import Chain
from node.api.context import CONTEXT, answer_list, dump, read_limit
from node.api.cursors import compose_cursor, read_cursor
from node.api.delivery import begin_read, charge_read
from node.api.limits import MAX_PAGE_CHARACTERS
from node.api.parameters import CURSOR, LIMIT
from node.api.problems import Problem
from node.api.routes import Route, json_content, ref
from node.api.tails import KEY, read_key
from node.api.values import show_record
from node.client.difference import compute_difference

_PATH: Final = "/v1/history/"
_COST: Final = 8  # of a version, whose block is read too, in records


async def get_history(request: web.Request) -> web.Response:
    """Versions from the first on, each with the transaction that made it."""
    context = request.app[CONTEXT]
    key = read_key(request, _PATH)
    limit = read_limit(request)
    cursor = CURSOR.read(request)
    scope = ("history", key)
    first = 1 if cursor is None else read_cursor(cursor, scope, (int,))[0]
    current = context.peer.store.state.get(key)
    if current is None:
        raise Problem("not-found", "no record has this key")
    # One more in front, so that the first one too can say what it changed.
    await begin_read(request)
    store = context.peer.store
    found = await asyncio.to_thread(store.list_versions, key, max(1, first - 1), limit + 1)
    before = {version.version + 1: version.value for version in found}
    # A version above the final height is on its way to the disk: it comes with the next page.
    page = [item for item in found if first <= item.version <= current.version][:limit]
    if not page and first <= current.version:
        raise Problem("pruned", "this peer no longer has these versions: ask an archive")
    items: list[str] = []
    size = 0
    for version in page:
        await asyncio.sleep(0)  # each may be of another block
        shown = show_record(key, version) | {
            "changes": _show_changes(before, version),
            "made_by": _show_maker(context.chain, version),
        }
        items.append(dump(shown))
        size += len(items[-1])
        if size >= MAX_PAGE_CHARACTERS:
            break
    page = page[: len(items)]
    more = bool(page) and page[-1].version < current.version
    following = compose_cursor(scope, [page[-1].version + 1]) if more else None
    answer = answer_list(items, at_height=str(context.chain.height), next=following)
    return charge_read(request, _COST * len(items), answer)


def _show_changes(before: dict[int, Value], version: Record) -> list[dict[str, Any]] | None:
    """Each field that the version changed; None where the version before it is not here."""
    if version.version > 1 and version.version not in before:
        return None
    changes = compute_difference(before.get(version.version), version.value)
    return [{"path": item.path, "before": item.before, "after": item.after} for item in changes]


def _show_maker(chain: Chain, version: Record) -> dict[str, Any] | None:
    """Who wrote a version; None for the genesis, or where this peer no longer has the block."""
    header = chain.get_header(version.height)
    entry = chain.read_entry(version.height, version.index)
    if header is None or entry is None:
        return None
    return {
        "id": entry.id.hex(),
        "kind": entry.kind,
        "signers": list(entry.signers),
        "height": str(version.height),
        "index": str(version.index),
        "time_ms": str(header.time_ms),
        "rules_version": str(header.rules_version),
    }


ROUTES: Final = (
    Route(
        "GET",
        "/v1/history/{key:.+}",
        get_history,
        "Every version of a record with the transaction that made it, oldest first",
        "records",
        (KEY, LIMIT, CURSOR),
        answers={200: json_content("A page of versions.", ref("HistoryPage"))},
        problems=("bad-parameter", "bad-cursor", "not-found", "pruned", "too-many-open"),
    ),
)
