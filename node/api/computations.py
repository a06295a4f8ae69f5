"""Computations for requests: each in a thread that rests as it works (`node.statistics.Pace`).

1. Few go at a time, and each has its time: votes, which wait on the loop, never wait for one.
2. One whose request goes away is told to stop, and keeps its place until its thread has noticed.
3. When the API ends, they end before the store is closed.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar

from node.api.problems import Problem
from node.api.rates import Slots
from node.past import PastError
from node.statistics import Pace, StatisticError

T = TypeVar("T")
_PROBLEMS: Final = {"past": "pruned", "stopped": "not-ready", "too-long": "too-many"}


class Computations:
    """Those that go on now; `limit_s` is how long one may take."""

    __slots__ = ("_ended", "_limit_s", "_running", "_slots")

    def __init__(self, slots: Slots, limit_s: float) -> None:
        self._slots = slots
        self._limit_s = limit_s
        self._running: dict[asyncio.Task[Any], Pace] = {}
        self._ended = False

    async def run(self, client: str, job: Callable[[Pace], T]) -> T:
        """What a job makes of its pace; raises Problem, or what else the job raises."""
        if self._ended:
            raise Problem("not-ready", "the peer stops")
        with self._slots.hold(client):
            pace = Pace(self._limit_s)
            thread = asyncio.create_task(asyncio.to_thread(job, pace))
            self._running[thread] = pace
            thread.add_done_callback(self._forget)
            try:
                return await asyncio.shield(thread)
            except asyncio.CancelledError:
                pace.is_stopped = True
                await asyncio.wait([thread])
                raise
            except (PastError, StatisticError) as error:
                raise Problem(_PROBLEMS[error.code], str(error)) from None

    async def end(self) -> None:
        """Let nothing be computed any more; returns when no thread reads the store."""
        self._ended = True
        for pace in self._running.values():
            pace.is_stopped = True
        if self._running:
            await asyncio.wait(list(self._running))

    def _forget(self, thread: asyncio.Task[Any]) -> None:
        del self._running[thread]
        if not thread.cancelled():
            thread.exception()  # who asked may be gone; whoever waits is told
