"""Every failure code of every call, each brought about once, and exactly it."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from contracts.registry import CALLS
from ledger.code import compose_code
from ledger.codec import Value
from ledger.crypto import SigningKey
from ledger.primitives import Code
from ledger.transaction import key_signer
from ledger.x509 import issue_certificate
from tests.contracts.trade import (
    AUDITOR,
    CONSUMER,
    OTHER_PROVIDER,
    PRICE,
    PROVIDER,
    RESOURCE,
    ROOT_OF_SAMPLES,
    UNITS,
    YUAN,
    Trade,
    make_descriptor,
)
from tests.contracts.world import (
    BANK,
    BEGIN_MS,
    BEIJING,
    BUREAU,
    END_MS,
    GUANGDONG,
    GUIZHOU,
    HOUR_MS,
    NATIONAL,
    SICHUAN,
    START_MS,
    make_keys,
)

Attempt = tuple[Sequence[str] | str, dict[str, Value]]
Case = Callable[[Trade], Attempt]
CASES: dict[tuple[str, str], Case] = {}
STRANGER = compose_code("U", "110100", "0A777", "I")
SECOND_REGION = compose_code("R", "530000", "00006", serial="0000001")
NO_LEASE = "lease-" + "0" * 32 + "-0"
NO_OFFER = "offer-" + "0" * 32 + "-0"
NO_DEMAND = "demand-" + "0" * 32 + "-0"
OTHER_RESOURCE = compose_code("C", "520100", "0E002", "I", "20", "0000001")
MISSING_RESOURCE = compose_code("C", "520100", "0E001", "I", "20", "0000009")


def case(kind: str, *codes: str) -> Callable[[Case], Case]:
    def add(function: Case) -> Case:
        for code in codes:
            assert (kind, code) not in CASES
            CASES[kind, code] = function
        return function

    return add


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


@case("identity.register", "region-taken")
def _(trade: Trade) -> Attempt:
    return registration(trade, compose_code("R", "520000", "00009", serial="0000002"), NATIONAL)


# identity.suspend, resume, revoke

SUSPENSION = {"note": "", "reason": "investigation"}
REVOCATION = {"note": "", "reason": "ceased"}


@case("identity.suspend", "unknown-identity")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, {"code": PROVIDER, **SUSPENSION}


@case("identity.suspend", "not-issuer")
def _(trade: Trade) -> Attempt:
    trade.world.register(PROVIDER, GUIZHOU)
    return BEIJING, {"code": PROVIDER, **SUSPENSION}


@case("identity.suspend", "wrong-state")
def _(trade: Trade) -> Attempt:
    trade.world.register(PROVIDER, GUIZHOU)
    trade.world.do("identity.suspend", GUIZHOU, code=PROVIDER, **SUSPENSION)
    return GUIZHOU, {"code": PROVIDER, **SUSPENSION}


@case("identity.suspend", "too-few-validators")
def _(trade: Trade) -> Attempt:
    trade.world.do("identity.suspend", NATIONAL, code=SICHUAN, **SUSPENSION)
    return NATIONAL, {"code": GUANGDONG, **SUSPENSION}


@case("identity.resume", "unknown-identity")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, {"code": PROVIDER, "note": ""}


@case("identity.resume", "not-issuer")
def _(trade: Trade) -> Attempt:
    trade.world.register(PROVIDER, GUIZHOU)
    trade.world.do("identity.suspend", NATIONAL, code=PROVIDER, **SUSPENSION)
    return GUIZHOU, {"code": PROVIDER, "note": ""}


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


@case("identity.revoke", "wrong-state")
def _(trade: Trade) -> Attempt:
    trade.world.register(PROVIDER, GUIZHOU)
    trade.world.do("identity.revoke", GUIZHOU, code=PROVIDER, **REVOCATION)
    return GUIZHOU, {"code": PROVIDER, **REVOCATION}


@case("identity.revoke", "too-few-validators")
def _(trade: Trade) -> Attempt:
    trade.world.do("identity.revoke", NATIONAL, code=SICHUAN, **REVOCATION)
    return NATIONAL, {"code": GUANGDONG, **REVOCATION}


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


@case("identity.rotate", "identity-revoked")
def _(trade: Trade) -> Attempt:
    trade.world.register(PROVIDER, GUIZHOU)
    trade.world.do("identity.revoke", GUIZHOU, code=PROVIDER, **REVOCATION)
    return rotation(trade, PROVIDER, GUIZHOU, GUIZHOU, make_keys("new"))


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


@case("identity.allot", "unknown-identity")
def _(trade: Trade) -> Attempt:
    return NATIONAL, {"first": 10**6, "issuer": SECOND_REGION, "last": 2 * 10**6}


@case("identity.allot", "identity-revoked")
def _(trade: Trade) -> Attempt:
    trade.world.do("identity.revoke", NATIONAL, code=SICHUAN, **REVOCATION)
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


# resource


@case("resource.register", "not-owner")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, {"code": OTHER_RESOURCE, "descriptor": make_descriptor()}


@case("resource.register", "code-taken")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, {"code": RESOURCE, "descriptor": make_descriptor()}


@case("resource.update", "unknown-resource")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, {"code": MISSING_RESOURCE, "descriptor": make_descriptor()}


@case("resource.update", "not-owner")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    trade.world.register(OTHER_PROVIDER, GUIZHOU)
    return OTHER_PROVIDER, {"code": RESOURCE, "descriptor": make_descriptor()}


@case("resource.update", "below-allocated")
def _(trade: Trade) -> Attempt:
    trade.start()
    return PROVIDER, {"code": RESOURCE, "descriptor": make_descriptor(1_999)}


@case("resource.attest", "unknown-resource")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return GUIZHOU, {"code": MISSING_RESOURCE, "units": 1, "until_ms": END_MS}


@case("resource.attest", "wrong-region")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return BEIJING, {"code": RESOURCE, "units": 1, "until_ms": END_MS}


@case("resource.attest", "until-in-past")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return GUIZHOU, {"code": RESOURCE, "units": 1, "until_ms": START_MS}


@case("resource.attest", "over-declared")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return GUIZHOU, {"code": RESOURCE, "units": UNITS + 1, "until_ms": END_MS}


@case("resource.attest", "below-allocated")
def _(trade: Trade) -> Attempt:
    trade.start()
    return GUIZHOU, {"code": RESOURCE, "units": 1_999, "until_ms": END_MS}


# market


@case("market.offer", "unknown-resource")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, trade.offer_data(resource=MISSING_RESOURCE)


@case("market.offer", "not-owner")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    trade.world.register(OTHER_PROVIDER, GUIZHOU)
    return OTHER_PROVIDER, trade.offer_data()


@case("market.offer", "not-attested")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    # An update makes the attestation stale.
    trade.world.do("resource.update", PROVIDER, code=RESOURCE, descriptor=make_descriptor(9_000))
    return PROVIDER, trade.offer_data()


@case("market.offer", "over-attested")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, trade.offer_data(units=UNITS + 1)


@case("market.offer", "window-in-past")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, trade.offer_data(starts_ms=START_MS - 10, ends_ms=START_MS)


@case("market.withdraw_offer", "unknown-offer")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, {"offer": NO_OFFER}


@case("market.withdraw_offer", "not-owner")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    trade.world.register(OTHER_PROVIDER, GUIZHOU)
    return OTHER_PROVIDER, {"offer": trade.make_offer()}


@case("market.withdraw_offer", "wrong-state")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    offer = trade.make_offer()
    trade.world.do("market.withdraw_offer", PROVIDER, offer=offer)
    return PROVIDER, {"offer": offer}


def demand_data(trade: Trade, **changes: Value) -> dict[str, Value]:
    return {
        "ceiling_micro_yuan": PRICE,
        "regions": ["52"],
        "resource_class": "20",
        "units": 3_000,
        "until_ms": trade.world.time_ms + HOUR_MS,
        **changes,
    }


def make_demand(trade: Trade, consumer: str = CONSUMER, **changes: Value) -> str:
    result = trade.world.do("market.demand", consumer, **demand_data(trade, **changes))
    return str(result.events[0]["about"][0])


@case("market.demand", "until-in-past")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return CONSUMER, demand_data(trade, until_ms=START_MS)


@case("market.withdraw_demand", "unknown-demand")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return CONSUMER, {"demand": NO_DEMAND}


@case("market.withdraw_demand", "not-owner")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    trade.world.register(STRANGER, BEIJING)
    return STRANGER, {"demand": make_demand(trade)}


@case("market.withdraw_demand", "wrong-state")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    demand = make_demand(trade)
    trade.world.wait(2 * HOUR_MS)
    return CONSUMER, {"demand": demand}


def offered(trade: Trade, **changes: Value) -> Trade:
    trade.set_up()
    trade.make_offer(**changes)
    return trade


@case("market.take", "unknown-offer")
def _(trade: Trade) -> Attempt:
    return CONSUMER, offered(trade).take_data(offer=NO_OFFER)


@case("market.take", "offer-closed")
def _(trade: Trade) -> Attempt:
    offered(trade, starts_ms=START_MS + HOUR_MS)
    return CONSUMER, trade.take_data()


@case("market.take", "provider-not-active")
def _(trade: Trade) -> Attempt:
    offered(trade)
    trade.world.do("identity.suspend", GUIZHOU, code=PROVIDER, **SUSPENSION)
    return CONSUMER, trade.take_data()


@case("market.take", "not-attested")
def _(trade: Trade) -> Attempt:
    offered(trade)
    until_ms = trade.world.time_ms + 2_000
    trade.world.do("resource.attest", GUIZHOU, code=RESOURCE, units=UNITS, until_ms=until_ms)
    trade.world.wait(2_000)
    return CONSUMER, trade.take_data()


@case("market.take", "time-outside-offer")
def _(trade: Trade) -> Attempt:
    return CONSUMER, offered(trade).take_data(seconds=59)


@case("market.take", "not-enough-units")
def _(trade: Trade) -> Attempt:
    offered(trade, units=3_000)
    trade.take()
    return CONSUMER, trade.take_data()


@case("market.take", "over-capacity")
def _(trade: Trade) -> Attempt:
    offered(trade)
    trade.take(units=7_000, hold_micro_yuan=1_000 * YUAN)
    trade.make_offer()
    return CONSUMER, trade.take_data()


@case("market.take", "unknown-demand")
def _(trade: Trade) -> Attempt:
    return CONSUMER, offered(trade).take_data(demand=NO_DEMAND)


@case("market.take", "not-owner")
def _(trade: Trade) -> Attempt:
    offered(trade)
    trade.world.register(STRANGER, BEIJING)
    return CONSUMER, trade.take_data(demand=make_demand(trade, STRANGER))


@case("market.take", "demand-closed")
def _(trade: Trade) -> Attempt:
    offered(trade)
    demand = make_demand(trade)
    trade.world.do("market.withdraw_demand", CONSUMER, demand=demand)
    return CONSUMER, trade.take_data(demand=demand)


@case("market.take", "demand-mismatch")
def _(trade: Trade) -> Attempt:
    offered(trade)
    demand = make_demand(trade)
    trade.take(demand=demand)
    return CONSUMER, trade.take_data(demand=demand)


@case("market.take", "hold-too-small")
def _(trade: Trade) -> Attempt:
    return CONSUMER, offered(trade).take_data(hold_micro_yuan=4 * PRICE - 1)


@case("market.take", "insufficient-balance")
def _(trade: Trade) -> Attempt:
    return CONSUMER, offered(trade).take_data(hold_micro_yuan=10_001 * YUAN)


# lease


def matched(trade: Trade) -> Trade:
    offered(trade).take()
    return trade


@case("lease.dispatch", "unknown-lease")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, {"lease": NO_LEASE, "reference": ""}


@case("lease.dispatch", "wrong-sector")
def _(trade: Trade) -> Attempt:
    matched(trade)
    industry = compose_code("I", "000000", "00021", "J")
    trade.world.register(industry, NATIONAL)
    return industry, {"lease": trade.lease, "reference": ""}


@case("lease.dispatch", "wrong-region")
def _(trade: Trade) -> Attempt:
    matched(trade)
    return (BEIJING, GUIZHOU), {"lease": trade.lease, "reference": ""}


@case("lease.dispatch", "second-region-missing")
def _(trade: Trade) -> Attempt:
    matched(trade)
    return GUIZHOU, {"lease": trade.lease, "reference": ""}


@case("lease.dispatch", "wrong-state")
def _(trade: Trade) -> Attempt:
    trade.start()
    return (GUIZHOU, BEIJING), {"lease": trade.lease, "reference": ""}


@case("lease.activate", "unknown-lease")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, {"lease": NO_LEASE}


@case("lease.activate", "not-party")
def _(trade: Trade) -> Attempt:
    matched(trade)
    trade.world.register(OTHER_PROVIDER, GUIZHOU)
    return OTHER_PROVIDER, {"lease": trade.lease}


@case("lease.activate", "wrong-state")
def _(trade: Trade) -> Attempt:
    return PROVIDER, {"lease": matched(trade).lease}


@case("lease.refuse", "unknown-lease")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return CONSUMER, {"lease": NO_LEASE, "note": ""}


@case("lease.refuse", "not-party")
def _(trade: Trade) -> Attempt:
    trade.start()
    trade.world.register(STRANGER, BEIJING)
    return STRANGER, {"lease": trade.lease, "note": ""}


@case("lease.refuse", "wrong-state")
def _(trade: Trade) -> Attempt:
    return CONSUMER, {"lease": matched(trade).lease, "note": ""}


@case("lease.refuse", "refusal-too-late")
def _(trade: Trade) -> Attempt:
    trade.start()
    trade.world.wait(HOUR_MS)
    return CONSUMER, {"lease": trade.lease, "note": ""}


@case("lease.close", "unknown-lease")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, {"lease": NO_LEASE, "note": "", "reason": "fault"}


@case("lease.close", "not-party")
def _(trade: Trade) -> Attempt:
    trade.start()
    trade.world.register(STRANGER, BEIJING)
    return STRANGER, {"lease": trade.lease, "note": "", "reason": "finished"}


@case("lease.close", "wrong-reason")
def _(trade: Trade) -> Attempt:
    trade.start()
    return CONSUMER, {"lease": trade.lease, "note": "", "reason": "reclaimed"}


@case("lease.close", "wrong-state")
def _(trade: Trade) -> Attempt:
    trade.start()
    closing = {"lease": trade.lease, "note": "", "reason": "finished"}
    trade.world.do("lease.close", CONSUMER, **closing)
    return CONSUMER, closing


@case("lease.top_up", "unknown-lease")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return CONSUMER, {"amount_micro_yuan": 1, "lease": NO_LEASE}


@case("lease.top_up", "not-party")
def _(trade: Trade) -> Attempt:
    trade.start()
    trade.world.register(STRANGER, BEIJING)
    return STRANGER, {"amount_micro_yuan": 1, "lease": trade.lease}


@case("lease.top_up", "wrong-state")
def _(trade: Trade) -> Attempt:
    trade.start()
    trade.world.wait(5 * HOUR_MS)
    return CONSUMER, {"amount_micro_yuan": 1, "lease": trade.lease}


@case("lease.top_up", "lease-ended")
def _(trade: Trade) -> Attempt:
    trade.start()
    # The block that would end it has so much other work that it does not come to it.
    for key in list(trade.world.state.derived):
        if key.startswith(b"due\x00"):
            del trade.world.state.derived[key]
    trade.world.wait(5 * HOUR_MS)
    return CONSUMER, {"amount_micro_yuan": 1, "lease": trade.lease}


@case("lease.top_up", "insufficient-balance")
def _(trade: Trade) -> Attempt:
    trade.start()
    return CONSUMER, {"amount_micro_yuan": 10_000 * YUAN, "lease": trade.lease}


# metering


def usage(lease: str, **changes: Value) -> dict[str, Value]:
    return {
        "availability_bp": 10_000,
        "epoch": 0,
        "lease": lease,
        "samples_count": 1,
        "samples_root": ROOT_OF_SAMPLES,
        "used_unit_seconds": 2_000 * 3_600,
        **changes,
    }


def metered(trade: Trade) -> Trade:
    trade.start()
    trade.world.wait(HOUR_MS)
    return trade


BOTH = (PROVIDER, CONSUMER)


def add_receipt_cases(kind: str, signers: Sequence[str] | str) -> None:
    """What both kinds of receipt fail with."""

    @case(kind, "unknown-lease")
    def _(trade: Trade) -> Attempt:
        trade.set_up()
        return signers, usage(NO_LEASE)

    @case(kind, "wrong-state")
    def _(trade: Trade) -> Attempt:
        return signers, usage(matched(trade).lease)

    @case(kind, "wrong-epoch")
    def _(trade: Trade) -> Attempt:
        return signers, usage(metered(trade).lease, epoch=1)

    @case(kind, "epoch-open")
    def _(trade: Trade) -> Attempt:
        trade.start()
        return signers, usage(trade.lease)

    @case(kind, "over-allocated")
    def _(trade: Trade) -> Attempt:
        return signers, usage(metered(trade).lease, used_unit_seconds=2_000 * 3_600 + 1)


add_receipt_cases("metering.receipt", BOTH)
add_receipt_cases("metering.submit", PROVIDER)


@case("metering.receipt", "not-party")
def _(trade: Trade) -> Attempt:
    metered(trade)
    trade.world.register(STRANGER, BEIJING)
    return (PROVIDER, STRANGER), usage(trade.lease)


@case("metering.submit", "not-party")
def _(trade: Trade) -> Attempt:
    metered(trade)
    trade.world.register(OTHER_PROVIDER, GUIZHOU)
    return OTHER_PROVIDER, usage(trade.lease)


@case("metering.receipt", "outside-claim")
def _(trade: Trade) -> Attempt:
    metered(trade).submit(0, 100)
    return BOTH, usage(trade.lease)


@case("metering.submit", "too-many-receipts")
def _(trade: Trade) -> Attempt:
    trade.start(hold_micro_yuan=1_000 * YUAN, seconds=24 * 3600)
    for epoch in range(16):
        trade.world.wait(HOUR_MS)
        trade.submit(epoch)
        trade.world.do("metering.contest", CONSUMER, **contest_data(trade, epoch=epoch))
    trade.world.wait(HOUR_MS)
    return PROVIDER, usage(trade.lease, epoch=16)


def contest_data(trade: Trade, **changes: Value) -> dict[str, Value]:
    return {
        "availability_bp": 10_000,
        "epoch": 0,
        "evidence": bytes(32),
        "lease": trade.lease,
        "note": "",
        "used_unit_seconds": 0,
        **changes,
    }


def add_answer_cases(kind: str, make_data: Callable[..., dict[str, Value]]) -> None:
    """What both answers to a receipt fail with."""

    @case(kind, "unknown-lease")
    def _(trade: Trade) -> Attempt:
        trade.set_up()
        return CONSUMER, make_data(trade, lease=NO_LEASE)

    @case(kind, "not-party")
    def _(trade: Trade) -> Attempt:
        metered(trade).submit(0)
        trade.world.register(STRANGER, BEIJING)
        return STRANGER, make_data(trade)

    @case(kind, "no-receipt")
    def _(trade: Trade) -> Attempt:
        metered(trade).submit(0)
        return CONSUMER, make_data(trade, epoch=1)


add_answer_cases("metering.contest", contest_data)
add_answer_cases(
    "metering.countersign",
    lambda trade, **changes: {"epoch": 0, "lease": trade.lease, **changes},
)


@case("metering.contest", "not-below-receipt")
def _(trade: Trade) -> Attempt:
    metered(trade).submit(0)
    return CONSUMER, contest_data(trade, used_unit_seconds=2_000 * 3_600)


def ruling(trade: Trade, **changes: Value) -> dict[str, Value]:
    return {
        "availability_bp": 10_000,
        "epoch": 0,
        "lease": trade.lease,
        "note": "",
        "used_unit_seconds": 100,
        **changes,
    }


def contested(trade: Trade) -> Trade:
    metered(trade).submit(0)
    trade.world.do("metering.contest", CONSUMER, **contest_data(trade, used_unit_seconds=10))
    return trade


@case("metering.rule", "unknown-lease")
def _(trade: Trade) -> Attempt:
    return NATIONAL, ruling(trade, lease=NO_LEASE)


@case("metering.rule", "not-arbiter")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, ruling(contested(trade))


@case("metering.rule", "no-receipt")
def _(trade: Trade) -> Attempt:
    return NATIONAL, ruling(contested(trade), epoch=1)


@case("metering.rule", "outside-claim")
def _(trade: Trade) -> Attempt:
    return NATIONAL, ruling(contested(trade), used_unit_seconds=9)


# settlement


@case("settlement.deposit", "not-a-bank")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return BUREAU, {"account": CONSUMER, "amount_micro_yuan": 1, "reference": ""}


@case("settlement.deposit", "same-party")
def _(trade: Trade) -> Attempt:
    return BANK, {"account": BANK, "amount_micro_yuan": 1, "reference": ""}


@case("settlement.deposit", "unknown-party")
def _(trade: Trade) -> Attempt:
    return BANK, {"account": CONSUMER, "amount_micro_yuan": 1, "reference": ""}


@case("settlement.deposit", "issued-limit")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return BANK, {"account": CONSUMER, "amount_micro_yuan": 10**16, "reference": ""}


@case("settlement.withdraw", "not-a-bank")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return (CONSUMER, BUREAU), {"amount_micro_yuan": 1, "reference": ""}


@case("settlement.withdraw", "not-issued")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    other = compose_code("A", "000000", "00012")
    trade.world.register(other, NATIONAL, "bank")
    return (CONSUMER, other), {"amount_micro_yuan": 1, "reference": ""}


@case("settlement.withdraw", "insufficient-balance")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    trade.world.do("settlement.pay", CONSUMER, amount_micro_yuan=YUAN, reference="", to=PROVIDER)
    return (CONSUMER, BANK), {"amount_micro_yuan": 10_000 * YUAN, "reference": ""}


@case("settlement.pay", "same-party")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return CONSUMER, {"amount_micro_yuan": 1, "reference": "", "to": CONSUMER}


@case("settlement.pay", "unknown-party")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return CONSUMER, {"amount_micro_yuan": 1, "reference": "", "to": OTHER_PROVIDER}


@case("settlement.pay", "insufficient-balance")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, {"amount_micro_yuan": 1, "reference": "", "to": CONSUMER}


def test_every_failure_has_its_case() -> None:
    declared = {(call.kind, code) for call in CALLS.values() for code in call.failures}
    assert set(CASES) == declared


@pytest.mark.parametrize(("kind", "code"), sorted(CASES))
def test_failure(kind: str, code: str) -> None:
    trade = Trade()
    signers, data = CASES[kind, code](trade)
    result = trade.world.run(kind, signers, **data)
    assert result.code == code
    assert (result.events, result.changes) == ((), ())
    # Nothing but the accounts of those who signed has changed.
    assert trade.world.layer is not None
    signed = [signers] if isinstance(signers, str) else signers
    accounts = {f"account\x00{signer}\x00".encode() for signer in signed if signer[0] != "k"}
    assert set(trade.world.layer.records) == accounts
    assert not trade.world.layer.derived
