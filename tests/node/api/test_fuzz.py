"""Whole requests that are nearly right: none fails the peer, and every refusal is a problem."""

import json
from collections import Counter
from dataclasses import replace
from random import Random
from urllib.parse import quote

import pytest
from aiohttp import ClientResponse, TCPConnector
from aiohttp.test_utils import TestClient, TestServer

from node.api.app import list_routes, make_application
from node.api.routes import Route
from tests.fuzz.mutation import mutate
from tests.fuzz.registry import TARGETS
from tests.node.api.conftest import LIMITS
from tests.node.api.fake import FakePeer

PLENTY = replace(LIMITS, proofs_burst=100_000, read_cost_burst=10_000_000)
TEXTS = (
    "", "0", "1", "-1", "00", "7" * 30, "9" * 1500, "1e999", "NaN", "²", "true", "final", "null",
    "a", "A" * 81, "é", "\x00", "%", "../..", "ab" * 32, "R520000000001000000001VO", "latest",
    "2026-04-02T00:00:00+08:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
    "0x", "0x00", "price/gpu-1", "price", "AAAA", "x:1,y:2", "newest", "[", "{}", " ", "\ud7ff",
)  # fmt: skip
READS = [route for route in list_routes() if route.method == "GET"]


async def check(response: ClientResponse) -> int:
    """The status; a failure of the peer, or a refusal in another form, is none."""
    assert response.status < 500 or response.status == 503, await response.text()
    if response.status >= 400:
        document = json.loads(await response.read())
        assert response.content_type == "application/problem+json"
        assert document["type"] == f"/problems/{document['code']}"
    return response.status


@pytest.mark.parametrize(
    ("name", "kind"),
    [("submission", "application/msgpack"), ("submission in JSON", "application/json")],
)
async def test_submissions(peer: FakePeer, name: str, kind: str) -> None:
    random, statuses = Random(1), Counter[int]()
    target = TARGETS[name]
    async with TestClient(TestServer(make_application(peer, PLENTY))) as client:
        for _ in range(300):
            data = mutate(target, random)
            headers = {"Content-Type": kind}
            async with client.post("/v1/transactions", data=data, headers=headers) as response:
                statuses[await check(response)] += 1
    assert statuses[400] > 100


@pytest.mark.parametrize("route", READS, ids=lambda route: route.path)
async def test_parameters(peer: FakePeer, route: Route) -> None:
    random = Random(route.path)
    peer.finalize(peer.make([(b"price\x00gpu-1\x00", 1)]))
    app = make_application(peer, PLENTY)
    async with TestClient(TestServer(app), connector=TCPConnector(limit=0)) as client:
        for _ in range(40 if "{" in route.path or route.parameters else 1):
            path = route.path
            for item in route.parameters:
                if item.in_path:
                    text = quote(random.choice(TEXTS[1:]), safe="")
                    path = path.replace(f"{{{item.name}:.+}}", text)
                    path = path.replace(f"{{{item.name}}}", text)
            query = "&".join(
                f"{item.name}={quote(random.choice(TEXTS))}"
                for item in route.parameters
                if not item.in_path and random.random() < 0.5
            )
            async with client.get(f"{path}?{query}") as response:
                await check(response)
