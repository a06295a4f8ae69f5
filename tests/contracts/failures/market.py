"""Failures of offers, demands and takings."""

from ledger.codec import Value
from tests.contracts.failures.cases import (
    MISSING_RESOURCE,
    NO_DEMAND,
    NO_OFFER,
    STRANGER,
    SUSPENSION,
    Attempt,
    case,
    offered,
)
from tests.contracts.trade import (
    CONSUMER,
    OTHER_PROVIDER,
    PRICE,
    PROVIDER,
    RESOURCE,
    UNITS,
    YUAN,
    Trade,
    make_descriptor,
)
from tests.contracts.world import (
    BEIJING,
    GUIZHOU,
    HOUR_MS,
    START_MS,
)

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
