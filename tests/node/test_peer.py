"""A running peer that stops keeps nobody waiting."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ledger.primitives import Digest
from node.errors import Refused
from node.peer import RunningPeer
from node.port import Phase, Status

ID = Digest(b"i" * 32)
ACCEPTED = Status(ID, Phase.ACCEPTED)
SECONDS = 5.0


class SlowReplica:
    """Knows one transaction, which never becomes final, and takes submissions when told to."""

    def __init__(self) -> None:
        self.identity = SimpleNamespace(code="R")
        self.genesis = self.store = None
        self.has_stopped = False
        self.intake = self
        self.submissions: list[Callable[[list[Status | Refused]], None]] = []

    def submit(self, _raws: Any, done: Callable[[list[Status | Refused]], None]) -> None:
        self.submissions.append(done)

    def get_status(self, _id: Digest) -> Status:
        return ACCEPTED

    def wait(self, _id: Digest, _notify: Any) -> Callable[[], None]:
        return lambda: None


@pytest.fixture
def replica() -> SlowReplica:
    return SlowReplica()


@pytest.fixture
def peer(replica: SlowReplica) -> RunningPeer:
    given: Any = replica
    nothing: Any = None
    return RunningPeer(given, nothing, nothing)


async def begin(*calls: Any) -> list["asyncio.Task[Any]"]:
    """Calls that are under way."""
    tasks = [asyncio.create_task(call) for call in calls]
    await asyncio.sleep(0)
    return tasks


async def test_who_waits_hears_how_far_it_is_when_the_peer_stops(peer: RunningPeer) -> None:
    (waiting,) = await begin(peer.wait(ID, 3_600.0))
    peer.end_waits()
    assert await asyncio.wait_for(waiting, SECONDS) == ACCEPTED
    assert await asyncio.wait_for(peer.wait(ID, 3_600.0), SECONDS) == ACCEPTED


async def test_what_was_handed_in_is_taken_before_a_peer_stops(
    peer: RunningPeer, replica: SlowReplica
) -> None:
    (submitting,) = await begin(peer.submit([b"one"]))
    peer.end_waits()
    await asyncio.sleep(0)
    assert not submitting.done()
    replica.submissions[0]([ACCEPTED])
    assert await asyncio.wait_for(submitting, SECONDS) == [ACCEPTED]


async def test_a_peer_that_failed_answers_what_nothing_will_end(
    peer: RunningPeer, replica: SlowReplica
) -> None:
    before, waiting = await begin(peer.submit([b"one", b"two"]), peer.wait(ID, 3_600.0))
    replica.has_stopped = True
    peer.end_waits()
    (after,) = await begin(peer.submit([b"three"]))
    for task, count in ((before, 2), (after, 1)):
        answers = await asyncio.wait_for(task, SECONDS)
        assert [(answer.code, answer.retry) for answer in answers] == [("not-ready", True)] * count
    assert await asyncio.wait_for(waiting, SECONDS) == ACCEPTED
    replica.submissions[0]([ACCEPTED, ACCEPTED])  # the disk's thread ends it all the same
