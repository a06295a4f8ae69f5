"""`/v1/statistics`: named queries over the state, now or at a height; for the public.

1. Few queries are computed at a time (`node.api.computations`), and requests for the same one wait
   for the same computation.
2. What was computed at a height never changes, so the last results are kept. Without a height the
   newest kept result will do while it is younger than `statistics_age_s`; it says its height.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from contracts.views import QUERIES, Query
from ledger.store import Store
from node.api.computations import Computations
from node.api.context import CONTEXT, answer, check_final, get_client
from node.api.delivery import charge_read
from node.api.limits import Limits
from node.api.parameters import NUMBER, Parameter, Schema, parse_number, parse_word
from node.api.problems import Problem
from node.api.rates import Slots
from node.api.routes import Route, json_content, ref
from node.client.difference import show_value
from node.past import read_past
from node.statistics import Computed, StatisticError, compute_statistic, find_query

MAX_KEPT: Final = 64  # results
_WORD: Final[Schema] = {"type": "string", "maxLength": 80}

QUERY: Final = Parameter("query", "The name of a query.", parse_word, _WORD, in_path=True)
AT: Final[Parameter[int | None]] = Parameter(
    "at", "The height after whose block; without it the newest.", parse_number, NUMBER
)


@dataclass(frozen=True, slots=True)
class _Newest:
    computed: Computed
    since_s: float


class Desk:
    """What is being computed, and what was."""

    __slots__ = ("_age_s", "_computations", "_kept", "_newest", "_running", "_store")

    def __init__(self, store: Store, limits: Limits) -> None:
        self._store = store
        self._age_s = limits.statistics_age_s
        self._computations = Computations(
            Slots("statistics", limits.statistics, limits.statistics_per_client),
            limits.statistics_timeout_s,
        )
        # By query and the height that was asked for.
        self._running: dict[tuple[str, int | None], asyncio.Task[Computed]] = {}
        self._kept: dict[tuple[str, int], Computed] = {}
        self._newest: dict[str, _Newest] = {}

    async def find(self, query: Query, at: int | None, client: str) -> Computed:
        """The result of a query at a height, or the newest; raises Problem."""
        kept = self._find_kept(query, at)
        if kept is not None:
            return kept
        key = (query.name, at)
        task = self._running.get(key)
        if task is None:
            height = self._store.height if at is None else at
            check_final(self._store, height)
            task = asyncio.create_task(self._compute(query, height, client, is_newest=at is None))
            self._running[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        # It goes on for the others when one who waits goes away.
        return await asyncio.shield(task)

    async def end(self) -> None:
        """Let nothing be computed any more; returns when no thread reads the store."""
        await self._computations.end()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _find_kept(self, query: Query, at: int | None) -> Computed | None:
        if at is not None:
            return self._kept.get((query.name, at))
        newest = self._newest.get(query.name)
        if newest is None or time.monotonic() - newest.since_s > self._age_s:
            return None
        return newest.computed

    async def _compute(self, query: Query, height: int, client: str, is_newest: bool) -> Computed:
        computed = await self._computations.run(
            client, lambda pace: compute_statistic(read_past(self._store, height), query, pace)
        )
        self._kept[query.name, computed.height] = computed
        if len(self._kept) > MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        if is_newest:
            self._newest[query.name] = _Newest(computed, time.monotonic())
        return computed

    def _forget(self, key: tuple[str, int | None], done: asyncio.Task[Computed]) -> None:
        del self._running[key]
        if not done.cancelled():
            done.exception()  # who asked may be gone; whoever waits is told


DESK: Final = web.AppKey("desk", Desk)


async def end_desk(app: web.Application) -> None:
    """End what is being computed, before the store is closed."""
    await app[DESK].end()


async def list_queries(_request: web.Request) -> web.Response:
    """The queries that there are, with their columns."""
    return answer({"items": [_show_query(query) for query in QUERIES.values()]})


async def get_statistic(request: web.Request) -> web.Response:
    """The result of a query."""
    context = request.app[CONTEXT]
    query = _find(QUERY.read(request))
    at = AT.read(request)
    client = get_client(request)
    context.costs.check(client)
    computed = await request.app[DESK].find(query, at, client)
    shown = _show_query(query) | {
        "height": str(computed.height),
        "time_ms": str(computed.time_ms),
        "state_root": computed.state_root.hex(),
        "result_sha256": computed.digest.hex(),
        "rows": show_value(computed.result["rows"]),
    }
    return charge_read(request, len(computed.result["rows"]), answer(shown))


def _find(name: str) -> Query:
    try:
        return find_query(name)
    except StatisticError as error:
        raise Problem("not-found", str(error)) from None


def _show_query(query: Query) -> dict[str, Any]:
    columns = [
        {"name": name, "type": "text" if name in query.groups else "integer", "meaning": meaning}
        for name, meaning in query.columns.items()
    ]
    return {"query": query.name, "title": query.title, "columns": columns}


ROUTES: Final = (
    Route(
        "GET",
        "/v1/statistics",
        list_queries,
        "The queries that statistics are made of",
        "statistics",
        answers={200: json_content("The queries.", ref("QueryList"))},
    ),
    Route(
        "GET",
        "/v1/statistics/{query}",
        get_statistic,
        "The result of a query, now or after the block at a height",
        "statistics",
        (QUERY, AT),
        answers={200: json_content("The result and its digest.", ref("StatisticResult"))},
        problems=(
            "bad-parameter",
            "not-found",
            "not-ready",
            "not-yet",
            "pruned",
            "too-many",
            "too-many-open",
            "too-many-requests",
        ),
    ),
)
