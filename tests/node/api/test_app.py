"""The guard before all handlers: what one address may take of the peer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from ledger import codec
from node.api.app import make_application
from tests.node.api.conftest import LIMITS
from tests.node.api.fake import PRICE, FakePeer
from tests.node.api.web import Web, check_problem


@asynccontextmanager
async def limited(peer: FakePeer, **limits: Any) -> AsyncIterator[Web]:
    app = make_application(peer, replace(LIMITS, **limits))
    async with TestClient(TestServer(app)) as client:
        yield Web(client)


async def test_requests_have_a_rate(peer: FakePeer) -> None:
    async with limited(peer, requests_per_s=0.5, requests_burst=2) as web:
        assert (await web.get("/v1/status")).status == 200
        assert (await web.get("/v1/nothing")).status == 404
        answer = await web.get("/v1/status")
        problem = check_problem(answer, 429, "too-many-requests")
        assert problem["retry"] is True
        assert 1 <= int(answer.headers["Retry-After"]) <= 3
        assert 1 < float(problem["retry_after_s"]) <= 2
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await web.get(path)).status == 200


async def test_transactions_have_a_rate_of_their_own(peer: FakePeer) -> None:
    async with limited(peer, transactions_per_s=1.0, transactions_burst=20) as web:
        batch = codec.encode([peer.make([(PRICE, n)]).raw for n in range(15)])
        assert (await web.post(batch)).status == 202
        check_problem(await web.post(batch), 429, "too-many-requests")
        assert len(peer.submitted) == 15


async def test_bundles_have_a_rate_of_their_own(peer: FakePeer) -> None:
    peer.finalize()
    async with limited(peer, proofs_per_s=1.0, proofs_burst=1) as web:
        path = "/v1/proofs/records/price/gpu"
        assert (await web.get(path)).status == 200
        check_problem(await web.get(path), 429, "too-many-requests")


async def test_streams_are_counted_and_given_back(peer: FakePeer) -> None:
    async with limited(peer, streams=2, streams_per_client=1) as web:
        async with web.client.get("/v1/events") as response:
            await response.content.readany()
            check_problem(await web.get("/v1/events"), 429, "too-many-open")
        async with asyncio.timeout(5):
            while (await web.client.get("/v1/events")).status != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_waiting_requests_are_counted(peer: FakePeer) -> None:
    async with limited(peer, waiters=1, waiters_per_client=1) as web:
        first, second = peer.make([(PRICE, 1)]), peer.make([(PRICE, 2)])
        waiting = asyncio.create_task(web.post(first.raw, "?wait=final"))
        while not peer.pending:  # noqa: ASYNC110
            await asyncio.sleep(0)
        check_problem(await web.post(second.raw, "?wait=final"), 429, "too-many-open")
        assert peer.submitted == [first.raw]  # what was refused was not taken either
        peer.finalize()
        assert (await waiting).json["status"] == "final"
