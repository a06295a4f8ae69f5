"""A peer that joined by a snapshot: what it lacks is said to be lacking, never to be nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from ledger.keyvalue import LevelDb
from ledger.store import Store
from node.api.app import list_routes, make_application
from tests.ledger.chain import REGIONS, Chain, seal_genesis
from tests.ledger.transfer import carry
from tests.node.api.conftest import LIMITS
from tests.node.api.fake import PRICE, StorePeer, make_chain
from tests.node.api.web import Web, check_problem

STREAMS = ("/v1/events", "/v1/state")  # events never end; the state needs no past
BLOCKS, WINDOW = 300, 270
FIRST_BODY, FIRST_RESULTS = BLOCKS - 255, BLOCKS + 1 - WINDOW


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    chain = make_chain(tmp_path_factory.mktemp("whole"))
    for number in range(BLOCKS):
        chain.extend([chain.make_transaction([(PRICE, number)])])
    return chain


@pytest.fixture
async def web(chain: Chain, tmp_path: Path) -> AsyncIterator[Web]:
    disk = LevelDb(tmp_path)
    carry(chain.store, disk, WINDOW)
    store = Store(disk, seal_genesis(chain.genesis))
    app = make_application(StorePeer(chain.genesis, store), LIMITS)
    async with TestClient(TestServer(app, auto_decompress=False)) as client:
        yield Web(client)
    store.close()


def find_id(chain: Chain, height: int) -> str:
    results = chain.store.get_results(height)
    assert results is not None
    return results[0].id.hex()


async def test_what_it_has_is_answered_like_anywhere(chain: Chain, web: Web) -> None:
    shown = await web.get_json("/v1/records/price/gpu")
    assert shown["record"]["version"] == str(BLOCKS)
    assert (await web.get_json(f"/v1/blocks/{FIRST_BODY}?transactions=true"))["transactions"]
    assert (await web.get_json("/v1/blocks/1"))["header"]["height"] == "1"
    assert (await web.get_json(f"/v1/records/price/gpu?at={BLOCKS}"))["record"]["version"]
    for height in (FIRST_RESULTS, FIRST_BODY, BLOCKS):
        path = f"/v1/transactions/{find_id(chain, height)}"
        assert (await web.get_json(path))["height"] == str(height)
    (version,) = (await web.get_json("/v1/history/price/gpu"))["items"]
    assert version["version"] == str(BLOCKS), "its number says how many came before"
    assert version["made_by"]["height"] == str(BLOCKS)
    for path in (
        "/v1/proofs/records/price/gpu",
        f"/v1/proofs/transactions/{find_id(chain, BLOCKS)}",
    ):
        assert (await web.get(path)).status == 200


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/blocks/{FIRST_BODY - 1}?transactions=true",
        f"/v1/records/price/gpu?at={BLOCKS - 1}",
        f"/v1/events?from={FIRST_BODY - 1}",
        "/v1/events?from=1",
    ],
)
async def test_what_it_lacks_is_said_to_be_gone(web: Web, path: str) -> None:
    check_problem(await web.get(path), 410, "pruned")


async def test_a_transaction_that_it_cannot_know_is_not_denied(chain: Chain, web: Web) -> None:
    for id_ in (find_id(chain, FIRST_RESULTS - 1), find_id(chain, 1), "00" * 32):
        problem = check_problem(await web.get(f"/v1/transactions/{id_}"), 410, "pruned")
        assert f"blocks below {FIRST_RESULTS}" in problem["detail"]


async def test_lists_say_from_where_on_they_are_complete(web: Web) -> None:
    for query in ("", f"?party={REGIONS[0]}"):
        page = await web.get_json(f"/v1/audit{query}")
        assert int(page["complete_from"]) == FIRST_BODY


async def test_no_path_fails_on_what_is_lacking(chain: Chain, web: Web) -> None:
    """Every route, asked for the past: an answer or a problem with a code, and none is ours."""
    old, values = find_id(chain, 3), {"code": REGIONS[0], "height": "3", "key:.+": "price/gpu"}
    for route in list_routes():
        path = route.path
        for name in ("id", "statistic", "name"):
            values.setdefault(name, old)
        for name, value in values.items():
            path = path.replace(f"{{{name}}}", value)
        if route.method == "GET" and "{" not in path and path not in STREAMS:
            for query in ("", "?at=3", "?from=3&to=5", "?height=3"):
                answer = await web.get(path + query, timeout=5.0)
                assert answer.status != 500, (path + query, answer.body[:300])
