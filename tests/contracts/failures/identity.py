"""Failures of identities and of the keys of nodes."""

from typing import Any

from ledger.code import compose_code
from ledger.crypto import SigningKey
from ledger.primitives import Code
from ledger.transaction import key_signer
from ledger.x509 import issue_certificate
from tests.contracts.failures.cases import (
    SECOND_REGION,
    SUSPENSION,
    Attempt,
    another,
    case,
)
from tests.contracts.trade import (
    AUDITOR,
    INDUSTRY,
    OTHER_PROVIDER,
    PROVIDER,
    Trade,
)
from tests.contracts.world import (
    BEGIN_MS,
    BEIJING,
    END_MS,
    GUIZHOU,
    NATIONAL,
    SICHUAN,
    START_MS,
    make_keys,
)

# identity.register


def registration(trade: Trade, code: str, issuer: str, **changes: Any) -> Attempt:
    transaction = trade.world.registration(code, issuer, **changes)
    return transaction.signers, transaction.data


@case("identity.register", "not-issuer")
def _(trade: Trade) -> Attempt:
    return registration(trade, AUDITOR, GUIZHOU)


@case("identity.register", "bad-certificate")
def _(trade: Trade) -> Attempt:
    signers, data = registration(trade, PROVIDER, GUIZHOU)
    return signers, {**data, "certificate": data["certificate"][:-1] + b"\x00"}


@case("identity.register", "certificate-mismatch")
def _(trade: Trade) -> Attempt:
    signers, data = registration(trade, PROVIDER, GUIZHOU)
    return (signers[0], key_signer(make_keys("another").public)), data


@case("identity.register", "certificate-not-valid")
def _(trade: Trade) -> Attempt:
    return registration(trade, PROVIDER, GUIZHOU, not_after_ms=START_MS - 60_000)


@case("identity.register", "outside-region")
def _(trade: Trade) -> Attempt:
    return registration(trade, PROVIDER, SICHUAN)


@case("identity.register", "outside-number-block")
def _(trade: Trade) -> Attempt:
    return registration(trade, compose_code("P", "520100", "0A001", "I"), GUIZHOU)


@case("identity.register", "code-taken")
def _(trade: Trade) -> Attempt:
    trade.world.register(PROVIDER, GUIZHOU)
    return registration(trade, PROVIDER, GUIZHOU)


@case("identity.register", "registrant-taken")
def _(trade: Trade) -> Attempt:
    trade.world.register(PROVIDER, GUIZHOU)
    return registration(trade, compose_code("U", "520200", "0E001", "J"), GUIZHOU)


@case("identity.register", "unknown-registrant")
def _(trade: Trade) -> Attempt:
    service = compose_code("S", "520100", "0E001", "I", "70", "0000001")
    return registration(trade, service, GUIZHOU)


@case("identity.register", "needs-admission")
def _(trade: Trade) -> Attempt:
    return registration(trade, compose_code("R", "530000", "00009", serial="0000001"), NATIONAL)


@another("identity.register", "needs-admission")
def _(trade: Trade) -> Attempt:
    return registration(trade, INDUSTRY, NATIONAL)


# identity.suspend, resume, revoke

REVOCATION = {"note": "", "reason": "ceased"}


@case("identity.suspend", "unknown-identity")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, {"code": PROVIDER, **SUSPENSION}


@case("identity.suspend", "not-issuer")
def _(trade: Trade) -> Attempt:
    trade.world.register(PROVIDER, GUIZHOU)
    return BEIJING, {"code": PROVIDER, **SUSPENSION}


@case("identity.suspend", "needs-ballot")
def _(trade: Trade) -> Attempt:
    return NATIONAL, {"code": SICHUAN, **SUSPENSION}


@case("identity.suspend", "wrong-state")
def _(trade: Trade) -> Attempt:
    trade.world.register(PROVIDER, GUIZHOU)
    trade.world.do("identity.suspend", GUIZHOU, code=PROVIDER, **SUSPENSION)
    return GUIZHOU, {"code": PROVIDER, **SUSPENSION}


@case("identity.resume", "unknown-identity")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, {"code": PROVIDER, "note": ""}


@case("identity.resume", "not-issuer")
def _(trade: Trade) -> Attempt:
    trade.world.register(PROVIDER, GUIZHOU)
    trade.world.do("identity.suspend", NATIONAL, code=PROVIDER, **SUSPENSION)
    return GUIZHOU, {"code": PROVIDER, "note": ""}


@case("identity.resume", "needs-ballot")
def _(trade: Trade) -> Attempt:
    assert trade.world.decide("suspension", SICHUAN).code == "ok"
    return NATIONAL, {"code": SICHUAN, "note": ""}


@case("identity.resume", "wrong-state")
def _(trade: Trade) -> Attempt:
    trade.world.register(PROVIDER, GUIZHOU)
    return GUIZHOU, {"code": PROVIDER, "note": ""}


@case("identity.revoke", "unknown-identity")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, {"code": PROVIDER, **REVOCATION}


@case("identity.revoke", "not-issuer")
def _(trade: Trade) -> Attempt:
    trade.world.register(PROVIDER, GUIZHOU)
    return BEIJING, {"code": PROVIDER, **REVOCATION}


@case("identity.revoke", "needs-ballot")
def _(trade: Trade) -> Attempt:
    return NATIONAL, {"code": SICHUAN, **REVOCATION}


@case("identity.revoke", "wrong-state")
def _(trade: Trade) -> Attempt:
    trade.world.register(PROVIDER, GUIZHOU)
    trade.world.do("identity.revoke", GUIZHOU, code=PROVIDER, **REVOCATION)
    return GUIZHOU, {"code": PROVIDER, **REVOCATION}


# identity.rotate and its likes


def rotation(trade: Trade, code: str, issuer: str, actor: str, key: SigningKey) -> Attempt:
    certificate = trade.world.certificate(code, issuer, key)
    return (actor, key_signer(key.public)), {"certificate": certificate, "code": code}


@case("identity.rotate", "unknown-identity")
def _(trade: Trade) -> Attempt:
    return rotation(trade, PROVIDER, GUIZHOU, GUIZHOU, make_keys("new"))


@case("identity.rotate", "not-issuer")
def _(trade: Trade) -> Attempt:
    trade.world.register(PROVIDER, GUIZHOU)
    return rotation(trade, PROVIDER, GUIZHOU, BEIJING, make_keys("new"))


@case("identity.rotate", "needs-ballot")
def _(trade: Trade) -> Attempt:
    return rotation(trade, GUIZHOU, NATIONAL, NATIONAL, make_keys("of the national node"))


@case("identity.rotate", "identity-revoked")
def _(trade: Trade) -> Attempt:
    trade.world.register(PROVIDER, GUIZHOU)
    trade.world.do("identity.revoke", GUIZHOU, code=PROVIDER, **REVOCATION)
    return rotation(trade, PROVIDER, GUIZHOU, GUIZHOU, make_keys("new"))


@case("identity.rotate", "issuer-revoked")
def _(trade: Trade) -> Attempt:
    provider = compose_code("P", "510100", "0D001", "I")
    trade.world.register(provider, SICHUAN)
    assert trade.world.decide("revocation", SICHUAN).code == "ok"
    return rotation(trade, provider, SICHUAN, provider, make_keys("new"))


@case("identity.rotate", "bad-certificate")
def _(trade: Trade) -> Attempt:
    trade.world.register(PROVIDER, GUIZHOU)
    new = make_keys("new")
    forged = issue_certificate(PROVIDER, GUIZHOU, new.public, new, 9, BEGIN_MS, END_MS, False)
    return (PROVIDER, key_signer(new.public)), {"certificate": forged, "code": PROVIDER}


@case("identity.rotate", "certificate-mismatch")
def _(trade: Trade) -> Attempt:
    trade.world.register(PROVIDER, GUIZHOU)
    new = make_keys("new")
    certificate = trade.world.certificate(OTHER_PROVIDER, GUIZHOU, new)
    return (PROVIDER, key_signer(new.public)), {"certificate": certificate, "code": PROVIDER}


@case("identity.rotate", "certificate-not-valid")
def _(trade: Trade) -> Attempt:
    trade.world.register(PROVIDER, GUIZHOU)
    new = make_keys("new")
    certificate = trade.world.certificate(PROVIDER, GUIZHOU, new, START_MS - 60_000)
    return (PROVIDER, key_signer(new.public)), {"certificate": certificate, "code": PROVIDER}


@case("identity.name_successor", "unknown-identity")
def _(trade: Trade) -> Attempt:
    return NATIONAL, {"issuer": SECOND_REGION, "successor": GUIZHOU}


@case("identity.name_successor", "issuer-active")
def _(trade: Trade) -> Attempt:
    return NATIONAL, {"issuer": SICHUAN, "successor": GUIZHOU}


@case("identity.name_successor", "successor-not-active")
def _(trade: Trade) -> Attempt:
    assert trade.world.decide("revocation", SICHUAN).code == "ok"
    return NATIONAL, {"issuer": SICHUAN, "successor": SICHUAN}


@case("identity.allot", "unknown-identity")
def _(trade: Trade) -> Attempt:
    return NATIONAL, {"first": 10**6, "issuer": SECOND_REGION, "last": 2 * 10**6}


@case("identity.allot", "identity-revoked")
def _(trade: Trade) -> Attempt:
    assert trade.world.decide("revocation", SICHUAN).code == "ok"
    return NATIONAL, {"first": 10**6, "issuer": SICHUAN, "last": 2 * 10**6}


@case("identity.allot", "block-taken")
def _(trade: Trade) -> Attempt:
    return NATIONAL, {"first": 10**5, "issuer": SICHUAN, "last": 10**6}


@case("identity.rotate_validator", "unknown-node")
def _(trade: Trade) -> Attempt:
    trade.world.register(SECOND_REGION, NATIONAL)
    return (SECOND_REGION, key_signer(make_keys("new").public)), {}


@case("identity.rotate_validator", "key-taken")
def _(trade: Trade) -> Attempt:
    return (SICHUAN, key_signer(make_keys(GUIZHOU + "validator").public)), {}


def peer_rotation(code: Code, key: SigningKey, **changes: Any) -> Attempt:
    fields = {
        "subject": code,
        "issuer": code,
        "public_key": key.public,
        "issuer_signing_key": make_keys(code),
        "serial": 5,
        "not_before_ms": BEGIN_MS,
        "not_after_ms": END_MS,
        "is_authority": False,
        **changes,
    }
    return (code, key_signer(key.public)), {
        "certificate": issue_certificate(**fields),
        "http_endpoint": "https://ca.example:8000",
        "peer_endpoint": "ca.example:7000",
    }


@case("identity.rotate_peer", "unknown-node")
def _(trade: Trade) -> Attempt:
    trade.world.register(SECOND_REGION, NATIONAL)
    return peer_rotation(SECOND_REGION, make_keys("new"))


@case("identity.rotate_peer", "bad-certificate")
def _(trade: Trade) -> Attempt:
    return peer_rotation(SICHUAN, make_keys("new"), issuer_signing_key=make_keys("thief"))


@case("identity.rotate_peer", "certificate-mismatch")
def _(trade: Trade) -> Attempt:
    return peer_rotation(SICHUAN, make_keys("new"), is_authority=True)


@case("identity.rotate_peer", "certificate-not-valid")
def _(trade: Trade) -> Attempt:
    return peer_rotation(SICHUAN, make_keys("new"), not_after_ms=START_MS - 60_000)
