"""Clients that want too much: what is dear is bounded, and never keeps others from their turn."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import TCPConnector
from aiohttp.test_utils import TestClient, TestServer

from ledger.record import make_key
from node import prover
from node.api import blocks, history, records
from node.api.app import make_application
from node.api.context import CONTEXT
from node.api.limits import Limits
from tests.node.api.fake import FakePeer
from tests.node.api.web import Web, check_problem

DEAR = (
    "/v1/records/price?prefix=true&limit=500",
    "/v1/proofs/records/price?prefix=true",
    "/v1/proofs/records/price/gpu-1",
    "/v1/blocks/1?transactions=true",
    "/v1/blocks?limit=500",
    "/v1/history/price/gpu-1?limit=500",
)
COUNTED = (
    (records, "show_record"),
    (history, "show_record"),
    (blocks, "show_transaction"),
    (blocks, "_show_header"),
)
PAGES = tuple(path for path in DEAR if "proofs" not in path)


@pytest.fixture
def rich(peer: FakePeer) -> FakePeer:
    """A peer with records, a block of many transactions and a record of many versions."""
    puts = [(make_key("price", f"gpu-{n}"), n) for n in range(90)]
    peer.finalize(*(peer.make([put]) for put in puts), *(peer.make([put]) for put in puts))
    for n in range(40):
        peer.finalize(peer.make([(puts[1][0], f"later {n}")]))
    return peer


@asynccontextmanager
async def serve(peer: FakePeer, limits: Limits) -> AsyncIterator[tuple[Web, Any]]:
    app = make_application(peer, limits)
    server = TestServer(app, auto_decompress=False)
    async with TestClient(server, connector=TCPConnector(limit=0)) as client:
        yield Web(client), app[CONTEXT]


async def test_dear_requests_have_few_places(rich: FakePeer) -> None:
    async with serve(rich, Limits()) as (web, context):
        answers = await asyncio.gather(*(web.get(path) for path in DEAR for _ in range(34)))
        statuses = Counter(answer.status for answer in answers)
        assert statuses.keys() == {200, 429}
        assert statuses[429] > statuses[200] > 0
        for answer in answers:
            if answer.status == 429:
                assert float(check_problem(answer, 429, "too-many-open")["retry_after_s"]) > 0
                assert int(answer.headers["Retry-After"]) >= 1
        assert context.reads.taken == context.unwritten.taken == 0


@pytest.mark.parametrize("path", PAGES)
async def test_long_answers_are_made_in_many_turns(
    rich: FakePeer, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two turns of a probe on the same loop no more than one piece of work is done."""
    async with serve(rich, Limits()) as (web, _):
        await web.get(path)  # what is made once is made
        work = most = 0

        def count(original: Any) -> Any:
            def counted(*args: Any, **how: Any) -> Any:
                nonlocal work
                work += 1
                return original(*args, **how)

            return counted

        for module, name in COUNTED:
            monkeypatch.setattr(module, name, count(getattr(module, name)))
        done = asyncio.Event()

        async def probe() -> None:
            nonlocal most
            before = 0
            while not done.is_set():
                most = max(most, work - before)
                before = work
                await asyncio.sleep(0)

        probing = asyncio.create_task(probe())
        answers = await asyncio.gather(*(web.get(path) for _ in range(200)))
        done.set()
        await probing
        assert {answer.status for answer in answers} == {200, 429}
        # Two places of one address, each with one piece in a turn.
        assert work > 32
        assert most <= 2 * 33


async def test_a_prefix_of_many_records_is_not_proved_at_once(rich: FakePeer, web: Web) -> None:
    assert prover.MAX_RECORDS <= 100
    assert (await web.get("/v1/proofs/records/price?prefix=true")).status == 200
    rich.finalize(rich.make([(make_key("price", f"more-{n}"), n) for n in range(20)]))
    problem = check_problem(await web.get("/v1/proofs/records/price?prefix=true"), 400, "too-many")
    assert "100" in problem["detail"]


async def test_what_was_read_is_charged(rich: FakePeer) -> None:
    limits = replace(Limits(), read_cost_per_s=0.1, read_cost_burst=100)
    async with serve(rich, limits) as (web, _):
        path = "/v1/records/price?prefix=true&limit=90"
        assert [(await web.get(path)).status for _ in range(2)] == [200, 200]
        problem = check_problem(await web.get(path), 429, "too-many-requests")
        assert float(problem["retry_after_s"]) > 100  # the second was made on credit
        assert (await web.get("/v1/status")).status == 200
