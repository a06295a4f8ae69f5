"""The market: offers and demands begin, are met, and end."""

import pytest

from contracts import demand, offer
from contracts.demand import DEMANDS
from contracts.invariants import check_invariants
from contracts.life import compute_terminal
from contracts.needs import is_fit
from contracts.offer import OFFERS
from ledger.codec import Value
from ledger.record import make_key
from tests.contracts.trade import (
    CONSUMER,
    PRICE,
    PROVIDER,
    RESOURCE,
    UNITS,
    YUAN,
    Trade,
    make_descriptor,
    make_needs,
)
from tests.contracts.world import GUIZHOU, HOUR_MS


@pytest.fixture
def trade() -> Trade:
    trade = Trade().set_up()
    trade.make_offer()
    return trade


def count(trade: Trade, *prefix: str) -> int:
    return len(list(trade.world.state.scan_derived(make_key(*prefix))))


def test_an_offer_is_in_the_book_until_it_ends(trade: Trade) -> None:
    for shelf in ("all", "now"):
        for region in ("00", "52"):
            assert count(trade, "book", shelf, "-", "20", region) == 1
    trade.world.do("market.withdraw_offer", PROVIDER, offer=trade.offer)
    assert count(trade, "book") == 0
    assert trade.world.value(OFFERS.make_key(PROVIDER, trade.offer))["state"] == "withdrawn"


def test_offers_and_demands_that_cost_nothing_are_bounded_and_make_room(trade: Trade) -> None:
    for _ in range(offer.MAX_OFFERS - 1):
        trade.make_offer()
    assert trade.world.run("market.offer", PROVIDER, **trade.offer_data()).code == "too-many-offers"
    trade.world.do("market.withdraw_offer", PROVIDER, offer=trade.offer)
    trade.make_offer(ends_ms=trade.world.time_ms + 5_000)
    trade.world.block(after_ms=10_000)
    trade.make_offer()
    assert trade.world.state.get_derived(offer.make_count_key(RESOURCE)) == offer.MAX_OFFERS
    name = trade.demand()
    assert trade.world.state.get_derived(demand.make_count_key(CONSUMER)) == 1
    trade.world.do("market.withdraw_demand", CONSUMER, demand=name)
    assert trade.world.state.get_derived(demand.make_count_key(CONSUMER)) is None


def test_the_book_is_in_the_order_of_prices(trade: Trade) -> None:
    trade.make_offer(price_micro_yuan=PRICE + 1)
    trade.make_offer(price_micro_yuan=PRICE - 1)
    book = trade.world.state.scan_derived(make_key("book", "all", "-", "20", "52"))
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


def test_a_demand_is_met_in_parts_out_of_its_budget(trade: Trade) -> None:
    before = trade.world.balance(CONSUMER)
    wanted = trade.demand(budget_micro_yuan=200 * YUAN, minimum_units=500)
    assert trade.world.balance(CONSUMER) == before - 200 * YUAN
    trade.take(demand=wanted, units=2_000)
    record = trade.world.value(DEMANDS.make_key(CONSUMER, wanted))
    assert (record["left_units"], record["held_micro_yuan"]) == (1_000, 100 * YUAN)
    for units in (1_001, 499):
        late = trade.take_data(demand=wanted, units=units)
        assert trade.world.run("market.take", CONSUMER, **late).code == "demand-mismatch"
    trade.take(demand=wanted, units=600, hold_micro_yuan=50 * YUAN)
    # The last part may be smaller than the least; what is left of the budget goes back.
    trade.take(demand=wanted, units=400, hold_micro_yuan=20 * YUAN)
    assert trade.record["demand"] == wanted
    record = trade.world.value(DEMANDS.make_key(CONSUMER, wanted))
    assert (record["state"], record["held_micro_yuan"]) == ("met", 0)
    assert trade.world.balance(CONSUMER) == before - 170 * YUAN
    assert check_invariants(trade.world.state) == []


def test_a_demand_ends_by_itself_and_gives_its_budget_back(trade: Trade) -> None:
    before = trade.world.balance(CONSUMER)
    wanted = trade.demand(latest_ms=trade.world.time_ms + HOUR_MS)
    assert trade.world.balance(CONSUMER) == before - 12 * PRICE
    results = trade.world.wait(HOUR_MS)
    assert [result.events[0]["type"] for result in results] == ["market.demand_expired"]
    assert trade.world.value(DEMANDS.make_key(CONSUMER, wanted))["state"] == "expired"
    assert trade.world.balance(CONSUMER) == before


def test_a_withdrawn_demand_gives_its_budget_back(trade: Trade) -> None:
    before = trade.world.balance(CONSUMER)
    wanted = trade.demand()
    trade.take(demand=wanted)
    trade.world.do("market.withdraw_demand", CONSUMER, demand=wanted)
    assert trade.world.balance(CONSUMER) == before - 100 * YUAN


@pytest.mark.parametrize(
    "changes",
    [
        {"regions": ["11"]},
        {"models": ["A100"]},
        {"latency_ms": 5},
        {"green_bp": 5_501},
        {"sla_class": 1},
        {"interface": "slurm-1"},
        {"gflops_fp16": 312_501},
        {"gops_int8": 625_001},
        {"memory_mib": 131_073},
        {"accelerator_memory_mib": 65_537},
    ],
)
def test_a_taking_is_what_the_demand_needs(changes: dict[str, Value]) -> None:
    trade = Trade().set_up()
    trade.make_offer(sla_class=0)
    wanted = trade.demand(needs=make_needs(**changes))
    taking = trade.take_data(demand=wanted)
    assert trade.world.run("market.take", CONSUMER, **taking).code == "demand-mismatch"


def test_needs_are_met_exactly() -> None:
    trade = Trade().set_up()
    trade.make_offer()
    needs = make_needs(
        accelerator_memory_mib=65_536,
        domestic=True,
        gflops_fp16=312_500,
        gops_int8=625_000,
        green_bp=5_500,
        interface="kubernetes-1",
        memory_mib=131_072,
        models=["A100", "Ascend 910B"],
        sla_class=1,
    )
    trade.take(demand=trade.demand(needs=needs))


def test_a_foreign_chip_is_none_for_who_wants_domestic_ones() -> None:
    descriptor = make_descriptor(domestic=False)
    assert not is_fit(make_needs(domestic=True), descriptor)
    assert is_fit(make_needs(), descriptor)


def test_what_is_reserved_ahead_leaves_room_before_and_after(trade: Trade) -> None:
    starts_ms = trade.world.time_ms + 10 * HOUR_MS
    trade.take(units=UNITS, starts_ms=starts_ms, hold_micro_yuan=400 * YUAN)
    assert trade.allocated == 0
    assert trade.record["starts_ms"] == starts_ms
    assert trade.record["reserved_until_ms"] == starts_ms + 4 * HOUR_MS
    # Nine hours end with the time for an activation before them; ten do not.
    late = trade.take_data(units=1, seconds=10 * 3600)
    assert trade.world.run("market.take", CONSUMER, **late).code == "not-enough-units"
    trade.take(units=UNITS, seconds=9 * 3600, hold_micro_yuan=400 * YUAN)
    trade.take(
        units=UNITS, seconds=3600, starts_ms=starts_ms + 4 * HOUR_MS, hold_micro_yuan=400 * YUAN
    )
    assert check_invariants(trade.world.state) == []


def test_a_reservation_ahead_waits_for_its_start(trade: Trade) -> None:
    trade.take(starts_ms=trade.world.time_ms + 2 * HOUR_MS)
    trade.world.wait(2 * HOUR_MS + 29 * 60_000)
    assert trade.record["state"] == "matched"
    trade.world.wait(2 * 60_000)
    assert (trade.record["state"], trade.record["reason"]) == ("failed", "not-dispatched")


def test_an_attestation_lasts_as_long_as_what_is_reserved(trade: Trade) -> None:
    trade.take(starts_ms=trade.world.time_ms + 2 * HOUR_MS)
    end_ms = trade.record["reserved_until_ms"]
    for until_ms, code in ((end_ms - 1, "before-reserved"), (end_ms, "ok")):
        data = {"code": RESOURCE, "units": UNITS, "until_ms": until_ms}
        assert trade.world.run("resource.attest", GUIZHOU, **data).code == code


def test_lives_end() -> None:
    assert compute_terminal(offer.LIFE) == ("expired", "withdrawn")
    assert compute_terminal(demand.LIFE) == ("expired", "met", "withdrawn")
