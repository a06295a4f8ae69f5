"""Observations: what a monitor saw stands beside both sides, and moves nothing."""

import pytest

from contracts.invariants import check_invariants
from contracts.observation import OBSERVATIONS, make_observation_key
from tests.contracts.trade import AUDITOR, CONSUMER, PROVIDER, RESOURCE, Trade
from tests.contracts.world import GUIZHOU, HOUR_MS, NATIONAL


@pytest.fixture
def trade() -> Trade:
    trade = Trade().start()
    trade.world.register(AUDITOR, NATIONAL)
    return trade


def observe(trade: Trade, observer: str, epoch: int, used: int) -> None:
    usage = trade.usage(epoch, used, availability_bp=9_000)
    trade.world.do("metering.observe", observer, note="seen", **usage)


def test_observers_stand_beside_both_sides(trade: Trade) -> None:
    world = trade.world
    world.wait(HOUR_MS)
    money = trade.money
    observe(trade, GUIZHOU, 0, 100)
    assert len(world.layer.records) == 2
    assert trade.money == money
    trade.agree(0)
    money = trade.money
    observe(trade, AUDITOR, 0, 200)
    keys = [key for key, _ in world.state.scan(OBSERVATIONS.make_key(trade.lease))]
    assert keys == sorted(make_observation_key(trade.lease, 0, who) for who in (GUIZHOU, AUDITOR))
    record = world.value(make_observation_key(trade.lease, 0, AUDITOR))
    assert (record["used_unit_seconds"], record["resource"]) == (200, RESOURCE)
    assert record["ends_ms"] - record["starts_ms"] == HOUR_MS
    assert trade.money == money
    assert trade.delivery == (1, 0)
    assert check_invariants(world.state) == []


def test_the_last_epoch_ends_with_the_lease(trade: Trade) -> None:
    world = trade.world
    world.wait(HOUR_MS + HOUR_MS // 2)
    world.do("lease.close", CONSUMER, lease=trade.lease, note="", reason="finished")
    trade.agree(0)
    ended_ms = trade.record["ended_ms"]
    usage = trade.usage(1, (ended_ms - trade.record["metered_ms"]) * 2)
    world.do("metering.receipt", (PROVIDER, CONSUMER), **usage)
    assert trade.record["state"] == "closed"
    observe(trade, GUIZHOU, 1, 1)
    assert world.value(make_observation_key(trade.lease, 1, GUIZHOU))["ends_ms"] == ended_ms
    late = trade.usage(2, 1)
    assert world.run("metering.observe", AUDITOR, note="", **late).code == "wrong-epoch"


def test_an_epoch_is_seen_before_its_receipt(trade: Trade) -> None:
    trade.world.wait(2 * HOUR_MS)
    observe(trade, GUIZHOU, 1, 0)
    assert trade.record["epoch"] == 0
