"""Views: each against a small world whose figures are plain to see."""

from typing import Any

import pytest

from contracts.grouping import Row
from contracts.monitoring import DAY_MS, OFFSET_MS
from contracts.views import QUERIES, compute_digest, compute_result
from ledger.code import compose_code
from ledger.codec import decode, encode
from tests.contracts.failures.standards import publication
from tests.contracts.public import (
    announce,
    entry_data,
    make_pool,
    open_case,
    reading,
    register_industry,
    report_incident,
)
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
from tests.contracts.world import BEIJING, GUIZHOU, NATIONAL, REGIONS
from tests.contracts.world import HOUR_MS as HOUR

EDGE = compose_code("C", "110100", "0E001", "I", "40", "0000002")


def view(trade: Trade, query: str) -> list[Row]:
    world = trade.world
    result: Any = compute_result(world.state, query, world.height, world.time_ms)
    rows: list[Row] = result["rows"]
    return rows


def only(trade: Trade, query: str) -> Row:
    (row,) = view(trade, query)
    return row


def pick(row: Row, *columns: str) -> tuple[str | int, ...]:
    return tuple(row[column] for column in columns)


UNITS_OF = ("attested_units", "listed_units", "sold_units", "scheduled_units", "running_units")


def test_capacity_goes_from_attested_to_running() -> None:
    trade = Trade().set_up()
    assert pick(only(trade, "capacity-1"), *UNITS_OF) == (8_000, 0, 0, 0, 0)
    trade.make_offer(units=6_000)
    assert pick(only(trade, "capacity-1"), *UNITS_OF) == (8_000, 6_000, 0, 0, 0)
    trade.take()
    assert pick(only(trade, "capacity-1"), *UNITS_OF) == (8_000, 6_000, 2_000, 0, 0)
    trade.dispatch()
    assert pick(only(trade, "capacity-1"), *UNITS_OF) == (8_000, 6_000, 2_000, 2_000, 0)
    trade.activate()
    row = only(trade, "capacity-1")
    assert pick(row, "region", "class", "sector") == ("52", "20", "I")
    assert pick(row, *UNITS_OF) == (8_000, 6_000, 2_000, 2_000, 2_000)
    assert pick(row, "resources", "declared_units", "idle_units") == (1, UNITS, 6_000)


def test_what_two_offers_offer_of_one_machine_is_listed_once() -> None:
    trade = Trade().set_up()
    trade.make_offer()
    trade.make_offer()
    assert only(trade, "capacity-1")["listed_units"] == UNITS


def test_what_is_sold_stays_listed_when_its_offer_ends() -> None:
    trade = Trade().start()
    trade.world.do("market.withdraw_offer", PROVIDER, offer=trade.offer)
    assert pick(only(trade, "capacity-1"), "listed_units", "sold_units") == (2_000, 2_000)


def test_an_offer_of_another_descriptor_is_not_listed() -> None:
    trade = Trade().set_up()
    trade.make_offer()
    trade.world.do("resource.update", PROVIDER, code=RESOURCE, descriptor=make_descriptor(9_000))
    row = only(trade, "capacity-1")
    assert pick(row, "declared_units", "attested_units", "listed_units") == (9_000, 0, 0)


def test_groups_stand_in_their_order() -> None:
    trade = Trade().set_up()
    trade.world.do("resource.register", PROVIDER, code=EDGE, descriptor=make_descriptor(1_000))
    rows = view(trade, "capacity-1")
    assert [pick(row, "region", "class") for row in rows] == [("11", "40"), ("52", "20")]


def test_metered_usage_and_money_are_counted_for_ever() -> None:
    trade = Trade().start()
    trade.world.wait(HOUR)
    trade.agree(0)
    used = 2_000 * 3_600
    assert only(trade, "capacity-1")["metered_unit_seconds"] == used
    row = only(trade, "settled-1")
    assert pick(row, "leases", "closed", "failed", "used_unit_seconds") == (1, 0, 0, used)
    assert pick(row, "billed_micro_yuan", "across_micro_yuan") == (2 * PRICE, 2 * PRICE)
    flow = only(trade, "flows-1")
    assert pick(flow, "consumer_region", "resource_region", "class") == ("11", "52", "20")
    assert pick(flow, "leases", "sold_units", "billed_micro_yuan") == (1, 2_000, 2 * PRICE)
    delivery = only(trade, "delivery-1")
    assert pick(delivery, "region", "sector", "providers") == ("52", "I", 1)
    assert pick(delivery, "delivered", "faults") == (1, 0)


def test_unmet_demand_is_where_its_consumers_are_and_idle_capacity_where_it_stands() -> None:
    trade = Trade().set_up()
    trade.make_offer()
    demand = trade.demand()
    trade.take(demand=demand)
    row = only(trade, "unmet-1")
    assert pick(row, "region", "class", "demands") == ("11", "20", 1)
    assert pick(row, "wanted_units", "met_units", "unmet_units") == (3_000, 2_000, 1_000)
    assert pick(row, "lowest_ceiling_micro_yuan", "highest_ceiling_micro_yuan") == (PRICE, PRICE)
    gap = {row["region"]: row for row in view(trade, "gap-1")}
    columns = ("idle_units", "unmet_units", "reachable_units")
    assert pick(gap["11"], *columns) == (0, 1_000, 0)
    assert pick(gap["52"], *columns) == (6_000, 0, 1_000)


def test_a_demand_of_any_region_is_reachable_in_all() -> None:
    trade = Trade().set_up()
    trade.demand(needs=make_needs(regions=[]))
    rows = view(trade, "gap-1")
    assert len(rows) == 34
    assert {row["reachable_units"] for row in rows} == {3_000}


def test_what_was_never_met_stays_on_record() -> None:
    trade = Trade().set_up()
    trade.demand()
    trade.world.wait(2 * HOUR)
    row = only(trade, "unmet-1")
    assert pick(row, "demands", "unmet_units", "expired_units") == (0, 0, 3_000)


def test_prices_have_a_range_and_a_mean() -> None:
    trade = Trade().set_up()
    trade.make_offer(units=6_000, price_micro_yuan=3 * YUAN)
    trade.make_offer(units=2_000, price_micro_yuan=7 * YUAN)
    row = only(trade, "prices-1")
    assert pick(row, "offers", "offered_units") == (2, 8_000)
    assert pick(row, "lowest_micro_yuan", "highest_micro_yuan") == (3 * YUAN, 7 * YUAN)
    assert pick(row, "mean_micro_yuan", "mean_sold_micro_yuan") == (4 * YUAN, 0)
    trade.take()
    assert pick(only(trade, "prices-1"), "sold_units", "mean_sold_micro_yuan") == (2_000, 7 * YUAN)


def test_a_pool_gives_what_its_members_have_left() -> None:
    trade = Trade().start()
    world = trade.world
    pool = make_pool(trade, interface="kubernetes-1")
    make_pool(trade, BEIJING)
    world.do("pool.join", PROVIDER, pool=pool, resource=RESOURCE)
    rows = {row["node"]: row for row in view(trade, "pools-1")}
    columns = ("members", "fitting", "attested_units", "sold_units", "idle_units")
    assert pick(rows[GUIZHOU], "pool", "scope", "place") == (pool, "region", "52")
    assert pick(rows[GUIZHOU], *columns) == (1, 1, UNITS, 2_000, 6_000)
    assert pick(rows[BEIJING], *columns) == (0, 0, 0, 0, 0)
    world.do("standards.publish", NATIONAL, **publication())
    changed = make_descriptor(interface="slurm-1")
    world.do("resource.update", PROVIDER, code=RESOURCE, descriptor=changed)
    rows = {row["node"]: row for row in view(trade, "pools-1")}
    assert pick(rows[GUIZHOU], *columns) == (1, 0, 0, 0, 0)


def test_monitoring_shows_the_last_whole_day() -> None:
    trade = Trade().set_up()
    world = trade.world
    first = reading(trade)  # of the hour before midnight, when the world begins
    world.do("monitoring.report", GUIZHOU, **first)
    day = (first["starts_ms"] + OFFSET_MS) // DAY_MS
    row = only(trade, "monitoring-1")
    assert pick(row, "region", "class", "day", "hours") == ("52", "20", str(day), 1)
    assert pick(row, "capacity_unit_seconds", "used_unit_seconds") == (
        UNITS * 3_600,
        UNITS * 1_800,
    )
    assert pick(row, "availability_bp", "energy_wh", "peak_units") == (9_990, 20_000, UNITS)
    world.wait(DAY_MS)
    assert view(trade, "monitoring-1") == []


def test_identities_count_as_what_they_are() -> None:
    trade = Trade().set_up()
    trade.world.do("identity.suspend", BEIJING, code=CONSUMER, note="", reason="investigation")
    rows = {pick(row, "kind", "region"): row for row in view(trade, "identities-1")}
    assert pick(rows["U", "11"], "active", "suspended") == (0, 1)
    assert pick(rows["P", "52"], "active", "suspended") == (1, 0)
    assert sum(int(row["active"]) for row in rows.values() if row["kind"] == "R") == len(REGIONS)


def test_service_shows_each_node() -> None:
    trade = Trade()
    industry = register_industry(trade)
    world = trade.world
    world.do("service.list", GUIZHOU, **entry_data())
    announce(trade)
    open_case(trade, BEIJING)
    report_incident(trade, severity=2)
    report_incident(trade, industry)
    rows = {row["node"]: row for row in view(trade, "service-1")}
    columns = ("entries", "notices", "cases", "open_cases", "late_answers")
    assert pick(rows[GUIZHOU], *columns) == (1, 1, 1, 1, 0)
    columns = ("incidents", "open_incidents", "grave_incidents", "overdue_incidents")
    assert pick(rows[GUIZHOU], *columns) == (1, 1, 1, 0)
    assert pick(rows[industry], *columns) == (1, 1, 0, 0)


@pytest.mark.parametrize("query", QUERIES)
def test_every_view_has_its_columns_and_a_digest(query: str) -> None:
    trade = Trade()
    register_industry(trade)
    trade.start()
    world = trade.world
    trade.demand()
    announce(trade)
    pool = make_pool(trade)
    world.do("pool.join", PROVIDER, pool=pool, resource=RESOURCE)
    result: Any = compute_result(world.state, query, world.height, world.time_ms)
    for row in result["rows"]:
        assert list(row) == list(QUERIES[query].columns)
        assert all(isinstance(value, str | int) for value in row.values())
    assert compute_digest(decode(encode(result))) == compute_digest(result)


@pytest.mark.parametrize("query", QUERIES)
def test_a_view_of_nothing_has_no_rows_of_trade(query: str) -> None:
    rows = view(Trade(), query)
    assert rows == [] or query == "identities-1"
