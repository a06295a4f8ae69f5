"""Certificates stand alone: which a verifier accepts, and why it refuses the others."""

import dataclasses

import pytest
from vectors import DOMAIN, EPOCH, KEYS, VALIDATORS, certify, sign

from consensus.certificate import Certificate, compute_certificate, verify_certificate
from consensus.validators import ValidatorSet
from consensus.vote import VoteKind
from ledger.codec import encode
from ledger.crypto import Domain, Purpose, sha256
from ledger.errors import FormatError, LedgerError, SignatureError
from ledger.primitives import Epoch, Signature


@pytest.mark.parametrize("kind", list(VoteKind))
def test_a_quorum_verifies(kind: VoteKind) -> None:
    certificate = certify(kind)
    verify_certificate(certificate, VALIDATORS, DOMAIN)
    verify_certificate(certificate, VALIDATORS, DOMAIN, EPOCH)
    assert Certificate.decode(certificate.encode()) == certificate


def test_all_validators_verify_too() -> None:
    votes = [sign(VoteKind.FINALIZE, signer) for signer in (3, 1, 0, 2)]
    certificate = compute_certificate(votes)
    assert certificate.signers == (0, 1, 2, 3)
    verify_certificate(certificate, VALIDATORS, DOMAIN)


def test_less_than_a_quorum_is_refused() -> None:
    certificate = compute_certificate([sign(VoteKind.FINALIZE, signer) for signer in (0, 1)])
    with pytest.raises(FormatError, match="quorum"):
        verify_certificate(certificate, VALIDATORS, DOMAIN)


def test_one_signer_does_not_count_twice() -> None:
    good = certify(VoteKind.FINALIZE)
    twice = Certificate(good.vote, (0, 1, 1), (*good.signatures[:2], good.signatures[1]))
    with pytest.raises(FormatError, match="ascend"):
        verify_certificate(twice, VALIDATORS, DOMAIN)
    with pytest.raises(FormatError, match="ascend"):
        Certificate.decode(twice.encode())


def test_each_signature_must_hold_for_its_signer() -> None:
    good = certify(VoteKind.FINALIZE)
    for place in range(3):
        signatures = list(good.signatures)
        signatures[place] = Signature(bytes(64))
        wrong = dataclasses.replace(good, signatures=tuple(signatures))
        with pytest.raises(SignatureError):
            verify_certificate(wrong, VALIDATORS, DOMAIN)
    swapped = dataclasses.replace(good, signers=(0, 2, 3))
    with pytest.raises(SignatureError):
        verify_certificate(swapped, VALIDATORS, DOMAIN)


def test_a_stranger_another_epoch_another_chain_are_refused() -> None:
    good = certify(VoteKind.FINALIZE)
    outside = dataclasses.replace(good, signers=(0, 1, 4))
    with pytest.raises(FormatError, match="not in the validator set"):
        verify_certificate(outside, VALIDATORS, DOMAIN)
    with pytest.raises(FormatError, match="epoch"):
        verify_certificate(good, VALIDATORS, DOMAIN, Epoch(4))
    with pytest.raises(SignatureError):
        verify_certificate(good, VALIDATORS, Domain(Purpose.VOTE, sha256(b"another chain")))


def test_another_set_is_refused_even_with_the_same_signers() -> None:
    more = ValidatorSet([*zip(VALIDATORS.codes, VALIDATORS.keys, strict=True), ("z", bytes(32))])  # type: ignore[list-item]
    with pytest.raises(FormatError, match="another validator set"):
        verify_certificate(certify(VoteKind.FINALIZE), more, DOMAIN)


def test_a_notarization_is_no_finalization() -> None:
    good = certify(VoteKind.NOTARIZE)
    vote = dataclasses.replace(good.vote, kind=VoteKind.FINALIZE)
    with pytest.raises(SignatureError):
        verify_certificate(dataclasses.replace(good, vote=vote), VALIDATORS, DOMAIN)


@pytest.mark.parametrize("place", range(3))
def test_bytes_of_another_shape_are_refused(place: int) -> None:
    value = certify(VoteKind.FINALIZE).to_value()
    for wrong in (None, [], [1], {}, "text", b"bytes", [[]] * 3, [-1] * 3, [1 << 60] * 3):
        changed = list(value)
        changed[place] = wrong
        with pytest.raises(LedgerError):
            Certificate.decode(encode(changed))


def test_signers_and_signatures_must_match_in_number() -> None:
    good = certify(VoteKind.FINALIZE)
    with pytest.raises(FormatError):
        Certificate.decode(dataclasses.replace(good, signatures=good.signatures[:2]).encode())


def test_the_keys_are_those_of_the_vectors() -> None:
    assert VALIDATORS.keys == tuple(key.public for key in KEYS)
