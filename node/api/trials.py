"""`/v1/rules/trial`: the last blocks executed again under other rules, by a running peer.

It is done in a thread that rests as it works, so that votes never wait; one goes at a time, over at
most `MAX_LIVE_BLOCKS`. More blocks are tried on a copy of a peer's data (`suanlian rules try`).
"""

import asyncio
import re
from typing import Any, Final

from aiohttp import web

from node.api.context import CONTEXT, answer, get_client
from node.api.delivery import charge_read
from node.api.parameters import NUMBER, Parameter, Schema, parse_number
from node.api.problems import Problem
from node.api.rates import Slots
from node.api.routes import Route, json_content
from node.past import PastError
from node.statistics import Pace, StatisticError
from node.trial import Trial, TrialError, show_trial, try_rules

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


class Bench:
    """The one trial that goes on."""

    __slots__ = ("_ended", "_pace", "_slots", "_task")

    def __init__(self) -> None:
        self._slots = Slots("trials of rules", 1, 1)
        self._ended = False
        self._pace: Pace | None = None
        self._task: asyncio.Task[Trial] | None = None

    async def run(self, request: web.Request, changes: dict[str, int], last: int) -> Trial:
        """Try rules; raises Problem."""
        peer, limits = request.app[CONTEXT].peer, request.app[CONTEXT].limits
        if self._ended:
            raise Problem("not-ready", "the peer stops")
        with self._slots.hold(get_client(request)):
            pace = self._pace = Pace(limits.statistics_timeout_s)
            job = asyncio.to_thread(try_rules, peer.genesis, peer.store, changes, last, pace)
            self._task = asyncio.create_task(job)
            try:
                return await asyncio.shield(self._task)
            except asyncio.CancelledError:
                # Who asked has gone: the place is free once the thread has noticed.
                pace.is_stopped = True
                await asyncio.gather(self._task, return_exceptions=True)
                raise
            except TrialError as error:
                raise Problem("bad-parameter", f"changes: {error}") from None
            except PastError as error:
                raise Problem("pruned", str(error)) from None
            except StatisticError as error:
                code = "not-ready" if error.code == "stopped" else "too-many"
                raise Problem(code, str(error)) from None

    async def end(self) -> None:
        """Let nothing be tried any more; returns when no thread reads the store."""
        self._ended = True
        if self._pace is not None and self._task is not None:
            self._pace.is_stopped = True
            await asyncio.gather(self._task, return_exceptions=True)


BENCH: Final = web.AppKey("bench", Bench)


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
    request.app[CONTEXT].costs.check(get_client(request))
    shown: dict[str, Any] = show_trial(
        await request.app[BENCH].run(request, changes, blocks), MAX_ROWS
    )
    return charge_read(request, blocks, answer(shown))


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
