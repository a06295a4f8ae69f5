"""Selection: the least score wins, exactly; in parts, ahead, within bounds, and nobody starves."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import selection
from contracts.account import make_account_key
from contracts.agreement import LEASES
from contracts.demand import DEMANDS
from contracts.invariants import check_invariants
from contracts.offer import OFFERS
from contracts.rules import VERSION_1
from contracts.score import compute_score
from ledger.code import compose_code
from ledger.codec import Value
from ledger.result import Result
from ledger.state import Layer
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
from tests.contracts.world import BEIJING, END_MS, GUIZHOU, HOUR_MS, list_events, make_world

RETRY_MS = VERSION_1["selection_retry_ms"]
OTHER = compose_code("P", "110100", "0A003", "I")
OTHER_RESOURCE = compose_code("C", "110100", "0A003", "I", "20", "0000001")


@pytest.fixture
def trade() -> Trade:
    return Trade().set_up()


def add_resource(trade: Trade, serial: int, **changes: Value) -> str:
    """One more resource of the provider, attested."""
    code = compose_code("C", "520100", "0E001", "I", "20", f"{serial:07}")
    descriptor = make_descriptor(**changes)
    trade.world.do("resource.register", PROVIDER, code=code, descriptor=descriptor)
    trade.world.do("resource.attest", GUIZHOU, code=code, units=UNITS, until_ms=END_MS)
    return code


def select(trade: Trade, **changes: Value) -> str:
    return trade.demand(CONSUMER, way="selection", **changes)


def find_leases(trade: Trade, demand: str) -> list[Any]:
    records = [record.value for _, record in trade.world.state.scan(LEASES.prefix)]
    mine = [record for record in records if record["demand"] == demand]
    return sorted(mine, key=lambda lease: lease["starts_ms"])


def get_demand(trade: Trade, demand: str) -> Any:
    return trade.world.value(DEMANDS.make_key(CONSUMER, demand))


def get_offer(trade: Trade, offer: str) -> Any:
    return trade.world.value(OFFERS.make_key(PROVIDER, offer))


def set_record(trade: Trade, code: str, delivered: int, faults: int) -> None:
    """Give a provider a record of delivery."""
    layer = Layer(trade.world.state)
    account = trade.world.value(make_account_key(code))
    changed = {**account, "delivered": delivered, "faults": faults}
    layer.put(make_account_key(code), changed, trade.world.height, 0)
    trade.world.state.apply(layer)


def test_the_block_makes_the_lease(trade: Trade) -> None:
    offer = trade.make_offer()
    before = trade.world.balance(CONSUMER)
    demand = select(trade, budget_micro_yuan=500 * YUAN)
    (result,) = trade.world.block()
    assert list_events(result) == ["lease.matched", "market.demand_met"]
    assert result.events[0]["data"]["way"] == "selection"
    (lease,) = find_leases(trade, demand)
    assert (lease["offer"], lease["units"], lease["state"]) == (offer, 3_000, "matched")
    # Paid for its whole time; the rest of the budget is the consumer's again.
    assert lease["held_micro_yuan"] == 3 * 4 * PRICE
    assert trade.world.balance(CONSUMER) == before - 3 * 4 * PRICE
    assert get_demand(trade, demand)["state"] == "met"
    assert trade.world.block() == []
    assert check_invariants(trade.world.state) == []


def test_the_cheapest_wins(trade: Trade) -> None:
    trade.make_offer(price_micro_yuan=PRICE)
    cheap = trade.make_offer(price_micro_yuan=PRICE - 1)
    demand = select(trade)
    trade.world.block()
    assert find_leases(trade, demand)[0]["offer"] == cheap


def test_latency_and_power_are_worth_a_higher_price(trade: Trade) -> None:
    trade.make_offer()
    near = add_resource(trade, 2, latency_ms=1, green_bp=10_000, pue_thousandths=1_050)
    best = trade.make_offer(resource=near, price_micro_yuan=PRICE + PRICE // 20)
    demand = select(trade, ceiling_micro_yuan=2 * PRICE)
    trade.world.block()
    assert find_leases(trade, demand)[0]["offer"] == best


def test_a_record_of_faults_counts(trade: Trade) -> None:
    trade.make_offer()
    trade.world.register(OTHER, BEIJING)
    trade.world.do("resource.register", OTHER, code=OTHER_RESOURCE, descriptor=make_descriptor())
    attestation = {"code": OTHER_RESOURCE, "units": UNITS, "until_ms": END_MS}
    trade.world.do("resource.attest", BEIJING, **attestation)
    data = trade.offer_data(resource=OTHER_RESOURCE, price_micro_yuan=PRICE + PRICE // 100)
    best = trade.world.do("market.offer", OTHER, **data).events[0]["about"][0]
    set_record(trade, PROVIDER, delivered=9, faults=1)
    anywhere = {"needs": make_needs(regions=["52", "11"]), "ceiling_micro_yuan": 2 * PRICE}
    demand = select(trade, **anywhere)
    trade.world.block()
    assert find_leases(trade, demand)[0]["offer"] == best
    set_record(trade, OTHER, delivered=8, faults=2)
    demand = select(trade, **anywhere)
    trade.world.block()
    assert find_leases(trade, demand)[0]["provider"] == PROVIDER


def test_equal_scores_go_by_the_id(trade: Trade) -> None:
    offers = [trade.make_offer() for _ in range(4)]
    demand = select(trade)
    trade.world.block()
    assert find_leases(trade, demand)[0]["offer"] == min(offers)


def test_a_demand_is_met_by_parts_in_one_block_after_the_other(trade: Trade) -> None:
    for place, units in enumerate((2_000, 900, 4_000)):
        trade.make_offer(units=units, price_micro_yuan=PRICE - 10 + place)
    demand = select(trade, units=5_000, minimum_units=1_000)
    for left in (3_000, 0):
        trade.world.block()
        assert get_demand(trade, demand)["left_units"] == left
    assert sorted(lease["units"] for lease in find_leases(trade, demand)) == [2_000, 3_000]
    assert check_invariants(trade.world.state) == []


def test_the_last_part_may_be_small(trade: Trade) -> None:
    trade.make_offer(units=2_000)
    trade.make_offer(units=2_000)
    demand = select(trade, units=2_100, minimum_units=2_000)
    trade.world.block()
    trade.world.block()
    assert get_demand(trade, demand)["state"] == "met"


def test_an_offer_keeps_its_least_part(trade: Trade) -> None:
    trade.make_offer(minimum_units=3_001)
    demand = select(trade)
    trade.world.block()
    assert find_leases(trade, demand) == []


def test_what_is_wanted_ahead_is_reserved_ahead(trade: Trade) -> None:
    trade.make_offer()
    starts_ms = trade.world.time_ms + 24 * HOUR_MS
    demand = select(trade, earliest_ms=starts_ms, latest_ms=starts_ms + HOUR_MS)
    trade.world.block()
    (lease,) = find_leases(trade, demand)
    assert lease["starts_ms"] == starts_ms
    assert trade.allocated == 0


def test_a_demand_that_found_nothing_tries_again(trade: Trade) -> None:
    demand = select(trade)
    trade.world.block()
    retry_ms = get_demand(trade, demand)["retry_ms"]
    assert retry_ms == trade.world.time_ms + RETRY_MS
    trade.make_offer()
    assert trade.world.wait(RETRY_MS - 2_000, step_ms=10_000) == []
    trade.world.wait(2_000)
    assert len(find_leases(trade, demand)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"ceiling_micro_yuan": PRICE - 1},
        {"resource_class": "10"},
        {"needs": make_needs(regions=["11"])},
        {"needs": make_needs(models=["H800"])},
        {"needs": make_needs(sla_class=1)},
        {"seconds": 59},
        {"seconds": 31 * 86_400, "units": 10},
        {"units": UNITS + 1, "minimum_units": UNITS + 1},
        {"way": "quotes"},
    ],
)
def test_what_does_not_fit_is_not_matched(trade: Trade, changes: dict[str, Value]) -> None:
    trade.make_offer(sla_class=0)
    demand = trade.demand(CONSUMER, **{"way": "selection", **changes})
    trade.world.block()
    assert find_leases(trade, demand) == []


def test_a_suspended_consumer_gets_nothing(trade: Trade) -> None:
    trade.make_offer()
    world = trade.world
    wanted = world.make("market.demand", CONSUMER, **trade.demand_data(way="selection"))
    suspension = {"code": CONSUMER, "note": "", "reason": "investigation"}
    demand = world.block(wanted, world.make("identity.suspend", BEIJING, **suspension))[0]
    name = str(demand.events[0]["about"][0])
    world.block()
    assert find_leases(trade, name) == []
    world.do("identity.resume", BEIJING, code=suspension["code"], note="")
    world.wait(RETRY_MS)
    assert get_demand(trade, name)["state"] == "met"


def test_a_suspended_provider_sells_nothing(trade: Trade) -> None:
    offer = trade.make_offer()
    suspension = {"code": PROVIDER, "note": "", "reason": "investigation"}
    trade.world.do("identity.suspend", GUIZHOU, **suspension)
    demand = select(trade)
    trade.world.block()
    assert find_leases(trade, demand) == []
    assert get_offer(trade, offer)["aside_until_ms"] > trade.world.time_ms
    trade.world.do("identity.resume", GUIZHOU, code=suspension["code"], note="")
    trade.world.wait(VERSION_1["selection_aside_ms"] + RETRY_MS)
    assert get_demand(trade, demand)["state"] == "met"


def test_a_stale_offer_is_not_selected(trade: Trade) -> None:
    trade.make_offer()
    trade.world.do("resource.update", PROVIDER, code=RESOURCE, descriptor=make_descriptor())
    trade.world.do("resource.attest", GUIZHOU, code=RESOURCE, units=UNITS, until_ms=END_MS)
    demand = select(trade)
    trade.world.block()
    assert find_leases(trade, demand) == []


def test_a_lease_lies_within_the_attestation(trade: Trade) -> None:
    trade.make_offer()
    until_ms = trade.world.time_ms + 4 * HOUR_MS
    trade.world.do("resource.attest", GUIZHOU, code=RESOURCE, units=UNITS, until_ms=until_ms)
    demand = select(trade)
    trade.world.block()
    assert find_leases(trade, demand) == []


def test_what_is_sold_out_steps_aside_until_something_is_given_back(trade: Trade) -> None:
    sold = trade.make_offer()
    trade.take(units=UNITS, seconds=60, hold_micro_yuan=400 * YUAN)
    demand = select(trade)
    trade.world.block()
    assert get_offer(trade, sold)["aside_until_ms"] > trade.world.time_ms
    # The shelf for now is empty; what is wanted ahead is found all the same.
    starts_ms = trade.world.time_ms + 24 * HOUR_MS
    ahead = select(trade, earliest_ms=starts_ms, latest_ms=starts_ms)
    trade.world.block()
    assert len(find_leases(trade, ahead)) == 1
    trade.world.do("lease.close", CONSUMER, lease=trade.lease, note="", reason="finished")
    trade.world.wait(VERSION_1["selection_aside_ms"] + RETRY_MS)
    assert get_offer(trade, sold)["aside_until_ms"] == 0
    assert get_demand(trade, demand)["state"] == "met"
    assert check_invariants(trade.world.state) == []


def test_an_offer_of_later_steps_aside_until_then(trade: Trade) -> None:
    starts_ms = trade.world.time_ms + 120_000
    offer = trade.make_offer(starts_ms=starts_ms)
    demand = select(trade)
    trade.world.block()
    assert get_offer(trade, offer)["aside_until_ms"] == starts_ms
    trade.world.wait(180_000)
    assert get_demand(trade, demand)["state"] == "met"


def test_what_no_calendar_gives_back_stays_aside_as_long_as_may_be(trade: Trade) -> None:
    offer = trade.make_offer(minimum_units=UNITS)
    trade.world.do("resource.attest", GUIZHOU, code=RESOURCE, units=UNITS - 1, until_ms=END_MS)
    demand = select(trade, units=UNITS)
    trade.world.block()
    until_ms = trade.world.time_ms + VERSION_1["selection_aside_ms"]
    assert get_offer(trade, offer)["aside_until_ms"] == until_ms
    trade.world.do("resource.attest", GUIZHOU, code=RESOURCE, units=UNITS, until_ms=END_MS)
    trade.world.wait(VERSION_1["selection_aside_ms"] + RETRY_MS)
    assert get_demand(trade, demand)["state"] == "met"


def make_bounded(**rules: int) -> Trade:
    return Trade(make_world(**rules)).set_up(funds=10**6 * YUAN)


def test_a_walk_that_comes_to_its_bound_goes_on_in_its_next_turn() -> None:
    trade = make_bounded(selection_candidates=3)
    for place in range(8):
        trade.make_offer(price_micro_yuan=PRICE - 10 + place, maximum_seconds=60)
    best = trade.make_offer(price_micro_yuan=PRICE)
    demand = select(trade)
    for _ in range(2):
        trade.world.block()
        assert get_demand(trade, demand)["cursor"]
        assert get_demand(trade, demand)["retry_ms"] == trade.world.time_ms + 1
    trade.world.block()
    assert find_leases(trade, demand)[0]["offer"] == best


def test_no_walk_takes_the_block_from_the_others() -> None:
    trade = make_bounded(selection_walk=2)
    for place in range(5):
        trade.make_offer(price_micro_yuan=PRICE - 10 + place, maximum_seconds=60)
    trade.make_offer(price_micro_yuan=PRICE - 20, units=1_000, minimum_units=1_000)
    long = trade.demand_data(way="selection", minimum_units=2_000)
    short = trade.demand_data(way="selection", units=1_000)
    world = trade.world
    world.block(*(world.make("market.demand", CONSUMER, **data) for data in (long, short)))
    results = world.block()
    assert [len(result.events) for result in results] == [0, 2]


def test_the_best_of_an_earlier_turn_is_looked_at_again() -> None:
    trade = make_bounded(selection_candidates=2)
    set_record(trade, PROVIDER, delivered=0, faults=1)
    offers = [trade.make_offer(price_micro_yuan=PRICE - 10 + place) for place in range(5)]
    demand = select(trade)
    trade.world.block()
    assert get_demand(trade, demand)["best"] == offers[0]
    trade.world.do("market.withdraw_offer", PROVIDER, offer=offers[0])
    trade.world.block()
    trade.world.block()
    assert find_leases(trade, demand)[0]["offer"] in offers[1:]


def test_a_full_calendar_is_walked_once_however_many_offers_ask_it(
    trade: Trade, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who fills a resource's calendar and offers it often cannot hold up blocks."""
    walked = 0
    compute_most = selection.compute_most

    def count(changes: Any, *window: int) -> int:
        nonlocal walked
        walked += bool(changes)
        return compute_most(changes, *window)

    monkeypatch.setattr(selection, "compute_most", count)
    trade.make_offer(price_micro_yuan=1)
    starts_ms = trade.world.time_ms + HOUR_MS
    trade.take(starts_ms=starts_ms, units=1)
    for _ in range(20):
        trade.make_offer(minimum_units=UNITS)
    ahead = {"earliest_ms": starts_ms, "latest_ms": starts_ms, "minimum_units": UNITS}
    demands = [select(trade, units=UNITS, seconds=3_600, **ahead) for _ in range(2)]
    assert not any(find_leases(trade, demand) for demand in demands)
    walked = 0
    trade.world.block(after_ms=RETRY_MS + 5_000)
    # The resource once, and once the offer of which something is reserved.
    assert walked == 2


def test_a_block_looks_at_so_many_candidates_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten demands of which each would walk along twenty offers that do not fit."""
    looked = 0
    compute_part = selection._Walk._compute_part

    def count(self: Any, name: str, facts: Any) -> int:
        nonlocal looked
        looked += 1
        return compute_part(self, name, facts)

    monkeypatch.setattr(selection._Walk, "_compute_part", count)
    trade = make_bounded(selection_candidates=30)
    for place in range(20):
        trade.make_offer(price_micro_yuan=PRICE - 20 + place, maximum_seconds=60)
    world = trade.world
    data = trade.demand_data(way="selection")
    demands = [world.make("market.demand", CONSUMER, **data) for _ in range(10)]
    world.block(*demands)
    blocks = 0
    retries = [RETRY_MS]
    while min(retries) < world.time_ms + RETRY_MS // 2:
        looked = 0
        world.block()
        blocks += 1
        assert 0 < looked <= 30
        retries = [r.value["retry_ms"] for _, r in world.state.scan(DEMANDS.prefix)]
    assert blocks == -(-10 * 20 // 30)


def test_a_block_has_so_many_turns_and_no_more_and_expiries_do_not_wait() -> None:
    trade = make_bounded(selection_items=4)
    world = trade.world
    data = trade.demand_data(way="selection", latest_ms=world.time_ms + 30_000)
    demands = [world.make("market.demand", CONSUMER, **data) for _ in range(10)]
    world.block(*demands)
    assert [len(world.block()) for _ in range(4)] == [4, 4, 2, 0]
    results = world.block(after_ms=30_000)
    assert {result.events[0]["type"] for result in results} == {"market.demand_expired"}
    assert len(results) == 10


def test_turns_come_after_due_work_and_before_transactions(trade: Trade) -> None:
    trade.make_offer(ends_ms=trade.world.time_ms + 10_000, units=3_000)
    fresh = trade.make_offer(ends_ms=trade.world.time_ms + 60_000, units=3_000)
    demand = select(trade)
    taking = trade.take_data(offer=fresh)
    taken, expired, matched = trade.world.block(
        trade.world.make("market.take", CONSUMER, **taking), after_ms=20_000
    )
    assert expired.events[0]["type"] == "market.offer_expired"
    assert matched.events[0]["type"] == "lease.matched"
    assert find_leases(trade, demand)[0]["offer"] == fresh
    assert taken.code == "not-enough-units"
    assert [result.index for result in (taken, expired, matched)] == [0, 1, 2]


def test_the_same_turns_give_the_same_bytes() -> None:
    def run() -> list[Result]:
        trade = Trade().set_up()
        for place in range(5):
            trade.make_offer(units=1_000, price_micro_yuan=PRICE - place)
        select(trade)
        return [result for _ in range(5) for result in trade.world.block()]

    assert [result.encode() for result in run()] == [result.encode() for result in run()]


OFFERED = st.tuples(
    st.integers(1, 40),  # price
    st.sampled_from([500, 2_000, 3_000]),  # units
    st.sampled_from([1, 5, 20]),  # latency
    st.booleans(),  # whether it allows so much time
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(OFFERED, min_size=1, max_size=8),
    st.integers(1, 45),
    st.integers(1, 4),
    st.integers(0, 3),
)
def test_the_choice_is_the_best_of_all(
    offered: list[tuple[int, int, int, bool]], ceiling: int, candidates: int, faults: int
) -> None:
    """Against a plain look at every offer, however small the bound on a block's candidates."""
    trade = make_bounded(selection_candidates=candidates)
    codes = {ms: add_resource(trade, 10 + ms, latency_ms=ms) for ms in (1, 5, 20)}
    set_record(trade, PROVIDER, delivered=3, faults=faults)
    rules = trade.world.value(b"rules\x00\x00\x00\x00\x01\x00")
    wanted = []
    for price, units, latency_ms, long in offered:
        offer = trade.make_offer(
            price_micro_yuan=price * YUAN,
            units=units,
            resource=codes[latency_ms],
            maximum_seconds=86_400 if long else 60,
        )
        if price <= ceiling and units >= 1_000 and long:
            static = get_offer(trade, offer)["score"]
            score = compute_score(rules["integers"], static, price * YUAN, 3, faults)
            wanted.append((score, offer))
    demand = select(trade, units=2_000, minimum_units=1_000, ceiling_micro_yuan=ceiling * YUAN)
    for _ in range(len(offered) + 2):
        trade.world.block()
    found = find_leases(trade, demand)
    assert [lease["offer"] for lease in found[:1]] == [offer for _, offer in sorted(wanted)[:1]]
    assert check_invariants(trade.world.state) == []
