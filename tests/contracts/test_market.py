"""The market: offers and demands begin, are met, and end."""

import pytest

from contracts.agreement import make_met_key
from contracts.life import compute_terminal
from contracts.market import DEMAND_LIFE, DEMANDS, OFFER_LIFE, OFFERS
from ledger.record import make_key
from tests.contracts.trade import CONSUMER, PRICE, PROVIDER, RESOURCE, UNITS, YUAN, Trade
from tests.contracts.world import GUIZHOU, HOUR_MS


@pytest.fixture
def trade() -> Trade:
    trade = Trade().set_up()
    trade.make_offer()
    return trade


def make_demand(trade: Trade, units: int) -> str:
    result = trade.world.do(
        "market.demand",
        CONSUMER,
        ceiling_micro_yuan=PRICE,
        regions=["52"],
        resource_class="20",
        units=units,
        until_ms=trade.world.time_ms + HOUR_MS,
    )
    return str(result.events[0]["about"][0])


def count(trade: Trade, *prefix: str) -> int:
    return len(list(trade.world.state.scan_derived(make_key(*prefix))))


def test_an_offer_is_in_the_book_until_it_ends(trade: Trade) -> None:
    assert count(trade, "book", "20") == 1
    trade.world.do("market.withdraw_offer", PROVIDER, offer=trade.offer)
    assert count(trade, "book") == 0
    assert trade.world.value(OFFERS.make_key(PROVIDER, trade.offer))["state"] == "withdrawn"


def test_the_book_is_in_the_order_of_prices(trade: Trade) -> None:
    trade.make_offer(price_micro_yuan=PRICE + 1)
    trade.make_offer(price_micro_yuan=PRICE - 1)
    book = trade.world.state.scan_derived(make_key("book", "20"))
    prices = [trade.world.value(key)["price_micro_yuan"] for _, key in book]
    assert prices == [PRICE - 1, PRICE, PRICE + 1]


def test_an_offer_is_sold_in_parts_and_sold_again(trade: Trade) -> None:
    trade.take(units=5_000, hold_micro_yuan=200 * YUAN)
    assert trade.world.reserved(trade.offer) == 5_000
    first = trade.lease
    trade.take(units=3_000)
    full = trade.world.run("market.take", CONSUMER, **trade.take_data(units=1))
    assert full.code == "not-enough-units"
    trade.world.do("lease.close", CONSUMER, lease=first, note="", reason="unneeded")
    trade.take(units=5_000, hold_micro_yuan=200 * YUAN)
    assert trade.allocated == UNITS


def test_leases_outlive_their_offer(trade: Trade) -> None:
    trade.take()
    trade.world.do("market.withdraw_offer", PROVIDER, offer=trade.offer)
    trade.dispatch()
    trade.activate()
    assert trade.record["state"] == "active"


def test_two_offers_never_oversell_a_resource(trade: Trade) -> None:
    trade.make_offer()
    trade.take(units=8_000, hold_micro_yuan=400 * YUAN)
    other = next(
        key.split(b"\x00")[2].decode()
        for key, _ in trade.world.state.scan(OFFERS.prefix)
        if trade.offer.encode() not in key
    )
    result = trade.world.run("market.take", CONSUMER, **trade.take_data(offer=other, units=1))
    assert result.code == "over-capacity"


def test_a_lower_attestation_stops_sales_not_leases(trade: Trade) -> None:
    trade.take(units=2_000)
    until_ms = trade.world.time_ms + 10 * HOUR_MS
    trade.world.do("resource.attest", GUIZHOU, code=RESOURCE, units=2_000, until_ms=until_ms)
    full = trade.world.run("market.take", CONSUMER, **trade.take_data(units=1))
    assert full.code == "over-capacity"


def test_a_demand_is_met_in_parts(trade: Trade) -> None:
    demand = make_demand(trade, 3_000)
    trade.take(demand=demand, units=2_000)
    assert trade.world.state.get_derived(make_met_key(demand)) == 2_000
    late = trade.world.run("market.take", CONSUMER, **trade.take_data(demand=demand, units=1_001))
    assert late.code == "demand-mismatch"
    trade.take(demand=demand, units=1_000)
    assert trade.record["demand"] == demand


def test_a_demand_ends_by_itself(trade: Trade) -> None:
    demand = make_demand(trade, 1)
    assert count(trade, "wanted", "20") == 1
    results = trade.world.wait(HOUR_MS)
    assert [result.events[0]["type"] for result in results] == ["market.demand_expired"]
    assert trade.world.value(DEMANDS.make_key(CONSUMER, demand))["state"] == "expired"
    assert count(trade, "wanted") == 0


def test_a_lease_that_failed_met_nothing(trade: Trade) -> None:
    demand = make_demand(trade, 2_000)
    trade.take(demand=demand)
    trade.world.wait(31 * 60_000)
    assert trade.record["state"] == "failed"
    assert trade.world.state.get_derived(make_met_key(demand)) is None


def test_lives_end() -> None:
    assert compute_terminal(OFFER_LIFE) == compute_terminal(DEMAND_LIFE) == ("expired", "withdrawn")
