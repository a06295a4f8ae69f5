"""Policies: who trades at a venue, and with what; for each of the three ways to a trade."""

import pytest

from contracts.agreement import LEASES
from contracts.policy import POLICIES
from contracts.rules import VERSION_1
from tests.contracts.trade import (
    AUDITOR,
    CONSUMER,
    INDUSTRY,
    PROVIDER,
    RESOURCE,
    UNITS,
    Trade,
)
from tests.contracts.world import END_MS, NATIONAL

RETRY_MS = VERSION_1["selection_retry_ms"]


@pytest.fixture
def trade() -> Trade:
    trade = Trade().set_up()
    trade.open_venue()
    return trade


def count_leases(trade: Trade) -> int:
    return len(list(trade.world.state.scan(LEASES.prefix)))


def test_a_policy_is_set_anew(trade: Trade) -> None:
    trade.set_policy(attestors=["M", "R"], sla_class=1)
    policy = trade.world.value(POLICIES.make_key(INDUSTRY))
    assert (policy["attestors"], policy["sla_class"]) == (["M", "R"], 1)


def test_a_lease_names_its_venue(trade: Trade) -> None:
    trade.make_offer(venue=INDUSTRY)
    trade.take()
    assert trade.record["venue"] == INDUSTRY
    trade.award(trade.quote(trade.demand(venue=INDUSTRY)))
    assert trade.record["venue"] == INDUSTRY


def test_who_is_permitted_trades_where_not_anyone_may(trade: Trade) -> None:
    trade.set_policy(providers="permitted", consumers="permitted")
    for code in (PROVIDER, CONSUMER):
        trade.world.do("policy.permit", INDUSTRY, code=code, note="member")
    trade.make_offer(venue=INDUSTRY)
    trade.take()


def test_who_is_forbidden_does_not_trade_where_anyone_may(trade: Trade) -> None:
    trade.world.do("policy.forbid", INDUSTRY, code=PROVIDER, note="defaulted")
    data = trade.offer_data(venue=INDUSTRY)
    assert trade.world.run("market.offer", PROVIDER, **data).code == "not-admitted"
    trade.world.do("policy.permit", INDUSTRY, code=PROVIDER, note="paid")
    trade.make_offer(venue=INDUSTRY)


def test_an_attestation_of_another_class_opens_the_venue(trade: Trade) -> None:
    trade.set_policy(attestors=["M"])
    data = trade.offer_data(venue=INDUSTRY)
    assert trade.world.run("market.offer", PROVIDER, **data).code == "wrong-attestor"
    trade.world.register(AUDITOR, NATIONAL)
    trade.world.do("resource.attest", AUDITOR, code=RESOURCE, units=UNITS, until_ms=END_MS)
    trade.make_offer(venue=INDUSTRY)


def test_selection_keeps_to_the_venue(trade: Trade) -> None:
    trade.make_offer()
    inside = trade.demand(venue=INDUSTRY, way="selection")
    trade.world.block()
    assert count_leases(trade) == 0
    trade.make_offer(venue=INDUSTRY, price_micro_yuan=10_000_000)
    trade.demand(venue="", way="selection")
    trade.world.wait(RETRY_MS)
    records = [record.value for _, record in trade.world.state.scan(LEASES.prefix)]
    assert sorted((lease["venue"], lease["demand"] == inside) for lease in records) == [
        ("", False),
        (INDUSTRY, True),
    ]


@pytest.mark.parametrize("who", [PROVIDER, CONSUMER])
def test_selection_keeps_to_the_policy(trade: Trade, who: str) -> None:
    trade.make_offer(venue=INDUSTRY)
    trade.world.block(
        trade.world.make(
            "market.demand", CONSUMER, **trade.demand_data(venue=INDUSTRY, way="selection")
        ),
        trade.world.make("policy.forbid", INDUSTRY, code=who, note=""),
    )
    trade.world.block()
    assert count_leases(trade) == 0
    trade.world.do("policy.permit", INDUSTRY, code=who, note="")
    trade.world.wait(VERSION_1["selection_aside_ms"] + RETRY_MS)
    assert count_leases(trade) == 1
