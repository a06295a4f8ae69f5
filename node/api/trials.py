"""`/v1/rules/trial`: the last blocks executed again under other rules, by a running peer.

One goes at a time (`node.api.computations`), over at most `MAX_LIVE_BLOCKS`. More blocks are tried
on a copy of a peer's data (`suanlian rules try`).
"""

import re
from typing import Final

from aiohttp import web

from node.api.computations import Computations
from node.api.context import CONTEXT, answer, get_client
from node.api.delivery import charge_read
from node.api.limits import Limits
from node.api.parameters import NUMBER, Parameter, Schema, parse_number
from node.api.problems import Problem
from node.api.rates import Slots
from node.api.routes import Route, json_content
from node.trial import TrialError, show_trial, try_rules

MAX_LIVE_BLOCKS: Final = 10_000
MAX_ROWS: Final = 1_000  # of each list in an answer
MAX_CHANGES: Final = 64
_CHANGE: Final = re.compile(r"([a-z0-9_]{1,64}):(0|[1-9][0-9]{0,18})")
_TEXT: Final[Schema] = {"type": "string", "maxLength": 8_192}


def _parse_changes(text: str) -> dict[str, int]:
    parts = text.split(",")
    found = [_CHANGE.fullmatch(part) for part in parts]
    if len(parts) > MAX_CHANGES or not all(found):
        raise ValueError("NAME:INTEGER,NAME:INTEGER ...")
    return {match[1]: int(match[2]) for match in found if match}


CHANGES: Final[Parameter[dict[str, int] | None]] = Parameter(
    "changes",
    "Rules and their new integers, NAME:INTEGER, with commas; needed.",
    _parse_changes,
    _TEXT,
)
LAST: Final[Parameter[int | None]] = Parameter(
    "last", f"How many blocks, at most {MAX_LIVE_BLOCKS}; 1000 by default.", parse_number, NUMBER
)


BENCH: Final = web.AppKey("bench", Computations)


def make_bench(limits: Limits) -> Computations:
    """Where rules are tried."""
    return Computations(Slots("trials of rules", 1, 1), limits.statistics_timeout_s)


async def end_bench(app: web.Application) -> None:
    """End what is being tried, before the store is closed."""
    await app[BENCH].end()


async def try_changes(request: web.Request) -> web.Response:
    """What the last blocks would have made of other rules."""
    changes, last = CHANGES.read(request), LAST.read(request)
    if not changes:
        raise Problem("bad-parameter", "changes: a rule and its new integer are needed")
    blocks = 1_000 if last is None else last
    if not 1 <= blocks <= MAX_LIVE_BLOCKS:
        raise Problem("bad-parameter", f"last: from 1 to {MAX_LIVE_BLOCKS}")
    context, client = request.app[CONTEXT], get_client(request)
    context.costs.check(client)
    genesis, store = context.peer.genesis, context.peer.store
    try:
        trial = await request.app[BENCH].run(
            client, lambda pace: try_rules(genesis, store, changes, blocks, pace)
        )
    except TrialError as error:
        raise Problem("bad-parameter", f"changes: {error}") from None
    return charge_read(request, blocks, answer(show_trial(trial, MAX_ROWS)))


ROUTES: Final = (
    Route(
        "GET",
        "/v1/rules/trial",
        try_changes,
        "What the last blocks would have made of other rules",
        "statistics",
        (CHANGES, LAST),
        answers={200: json_content("What would have ended otherwise.", {"type": "object"})},
        problems=(
            "bad-parameter",
            "not-ready",
            "pruned",
            "too-many",
            "too-many-open",
            "too-many-requests",
        ),
    ),
)
