"""Making transactions, by one party and by several."""

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from ledger.crypto import Domain, Purpose, SigningKey, sha256
from ledger.transaction import decode_transaction
from node.client import ChainInfo, Composer, Draft, Part, PartError, Signer
from node.client.composer import HEIGHT_AGE_S
from node.client.parts import make_draft, read_draft, read_part

HASH = sha256(b"genesis")
CHAIN = ChainInfo(f"test-{HASH.hex()[:16]}", HASH, 1000)
DOMAIN = Domain(Purpose.TRANSACTION, HASH)
FIRST = Signer("R52000000000100000000100", SigningKey.from_seed(bytes(32)))
SECOND = Signer("P52000000000100000000100", SigningKey.from_seed(b"\x01" * 32))
BARE = Signer.bare(SigningKey.from_seed(b"\x02" * 32))


def make_composer(**how: Any) -> Composer:
    numbers = count()
    return Composer(CHAIN, nonce=lambda: next(numbers).to_bytes(16, "big"), **how)


def test_a_transaction_is_signed_in_the_order_of_its_signers() -> None:
    signed = make_composer().compose("toy.put", {"a": 1}, [FIRST, SECOND], until=10)
    transaction = decode_transaction(signed.raw, CHAIN.name)
    assert (transaction.kind, transaction.until, transaction.data) == ("toy.put", 10, {"a": 1})
    assert transaction.signers == (FIRST.code, SECOND.code)
    assert signed.id == transaction.id.hex()
    for signer, signature in zip((FIRST, SECOND), transaction.signatures, strict=True):
        DOMAIN.verify(signer.key.public, signature, transaction.body)


def test_the_same_call_twice_is_two_transactions() -> None:
    composer = make_composer()
    ids = {composer.compose("toy.put", {}, [FIRST], until=10).id for _ in range(2)}
    assert len(ids) == 2


def test_until_is_half_the_window_ahead_of_a_recent_height() -> None:
    now, heights = [100.0], iter([7, 9])
    composer = make_composer(read_height=lambda: next(heights), clock=lambda: now[0])
    assert [composer.pick_until(), composer.pick_until()] == [507, 507]
    now[0] += HEIGHT_AGE_S + 1
    assert composer.pick_until() == 509


def test_without_a_peer_until_must_be_said() -> None:
    with pytest.raises(ValueError, match="until"):
        make_composer().compose("toy.put", {}, [FIRST])


def make_body(*signers: Signer) -> bytes:
    return make_composer().compose_body("toy.put", {}, [item.code for item in signers], 10)


def test_several_parties_sign_apart() -> None:
    draft = make_draft(HASH, make_body(FIRST, SECOND, BARE))
    text = draft.encode()
    parts = [
        read_part(read_draft(text).sign(signer.code, signer.key).encode())
        for signer in (BARE, FIRST, SECOND)
    ]
    half = read_draft(text).joined(parts[:1])
    assert half.missing == (FIRST.code, SECOND.code)
    with pytest.raises(PartError, match="not signed yet"):
        half.finish()
    whole = read_draft(half.encode()).joined(parts[1:])
    assert whole.missing == ()
    transaction = decode_transaction(whole.finish().raw, CHAIN.name)
    for signer, signature in zip((FIRST, SECOND, BARE), transaction.signatures, strict=True):
        DOMAIN.verify(signer.key.public, signature, transaction.body)


def test_a_signature_belongs_to_one_body_and_one_signer() -> None:
    composer = make_composer()
    drafts = [
        make_draft(HASH, composer.compose_body("toy.put", {}, [FIRST.code, BARE.code], 10))
        for _ in range(2)
    ]
    part = drafts[0].sign(FIRST.code, FIRST.key)
    with pytest.raises(PartError, match="another body"):
        drafts[1].joined([part])
    with pytest.raises(PartError, match="not a signer"):
        drafts[0].sign(SECOND.code, SECOND.key)
    with pytest.raises(PartError, match="not a signer"):
        drafts[0].joined([Part(drafts[0].id, SECOND.code, bytes(64))])
    with pytest.raises(PartError, match="is wrong"):
        drafts[0].joined([drafts[0].sign(BARE.code, FIRST.key)])


def test_a_draft_is_of_one_chain() -> None:
    with pytest.raises(PartError, match="not the chain"):
        make_draft(sha256(b"another"), make_body(FIRST))
    for body in (b"", b"\x80", b"\x90", b"\xa1x"):
        with pytest.raises(PartError, match="not that of a transaction"):
            make_draft(HASH, body)


def damaged(change: Callable[[dict[str, Any]], Any], draft: Draft) -> str:
    fields = json.loads(draft.encode())
    change(fields)
    return json.dumps(fields)


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: fields.update(format="other"),
        lambda fields: fields.update(more=1),
        lambda fields: fields.pop("body"),
        lambda fields: fields.update(body="!"),
        lambda fields: fields.update(body=7),
        lambda fields: fields.update(genesis="xyz"),
        lambda fields: fields.update(genesis=None),
        lambda fields: fields.update(signatures=[]),
        lambda fields: fields.update(signatures={FIRST.code: "AAAA"}),
        lambda fields: fields.update(signatures={"nobody": "A" * 86 + "=="}),
    ],
)
def test_a_damaged_draft_is_refused(change: Callable[[dict[str, Any]], Any]) -> None:
    with pytest.raises(PartError):
        read_draft(damaged(change, make_draft(HASH, make_body(FIRST))))


@pytest.mark.parametrize("text", ["", "{", "[]", "7", " " * 300_000, "[" * 100_000])
def test_what_is_no_file_of_ours_is_refused(text: str) -> None:
    with pytest.raises(PartError):
        read_draft(text)
    with pytest.raises(PartError):
        read_part(text)
