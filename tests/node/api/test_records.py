"""Records as they stand, and how they came to be."""

from urllib.parse import quote

import pytest

from ledger.record import make_key
from tests.ledger.chain import NATIONAL, REGIONS
from tests.node.api.fake import PRICE, FakePeer
from tests.node.api.web import Web, check_problem

NUMBERED = make_key("epoch", "lease-1", (7).to_bytes(8, "big"))


async def test_a_record_stands_with_where_it_came_from(web: Web, peer: FakePeer) -> None:
    peer.finalize(peer.make([(PRICE, {"n": 2**60, "raw": b"\x01", "none": None, "on": True})]))
    shown = await web.get_json("/v1/records/price/gpu")
    record = peer.store.state.get(PRICE)
    assert record is not None
    assert shown == {
        "at_height": "1",
        "record": {
            "key": ["price", "gpu"],
            "value": {"n": str(2**60), "raw": "01", "none": None, "on": True},
            "version": "1",
            "created_height": "1",
            "height": "1",
            "index": "0",
            "previous_hash": None,
            "hash": record.hash.hex(),
        },
    }


async def test_integer_fields_are_hex(web: Web, peer: FakePeer) -> None:
    peer.finalize(peer.make([(NUMBERED, 1)]))
    shown = await web.get_json("/v1/records/epoch/lease-1/0x0000000000000007")
    assert shown["record"]["key"] == ["epoch", "lease-1", "0x0000000000000007"]


async def test_a_prefix_is_a_list_in_pages(web: Web, peer: FakePeer) -> None:
    keys = [make_key("price", f"gpu-{n}") for n in range(9)]
    peer.finalize(peer.make([(key, n) for n, key in enumerate(keys)]))
    found: list[str] = []
    path = "/v1/records/price?prefix=true&limit=4"
    page = await web.get_json(path)
    while True:
        found += [item["value"] for item in page["items"]]
        if page["next"] is None:
            break
        page = await web.get_json(f"{path}&cursor={page['next']}")
    assert found == [str(n) for n in range(9)]
    empty = await web.get_json("/v1/records/nothing?prefix=true")
    assert (empty["items"], empty["next"]) == ([], None)


async def test_a_prefix_holds_whole_fields(web: Web, peer: FakePeer) -> None:
    peer.finalize(peer.make([(make_key("a", "x", "1"), 1), (make_key("a", "xy", "1"), 2)]))
    page = await web.get_json("/v1/records/a/x?prefix=true")
    assert [item["key"] for item in page["items"]] == [["a", "x", "1"]]


async def test_a_cursor_belongs_to_its_list(web: Web, peer: FakePeer) -> None:
    peer.finalize(peer.make([(make_key("price", f"gpu-{n}"), n) for n in range(9)]))
    cursor = (await web.get_json("/v1/records/price?prefix=true"))["next"]
    for path in ("/v1/records/founder?prefix=true&", "/v1/blocks?", "/v1/history/price/gpu-1?"):
        check_problem(await web.get(f"{path}cursor={cursor}"), 400, "bad-cursor")
    flipped = cursor[:-2] + ("A" if cursor[-2] != "A" else "B") + cursor[-1]
    answer = await web.get(f"/v1/records/price?prefix=true&cursor={flipped}")
    assert answer.status in (200, 400)  # another place of the same list, or damaged


async def test_history_names_who_made_each_version(web: Web, peer: FakePeer) -> None:
    first, second = peer.make([(PRICE, 1)]), peer.make([(PRICE, 2)], signers=REGIONS[:2])
    peer.finalize(first)
    peer.finalize(peer.make(), second, due=[(PRICE, 3)])
    page = await web.get_json("/v1/history/price/gpu")
    assert page["next"] is None
    one, two, three = page["items"]
    assert (one["value"], one["version"], one["previous_hash"]) == ("1", "1", None)
    assert one["changes"] == [{"path": "", "before": None, "after": "1"}]
    assert three["changes"] == [{"path": "", "before": "2", "after": "3"}]
    assert one["made_by"]["id"] == first.id.hex()
    assert two["made_by"] == {
        "id": second.id.hex(),
        "kind": "toy.put",
        "signers": list(REGIONS[:2]),
        "height": "2",
        "index": "1",
        "time_ms": str(peer.store.header.time_ms),
        "rules_version": "1",
    }
    assert two["previous_hash"] == one["hash"]
    assert (three["made_by"]["kind"], three["made_by"]["signers"]) == ("due", [])


async def test_history_comes_in_pages(web: Web, peer: FakePeer) -> None:
    for n in range(9):
        peer.finalize(peer.make([(PRICE, n)]))
    values: list[str] = []
    path, page = "/v1/history/price/gpu?limit=4", None
    while page is None or page["next"]:
        page = await web.get_json(path if page is None else f"{path}&cursor={page['next']}")
        values += [item["value"] for item in page["items"]]
        changes = [change for item in page["items"] for change in item["changes"]]
        assert [change["after"] for change in changes] == [item["value"] for item in page["items"]]
        assert all(change["before"] != change["after"] for change in changes)
    assert values == [str(n) for n in range(9)]


async def test_the_genesis_has_no_maker(web: Web, peer: FakePeer) -> None:
    page = await web.get_json(f"/v1/history/founder/{REGIONS[0]}")
    assert page["items"][0]["made_by"] is None


@pytest.mark.parametrize("what", ["records", "history"])
async def test_what_is_not_there_is_not_found(web: Web, what: str) -> None:
    check_problem(await web.get(f"/v1/{what}/price/none"), 404, "not-found")
    check_problem(await web.get(f"/v1/{what}/founder/{NATIONAL}"), 404, "not-found")


@pytest.mark.parametrize("what", ["records", "history"])
@pytest.mark.parametrize(
    "tail",
    [
        "Price",
        "price//gpu",
        "price/" + quote("ü"),
        "price/%FF",
        "price/%00",
        "price/" + "x" * 300,
        "/".join(["a"] * 20),
        "..%2F..%2Fetc",
        "s%00x",
    ],
)
async def test_a_bad_key_is_refused(web: Web, what: str, tail: str) -> None:
    check_problem(await web.get(f"/v1/{what}/{tail}"), 400, "bad-parameter")


async def test_list_parameters_ask_for_a_list(web: Web) -> None:
    check_problem(await web.get("/v1/records/price/gpu?limit=3"), 400, "unknown-parameter")
    check_problem(await web.get("/v1/records/price/gpu?prefix=1"), 400, "bad-parameter")


async def test_a_long_path_is_refused(web: Web) -> None:
    check_problem(await web.get("/v1/records/price/" + "x" * 3000), 400, "bad-request")


async def test_a_record_as_it_stood_at_a_height(web: Web, peer: FakePeer) -> None:
    key = make_key("price", "past")
    for price in (5, 6):
        peer.finalize(peer.make([(key, price)]))
    last = peer.store.height
    for height, price in ((last, "6"), (last - 1, "5")):
        document = await web.get_json(f"/v1/records/price/past?at={height}")
        assert (document["at_height"], document["record"]["value"]) == (str(height), price)
    for query, code, status in (
        (f"at={last - 2}", "not-found", 404),
        (f"at={last + 1}", "not-yet", 503),
        ("at=x", "bad-parameter", 400),
        ("at=1&prefix=true", "bad-parameter", 400),
    ):
        check_problem(await web.get(f"/v1/records/price/past?{query}"), status, code)
