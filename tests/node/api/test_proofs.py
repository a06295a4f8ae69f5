"""Proof bundles over HTTP: what comes is what the offline verifier takes."""

import pytest

from node.client.verify import verify_bundle
from tests.node.api.fake import PRICE, FakePeer
from tests.node.api.web import Answer, Web, check_problem


def check(answer: Answer, peer: FakePeer) -> None:
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"] == "application/json"
    verify_bundle(answer.body, peer.genesis.hash)


async def test_every_proof_verifies(web: Web, peer: FakePeer) -> None:
    first = peer.make([(PRICE, 1)])
    peer.finalize(first)
    peer.finalize(peer.make([(PRICE, 2)]))
    for path in (
        "records/price/gpu",
        "records/price/none",
        "records/price?prefix=true",
        "consistency?from=1&to=2",
        "consistency?from=1",
    ):
        check(await web.get(f"/v1/proofs/{path}"), peer)


async def test_what_cannot_be_proved_is_a_problem(web: Web, peer: FakePeer) -> None:
    check_problem(await web.get("/v1/proofs/records/price/gpu"), 503, "not-yet")
    peer.finalize()
    check_problem(await web.get("/v1/proofs/history/price/gpu"), 404, "not-found")
    check_problem(await web.get(f"/v1/proofs/transactions/{'0' * 64}"), 404, "not-found")
    check_problem(await web.get("/v1/proofs/consistency?from=0"), 404, "not-found")


@pytest.mark.parametrize(
    "path",
    ["consistency", "consistency?from=x", "transactions/xyz", "records/Price", "history/a//b"],
)
async def test_bad_parameters_are_refused(web: Web, path: str) -> None:
    check_problem(await web.get(f"/v1/proofs/{path}"), 400, "bad-parameter")
