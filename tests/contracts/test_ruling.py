"""Rulings: every instance, every silence, and no money before it is final."""

import pytest

from contracts.invariants import check_invariants
from ledger.codec import Value
from ledger.result import Result
from tests.contracts.trade import CONSUMER, LOCAL_CONSUMER, PRICE, PROVIDER, YUAN, Trade
from tests.contracts.world import BANK, BUREAU, GUIZHOU, HOUR_MS, NATIONAL, list_events, make_world

FULL = 2_000 * 3_600
BILL = 2 * PRICE


def make_dispute(consumer: str) -> Trade:
    """An epoch of which a quarter is accepted and the evidence window is over."""
    world = make_world(
        appeal_window_ms=HOUR_MS,
        decision_window_ms=HOUR_MS,
        evidence_window_ms=HOUR_MS,
        ruling_window_ms=HOUR_MS,
    )
    trade = Trade(world).set_up(consumer=consumer)
    trade.make_offer()
    trade.take(hold_micro_yuan=100 * YUAN)
    trade.dispatch()
    trade.activate()
    world.wait(HOUR_MS)
    trade.submit(0)
    trade.dispute(0, FULL // 4)
    world.wait(HOUR_MS)
    return trade


@pytest.fixture
def trade() -> Trade:
    return make_dispute(CONSUMER)


@pytest.fixture
def local() -> Trade:
    return make_dispute(LOCAL_CONSUMER)


def figures(trade: Trade, used: int) -> dict[str, Value]:
    return {
        "availability_bp": 10_000,
        "epoch": 0,
        "lease": trade.lease,
        "note": "as measured",
        "used_unit_seconds": used,
    }


def rule(trade: Trade, arbiter: str, used: int) -> Result:
    return trade.world.do("dispute.rule", arbiter, **figures(trade, used))


def appeal(trade: Trade, side: str) -> Result:
    data = {"epoch": 0, "evidence": bytes(32), "lease": trade.lease, "note": ""}
    return trade.world.do("dispute.appeal", side, **data)


def find(trade: Trade) -> tuple[str, str]:
    """State and instance of the dispute."""
    dispute = trade.record["open"][0]["dispute"]
    return dispute["state"], dispute["instance"]


def check_settled(trade: Trade, billed: int) -> None:
    receipt = trade.record["receipt"]
    assert (receipt["state"], receipt["dispute"]["state"]) == ("ruled", "executed")
    assert receipt["billed_micro_yuan"] == trade.record["billed_micro_yuan"] == billed
    assert trade.world.balance(PROVIDER) == billed
    assert trade.record["open"] == []
    assert check_invariants(trade.world.state) == []


def test_the_region_rules_its_own_leases(local: Trade) -> None:
    assert find(local) == ("evidence", "region")
    code = local.world.run("dispute.rule", NATIONAL, **figures(local, FULL // 2)).code
    assert code == "not-arbiter"
    rule(local, GUIZHOU, FULL // 2)
    assert find(local) == ("ruled", "region")
    # No money moves before the ruling is final.
    assert local.world.balance(PROVIDER) == BILL // 4
    results = local.world.wait(HOUR_MS)
    assert list_events(*results) == ["dispute.final", "metering.ruled"]
    check_settled(local, BILL // 2)
    assert local.record["used_unit_seconds"] == FULL // 2


def test_the_nation_rules_across_regions(trade: Trade) -> None:
    rule(trade, NATIONAL, FULL)
    trade.world.wait(HOUR_MS)
    check_settled(trade, BILL)


def test_the_nation_decides_appeals_of_a_region(local: Trade) -> None:
    rule(local, GUIZHOU, FULL // 2)
    appeal(local, PROVIDER)
    assert find(local) == ("appealed", "nation")
    result = local.world.do("dispute.decide", NATIONAL, **figures(local, FULL))
    assert list_events(result) == ["dispute.ruled", "dispute.final", "metering.ruled"]
    check_settled(local, BILL)
    assert list_events(*local.world.wait(3 * HOUR_MS)) == ["lease.ended"]
    check_settled(local, BILL)


def test_the_bureau_decides_appeals_of_the_nation(trade: Trade) -> None:
    rule(trade, NATIONAL, FULL // 2)
    appeal(trade, CONSUMER)
    assert find(trade) == ("appealed", "bureau")
    trade.world.do("dispute.decide", BUREAU, **figures(trade, FULL // 4))
    check_settled(trade, BILL // 4)


def test_a_silent_region_is_passed_over_for_the_nation(local: Trade) -> None:
    results = local.world.wait(HOUR_MS)
    assert "dispute.passed" in list_events(*results)
    assert find(local) == ("evidence", "nation")
    code = local.world.run("dispute.rule", GUIZHOU, **figures(local, FULL // 2)).code
    assert code == "not-arbiter"
    rule(local, NATIONAL, FULL // 2)
    assert find(local) == ("ruled", "nation")


def test_a_ruling_of_the_bureau_is_final(trade: Trade) -> None:
    trade.world.wait(HOUR_MS)
    assert find(trade) == ("evidence", "bureau")
    rule(trade, BUREAU, FULL // 2)
    check_settled(trade, BILL // 2)


def test_where_nobody_rules_what_was_accepted_stands(local: Trade) -> None:
    results = local.world.wait(3 * HOUR_MS)
    assert list_events(*results).count("dispute.passed") == 2
    check_settled(local, BILL // 4)
    assert local.record["receipt"]["dispute"]["ruling"] is None


def test_where_nobody_decides_the_ruling_stands(trade: Trade) -> None:
    rule(trade, NATIONAL, FULL // 2)
    appeal(trade, PROVIDER)
    trade.world.wait(HOUR_MS)
    check_settled(trade, BILL // 2)


def test_an_outage_is_nobodys_silence(trade: Trade) -> None:
    trade.world.outage(100 * HOUR_MS)
    assert find(trade) == ("evidence", "nation")
    rule(trade, NATIONAL, FULL // 2)
    trade.world.outage(100 * HOUR_MS)
    assert find(trade) == ("ruled", "nation")


def test_both_may_agree_while_an_appeal_is_pending(trade: Trade) -> None:
    rule(trade, NATIONAL, FULL // 2)
    appeal(trade, PROVIDER)
    trade.agree(0, FULL * 3 // 4)
    receipt = trade.record["receipt"]
    assert (receipt["state"], receipt["dispute"]["state"]) == ("agreed", "agreed")
    assert trade.world.balance(PROVIDER) == BILL * 3 // 4
    assert list_events(*trade.world.wait(3 * HOUR_MS)) == ["lease.ended"]
    assert trade.world.balance(PROVIDER) == BILL * 3 // 4


def test_only_one_appeal(trade: Trade) -> None:
    rule(trade, NATIONAL, FULL // 2)
    appeal(trade, PROVIDER)
    data = {"epoch": 0, "evidence": bytes(32), "lease": trade.lease, "note": ""}
    assert trade.world.run("dispute.appeal", CONSUMER, **data).code == "wrong-state"


def test_a_bank_is_no_arbiter(trade: Trade) -> None:
    trade.world.wait(HOUR_MS)
    assert find(trade) == ("evidence", "bureau")
    code = trade.world.run("dispute.rule", BANK, **figures(trade, FULL // 2)).code
    assert code == "not-arbiter"


def test_the_last_dispute_closes_the_lease(trade: Trade) -> None:
    world = trade.world
    world.do("lease.close", CONSUMER, lease=trade.lease, note="", reason="finished")
    assert trade.record["metered_ms"] < trade.record["ended_ms"]
    while trade.record["metered_ms"] < trade.record["ended_ms"]:
        span_ms = min(HOUR_MS, trade.record["ended_ms"] - trade.record["metered_ms"])
        trade.agree(trade.record["epoch"], span_ms * 2)
    assert trade.record["state"] == "settling"
    rule(trade, NATIONAL, FULL // 2)
    results = world.wait(HOUR_MS)
    assert list_events(*results) == [
        "dispute.final",
        "metering.ruled",
        "lease.refunded",
        "lease.closed",
    ]
    assert trade.record["state"] == "closed"
    consumer, provider, held = trade.money
    assert (consumer + provider, held) == (10_000 * YUAN, 0)
