"""Computations in threads: who goes away stops its own, and the end stops all."""

import asyncio
import threading

import pytest

from node.api.computations import Computations
from node.api.problems import Problem
from node.api.rates import Slots
from node.statistics import PIECE, Pace


class Job:
    """Goes on until its pace stops it; it reads on only when it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.gate = threading.Event()

    def __call__(self, pace: Pace) -> None:
        self.begun.set()
        assert self.gate.wait(10)
        while True:
            for _ in range(PIECE):
                pace.step()


async def begin(computations: Computations) -> tuple[Job, asyncio.Task[None]]:
    job = Job()
    task = asyncio.create_task(computations.run("somebody", job))
    assert await asyncio.to_thread(job.begun.wait, 10)
    return job, task


async def test_who_goes_away_stops_its_own_and_its_place_is_free_after() -> None:
    slots = Slots("computations", 1, 1)
    computations = Computations(slots, 60.0)
    job, task = await begin(computations)
    task.cancel()
    await asyncio.sleep(0)
    assert slots.taken == 1
    with pytest.raises(Problem, match="at most 1"):
        await computations.run("another", lambda pace: None)
    job.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert slots.taken == 0
    assert await computations.run("another", lambda pace: 7) == 7


async def test_the_end_stops_all_and_begins_nothing() -> None:
    computations = Computations(Slots("computations", 2, 2), 60.0)
    (one, first), (other, second) = [await begin(computations) for _ in range(2)]
    ending = asyncio.create_task(computations.end())
    one.gate.set()
    await asyncio.sleep(0)
    assert not ending.done()
    other.gate.set()
    await ending
    for task in (first, second):
        with pytest.raises(Problem, match="the peer stops"):
            await task
    with pytest.raises(Problem, match="the peer stops"):
        await computations.run("somebody", lambda pace: None)


async def test_the_end_waits_for_the_thread_of_who_could_not_wait() -> None:
    computations = Computations(Slots("computations", 1, 1), 60.0)
    job, task = await begin(computations)
    for _ in range(2):  # its request goes away, and then its handler is ended too
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    ending = asyncio.create_task(computations.end())
    await asyncio.sleep(0.01)
    assert not ending.done()
    job.gate.set()
    await ending


async def test_the_end_waits_for_nobody() -> None:
    await Computations(Slots("computations", 1, 1), 60.0).end()
