"""Statements over HTTP, by both clients: page by page, and added up again."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from node.api.app import make_application
from node.api.server import ApiServer
from node.client import AsyncClient, Client, Unexpected
from node.client.statement import join_statement
from tests.contracts.trade import CONSUMER, PROVIDER, YUAN, Trade
from tests.contracts.world import BANK, HOUR_MS
from tests.ledger.chain import make_genesis
from tests.node.api.conftest import LIMITS
from tests.node.api.fake import StorePeer
from tests.node.api.web import Web, check_problem
from tests.node.recorded import RecordedWorld, make_recorded_world


class TradingPeer(StorePeer):
    """A peer that has the store of a small world in which one lease was paid."""

    def __init__(self) -> None:
        trade = Trade(make_recorded_world())
        trade.start()
        trade.world.wait(HOUR_MS)
        trade.agree(0)
        assert isinstance(trade.world, RecordedWorld)
        super().__init__(make_genesis(), trade.world.store)
        self.trade = trade


@pytest.fixture(scope="module")
def trading() -> TradingPeer:
    return TradingPeer()


@pytest.fixture
async def trading_web(trading: TradingPeer) -> AsyncIterator[Web]:
    app = make_application(trading, LIMITS)
    async with TestClient(TestServer(app, auto_decompress=False)) as client:
        yield Web(client)


@pytest.fixture
async def trading_url(trading: TradingPeer) -> AsyncIterator[str]:
    server = ApiServer(trading, "127.0.0.1", 0, LIMITS)
    await server.start()
    yield f"http://127.0.0.1:{server.port}"
    await server.stop()


async def test_a_page(trading_web: Web, trading: TradingPeer) -> None:
    page = await trading_web.get_json(f"/v1/statements/{PROVIDER}")
    (item,) = page["items"]
    billed = str(trading.trade.record["billed_micro_yuan"])
    assert page["opening"] == {"balances": "0"}
    assert page["closing"] == item["after"] == item["changes"] == {"balances": billed}
    assert (item["kind"], item["epoch"]) == ("metering.receipt", "0")
    assert trading.trade.lease in item["objects"]
    assert {posting["bucket"]: posting["change"] for posting in item["postings"]} == {
        "balances": billed,
        "holds": f"-{billed}",
    }
    lease = next(posting for posting in item["postings"] if posting["bucket"] == "holds")
    assert lease["key"] == ["lease", PROVIDER, trading.trade.lease]
    assert page["next"] is None


async def test_pages_go_on(trading_web: Web) -> None:
    whole = await trading_web.get_json(f"/v1/statements/{CONSUMER}?limit=10")
    first = await trading_web.get_json(f"/v1/statements/{CONSUMER}?limit=1")
    assert len(whole["items"]) == 2
    assert len(first["items"]) == 1
    path = f"/v1/statements/{CONSUMER}?limit=1&cursor={first['next']}"
    second = await trading_web.get_json(path)
    assert second["opening"] == first["closing"]
    assert [*first["items"], *second["items"]] == whole["items"]
    check_problem(await trading_web.get(f"{path}&from=1"), 400, "bad-cursor")


@pytest.mark.parametrize("path", ["somebody", f"{CONSUMER[:-1]}0", f"{CONSUMER}?from=2&to=1"])
async def test_what_is_no_statement(trading_web: Web, path: str) -> None:
    check_problem(await trading_web.get(f"/v1/statements/{path}"), 400, "bad-parameter")


async def test_both_clients_join_pages(trading_url: str) -> None:
    def read() -> Any:
        with Client(trading_url) as client:
            return client.get_statement(CONSUMER, page=1)

    statement = await asyncio.to_thread(read)
    assert [item["changes"] for item in statement["items"]] == [
        {"balances": str(10_000 * YUAN)},
        {"balances": str(-100 * YUAN)},
    ]
    at_ms = int(statement["items"][1]["time_ms"])
    async with AsyncClient(trading_url) as client:
        assert await client.get_statement(CONSUMER, page=1) == statement
        late = await client.get_statement(CONSUMER, from_ms=at_ms)
        assert late["opening"] == statement["items"][0]["after"]
        assert (await client.get_statement(BANK))["closing"]["issued"] == str(10_000 * YUAN)


async def test_what_does_not_add_up_is_refused(trading_web: Web) -> None:
    page = await trading_web.get_json(f"/v1/statements/{CONSUMER}")
    assert join_statement([page])["items"] == page["items"]
    item = page["items"][0]
    forgeries = (
        {"closing": {"balances": "1"}},
        {"closing": {}},
        {"items": [{**item, "changes": {"balances": "1"}}, *page["items"][1:]]},
        {"items": [{**item, "postings": item["postings"][:1]}, *page["items"][1:]]},
        {"items": page["items"][1:]},
        {"items": None},
    )
    for forged in forgeries:
        with pytest.raises(Unexpected):
            join_statement([{**page, **forged}])
    with pytest.raises(Unexpected, match="go on"):
        join_statement([page, page])
