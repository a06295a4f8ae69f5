"""The digest of a result, out of what a peer sent; over both clients."""

import asyncio
from typing import Any

import pytest

from contracts.views import QUERIES
from node.client import AsyncClient, Client, Unexpected
from node.client.statistic import compute_result_digest
from tests.node.api.fake import FakePeer

SENT: dict[str, Any] = {
    "query": "toy-1",
    "columns": [{"name": "region", "type": "text"}, {"name": "units", "type": "integer"}],
    "height": "7",
    "time_ms": "1000",
    "rows": [{"region": "52", "units": "3"}],
}


def test_a_digest_depends_on_everything_that_was_computed() -> None:
    digests = {
        compute_result_digest(SENT | changes)
        for changes in (
            {},
            {"query": "toy-2"},
            {"height": "8"},
            {"time_ms": "1001"},
            {"rows": []},
            {"rows": [{"region": "52", "units": "4"}]},
            {"rows": [{"region": "11", "units": "3"}]},
            {"columns": [{"name": name, "type": "integer"} for name in ("region", "units")]},
        )
    }
    assert len(digests) == 8
    assert compute_result_digest(SENT | {"result_sha256": "00", "title": "?"}) in digests


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": [{"region": "52", "other": "3"}]},
        {"rows": [{"region": "52", "units": "three"}]},
        {"rows": None},
        {"columns": []},
        {"height": None},
        {"query": 1.5},
    ],
)
def test_what_is_malformed_is_said(changes: dict[str, Any]) -> None:
    with pytest.raises(Unexpected, match="malformed"):
        compute_result_digest(SENT | changes)


async def test_both_clients_ask_for_the_same(url: str, peer: FakePeer) -> None:
    def ask() -> tuple[Any, Any]:
        with Client(url) as client:
            return client.list_queries(), client.get_statistic("gap-1", 0)

    queries, result = await asyncio.to_thread(ask)
    assert [query["query"] for query in queries] == list(QUERIES)
    assert (result["height"], result["rows"]) == ("0", [])
    assert compute_result_digest(result) == result["result_sha256"]
    async with AsyncClient(url) as client:
        assert await client.list_queries() == queries
        assert await client.get_statistic("gap-1", 0) == result
