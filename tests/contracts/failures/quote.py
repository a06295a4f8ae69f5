"""Failures of quotes and awards."""

from contracts.calendar import MAX_RESERVATIONS
from tests.contracts.failures.cases import (
    MISSING_RESOURCE,
    NO_DEMAND,
    STRANGER,
    SUSPENSION,
    Attempt,
    case,
)
from tests.contracts.failures.voucher import add_use_cases
from tests.contracts.trade import (
    CONSUMER,
    INDUSTRY,
    OTHER_PROVIDER,
    PRICE,
    PROVIDER,
    RESOURCE,
    UNITS,
    YUAN,
    Trade,
    make_descriptor,
)
from tests.contracts.world import BEIJING, END_MS, GUIZHOU, HOUR_MS, START_MS

NO_QUOTE = "quote-" + "0" * 32 + "-0"


def wanted(trade: Trade) -> str:
    return trade.set_up().demand()


def quoted(trade: Trade) -> str:
    return trade.quote(wanted(trade))


@case("market.quote", "unknown-demand")
def _(trade: Trade) -> Attempt:
    return PROVIDER, trade.set_up().quote_data(NO_DEMAND)


@case("market.quote", "unknown-resource")
def _(trade: Trade) -> Attempt:
    return PROVIDER, trade.quote_data(wanted(trade), resource=MISSING_RESOURCE)


@case("market.quote", "not-owner")
def _(trade: Trade) -> Attempt:
    demand = wanted(trade)
    trade.world.register(OTHER_PROVIDER, GUIZHOU)
    return OTHER_PROVIDER, trade.quote_data(demand)


@case("market.quote", "demand-closed")
def _(trade: Trade) -> Attempt:
    demand = wanted(trade)
    trade.world.do("market.withdraw_demand", CONSUMER, demand=demand)
    return PROVIDER, trade.quote_data(demand)


@case("market.quote", "wrong-way")
def _(trade: Trade) -> Attempt:
    demand = trade.set_up().demand(way="selection")
    trade.world.block()  # it has its turn
    return PROVIDER, trade.quote_data(demand)


@case("market.quote", "until-in-past")
def _(trade: Trade) -> Attempt:
    return PROVIDER, trade.quote_data(wanted(trade), valid_until_ms=START_MS)


@case("market.quote", "not-attested")
def _(trade: Trade) -> Attempt:
    demand = wanted(trade)
    trade.world.do("resource.update", PROVIDER, code=RESOURCE, descriptor=make_descriptor())
    return PROVIDER, trade.quote_data(demand)


@case("market.quote", "demand-mismatch")
def _(trade: Trade) -> Attempt:
    return PROVIDER, trade.quote_data(wanted(trade), price_micro_yuan=PRICE + 1)


@case("market.quote", "already-quoted")
def _(trade: Trade) -> Attempt:
    demand = wanted(trade)
    trade.quote(demand)
    return PROVIDER, trade.quote_data(demand, price_micro_yuan=PRICE - 1)


@case("market.withdraw_quote", "unknown-quote")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, {"quote": NO_QUOTE}


@case("market.withdraw_quote", "not-owner")
def _(trade: Trade) -> Attempt:
    quote = quoted(trade)
    trade.world.register(OTHER_PROVIDER, GUIZHOU)
    return OTHER_PROVIDER, {"quote": quote}


@case("market.withdraw_quote", "wrong-state")
def _(trade: Trade) -> Attempt:
    quote = quoted(trade)
    trade.award(quote)
    return PROVIDER, {"quote": quote}


@case("market.award", "unknown-quote")
def _(trade: Trade) -> Attempt:
    return CONSUMER, trade.set_up().award_data(NO_QUOTE)


@case("market.award", "not-owner")
def _(trade: Trade) -> Attempt:
    quote = quoted(trade)
    trade.world.register(STRANGER, BEIJING)
    return STRANGER, trade.award_data(quote)


@case("market.award", "quote-closed")
def _(trade: Trade) -> Attempt:
    quote = quoted(trade)
    trade.world.do("market.withdraw_quote", PROVIDER, quote=quote)
    return CONSUMER, trade.award_data(quote)


@case("market.award", "demand-closed")
def _(trade: Trade) -> Attempt:
    demand = wanted(trade)
    quote = trade.quote(demand)
    trade.world.do("market.withdraw_demand", CONSUMER, demand=demand)
    return CONSUMER, trade.award_data(quote)


@case("market.award", "provider-not-active")
def _(trade: Trade) -> Attempt:
    quote = quoted(trade)
    trade.world.do("identity.suspend", GUIZHOU, code=PROVIDER, **SUSPENSION)
    return CONSUMER, trade.award_data(quote)


@case("market.award", "not-attested")
def _(trade: Trade) -> Attempt:
    quote = quoted(trade)
    until_ms = trade.world.time_ms + 2_000
    trade.world.do("resource.attest", GUIZHOU, code=RESOURCE, units=UNITS, until_ms=until_ms)
    trade.world.wait(2_000)
    return CONSUMER, trade.award_data(quote)


@case("market.award", "quote-stale")
def _(trade: Trade) -> Attempt:
    quote = quoted(trade)
    trade.world.do("resource.update", PROVIDER, code=RESOURCE, descriptor=make_descriptor())
    trade.world.do("resource.attest", GUIZHOU, code=RESOURCE, units=UNITS, until_ms=END_MS)
    return CONSUMER, trade.award_data(quote)


@case("market.award", "against-policy")
def _(trade: Trade) -> Attempt:
    trade.set_up().open_venue()
    quote = trade.quote(trade.demand(venue=INDUSTRY))
    trade.world.do("policy.forbid", INDUSTRY, code=PROVIDER, note="")
    return CONSUMER, trade.award_data(quote)


@case("market.award", "not-a-part")
def _(trade: Trade) -> Attempt:
    quote = trade.quote(wanted(trade), units=2_000)
    return CONSUMER, trade.award_data(quote, units=2_001)


@case("market.award", "beyond-attestation")
def _(trade: Trade) -> Attempt:
    quote = quoted(trade)
    until_ms = trade.world.time_ms + 4 * HOUR_MS
    trade.world.do("resource.attest", GUIZHOU, code=RESOURCE, units=UNITS, until_ms=until_ms)
    return CONSUMER, trade.award_data(quote)


@case("market.award", "over-capacity")
def _(trade: Trade) -> Attempt:
    quote = quoted(trade)
    trade.make_offer()
    trade.take(units=6_000, hold_micro_yuan=200 * YUAN)
    return CONSUMER, trade.award_data(quote)


@case("market.award", "calendar-full")
def _(trade: Trade) -> Attempt:
    quote = quoted(trade)
    trade.make_offer()
    taking = trade.take_data(units=1, hold_micro_yuan=YUAN)
    takes = [trade.world.make("market.take", CONSUMER, **taking) for _ in range(MAX_RESERVATIONS)]
    assert {result.code for result in trade.world.block(*takes)} == {"ok"}
    return CONSUMER, trade.award_data(quote)


@case("market.award", "over-budget")
def _(trade: Trade) -> Attempt:
    return CONSUMER, trade.award_data(quoted(trade), hold_micro_yuan=12 * PRICE + 1)


@case("market.award", "hold-too-small")
def _(trade: Trade) -> Attempt:
    return CONSUMER, trade.award_data(quoted(trade), hold_micro_yuan=6 * PRICE - 1)


def begin(trade: Trade) -> Trade:
    trade.offer = quoted(trade)
    return trade


add_use_cases(
    "market.award",
    begin,
    lambda trade: trade.award_data(trade.offer, voucher=trade.voucher, voucher_micro_yuan=YUAN),
)
