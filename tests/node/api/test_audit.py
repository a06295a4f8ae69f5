"""Audit queries over HTTP; what they find is `node.audit`'s to test."""

import pytest

from tests.ledger.chain import REGIONS, START_MS
from tests.node.api.fake import PRICE, FakePeer
from tests.node.api.web import Web, check_problem


async def test_a_query_names_who_did_what(web: Web, peer: FakePeer) -> None:
    first = peer.make([(PRICE, 1)])
    peer.finalize(first, peer.make(signers=[REGIONS[1]]))
    page = await web.get_json(f"/v1/audit?party={REGIONS[0]}")
    assert page == {
        "at_height": "1",
        "complete_from": "0",
        "items": [
            {
                "id": first.id.hex(),
                "kind": "toy.put",
                "code": "ok",
                "signers": [REGIONS[0]],
                "height": "1",
                "index": "0",
                "time_ms": str(START_MS + 1000),
                "rules_version": "1",
                "events": [{"about": ["price-gpu"], "data": {}, "type": "put"}],
                "changes": [{"key": ["price", "gpu"], "version": "1"}],
            }
        ],
        "next": None,
    }


async def walk(web: Web, query: str) -> list[str]:
    found: list[str] = []
    page = await web.get_json(f"/v1/audit?{query}")
    while True:
        found += [f"{item['height']}:{item['index']}" for item in page["items"]]
        if page["next"] is None:
            return found
        page = await web.get_json(f"/v1/audit?{query}&cursor={page['next']}")


async def test_filters_order_and_pages(web: Web, peer: FakePeer) -> None:
    for n in range(6):
        peer.finalize(peer.make([(PRICE, n)]), peer.make(signers=[REGIONS[1]]))
    places = [f"{height}:0" for height in range(1, 7)]
    assert await walk(web, "object=price-gpu&limit=4") == places
    assert await walk(web, "object=price-gpu&limit=4&order=newest") == places[::-1]
    assert await walk(web, f"party={REGIONS[1]}&outcome=refused&limit=10") == [
        f"{height}:1" for height in range(1, 7)
    ]
    span = f"from={START_MS + 2000}&to={START_MS + 4000}"
    assert await walk(web, f"kind=toy.put&outcome=ok&{span}") == ["2:0", "3:0"]
    assert await walk(web, "from=2026-04-02T00:00:06%2B08:00&outcome=ok") == ["6:0"]


async def test_a_cursor_belongs_to_its_query(web: Web, peer: FakePeer) -> None:
    for n in range(6):
        peer.finalize(peer.make([(PRICE, n)]))
    cursor = (await web.get_json("/v1/audit?kind=toy.put"))["next"]
    answer = await web.get(f"/v1/audit?kind=toy.other&cursor={cursor}")
    check_problem(answer, 400, "bad-cursor")


@pytest.mark.parametrize(
    "query",
    [
        "region=1",
        "region=ab",
        "industry=Z",
        "industry=AB",
        "from=yesterday",
        "from=-1",
        "from=2026-04-02T00:00:00",
        "from=2&to=1",
        "to=99999999999999999999",
        "order=up",
        "party=",
        "limit=0",
        "kind=%C3%A4",
    ],
)
async def test_bad_parameters_are_refused(web: Web, query: str) -> None:
    check_problem(await web.get(f"/v1/audit?{query}"), 400, "bad-parameter")


async def test_unknown_parameters_are_refused(web: Web) -> None:
    check_problem(await web.get("/v1/audit?who=me"), 400, "unknown-parameter")
