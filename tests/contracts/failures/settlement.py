"""Failures of money."""

from ledger.code import compose_code
from tests.contracts.failures.cases import (
    Attempt,
    case,
)
from tests.contracts.trade import (
    CONSUMER,
    OTHER_PROVIDER,
    PROVIDER,
    YUAN,
    Trade,
)
from tests.contracts.world import (
    BANK,
    BUREAU,
    NATIONAL,
)

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
