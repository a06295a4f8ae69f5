"""What the peer says of itself, and what every request has in common."""

import base64

import pytest

from ledger.crypto import sha256
from node.api.problems import CATALOGUE
from tests.node.api.fake import FakePeer
from tests.node.api.web import Web, check_problem


async def test_status_and_health(web: Web, peer: FakePeer) -> None:
    assert await web.get_json("/v1/status") == {"code": peer.code, "height": "0"}
    assert await web.get_json("/healthz") == {"status": "ok"}


async def test_readiness_names_its_reasons(web: Web, peer: FakePeer) -> None:
    assert await web.get_json("/readyz") == {"ready": True, "reasons": []}
    peer.reasons = ("behind by 7 blocks", "the clock is off")
    problem = check_problem(await web.get("/readyz"), 503, "not-ready")
    assert problem["reasons"] == list(peer.reasons)
    assert problem["retry"] is True


async def test_the_genesis_can_be_hashed(web: Web, peer: FakePeer) -> None:
    shown = await web.get_json("/v1/genesis")
    document = base64.b64decode(shown["document"])
    assert sha256(document).hex() == shown["hash"]
    assert shown["chain"] == peer.genesis.chain


async def test_metrics_hold_the_peers_and_the_apis(web: Web) -> None:
    await web.get("/v1/status")
    await web.get("/v1/nothing")
    answer = await web.get("/metrics")
    text = answer.body.decode()
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "suanlian_height 1" in text
    assert 'requests_total{method="GET",route="/v1/status",status="200"} 1.0' in text
    assert 'requests_total{method="",route="",status="404"} 1.0' in text


async def test_the_page_says_what_this_is(web: Web, peer: FakePeer) -> None:
    answer = await web.get("/")
    assert answer.status == 200
    assert peer.genesis.chain in answer.body.decode()
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


async def test_the_catalogue_is_where_types_lead(web: Web) -> None:
    listed = await web.get_json("/problems")
    assert [item["code"] for item in listed["items"]] == list(CATALOGUE)
    for code in CATALOGUE:
        shown = await web.get_json(f"/problems/{code}")
        assert shown["code"] == code
        assert shown["advice"]
    check_problem(await web.get("/problems/none"), 404, "not-found")


@pytest.mark.parametrize("path", ["/v1", "/v2/status", "/v1/status/", "/v1/records"])
async def test_an_unknown_path_is_not_found(web: Web, path: str) -> None:
    check_problem(await web.get(path), 404, "not-found")


async def test_a_method_that_is_not_taken(web: Web) -> None:
    async with web.client.delete("/v1/status") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET, HEAD"
        document = await response.json(content_type="application/problem+json")
        assert document["code"] == "method-not-allowed"


async def test_head_answers_without_a_body(web: Web) -> None:
    async with web.client.head("/v1/status") as response:
        assert response.status == 200


@pytest.mark.parametrize("path", ["/v1/status", "/healthz", "/", "/openapi.json", "/v1/genesis"])
async def test_unknown_parameters_are_refused_everywhere(web: Web, path: str) -> None:
    problem = check_problem(await web.get(f"{path}?debug=1"), 400, "unknown-parameter")
    assert "debug" in problem["detail"]


async def test_a_failure_shows_nothing_of_itself(
    web: Web, peer: FakePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(peer, "describe", fail)
    problem = check_problem(await web.get("/v1/status"), 500, "internal")
    assert "secret" not in str(problem)
