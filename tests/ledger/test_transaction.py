"""Transactions: well-formed or refused, and nothing about them can be changed on the way."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import codec
from ledger.crypto import Domain, Purpose, SigningKey, sha256
from ledger.errors import FormatError, LedgerError
from ledger.primitives import MAX_HEIGHT, Digest
from ledger.transaction import (
    MAX_TRANSACTION_BYTES,
    compose_body,
    decode_transaction,
    join_signatures,
    key_signer,
    parse_key_signer,
    sign_body,
)
from tests.ledger import vectors
from tests.ledger.chain import REGIONS

CHAIN = "test-0011223344556677"
DOMAIN = Domain(Purpose.TRANSACTION, Digest(bytes(32)))
KEY = SigningKey.from_seed(b"\x01" * 32)
BODY = compose_body(CHAIN, "toy.put", {"a": 1}, REGIONS[:2], 9, bytes(16))
RAW = sign_body(BODY, DOMAIN, [KEY, KEY])


def test_the_format_is_pinned() -> None:
    assert vectors.load("transaction") == vectors.compute_transaction()


def test_a_transaction_is_read_back() -> None:
    transaction = decode_transaction(RAW, CHAIN)
    assert (transaction.kind, transaction.data, transaction.until) == ("toy.put", {"a": 1}, 9)
    assert transaction.signers == REGIONS[:2]
    assert transaction.actor == REGIONS[0]
    assert (transaction.id, transaction.hash) == (sha256(BODY), sha256(RAW))
    for signature in transaction.signatures:
        DOMAIN.verify(KEY.public, signature, transaction.body)


def test_the_id_does_not_depend_on_the_signatures_and_the_hash_does() -> None:
    other = join_signatures(BODY, [bytes(64), bytes(64)])
    first, second = decode_transaction(RAW, CHAIN), decode_transaction(other, CHAIN)
    assert first.id == second.id
    assert first.hash != second.hash


def change(**fields: Any) -> bytes:
    body = codec.encode(codec.decode(BODY) | fields)
    return join_signatures(body, [bytes(64)] * 2)


LONG_KEY = "key:" + "a" * 64
BAD: list[tuple[dict[str, Any], str]] = [
    ({"v": 2}, "version"),
    ({"v": True}, "version"),
    ({"chain": "other"}, "another chain"),
    ({"data": []}, "map"),
    ({"kind": "toy"}, "contract.verb"),
    ({"kind": "Toy.put"}, "contract.verb"),
    ({"kind": "toy.put_"}, "contract.verb"),
    ({"kind": "toy." + "a" * 48}, "characters"),
    ({"kind": 1}, "text"),
    ({"nonce": bytes(15)}, "bytes"),
    ({"until": 0}, "within"),
    ({"until": MAX_HEIGHT + 1}, "within"),
    ({"signers": []}, "entries"),
    ({"signers": [REGIONS[0]] * 2}, "twice"),
    ({"signers": [REGIONS[0].lower(), REGIONS[1]]}, "neither"),
    ({"signers": [REGIONS[0] + "\n", REGIONS[1]]}, "neither"),
    ({"signers": [LONG_KEY.upper(), REGIONS[1]]}, "neither"),
    ({"signers": [LONG_KEY + "a", REGIONS[1]]}, "neither"),
    ({"signers": [REGIONS[0]]}, "signatures"),
    ({"signers": list(REGIONS[:3])}, "signatures"),
    ({"extra": 1}, "extra"),
]


@pytest.mark.parametrize(("fields", "why"), BAD)
def test_what_is_not_well_formed_is_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(FormatError, match=why):
        decode_transaction(change(**fields), CHAIN)


def test_a_transaction_for_another_chain_says_so() -> None:
    with pytest.raises(FormatError) as caught:
        decode_transaction(RAW, "elsewhere")
    assert caught.value.code == "wrong-chain"


@pytest.mark.parametrize("signatures", [[], [bytes(64)], [bytes(64)] * 3])
def test_a_missing_or_extra_signature_is_refused(signatures: list[bytes]) -> None:
    with pytest.raises(FormatError) as caught:
        decode_transaction(join_signatures(BODY, signatures), CHAIN)
    assert caught.value.code == "signature-count"


def test_a_signature_of_other_length_is_refused() -> None:
    with pytest.raises(FormatError, match="63 bytes"):
        decode_transaction(join_signatures(BODY, [bytes(64), bytes(63)]), CHAIN)


@given(st.data())
def test_a_changed_byte_is_refused_or_another_transaction(data: st.DataObject) -> None:
    changed = bytearray(RAW)
    at = data.draw(st.integers(0, len(RAW) - 1))
    changed[at] ^= data.draw(st.integers(1, 255))
    try:
        transaction = decode_transaction(bytes(changed), CHAIN)
    except LedgerError:
        return
    assert transaction.hash != sha256(RAW)
    valid = all(
        DOMAIN.is_valid(KEY.public, signature, transaction.body)
        for signature in transaction.signatures
    )
    assert not valid, "a relay cannot change anything under valid signatures"


@given(st.binary(max_size=200))
def test_noise_is_refused_with_the_ledgers_own_errors(data: bytes) -> None:
    with pytest.raises(LedgerError):
        decode_transaction(data, CHAIN)


def test_size_is_bounded_when_made_and_when_read() -> None:
    with pytest.raises(FormatError):
        compose_body(CHAIN, "toy.put", {"a": bytes(MAX_TRANSACTION_BYTES)}, REGIONS[:1], 9, b"")
    with pytest.raises(LedgerError):
        decode_transaction(RAW + bytes(MAX_TRANSACTION_BYTES), CHAIN)


def test_a_bare_key_is_a_signer_of_its_own() -> None:
    signer = key_signer(KEY.public)
    assert parse_key_signer(signer) == KEY.public
    assert parse_key_signer(REGIONS[0]) is None
    body = compose_body(CHAIN, "toy.put", {}, [signer], 9, bytes(16))
    raw = sign_body(body, DOMAIN, [KEY])
    assert decode_transaction(raw, CHAIN).actor == signer
