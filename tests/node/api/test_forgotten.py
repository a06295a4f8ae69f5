"""A peer that has forgotten old blocks and states says so, wherever it is asked for them."""

import pytest

from tests.ledger.chain import REGIONS
from tests.node.api.fake import PRICE, FakePeer
from tests.node.api.web import Web, check_problem

KEEP_FROM = 4


@pytest.fixture
def ids(peer: FakePeer) -> list[str]:
    """The transactions of six blocks, of which three are forgotten."""
    made = []
    for number in range(6):
        transaction = peer.make([(PRICE, number)])
        peer.finalize(transaction)
        made.append(transaction.id.hex())
    store = peer.store
    store.forget_blocks(KEEP_FROM)
    store.forget_states(KEEP_FROM - 1)
    store.sweep(b"")
    peer.finalize()
    return made


async def test_what_is_left_is_answered(web: Web, ids: list[str]) -> None:
    assert (await web.get_json(f"/v1/transactions/{ids[3]}"))["height"] == "4"
    assert (await web.get_json("/v1/blocks/4?transactions=true"))["transactions"]
    assert (await web.get_json("/v1/blocks/2"))["header"]["height"] == "2"
    shown = await web.get_json("/v1/records/price/gpu?at=3")
    assert shown["record"]["value"] == "2"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/blocks/3?transactions=true",
        "/v1/records/price/gpu?at=2",
        "/v1/events?from=3",
    ],
)
async def test_what_is_forgotten_is_gone(web: Web, ids: list[str], path: str) -> None:
    check_problem(await web.get(path), 410, "pruned")


async def test_a_forgotten_transaction_is_still_known_to_be_final(web: Web, ids: list[str]) -> None:
    problem = check_problem(await web.get(f"/v1/transactions/{ids[1]}"), 410, "pruned")
    assert "is final, number 0 of block 2" in problem["detail"]
    check_problem(await web.get(f"/v1/proofs/transactions/{ids[1]}"), 410, "pruned")


async def test_lists_say_from_where_on_they_lack_nothing(web: Web, ids: list[str]) -> None:
    everything = await web.get_json("/v1/audit")
    assert (everything["complete_from"], len(everything["items"])) == ("4", 3)
    mine = await web.get_json(f"/v1/audit?party={REGIONS[0]}&limit=10")
    assert (mine["complete_from"], len(mine["items"])) == ("0", 6)
    assert [item["events"] is None for item in mine["items"]] == [True] * 3 + [False] * 3
    versions = (await web.get_json("/v1/history/price/gpu?limit=10"))["items"]
    assert [(item["version"], item["made_by"] is None) for item in versions] == [
        ("3", True), ("4", False), ("5", False), ("6", False),
    ]  # fmt: skip
