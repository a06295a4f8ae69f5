"""Enrolment: requests prove what they claim, and their files are read as they were written."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.code import compose_code
from ledger.crypto import SigningKey
from ledger.errors import FormatError, LedgerError
from ledger.primitives import Code, PublicKey
from ledger.x509 import parse_certificate, verify_certificate
from node.enrolment import (
    MemberKeys,
    Profile,
    Request,
    Validity,
    certify,
    check_request,
    decode_request,
    derive_key,
    encode_request,
    issue,
    make_keys,
    make_request,
)

NETWORK = "trial"
REGION = compose_code("R", "520000", "00001")
INDUSTRY = compose_code("I", "000000", "00002", "I")
PROVIDER = compose_code("P", "520100", "0A001", "I")
VALIDITY = Validity.from_days(1_775_059_200_999, 365)
ISSUER = SigningKey.from_seed(b"\x09" * 32)
NATIONAL = Code("N0000000000000000000004Q")


def ask(code: Code) -> Request:
    endpoints = ("peer.example:7000", "https://peer.example") if code[0] in "NRI" else ("", "")
    return make_request(NETWORK, Profile(code, *endpoints, name="贵州"), keys_of(code), VALIDITY)


def keys_of(code: Code) -> MemberKeys:
    return make_keys(code, b"enrolment")


@pytest.mark.parametrize("code", [REGION, INDUSTRY, PROVIDER])
def test_a_request_is_read_back_and_certified(code: Code) -> None:
    request = decode_request(encode_request(ask(code)))
    assert request == ask(code)
    done = certify(request, NATIONAL, ISSUER, VALIDITY)
    certificate = parse_certificate(done.certificate)
    verify_certificate(certificate, ISSUER.public)
    assert certificate.public_key == keys_of(code).identity.public
    assert certificate.is_authority == (code[0] in "NRI")
    assert certificate.not_before_ms == 1_775_059_200_000


def test_each_class_has_the_keys_it_needs() -> None:
    region, industry, provider = (keys_of(code) for code in (REGION, INDUSTRY, PROVIDER))
    assert region.peer and region.validator
    assert industry.peer and not industry.validator
    assert not provider.peer and not provider.validator
    assert len({region.identity.seed, region.peer.seed, region.validator.seed}) == 3
    assert derive_key(None, "a") != derive_key(None, "a")


def test_serial_numbers_differ_where_certificates_do() -> None:
    later = Validity.from_days(1_775_059_200_000, 366)
    key = ISSUER.public
    serials = {
        parse_certificate(issue(code, NATIONAL, key, ISSUER, validity, False)).serial
        for code in (REGION, INDUSTRY)
        for validity in (VALIDITY, later)
    }
    assert len(serials) == 4


OTHER = make_keys(REGION).identity.public
FORGED: dict[str, Request] = {
    "another network": replace(ask(REGION), network="other"),
    "another code": replace(ask(REGION), profile=replace(ask(REGION).profile, code=INDUSTRY)),
    "another identity key": replace(ask(REGION), identity_key=OTHER),
    "another validator key": replace(ask(REGION), validator_key=PublicKey(OTHER)),
    "no proof of the peer key": replace(
        ask(REGION), proofs={"identity": ask(REGION).proofs["identity"]}
    ),
    "a node without a peer certificate": replace(ask(REGION), peer_certificate=b""),
    "a party with a peer certificate": replace(
        ask(PROVIDER), peer_certificate=ask(REGION).peer_certificate
    ),
    "the peer certificate of another": replace(
        ask(REGION),
        peer_certificate=issue(
            INDUSTRY, INDUSTRY, OTHER, keys_of(REGION).identity, VALIDITY, False
        ),
    ),
    "a resource": replace(
        ask(PROVIDER),
        profile=Profile(compose_code("C", "520100", "0A001", "I", resource_class="20")),
    ),
}


@pytest.mark.parametrize("request_", FORGED.values(), ids=FORGED.keys())
def test_a_forged_request_is_refused(request_: Request) -> None:
    with pytest.raises(LedgerError):
        certify(request_, NATIONAL, ISSUER, VALIDITY)
    with pytest.raises(LedgerError):
        check_request(request_)


@pytest.mark.parametrize(
    "changes",
    [
        {"suanlian-request": 2},
        {"code": "R0"},
        {"network": 1},
        {"name": "x" * 129},
        {"role": "line\nbreak"},
        {"identity_key": "00"},
        {"identity_key": "zz" * 32},
        {"identity_key": None},
        {"validator_key": "00" * 31},
        {"peer_certificate": "00" * 1025},
        {"proofs": {"root": "00" * 64}},
        {"proofs": {"peer": "00" * 63}},
        {"proofs": []},
    ],
)
def test_a_misshapen_file_is_refused(changes: dict[str, Any]) -> None:
    value = json.loads(encode_request(ask(REGION))) | changes
    with pytest.raises(FormatError):
        decode_request(json.dumps(value))


@settings(deadline=None)
@given(st.text(max_size=100) | st.just("[" * 15_000) | st.just("x" * 20_000))
def test_noise_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        decode_request(text)
