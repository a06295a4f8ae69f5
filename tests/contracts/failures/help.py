"""Failures of help cases."""

from contracts.help import MAX_CASES
from tests.contracts.failures.cases import STRANGER, SUSPENSION, Attempt, case
from tests.contracts.public import MESSAGE, case_data, open_case, register_industry
from tests.contracts.trade import CONSUMER, Trade
from tests.contracts.world import BEIJING, GUIZHOU, NATIONAL

NO_CASE = "case-" + "0" * 32 + "-0"


def opened(trade: Trade) -> str:
    """A case of the consumer's at Guizhou's node."""
    trade.world.register(CONSUMER, BEIJING)
    return open_case(trade, CONSUMER)


def answered(trade: Trade) -> str:
    """A case that was answered."""
    name = opened(trade)
    trade.world.do("help.answer", GUIZHOU, case=name, message=MESSAGE)
    return name


def closed(trade: Trade) -> str:
    """A case that its opener closed."""
    name = opened(trade)
    trade.world.do("help.close", CONSUMER, case=name, reason="withdrawn")
    return name


@case("help.open", "node-not-active")
def _(trade: Trade) -> Attempt:
    industry = register_industry(trade)
    trade.world.do("identity.suspend", NATIONAL, code=industry, **SUSPENSION)
    return BEIJING, case_data(node=industry)


@case("help.open", "too-many-cases")
def _(trade: Trade) -> Attempt:
    for _ in range(MAX_CASES):
        open_case(trade, BEIJING)
    return BEIJING, case_data()


@case("help.answer", "unknown-case")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, {"case": NO_CASE, "message": MESSAGE}


@case("help.answer", "not-party")
def _(trade: Trade) -> Attempt:
    return BEIJING, {"case": opened(trade), "message": MESSAGE}


@case("help.answer", "wrong-state")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, {"case": answered(trade), "message": MESSAGE}


@case("help.ask", "unknown-case")
def _(trade: Trade) -> Attempt:
    return BEIJING, {"case": NO_CASE, "message": MESSAGE}


@case("help.ask", "not-party")
def _(trade: Trade) -> Attempt:
    name = answered(trade)
    trade.world.register(STRANGER, BEIJING)
    return STRANGER, {"case": name, "message": MESSAGE}


@case("help.ask", "wrong-state")
def _(trade: Trade) -> Attempt:
    return CONSUMER, {"case": opened(trade), "message": MESSAGE}


@case("help.close", "unknown-case")
def _(trade: Trade) -> Attempt:
    return BEIJING, {"case": NO_CASE, "reason": "solved"}


@case("help.close", "not-party")
def _(trade: Trade) -> Attempt:
    return BEIJING, {"case": opened(trade), "reason": "solved"}


@case("help.close", "wrong-state")
def _(trade: Trade) -> Attempt:
    return CONSUMER, {"case": closed(trade), "reason": "solved"}


@case("help.close", "not-answered")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, {"case": opened(trade), "reason": "not-responsible"}
