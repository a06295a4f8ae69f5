"""Quotes: made, awarded in whole or in part, and ended; what an award moves."""

import pytest

from contracts.demand import DEMANDS
from contracts.invariants import check_invariants
from contracts.life import compute_terminal
from contracts.quote import LIFE, QUOTES
from ledger.codec import Value
from ledger.record import make_key
from tests.contracts.trade import CONSUMER, PRICE, PROVIDER, RESOURCE, Trade, make_needs
from tests.contracts.world import HOUR_MS


@pytest.fixture
def trade() -> Trade:
    return Trade().set_up()


def count_open(trade: Trade, demand: str) -> int:
    return len(list(trade.world.state.scan_derived(make_key("quotes", demand))))


def test_an_award_makes_a_lease_out_of_the_budget(trade: Trade) -> None:
    before = trade.world.balance(CONSUMER)
    demand = trade.demand()
    quote = trade.quote(demand, price_micro_yuan=PRICE - 1, notice_seconds=60)
    assert count_open(trade, demand) == 1
    trade.award(quote)
    lease = trade.record
    assert (lease["quote"], lease["demand"], lease["offer"]) == (quote, demand, "")
    assert (lease["units"], lease["seconds"]) == (3_000, 4 * 3600)
    assert (lease["price_micro_yuan"], lease["notice_seconds"]) == (PRICE - 1, 60)
    assert lease["held_micro_yuan"] == 6 * PRICE
    # All of the demand is met: what is left of the budget is the consumer's again.
    assert trade.world.balance(CONSUMER) == before - 6 * PRICE
    assert trade.world.value(QUOTES.make_key(PROVIDER, quote))["state"] == "awarded"
    assert trade.world.value(DEMANDS.make_key(CONSUMER, demand))["state"] == "met"
    assert count_open(trade, demand) == 0
    assert trade.allocated == 3_000
    assert check_invariants(trade.world.state) == []
    trade.dispatch()
    trade.activate()
    assert trade.record["state"] == "active"


def test_a_demand_is_met_by_parts_of_several_quotes(trade: Trade) -> None:
    demand = trade.demand(minimum_units=1_000)
    first = trade.quote(demand)
    trade.award(first, units=2_000, hold_micro_yuan=4 * PRICE)
    record = trade.world.value(DEMANDS.make_key(CONSUMER, demand))
    assert (record["left_units"], record["held_micro_yuan"]) == (1_000, 8 * PRICE)
    again = trade.world.run("market.award", CONSUMER, **trade.award_data(first, units=1_000))
    assert again.code == "quote-closed"
    second = trade.quote(demand, units=1_000)
    trade.award(second, units=1_000, hold_micro_yuan=2 * PRICE)
    assert trade.world.value(DEMANDS.make_key(CONSUMER, demand))["state"] == "met"


def test_a_lease_of_a_demand_ahead_starts_when_the_demand_does(trade: Trade) -> None:
    starts_ms = trade.world.time_ms + 5 * HOUR_MS
    demand = trade.demand(earliest_ms=starts_ms, latest_ms=starts_ms + HOUR_MS)
    trade.award(trade.quote(demand))
    assert trade.record["starts_ms"] == starts_ms
    assert trade.record["reserved_until_ms"] == starts_ms + 4 * HOUR_MS


def test_a_quote_ends_by_itself(trade: Trade) -> None:
    demand = trade.demand()
    quote = trade.quote(demand, valid_until_ms=trade.world.time_ms + 5_000)
    results = trade.world.wait(5_000)
    assert [result.events[0]["type"] for result in results] == ["market.quote_expired"]
    late = trade.world.run("market.award", CONSUMER, **trade.award_data(quote))
    assert late.code == "quote-closed"
    assert count_open(trade, demand) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"resource_class": "10"},
        {"needs": make_needs(models=["H800"])},
        {"needs": make_needs(regions=["11"])},
        {"needs": make_needs(sla_class=1)},
        {"units": 2_999},
        {"units": 4_000, "minimum_units": 3_001},
    ],
)
def test_a_quote_is_what_the_demand_wants(trade: Trade, changes: dict[str, Value]) -> None:
    demand = trade.demand(**changes)
    data = trade.quote_data(demand, sla_class=0)
    assert trade.world.run("market.quote", PROVIDER, **data).code == "demand-mismatch"


def test_a_better_quote_takes_the_place_of_one_that_was_taken_back(trade: Trade) -> None:
    demand = trade.demand()
    trade.world.do("market.withdraw_quote", PROVIDER, quote=trade.quote(demand))
    trade.quote(demand, price_micro_yuan=PRICE - 1)
    assert count_open(trade, demand) == 1


def test_a_quote_reserves_nothing(trade: Trade) -> None:
    trade.quote(trade.demand())
    assert trade.world.reserved(RESOURCE) == 0


def test_lives_end() -> None:
    assert compute_terminal(LIFE) == ("awarded", "expired", "withdrawn")
