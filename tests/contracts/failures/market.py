"""Failures of offers, demands and takings."""

from contracts.calendar import MAX_RESERVATIONS
from contracts.demand import MAX_DEMANDS, make_count_key
from contracts.offer import MAX_OFFERS
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
from tests.contracts.world import (
    BEIJING,
    END_MS,
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


@case("market.offer", "too-many-offers")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    world, data = trade.world, trade.offer_data()
    world.block(*(world.make("market.offer", PROVIDER, **data) for _ in range(MAX_OFFERS)))
    return PROVIDER, data


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


@case("market.demand", "window-in-past")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return CONSUMER, trade.demand_data(earliest_ms=1, latest_ms=START_MS)


@case("market.demand", "budget-too-small")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return CONSUMER, trade.demand_data(budget_micro_yuan=12 * PRICE - 1)


@case("market.demand", "insufficient-balance")
def _(trade: Trade) -> Attempt:
    trade.set_up(funds=12 * PRICE - 1)
    return CONSUMER, trade.demand_data()


@case("market.demand", "too-many-demands")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    data = trade.demand_data(ceiling_micro_yuan=1, seconds=1, units=1)
    key = make_count_key(CONSUMER)
    trade.world.state.derived[key] = MAX_DEMANDS  # so many were made before
    return CONSUMER, data


@case("market.withdraw_demand", "unknown-demand")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return CONSUMER, {"demand": NO_DEMAND}


@case("market.withdraw_demand", "not-owner")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    trade.world.register(STRANGER, BEIJING)
    trade.world.deposit(STRANGER, 1_000 * YUAN)
    return STRANGER, {"demand": trade.demand()}


@case("market.withdraw_demand", "wrong-state")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    demand = trade.demand()
    trade.world.wait(2 * HOUR_MS)
    return CONSUMER, {"demand": demand}


@case("market.take", "unknown-offer")
def _(trade: Trade) -> Attempt:
    return CONSUMER, offered(trade).take_data(offer=NO_OFFER)


@case("market.take", "offer-closed")
def _(trade: Trade) -> Attempt:
    offered(trade)
    trade.world.do("market.withdraw_offer", PROVIDER, offer=trade.offer)
    return CONSUMER, trade.take_data()


@case("market.take", "offer-stale")
def _(trade: Trade) -> Attempt:
    offered(trade)
    trade.world.do("resource.update", PROVIDER, code=RESOURCE, descriptor=make_descriptor())
    trade.world.do("resource.attest", GUIZHOU, code=RESOURCE, units=UNITS, until_ms=END_MS)
    return CONSUMER, trade.take_data()


@case("market.take", "start-in-past")
def _(trade: Trade) -> Attempt:
    return CONSUMER, offered(trade).take_data(starts_ms=START_MS)


@case("market.take", "outside-window")
def _(trade: Trade) -> Attempt:
    offered(trade, starts_ms=START_MS + HOUR_MS)
    return CONSUMER, trade.take_data()


@case("market.take", "below-minimum")
def _(trade: Trade) -> Attempt:
    return CONSUMER, offered(trade, minimum_units=2_001).take_data()


@case("market.take", "beyond-attestation")
def _(trade: Trade) -> Attempt:
    offered(trade)
    until_ms = trade.world.time_ms + 4 * HOUR_MS
    trade.world.do("resource.attest", GUIZHOU, code=RESOURCE, units=UNITS, until_ms=until_ms)
    return CONSUMER, trade.take_data()


@case("market.take", "against-policy")
def _(trade: Trade) -> Attempt:
    trade.set_up().make_offer(venue=trade.open_venue(CONSUMER))
    trade.set_policy(sla_class=1)
    trade.world.do("policy.forbid", INDUSTRY, code=CONSUMER, note="")
    return CONSUMER, trade.take_data()


@case("market.take", "calendar-full")
def _(trade: Trade) -> Attempt:
    offered(trade)
    taking = trade.take_data(units=1, hold_micro_yuan=YUAN)
    takes = [trade.world.make("market.take", CONSUMER, **taking) for _ in range(MAX_RESERVATIONS)]
    assert {result.code for result in trade.world.block(*takes)} == {"ok"}
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
    trade.world.deposit(STRANGER, 1_000 * YUAN)
    return CONSUMER, trade.take_data(demand=trade.demand(STRANGER))


@case("market.take", "demand-closed")
def _(trade: Trade) -> Attempt:
    offered(trade)
    demand = trade.demand()
    trade.world.do("market.withdraw_demand", CONSUMER, demand=demand)
    return CONSUMER, trade.take_data(demand=demand)


@case("market.take", "demand-mismatch")
def _(trade: Trade) -> Attempt:
    offered(trade)
    demand = trade.demand()
    trade.take(demand=demand)
    return CONSUMER, trade.take_data(demand=demand)


@case("market.take", "over-budget")
def _(trade: Trade) -> Attempt:
    offered(trade)
    return CONSUMER, trade.take_data(demand=trade.demand(), hold_micro_yuan=12 * PRICE + 1)


@case("market.take", "hold-too-small")
def _(trade: Trade) -> Attempt:
    return CONSUMER, offered(trade).take_data(hold_micro_yuan=4 * PRICE - 1)


@case("market.take", "insufficient-balance")
def _(trade: Trade) -> Attempt:
    return CONSUMER, offered(trade).take_data(hold_micro_yuan=10_001 * YUAN)
