"""Statistics over HTTP: now and at a height, computed once for all who ask."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from contracts.views import QUERIES
from node.api import statistics
from node.api.app import make_application
from node.api.limits import Limits
from node.client.statistic import compute_result_digest
from node.past import PastState
from node.statistics import Pace
from tests.node.api.web import Web, check_problem
from tests.node.publication import QUERY, Publication, make_publication


@pytest.fixture(scope="module")
def publication() -> Publication:
    return make_publication()


@pytest.fixture
async def web(publication: Publication) -> AsyncIterator[Web]:
    app = make_application(publication.peer, Limits(statistics_age_s=0.0))
    async with TestClient(TestServer(app)) as client:
        yield Web(client)


async def test_the_queries_are_listed(web: Web) -> None:
    answer = await web.get_json("/v1/statistics")
    assert [item["query"] for item in answer["items"]] == list(QUERIES)
    (service,) = [item for item in answer["items"] if item["query"] == QUERY]
    assert service["columns"][0] == {
        "name": "node",
        "type": "text",
        "meaning": "code of the node",
    }
    assert {column["type"] for column in service["columns"][1:]} == {"integer"}


async def test_a_result_is_of_now_or_of_a_height(web: Web, publication: Publication) -> None:
    now = await web.get_json(f"/v1/statistics/{QUERY}")
    then = await web.get_json(f"/v1/statistics/{QUERY}?at=1")
    assert (now["height"], then["height"]) == ("3", "1")
    assert [row["entries"] for row in then["rows"]] == ["1"]
    assert [row["entries"] for row in now["rows"]] == ["0"]
    for shown in (now, then):
        assert compute_result_digest(shown) == shown["result_sha256"]
        header = await web.get_json(f"/v1/blocks/{shown['height']}")
        assert header["header"]["state_root"] == shown["state_root"]
        assert header["header"]["time_ms"] == shown["time_ms"]


async def test_a_published_digest_is_that_of_its_height(web: Web, publication: Publication) -> None:
    path = f"/v1/records/statistic/{publication.node}/{publication.right}"
    record = (await web.get_json(path))["record"]["value"]
    shown = await web.get_json(f"/v1/statistics/{record['query']}?at={record['height']}")
    assert shown["result_sha256"] == record["result_sha256"]


async def test_what_cannot_be_had_is_said(web: Web) -> None:
    check_problem(await web.get("/v1/statistics/weather-1"), 404, "not-found")
    check_problem(await web.get(f"/v1/statistics/{QUERY}?at=4"), 503, "not-yet")
    check_problem(await web.get(f"/v1/statistics/{QUERY}?at=-1"), 400, "bad-parameter")
    check_problem(await web.get(f"/v1/statistics/{QUERY}?from=1"), 400, "unknown-parameter")


class Counted:
    """Counts computations, which wait until they are let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.began = 0
        self.begun = threading.Event()
        self.gate = threading.Event()
        self._real = statistics.compute_statistic
        monkeypatch.setattr(statistics, "compute_statistic", self._compute)

    def _compute(self, past: PastState, query: Any, pace: Pace) -> Any:
        self.began += 1
        self.begun.set()
        while not self.gate.wait(0.001):
            for _ in range(64):
                pace.step()
        return self._real(past, query, pace)


async def test_requests_for_the_same_share_one_computation(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)
    app = make_application(publication.peer, Limits(statistics_age_s=60.0))
    async with TestClient(TestServer(app)) as client:
        web = Web(client)
        asked = [asyncio.create_task(web.get(f"/v1/statistics/{QUERY}")) for _ in range(3)]
        assert await asyncio.to_thread(counted.begun.wait, 5)
        # One address has one computation at a time: another query has to wait.
        check_problem(await web.get("/v1/statistics/gap-1"), 429, "too-many-open")
        counted.gate.set()
        assert {(await answer).status for answer in asked} == {200}
        assert (await web.get(f"/v1/statistics/{QUERY}")).status == 200
        assert (await web.get(f"/v1/statistics/{QUERY}?at=3")).status == 200
        assert counted.began == 1
        assert (await web.get(f"/v1/statistics/{QUERY}?at=2")).status == 200
        assert counted.began == 2


async def test_a_computation_outlives_who_asked_but_not_the_peer(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)
    app = make_application(publication.peer, Limits())
    async with TestClient(TestServer(app)) as client:
        web = Web(client)
        asked = asyncio.create_task(web.get(f"/v1/statistics/{QUERY}"))
        assert await asyncio.to_thread(counted.begun.wait, 5)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        again = asyncio.create_task(web.get(f"/v1/statistics/{QUERY}"))
        await asyncio.sleep(0)
        await app[statistics.DESK].end()
        check_problem(await again, 503, "not-ready")
        check_problem(await web.get("/v1/statistics/gap-1"), 503, "not-ready")
    assert counted.began == 1


async def test_a_query_that_takes_too_long_is_given_up(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    Counted(monkeypatch)
    app = make_application(publication.peer, Limits(statistics_timeout_s=0.02))
    async with TestClient(TestServer(app)) as client:
        check_problem(await Web(client).get(f"/v1/statistics/{QUERY}"), 400, "too-many")
