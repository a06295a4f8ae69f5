"""Failures of reports of double signing, and of accusations that rest on them."""

from typing import Any

from contracts.ballot import MAX_OPEN
from contracts.evidence import MAX_OF_KEY
from ledger.transaction import key_signer
from tests.contracts.failures.ballot import suspension
from tests.contracts.failures.cases import Attempt, case
from tests.contracts.trade import Trade
from tests.contracts.world import (
    GUIZHOU,
    NATIONAL,
    REGIONS,
    SICHUAN,
    World,
    make_evidence,
    make_keys,
)

VOICE = make_keys(SICHUAN + "validator")
WITNESS = key_signer(make_keys(GUIZHOU + "validator").public)


def report_data(view: int = 1, code: str = SICHUAN) -> dict[str, Any]:
    key = make_keys(code + "validator")
    return {"evidence": make_evidence(key, 0, view), "key": key.public}


def accusation(view: int = 1, code: str = SICHUAN) -> dict[str, Any]:
    return {"code": code, "epoch": 0, "note": "", "view": view}


def recorded(world: World, code: str = SICHUAN) -> dict[str, Any]:
    """An accusation of a double signing that stands on the ledger."""
    world.do("evidence.report", WITNESS, **report_data(code=code))
    return accusation(code=code)


# evidence.report


@case("evidence.report", "not-a-validator")
def _(trade: Trade) -> Attempt:
    """Whoever makes a key can sign with it."""
    return key_signer(make_keys("nobody").public), report_data()


@case("evidence.report", "unknown-key")
def _(trade: Trade) -> Attempt:
    key = make_keys("nobody")
    return WITNESS, {"evidence": make_evidence(key), "key": key.public}


@case("evidence.report", "enough-evidence")
def _(trade: Trade) -> Attempt:
    for view in range(1, MAX_OF_KEY + 1):
        trade.world.do("evidence.report", WITNESS, **report_data(view))
    return WITNESS, report_data(MAX_OF_KEY + 1)


@case("evidence.report", "proves-nothing")
def _(trade: Trade) -> Attempt:
    return WITNESS, {**report_data(), "evidence": make_evidence(make_keys("nobody"))}


@case("evidence.report", "already-recorded")
def _(trade: Trade) -> Attempt:
    recorded(trade.world)
    return GUIZHOU, report_data()


# ballot.accuse


@case("ballot.accuse", "not-entitled")
def _(trade: Trade) -> Attempt:
    """Nobody keeps others from it by opening the ballot on itself."""
    return SICHUAN, recorded(trade.world)


@case("ballot.accuse", "unknown-evidence")
def _(trade: Trade) -> Attempt:
    recorded(trade.world)
    return NATIONAL, accusation(view=2)


@case("ballot.accuse", "not-a-voter")
def _(trade: Trade) -> Attempt:
    """It retired since."""
    data = recorded(trade.world)
    trade.world.decide("retirement", SICHUAN, SICHUAN)
    return NATIONAL, data


@case("ballot.accuse", "wrong-state")
def _(trade: Trade) -> Attempt:
    data = recorded(trade.world)
    trade.world.decide("suspension", SICHUAN)
    return NATIONAL, data


@case("ballot.accuse", "matter-open")
def _(trade: Trade) -> Attempt:
    data = recorded(trade.world)
    suspension(trade)
    return NATIONAL, data


@case("ballot.accuse", "too-many-ballots")
def _(trade: Trade) -> Attempt:
    data = recorded(trade.world)
    for code in REGIONS[:MAX_OPEN]:
        suspension(trade, code)
    return NATIONAL, data
