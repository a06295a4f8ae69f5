"""Failures of policies, and of trade at a venue whose policy does not admit it."""

from collections.abc import Callable

from ledger.codec import Value
from tests.contracts.failures.cases import (
    OTHER_INDUSTRY,
    STRANGER,
    Attempt,
    another,
    case,
)
from tests.contracts.trade import CONSUMER, INDUSTRY, PROVIDER, Trade
from tests.contracts.world import NATIONAL

MakeData = Callable[[Trade, str], dict[str, Value]]


@case("policy.permit", "unknown-identity")
@case("policy.forbid", "unknown-identity")
def _(trade: Trade) -> Attempt:
    trade.set_up().open_venue()
    return INDUSTRY, {"code": STRANGER, "note": ""}


@case("policy.permit", "wrong-state")
def _(trade: Trade) -> Attempt:
    trade.set_up().open_venue(PROVIDER)
    return INDUSTRY, {"code": PROVIDER, "note": ""}


@case("policy.forbid", "wrong-state")
def _(trade: Trade) -> Attempt:
    trade.set_up().open_venue()
    trade.world.do("policy.forbid", INDUSTRY, code=PROVIDER, note="")
    return INDUSTRY, {"code": PROVIDER, "note": ""}


def add_actor_cases(kind: str, actor: str, make_data: MakeData) -> None:
    """What whoever acts at a venue fails with."""

    @case(kind, "venue-closed")
    def _(trade: Trade) -> Attempt:
        trade.set_up().world.register(INDUSTRY, NATIONAL)
        return actor, make_data(trade, INDUSTRY)

    @case(kind, "not-admitted")
    def _(trade: Trade) -> Attempt:
        trade.set_up().open_venue(providers="permitted", consumers="permitted")
        return actor, make_data(trade, INDUSTRY)


def add_supply_cases(kind: str, make_data: MakeData) -> None:
    """What whoever sells at a venue fails with besides."""

    @case(kind, "wrong-sector")
    def _(trade: Trade) -> Attempt:
        trade.set_up().world.register(OTHER_INDUSTRY, NATIONAL)
        policy = {"attestors": ["R"], "consumers": "anyone", "providers": "anyone"}
        trade.world.do("policy.set", OTHER_INDUSTRY, **policy, sla_class=0)
        return PROVIDER, make_data(trade, OTHER_INDUSTRY)

    @case(kind, "wrong-attestor")
    def _(trade: Trade) -> Attempt:
        trade.set_up().open_venue(attestors=["M"])
        return PROVIDER, make_data(trade, INDUSTRY)

    @case(kind, "sla-too-low")
    def _(trade: Trade) -> Attempt:
        trade.set_up().open_venue(sla_class=1)
        return PROVIDER, make_data(trade, INDUSTRY)


def offer(trade: Trade, venue: str) -> dict[str, Value]:
    return trade.offer_data(venue=venue, sla_class=0)


def demand(trade: Trade, venue: str) -> dict[str, Value]:
    return trade.demand_data(venue=venue)


def quote(trade: Trade, venue: str) -> dict[str, Value]:
    """A quote on a demand that was made while the venue let its consumer make it."""
    if trade.world.value(f"policy\x00{venue}\x00".encode()) is None:
        trade.set_policy()
        name = trade.demand(venue=venue)
        trade.world.do("identity.suspend", NATIONAL, code=venue, note="", reason="investigation")
    else:
        if trade.world.value(f"policy\x00{venue}\x00".encode())["consumers"] == "permitted":
            trade.world.do("policy.permit", venue, code=CONSUMER, note="")
        name = trade.demand(venue=venue)
    return trade.quote_data(name, sla_class=0)


add_actor_cases("market.offer", PROVIDER, offer)
add_supply_cases("market.offer", offer)
add_actor_cases("market.demand", CONSUMER, demand)
add_actor_cases("market.quote", PROVIDER, quote)
add_supply_cases("market.quote", quote)


@another("market.offer", "venue-closed")
def _(trade: Trade) -> Attempt:
    trade.set_up().open_venue()
    suspension = {"code": INDUSTRY, "note": "", "reason": "investigation"}
    trade.world.do("identity.suspend", NATIONAL, **suspension)
    return PROVIDER, offer(trade, INDUSTRY)
