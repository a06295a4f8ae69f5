"""Failures of monitoring."""

from contracts.monitoring import HOUR_MS, MAX_CORRECTIONS
from contracts.rules import VERSION_1
from ledger.codec import Value
from tests.contracts.failures.cases import MISSING_RESOURCE, Attempt, case
from tests.contracts.public import reading
from tests.contracts.trade import UNITS, Trade
from tests.contracts.world import BEIJING, GUIZHOU

CORRECTION: dict[str, Value] = {"note": "", "reason": "late-samples"}


@case("monitoring.report", "unknown-resource")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, reading(trade, resource=MISSING_RESOURCE)


@case("monitoring.report", "wrong-region")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return BEIJING, reading(trade)


@case("monitoring.report", "hour-not-over")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    hour = reading(trade)
    return GUIZHOU, {**hour, "starts_ms": hour["starts_ms"] + HOUR_MS}


@case("monitoring.report", "too-late")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    hour = reading(trade)
    return GUIZHOU, {
        **hour,
        "starts_ms": hour["starts_ms"] - VERSION_1["monitoring_window_ms"],
    }


@case("monitoring.report", "over-attested")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return GUIZHOU, reading(trade, capacity_units=UNITS + 1)


@case("monitoring.report", "already-reported")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    trade.world.do("monitoring.report", GUIZHOU, **reading(trade))
    return GUIZHOU, reading(trade)


@case("monitoring.correct", "unknown-resource")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, {**reading(trade, resource=MISSING_RESOURCE), **CORRECTION}


@case("monitoring.correct", "wrong-region")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return BEIJING, {**reading(trade), **CORRECTION}


@case("monitoring.correct", "over-attested")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return GUIZHOU, {**reading(trade, capacity_units=UNITS + 1), **CORRECTION}


@case("monitoring.correct", "not-reported")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return GUIZHOU, {**reading(trade), **CORRECTION}


@case("monitoring.correct", "too-many-corrections")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    hour, world = reading(trade), trade.world
    world.do("monitoring.report", GUIZHOU, **hour)
    for _ in range(MAX_CORRECTIONS):
        world.do("monitoring.correct", GUIZHOU, **hour, **CORRECTION)
    return GUIZHOU, {**hour, **CORRECTION}
