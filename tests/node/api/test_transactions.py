"""Submissions: one and many, twice, waiting, and everything that is wrong with them."""

import asyncio
import base64
from typing import Any

import msgpack
import pytest

from ledger import codec
from ledger.crypto import sha256
from ledger.transaction import Transaction, compose_body, join_signatures, sign_body
from node.errors import Refused
from tests.ledger.chain import REGIONS
from tests.node.api.fake import PRICE, FakePeer
from tests.node.api.web import Web, check_problem


def as_json(transaction: Transaction) -> dict[str, Any]:
    return {
        "body": base64.b64encode(transaction.body).decode(),
        "signatures": [base64.b64encode(item).decode() for item in transaction.signatures],
    }


def batch_of(*transactions: Transaction) -> bytes:
    return codec.encode([transaction.raw for transaction in transactions])


async def test_one_is_accepted_and_then_final(web: Web, peer: FakePeer) -> None:
    transaction = peer.make([(PRICE, 7)])
    answer = await web.post(transaction.raw)
    assert answer.status == 202
    assert answer.json == {"id": transaction.id.hex(), "status": "accepted"}
    assert peer.submitted == [transaction.raw]
    peer.finalize()
    shown = await web.get_json(f"/v1/transactions/{transaction.id.hex()}")
    assert (shown["status"], shown["code"], shown["height"], shown["index"]) == (
        "final",
        "ok",
        "1",
        "0",
    )
    assert shown["transaction"]["data"] == {"put": [[PRICE.hex(), "7"]]}
    assert base64.b64decode(shown["transaction"]["raw"]) == transaction.raw
    assert shown["transaction"]["signers"] == [REGIONS[0]]
    assert shown["result"]["changes"] == [{"key": ["price", "gpu"], "version": "1"}]
    assert shown["time_ms"] == str(peer.store.header.time_ms)


async def test_a_batch_is_answered_one_by_one(web: Web, peer: FakePeer) -> None:
    good, also = peer.make([(PRICE, 1)]), peer.make([(PRICE, 2)])
    bad = peer.make([(PRICE, 3)])
    broken = join_signatures(bad.body, [bytes(64)])
    answer = await web.post(codec.encode([good.raw, broken, also.raw]))
    assert answer.status == 202
    first, second, third = answer.json
    assert first == {"id": good.id.hex(), "status": "accepted"}
    assert third == {"id": also.id.hex(), "status": "accepted"}
    assert second["status"] == "refused"
    assert second["problem"]["code"] == "bad-signature"
    assert second["problem"]["status"] == 422


async def test_a_batch_of_one_is_an_array(web: Web, peer: FakePeer) -> None:
    transaction = peer.make([(PRICE, 1)])
    answer = await web.post(batch_of(transaction))
    assert [item["status"] for item in answer.json] == ["accepted"]


async def test_json_does_the_same(web: Web, peer: FakePeer) -> None:
    one, two = peer.make([(PRICE, 1)]), peer.make([(PRICE, 2)])
    answer = await web.post_json(as_json(one))
    assert answer.json == {"id": one.id.hex(), "status": "accepted"}
    answer = await web.post_json([as_json(two)])
    assert answer.json == [{"id": two.id.hex(), "status": "accepted"}]
    assert peer.submitted == [one.raw, two.raw]


async def test_a_second_submission_answers_with_what_became_of_the_first(
    web: Web, peer: FakePeer
) -> None:
    transaction = peer.make([(PRICE, 7)])
    await web.post(transaction.raw)
    again = await web.post(transaction.raw)
    assert (again.status, again.json["status"]) == (202, "accepted")
    peer.finalize()
    final = await web.post(transaction.raw)
    assert final.status == 200
    assert final.json == {
        "id": transaction.id.hex(),
        "status": "final",
        "code": "ok",
        "height": "1",
        "index": "0",
    }
    batch = await web.post(batch_of(transaction, transaction))
    assert batch.status == 200
    assert [item["status"] for item in batch.json] == ["final", "final"]


async def test_a_submission_can_wait_until_it_is_final(web: Web, peer: FakePeer) -> None:
    transactions = [peer.make([(PRICE, n)]) for n in range(3)]
    failing = peer.make()
    waiting = asyncio.create_task(
        web.post(batch_of(*transactions, failing), "?wait=final&timeout=5")
    )
    while len(peer.pending) < 4:  # noqa: ASYNC110
        await asyncio.sleep(0)
    peer.finalize()
    answer = await waiting
    assert answer.status == 200
    assert [(item["status"], item["code"]) for item in answer.json] == [
        ("final", "ok"),
        ("final", "ok"),
        ("final", "ok"),
        ("final", "refused"),
    ]


async def test_a_wait_that_ends_says_accepted(web: Web, peer: FakePeer) -> None:
    transaction = peer.make([(PRICE, 7)])
    answer = await web.post(transaction.raw, "?wait=final&timeout=0.01")
    assert (answer.status, answer.json["status"]) == (202, "accepted")
    shown = await web.get(f"/v1/transactions/{transaction.id.hex()}?wait=final&timeout=0")
    assert (shown.status, shown.json["status"]) == (200, "accepted")


async def test_a_transaction_can_be_waited_for_and_expire(web: Web, peer: FakePeer) -> None:
    transaction = peer.make([(PRICE, 7)])
    await web.post(transaction.raw)
    path = f"/v1/transactions/{transaction.id.hex()}?wait=final"
    waiting = asyncio.create_task(web.get(path))
    await asyncio.sleep(0.02)
    peer.expire(transaction.id)
    answer = await waiting
    assert answer.json == {"id": transaction.id.hex(), "status": "invalid", "code": "expired"}


async def test_an_unknown_transaction_is_not_found(web: Web) -> None:
    check_problem(await web.get(f"/v1/transactions/{'0' * 64}"), 404, "not-found")


@pytest.mark.parametrize("id_", ["xyz", "0" * 63, "0" * 65, "A" * 64, "%00" * 32, "0x" + "0" * 62])
async def test_bad_hex_is_refused(web: Web, id_: str) -> None:
    check_problem(await web.get(f"/v1/transactions/{id_}"), 400, "bad-parameter")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "encoding"),
        (b"\xc1", "encoding"),
        (b"\x92\xc4", "encoding"),
        (b"\x90 more", "encoding"),
        (b"\x80", "bad-batch"),
        (b"\x90", "bad-batch"),
        (b"\x01", "bad-batch"),
        (codec.encode([1, 2]), "bad-batch"),
        (codec.encode(["text"]), "bad-batch"),
        (codec.encode([b"raw", "text"]), "bad-batch"),
        (codec.encode([[b"body", []]]), "bad-batch"),
        (b"\xdc\x00\x01\xc4\x01\x00", "non-canonical"),  # an array of 16 bits with one entry
        (b"\x91\xc5\x00\x01\x00", "non-canonical"),  # a bin of 16 bits with one byte
        (b"\x91" * 40 + b"\xc0", "too-deep"),
        (msgpack.packb([1.5]), "non-canonical"),
    ],
)
async def test_a_malformed_body_is_refused(web: Web, body: bytes, code: str) -> None:
    check_problem(await web.post(body), 400, code)


def with_body(peer: FakePeer, **changes: Any) -> bytes:
    """A signed transaction whose body has other fields, signed as it is."""
    chain = peer.chain
    fields = {
        "chain": peer.genesis.chain,
        "data": {"put": []},
        "kind": "toy.put",
        "nonce": bytes(16),
        "signers": [REGIONS[0]],
        "until": 50,
        "v": 1,
    }
    body = codec.encode(fields | changes)
    return sign_body(body, chain.domain, [chain.identities[REGIONS[0]]])


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"v": "1"},
        {"v": True},
        {"data": []},
        {"kind": 7},
        {"kind": "no-dot"},
        {"nonce": b"short"},
        {"nonce": "x" * 16},
        {"signers": []},
        {"signers": ["someone"]},
        {"signers": [REGIONS[0]] * 2},
        {"until": -1},
        {"until": 0},
        {"until": 2**64 - 1},
        {"until": "50"},
        {"extra": 1},
    ],
)
async def test_wrong_fields_are_malformed(web: Web, peer: FakePeer, changes: Any) -> None:
    check_problem(await web.post(with_body(peer, **changes)), 400, "format")


async def test_what_could_never_be_valid_is_unprocessable(web: Web, peer: FakePeer) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"chain": "other-0011223344556677"}, "wrong-chain"),
        ({"kind": "no.such"}, "unknown-kind"),
        ({"signers": ["P520100I0A0010000000002N"]}, "unknown-signer"),
    ]
    for changes, code in wrong:
        problem = check_problem(await web.post(with_body(peer, **changes)), 422, code)
        assert problem["retry"] is False
    check_problem(
        await web.post(join_signatures(peer.make().body, [bytes(64)])), 422, "bad-signature"
    )
    check_problem(await web.post(join_signatures(peer.make().body, [])), 400, "signature-count")
    stale = with_body(peer, until=1)
    peer.finalize()
    check_problem(await web.post(stale), 422, "expired")


@pytest.mark.parametrize(
    ("code", "retry", "status"),
    [
        ("quota", True, 429),
        ("busy", True, 503),
        ("not-ready", True, 503),
        ("bad-data", False, 400),
        ("some-later-code", False, 422),
        ("some-later-lack", True, 503),
    ],
)
async def test_a_refusal_has_its_status(
    web: Web, peer: FakePeer, code: str, retry: bool, status: int
) -> None:
    peer.refusal = Refused("because", code, retry)
    problem = check_problem(await web.post(peer.make().raw), status, code)
    assert problem["retry"] is retry


async def test_sizes_are_bounded(web: Web, peer: FakePeer) -> None:
    raw = b"x" * 70_000
    inner = codec.encode([codec.encode({"data": raw}), [bytes(64)]])
    check_problem(await web.post(inner), 413, "too-large")
    check_problem(await web.post(codec.encode([b"x"] * 21)), 413, "too-large")
    check_problem(await web.post(b"x" * 200_001), 413, "too-large")


async def test_a_body_without_length_is_bounded(web: Web) -> None:
    async def parts() -> Any:
        for _ in range(300):
            yield b"x" * 1000

    check_problem(await web.post(parts()), 413, "too-large")


async def test_a_body_that_does_not_come_is_given_up(web: Web) -> None:
    async def parts() -> Any:
        yield b"\x91"
        await asyncio.sleep(5)

    check_problem(await web.post(parts()), 408, "body-timeout")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/octet-stream", "application/x-www-form-urlencoded"]
)
async def test_another_content_type_is_refused(web: Web, kind: str) -> None:
    check_problem(await web.post(b"\x90", kind=kind), 415, "unsupported-media-type")


async def test_a_content_encoding_is_refused(web: Web) -> None:
    answer = await web.post(b"\x90", headers={"Content-Encoding": "gzip"})
    check_problem(answer, 415, "unsupported-media-type")


GOOD = {"body": "AAAA", "signatures": ["AAAA"]}


@pytest.mark.parametrize(
    "value",
    [
        "text",
        7,
        None,
        {},
        {"body": "AAAA"},
        {**GOOD, "more": 1},
        {**GOOD, "body": 7},
        {**GOOD, "body": "not base64!"},
        {**GOOD, "body": "AAA"},
        {**GOOD, "body": "ÄÄÄÄ"},
        {**GOOD, "signatures": "AAAA"},
        {**GOOD, "signatures": [7]},
        {**GOOD, "signatures": ["AAAA"] * 9},
        [GOOD, 7],
    ],
)
async def test_wrong_json_is_refused(web: Web, value: Any) -> None:
    check_problem(await web.post_json(value), 400, "bad-json")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"body":"AAAA","body":"AAAA","signatures":[]}',
        b"[" * 100_000,
        b"1" * 5_000,
    ],
)
async def test_what_is_not_json_is_refused(web: Web, body: bytes) -> None:
    answer = await web.post(body, kind="application/json")
    check_problem(answer, 400, "bad-json")


async def test_an_empty_json_batch_is_refused(web: Web) -> None:
    check_problem(await web.post_json([]), 400, "bad-batch")


async def test_json_that_is_no_transaction_gets_the_ledgers_answer(web: Web) -> None:
    check_problem(await web.post_json(GOOD), 400, "encoding")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?wait=yes", "bad-parameter"),
        ("?wait=final&timeout=-1", "bad-parameter"),
        ("?wait=final&timeout=1e9", "bad-parameter"),
        ("?wait=final&timeout=9999999", "bad-parameter"),
        ("?wait=final&timeout=nan", "bad-parameter"),
        ("?wait=final&wait=final", "bad-parameter"),
        ("?waits=final", "unknown-parameter"),
        ("?a", "unknown-parameter"),
    ],
)
async def test_bad_parameters_are_refused(web: Web, peer: FakePeer, query: str, code: str) -> None:
    check_problem(await web.post(peer.make().raw, query), 400, code)
    assert not peer.submitted


async def test_the_longest_accepted_body_reaches_the_peer(web: Web, peer: FakePeer) -> None:
    body = compose_body(
        peer.genesis.chain,
        "toy.put",
        {"put": [[PRICE, bytes(60_000)]]},
        [REGIONS[0]],
        50,
        bytes(16),
    )
    raw = sign_body(body, peer.chain.domain, [peer.chain.identities[REGIONS[0]]])
    answer = await web.post(raw)
    assert answer.json["id"] == sha256(body).hex()
