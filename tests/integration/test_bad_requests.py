"""Requests that cannot be served, sent to a live peer: each gets a clear problem document."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from devnet.parties import Party
from devnet.scene import Order, Scene
from ledger import codec
from ledger.code import compose_code
from ledger.transaction import MAX_TRANSACTION_BYTES, compose_body, sign_body
from node.client.composer import Composer, Signer
from node.keys import make_key
from tests.integration.world import HOME, make_payers

AT = "region-11"
MSGPACK = "application/msgpack"


@dataclass
class Bench:
    """A live peer, three parties, and what a test needs to make bad transactions."""

    scene: Scene
    http: httpx.Client
    payer: Party
    payee: Party
    suspended: Party

    @property
    def composer(self) -> Composer:
        return self.scene.client(AT).composer

    def data(self, **changes: Any) -> dict[str, Any]:
        return {"amount_micro_yuan": 1, "reference": "", "to": self.payee.code, **changes}

    def body(self, kind: str = "settlement.pay", **parts: Any) -> bytes:
        return codec.encode(
            {
                "chain": self.scene.folder.chain,
                "data": self.data(),
                "kind": kind,
                "nonce": os.urandom(16),
                "signers": [self.payer.code],
                "until": self.height + 50,
                "v": 1,
                **parts,
            }
        )

    @property
    def height(self) -> int:
        return self.scene.client(AT).get_height()

    def signed(self, body: bytes, *signers: Signer) -> bytes:
        keys = [signer.key for signer in signers or (self.payer.signer,)]
        return sign_body(body, self.composer.domain, keys)

    def pay(self, until: int | None = None, **changes: Any) -> bytes:
        """A payment, right but for the changes."""
        data = self.data(**changes)
        signers = [self.payer.signer]
        return self.composer.compose("settlement.pay", data, signers, until).raw

    def post(self, content: bytes, media: str = MSGPACK, query: str = "") -> httpx.Response:
        return self.http.post(
            f"/v1/transactions{query}", content=content, headers={"Content-Type": media}
        )


@pytest.fixture(scope="module")
def bench(scene: Scene) -> Iterator[Bench]:
    payer, payee, suspended = make_payers(scene, 3)
    data = {"code": suspended.code, "note": "", "reason": "investigation"}
    scene.execute(HOME, "identity.suspend", data, scene.operator(HOME))
    with httpx.Client(base_url=scene.folder.find(AT).http, trust_env=False, timeout=30) as http:
        yield Bench(scene, http, payer, payee, suspended)


def check_problem(response: httpx.Response, status: int, *codes: str) -> dict[str, Any]:
    """A refusal is a problem document with a code that the catalogue explains."""
    assert response.headers["Content-Type"].startswith("application/problem+json"), response.text
    problem = response.json()
    assert isinstance(problem, dict)
    assert (response.status_code, problem["status"]) == (status, status), problem
    assert problem["code"] in codes, problem
    assert problem["type"] == f"/problems/{problem['code']}"
    assert problem["detail"]
    assert len(response.content) < 4096
    return problem


def check_alive(bench: Bench) -> None:
    """After whatever was sent, the peer serves."""
    outcome = bench.post(bench.pay(), query="?wait=final&timeout=20").json()
    assert (outcome["status"], outcome["code"]) == ("final", "ok")


def flip_bit(raw: bytes) -> bytes:
    """The same bytes with one bit of the signature at their end changed."""
    return raw[:-1] + bytes([raw[-1] ^ 1])


# --- bodies

BODIES: dict[str, tuple[Callable[[Bench], bytes], int, tuple[str, ...]]] = {
    "empty": (lambda _: b"", 400, ("encoding",)),
    "not MessagePack": (lambda _: b"\xc1\xc1\xc1", 400, ("encoding",)),
    "cut off": (lambda b: b.pay()[:-10], 400, ("encoding",)),
    "bytes after the end": (lambda b: b.pay() + b"\x00", 400, ("encoding", "non-canonical")),
    "a long integer for a small one": (
        lambda b: bytes([0x92, 0xC5, 0x00, 0x01, 0x00, 0x90]),
        400,
        ("non-canonical",),
    ),
    "a float": (lambda _: b"\xcb" + bytes(8), 400, ("encoding", "non-canonical", "bad-batch")),
    "deep nesting": (lambda _: b"\x91" * 5_000 + b"\x90", 400, ("too-deep", "encoding")),
    "a huge declared length": (lambda _: b"\xdd\xff\xff\xff\xff", 400, ("encoding",)),
    "a map": (lambda _: b"\x80", 400, ("bad-batch",)),
    "an empty batch": (lambda _: b"\x90", 400, ("bad-batch",)),
    "a number in a batch": (lambda _: b"\x93\x01\x02\x03", 400, ("bad-batch",)),
    "no body map": (lambda b: b.signed(codec.encode([1, 2])), 400, ("format",)),
    "a field too many": (lambda b: b.signed(b.body(extra=1)), 400, ("format",)),
    "version 2": (lambda b: b.signed(b.body(v=2)), 400, ("format",)),
    "a nonce of 4 bytes": (lambda b: b.signed(b.body(nonce=b"1234")), 400, ("format",)),
    "no signers": (lambda b: b.signed(b.body(signers=[])), 400, ("format", "signature-count")),
    "a signer that is no code": (lambda b: b.signed(b.body(signers=["me"])), 400, ("format",)),
    "a negative until": (lambda b: b.signed(b.body(until=-1)), 400, ("format",)),
    "a kind that is no kind": (lambda b: b.signed(b.body(kind="Pay Me")), 400, ("format",)),
    "data that is no map": (lambda b: b.signed(b.body(data=[1])), 400, ("format",)),
    "too many signatures": (
        lambda b: b.signed(b.body(), b.payer.signer, b.payee.signer),
        400,
        ("signature-count",),
    ),
    "an unknown kind": (lambda b: b.signed(b.body("lease.steal")), 422, ("unknown-kind",)),
    "another chain": (
        lambda b: b.signed(b.body(chain="suanlian-devnet-0123456789abcdef")),
        422,
        ("wrong-chain",),
    ),
    "an until that is past": (lambda b: b.pay(until=1), 422, ("expired",)),
    "an until too far ahead": (lambda b: b.pay(until=10**9), 422, ("until-too-far",)),
    "a wrong signature": (
        lambda b: flip_bit(b.pay()),
        422,
        ("bad-signature",),
    ),
    "signed by another": (
        lambda b: b.signed(b.body(), b.payee.signer),
        422,
        ("bad-signature",),
    ),
    "an unknown signer": (
        lambda b: b.signed(
            b.body(signers=[compose_code("U", "520100", "0DZZZ", "I")]),
            Signer("", make_key()),
        ),
        422,
        ("unknown-signer",),
    ),
    "a missing co-signer": (
        lambda b: b.signed(
            b.body("settlement.withdraw", data={"amount_micro_yuan": 1, "reference": ""})
        ),
        422,
        ("missing-signer",),
    ),
    "an amount of nothing": (lambda b: b.pay(amount_micro_yuan=0), 400, ("bad-data",)),
    "a negative amount": (lambda b: b.pay(amount_micro_yuan=-5), 400, ("bad-data",)),
    "an amount of 2^64-1": (lambda b: b.pay(amount_micro_yuan=2**64 - 1), 400, ("bad-data",)),
    "an amount in text": (lambda b: b.pay(amount_micro_yuan="1"), 400, ("bad-data",)),
    "an amount that is true": (lambda b: b.pay(amount_micro_yuan=True), 400, ("bad-data",)),
    "bytes for a text": (lambda b: b.pay(reference=b"x"), 400, ("bad-data",)),
    "a code that does not check": (
        lambda b: b.pay(to=b.payee.code[:-1] + "?"),
        400,
        ("bad-data",),
    ),
    "a reference too long": (lambda b: b.pay(reference="x" * 65), 400, ("bad-data",)),
    "a field missing": (
        lambda b: b.signed(b.body(data={"to": b.payee.code})),
        400,
        ("bad-data",),
    ),
    "a transaction too large": (
        lambda b: b.signed(b.body(data={"x": b"\x00" * MAX_TRANSACTION_BYTES})),
        413,
        ("too-large",),
    ),
    "a body too large": (lambda _: bytes(9 * 1024 * 1024), 413, ("too-large",)),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_submission_gets_its_problem(bench: Bench, name: str) -> None:
    make, status, codes = BODIES[name]
    problem = check_problem(bench.post(make(bench)), status, *codes)
    assert problem["retry"] is False


def test_the_peer_serves_after_all_of_them(bench: Bench) -> None:
    for make, _, _ in BODIES.values():
        bench.post(make(bench))
    check_alive(bench)


def test_a_batch_answers_for_each_at_its_place(bench: Bench) -> None:
    batch = codec.encode([bench.pay(), b"\xc1", bench.pay(until=1)])
    answers = bench.post(batch, query="?wait=final&timeout=20").json()
    assert [answer["status"] for answer in answers] == ["final", "refused", "refused"]
    assert [answer["problem"]["code"] for answer in answers[1:]] == ["encoding", "expired"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"body": 1}', '{"body": "!", "signatures": []}', "[" * 5_000],
)
def test_bad_json_gets_its_problem(bench: Bench, text: str) -> None:
    response = bench.post(text.encode(), "application/json")
    check_problem(response, 400, "bad-json", "bad-batch", "encoding", "format")


# --- what is recorded


def test_a_suspended_signer_is_recorded_as_a_failure(bench: Bench) -> None:
    order = Order("settlement.pay", bench.data(), (bench.suspended.signer,))
    (outcome,) = bench.scene.execute_many(AT, [order], expect="signer-suspended")
    entries = list(
        bench.scene.client(AT).iterate_audit(party=bench.suspended.code, outcome="signer-suspended")
    )
    assert [entry["id"] for entry in entries] == [outcome.id]


def test_a_duplicate_is_answered_with_what_became_of_the_first(bench: Bench) -> None:
    raw = bench.pay()
    first = bench.post(raw, query="?wait=final&timeout=20").json()
    before = bench.scene.balance(AT, bench.payee.code)
    for label in (AT, "national"):
        again = bench.scene.client(label).submit(raw, 20.0)
        assert (again.id, again.status, again.height) == (
            first["id"],
            "final",
            int(first["height"]),
        )
    assert bench.scene.balance(AT, bench.payee.code) == before


def test_the_same_body_with_other_signatures_happens_once(bench: Bench) -> None:
    body = compose_body(
        bench.scene.folder.chain,
        "settlement.pay",
        bench.data(),
        [bench.payer.code],
        bench.height + 50,
        os.urandom(16),
    )
    assert bench.post(bench.signed(body), query="?wait=final&timeout=20").json()["code"] == "ok"
    forged = codec.encode([body, [bytes(64)]])
    answer = bench.post(forged)
    assert answer.status_code == 200
    assert answer.json()["code"] == "ok"
    entries = list(bench.scene.client(AT).iterate_audit(party=bench.payer.code))
    assert len({entry["id"] for entry in entries}) == len(entries)


# --- everything else

REQUESTS = [
    ("GET", "/v1/nothing", 404, "not-found"),
    ("GET", "/v1/blocks/999999999", 404, "not-found"),
    ("GET", "/v1/blocks/-1", 400, "bad-parameter"),
    ("GET", f"/v1/blocks/{'f' * 64}", 404, "not-found"),
    ("GET", f"/v1/blocks/{'9' * 40}", 400, "bad-parameter"),
    ("GET", "/v1/blocks?limit=0", 400, "bad-parameter"),
    ("GET", "/v1/blocks?limit=99999999999999999999", 400, "bad-parameter"),
    ("GET", "/v1/blocks?cursor=zzzz", 400, "bad-cursor"),
    ("GET", "/v1/blocks?colour=red", 400, "unknown-parameter"),
    ("GET", "/v1/transactions/zz", 400, "bad-parameter"),
    ("GET", f"/v1/transactions/{'0' * 64}", 404, "not-found"),
    ("GET", "/v1/records/lease/nobody", 404, "not-found"),
    ("GET", f"/v1/records/{'a/' * 40}b", 400, "bad-parameter"),
    ("GET", f"/v1/records/{'a' * 3000}", 400, "bad-request"),
    ("GET", "/v1/records/%FF", 400, "bad-parameter"),
    ("GET", "/v1/audit?from=5&to=1", 400, "bad-parameter"),
    ("GET", "/v1/audit?region=Guizhou", 400, "bad-parameter"),
    ("GET", "/v1/proofs/transactions/00", 400, "bad-parameter"),
    ("GET", "/v1/proofs/consistency", 400, "bad-parameter"),
    ("DELETE", "/v1/transactions", 405, "method-not-allowed"),
    ("PUT", "/v1/status", 405, "method-not-allowed"),
]


@pytest.mark.parametrize(("method", "path", "status", "code"), REQUESTS)
def test_a_bad_request_gets_its_problem(
    bench: Bench, method: str, path: str, status: int, code: str
) -> None:
    check_problem(bench.http.request(method, path), status, code)


def test_a_media_type_that_is_not_taken_is_told_so(bench: Bench) -> None:
    check_problem(bench.post(bench.pay(), "text/html"), 415, "unsupported-media-type")


def test_every_problem_is_in_the_catalogue(bench: Bench) -> None:
    kinds = {item["code"] for item in bench.http.get("/problems").json()["items"]}
    used = {code for _, _, codes in BODIES.values() for code in codes}
    assert {code for *_, code in REQUESTS} | used <= kinds
