"""Double signing: exactly these contradictions, provable by their two signatures."""

import itertools

import pytest
from vectors import DOMAIN, VALIDATORS, sign

from consensus.evidence import (
    decode_evidence,
    encode_evidence,
    is_double_signing,
    order_evidence,
    verify_accusation,
    verify_evidence,
)
from consensus.vote import SignedVote, VoteKind
from ledger.codec import encode
from ledger.crypto import Domain, Purpose, sha256
from ledger.errors import FormatError, LedgerError, SignatureError
from ledger.primitives import Signature

OTHER = sha256(b"another block")
STATEMENTS = {
    "notarize": sign(VoteKind.NOTARIZE, 1),
    "notarize other": sign(VoteKind.NOTARIZE, 1, block=OTHER),
    "notarize elsewhere": sign(VoteKind.NOTARIZE, 1, parent=6),
    "nullify": sign(VoteKind.NULLIFY, 1),
    "finalize": sign(VoteKind.FINALIZE, 1),
    "finalize other": sign(VoteKind.FINALIZE, 1, block=OTHER),
}
GUILTY = {
    ("notarize", "notarize other"),
    ("notarize", "notarize elsewhere"),
    ("notarize other", "notarize elsewhere"),
    ("nullify", "finalize"),
    ("nullify", "finalize other"),
    ("finalize", "finalize other"),
}


@pytest.mark.parametrize("pair", list(itertools.combinations(STATEMENTS, 2)))
def test_which_pairs_are_double_signing(pair: tuple[str, str]) -> None:
    first, second = (STATEMENTS[name] for name in pair)
    assert is_double_signing(first.vote, second.vote) == (pair in GUILTY)
    assert is_double_signing(second.vote, first.vote) == (pair in GUILTY)


def test_the_same_twice_or_another_view_is_none() -> None:
    vote = sign(VoteKind.NOTARIZE, 1).vote
    assert not is_double_signing(vote, vote)
    assert not is_double_signing(vote, sign(VoteKind.NOTARIZE, 1, view=8, block=OTHER).vote)


def test_bytes_have_one_order() -> None:
    first, second = STATEMENTS["nullify"], STATEMENTS["finalize"]
    data = encode_evidence(first, second)
    assert data == encode_evidence(second, first)
    assert decode_evidence(data) == order_evidence(first, second)
    pair = [signed.to_value() for signed in reversed(decode_evidence(data))]
    with pytest.raises(FormatError, match="order"):
        decode_evidence(encode(pair))
    with pytest.raises(LedgerError):
        decode_evidence(encode([1, 2]))


def test_what_verifies() -> None:
    first, second = STATEMENTS["notarize"], STATEMENTS["notarize other"]
    verify_evidence(first, second, VALIDATORS, DOMAIN.is_valid)
    with pytest.raises(FormatError, match="different signers"):
        verify_evidence(first, sign(VoteKind.NOTARIZE, 2, block=OTHER), VALIDATORS, DOMAIN.is_valid)
    with pytest.raises(FormatError, match="contradict"):
        verify_evidence(first, STATEMENTS["nullify"], VALIDATORS, DOMAIN.is_valid)
    forged = SignedVote(second.vote, 1, Signature(bytes(64)))
    with pytest.raises(SignatureError):
        verify_evidence(first, forged, VALIDATORS, DOMAIN.is_valid)


def test_a_key_alone_checks_what_it_signed() -> None:
    first, second = STATEMENTS["nullify"], STATEMENTS["finalize"]
    key = VALIDATORS.keys[first.signer]
    verify_accusation(first, second, key, DOMAIN.is_valid)
    with pytest.raises(SignatureError):
        verify_accusation(first, second, VALIDATORS.keys[0], DOMAIN.is_valid)
    with pytest.raises(FormatError, match="contradict"):
        verify_accusation(first, STATEMENTS["notarize"], key, DOMAIN.is_valid)
    for other in (DOMAIN.of(Purpose.PROMISE), Domain(Purpose.VOTE, sha256(b"another chain"))):
        with pytest.raises(SignatureError):
            verify_accusation(first, second, key, other.is_valid)
