"""Failures of incidents."""

from contracts.security import MAX_INCIDENTS
from ledger.codec import Value
from tests.contracts.failures.cases import Attempt, case
from tests.contracts.public import DOCUMENT, incident_data, report_incident
from tests.contracts.trade import Trade
from tests.contracts.world import BEIJING, GUIZHOU, HOUR_MS

NO_INCIDENT = "incident-" + "0" * 32 + "-0"


def resolved(trade: Trade) -> str:
    """An incident that is over."""
    name = report_incident(trade)
    for kind in ("security.contain", "security.resolve"):
        trade.world.do(kind, GUIZHOU, document=DOCUMENT, incident=name)
    return name


def step(name: str) -> dict[str, Value]:
    return {"document": DOCUMENT, "incident": name}


def grade(name: str) -> dict[str, Value]:
    return {"incident": name, "note": "", "severity": 1}


@case("security.report", "not-yet")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, incident_data(trade, occurred_ms=trade.world.time_ms + HOUR_MS)


@case("security.report", "unknown-incident")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, incident_data(trade, predecessor=NO_INCIDENT)


@case("security.report", "not-owner")
def _(trade: Trade) -> Attempt:
    return BEIJING, incident_data(trade, predecessor=resolved(trade))


@case("security.report", "not-resolved")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, incident_data(trade, predecessor=report_incident(trade))


@case("security.report", "too-many-incidents")
def _(trade: Trade) -> Attempt:
    world = trade.world
    data = incident_data(trade)
    world.block(*(world.make("security.report", GUIZHOU, **data) for _ in range(MAX_INCIDENTS)))
    return GUIZHOU, data


@case("security.grade", "unknown-incident")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, grade(NO_INCIDENT)


@case("security.grade", "not-owner")
def _(trade: Trade) -> Attempt:
    return BEIJING, grade(report_incident(trade))


@case("security.grade", "wrong-state")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, grade(resolved(trade))


@case("security.contain", "unknown-incident")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, step(NO_INCIDENT)


@case("security.contain", "not-owner")
def _(trade: Trade) -> Attempt:
    return BEIJING, step(report_incident(trade))


@case("security.contain", "wrong-state")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, step(resolved(trade))


@case("security.resolve", "unknown-incident")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, step(NO_INCIDENT)


@case("security.resolve", "not-owner")
def _(trade: Trade) -> Attempt:
    return BEIJING, step(report_incident(trade))


@case("security.resolve", "wrong-state")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, step(report_incident(trade))
