"""Blocks by height, hash and page."""

import pytest

from tests.node.api.fake import PRICE, FakePeer
from tests.node.api.web import Web, check_problem


async def test_a_block_by_height_hash_and_as_the_latest(web: Web, peer: FakePeer) -> None:
    transaction = peer.make([(PRICE, 7)])
    peer.finalize(transaction)
    by_height = await web.get_json("/v1/blocks/1")
    assert by_height == await web.get_json("/v1/blocks/latest")
    assert by_height == await web.get_json(f"/v1/blocks/{by_height['hash']}")
    assert by_height["hash"] == peer.store.hash.hex()
    assert by_height["header"]["height"] == "1"
    assert by_height["header"]["state_root"] == peer.store.header.state_root.hex()
    assert "transactions" not in by_height


async def test_a_block_with_its_transactions_and_due_items(web: Web, peer: FakePeer) -> None:
    good, failing = peer.make([(PRICE, 7)]), peer.make()
    peer.finalize(good, failing, due=[(PRICE, 8)])
    block = await web.get_json("/v1/blocks/1?transactions=true")
    first, second, due = block["transactions"]
    assert (first["id"], first["code"], first["index"]) == (good.id.hex(), "ok", "0")
    assert first["transaction"]["hash"] == good.hash.hex()
    assert first["events"] == [{"about": ["price-gpu"], "data": {}, "type": "put"}]
    assert (second["code"], second["events"]) == ("refused", [])
    assert due["transaction"] is None
    genesis = await web.get_json("/v1/blocks/0?transactions=true")
    assert genesis["transactions"] == []


async def test_blocks_come_newest_first_in_pages(web: Web, peer: FakePeer) -> None:
    for _ in range(9):
        peer.finalize()
    page = await web.get_json("/v1/blocks")
    heights = [item["header"]["height"] for item in page["items"]]
    assert heights == ["9", "8", "7", "6"]
    peer.finalize()  # what is new does not shift the pages that follow
    while page["next"] is not None:
        page = await web.get_json(f"/v1/blocks?limit=3&cursor={page['next']}")
        heights += [item["header"]["height"] for item in page["items"]]
    assert heights == [str(height) for height in range(9, -1, -1)]


@pytest.mark.parametrize("reference", ["-1", "1.0", "01", "newest", "A" * 64, "1" * 30, "%20"])
async def test_a_bad_reference_is_refused(web: Web, reference: str) -> None:
    check_problem(await web.get(f"/v1/blocks/{reference}"), 400, "bad-parameter")


@pytest.mark.parametrize("reference", ["1", "999999", "0" * 64])
async def test_an_unknown_block_is_not_found(web: Web, reference: str) -> None:
    check_problem(await web.get(f"/v1/blocks/{reference}"), 404, "not-found")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "bad-parameter"),
        ("limit=11", "bad-parameter"),
        ("limit=-1", "bad-parameter"),
        ("limit=many", "bad-parameter"),
        ("limit=1&limit=2", "bad-parameter"),
        ("cursor=", "bad-parameter"),
        ("cursor=" + "A" * 1025, "bad-parameter"),
        ("cursor=%C3%A4", "bad-cursor"),
        ("cursor=!!!!", "bad-cursor"),
        ("cursor=AAAA", "bad-cursor"),
        ("page=2", "unknown-parameter"),
    ],
)
async def test_bad_parameters_are_refused(web: Web, query: str, code: str) -> None:
    check_problem(await web.get(f"/v1/blocks?{query}"), 400, code)
