"""Leases: whole lives, from registration to the end."""

import pytest

from contracts import machine
from contracts.agreement import LEASES, LIFE
from contracts.invariants import check_invariants
from contracts.life import compute_terminal
from contracts.rules import VERSION_1
from tests.contracts.trade import (
    CONSUMER,
    INDUSTRY,
    LOCAL_CONSUMER,
    PRICE,
    PROVIDER,
    RESOURCE,
    YUAN,
    Trade,
)
from tests.contracts.world import BANK, GUIZHOU, HOUR_MS, NATIONAL, list_events, make_world

TWO_CARDS_AN_HOUR = 2 * PRICE


@pytest.fixture
def trade() -> Trade:
    return Trade()


def test_a_whole_life(trade: Trade) -> None:
    trade.start()
    world = trade.world
    assert trade.record["state"] == "active"
    assert trade.allocated == 2_000
    assert trade.money == (9_900 * YUAN, 0, 100 * YUAN)

    world.wait(HOUR_MS)
    trade.agree(0)
    assert trade.money == (9_900 * YUAN, TWO_CARDS_AN_HOUR, 80 * YUAN)

    world.wait(HOUR_MS)
    trade.submit(1)
    world.do("metering.countersign", CONSUMER, epoch=1, lease=trade.lease)
    assert trade.record["receipt"]["state"] == "agreed"
    assert trade.record["billed_micro_yuan"] == 2 * TWO_CARDS_AN_HOUR

    ended = world.wait(2 * HOUR_MS)
    assert list_events(*ended) == ["lease.ended"]
    assert (trade.record["state"], trade.record["reason"]) == ("settling", "completed")
    assert trade.allocated == 0
    trade.agree(2)
    last = trade.agree(3)
    assert list_events(last) == [
        "metering.agreed",
        "lease.refunded",
        "lease.closed",
    ]
    assert trade.record["state"] == "closed"
    assert trade.record["closed_by"] == "block"
    assert trade.money == (10_000 * YUAN - 4 * TWO_CARDS_AN_HOUR, 4 * TWO_CARDS_AN_HOUR, 0)
    assert check_invariants(world.state) == []
    world.do(
        "settlement.withdraw",
        (PROVIDER, BANK),
        amount_micro_yuan=4 * TWO_CARDS_AN_HOUR,
        reference="out",
    )
    assert check_invariants(world.state) == []


def test_not_activated_in_time(trade: Trade) -> None:
    trade.set_up()
    trade.make_offer()
    trade.take()
    results = trade.world.wait(VERSION_1["activation_timeout_ms"])
    assert list_events(*results) == ["lease.refunded", "lease.failed"]
    assert (trade.record["state"], trade.record["reason"]) == ("failed", "not-dispatched")
    assert trade.money == (10_000 * YUAN, 0, 0)
    assert trade.allocated == 0
    assert trade.delivery == (0, 0)
    trade.take()
    trade.dispatch()
    trade.world.wait(VERSION_1["activation_timeout_ms"])
    assert (trade.record["state"], trade.record["reason"]) == ("failed", "not-activated")
    assert trade.delivery == (0, 1)


def test_a_lease_reserved_ahead_begins_with_its_window(trade: Trade) -> None:
    trade.set_up()
    trade.make_offer()
    trade.take(starts_ms=trade.world.time_ms + HOUR_MS)
    trade.dispatch()
    assert trade.world.run("lease.activate", PROVIDER, lease=trade.lease).code == "too-early"
    trade.world.wait(HOUR_MS)
    trade.activate()
    # What was late is lost: the window ends as it was agreed.
    assert trade.record["ends_ms"] == trade.record["reserved_until_ms"]
    assert check_invariants(trade.world.state) == []


def test_an_outage_decides_nothing(trade: Trade) -> None:
    trade.set_up()
    trade.make_offer()
    trade.take()
    results = trade.world.outage(8 * VERSION_1["activation_timeout_ms"])
    assert list_events(*results) == ["clock.gap"]
    assert trade.record["state"] == "matched"
    trade.dispatch()
    trade.activate()


def test_an_outage_longer_than_the_window_is_nobodys_fault(trade: Trade) -> None:
    trade.set_up()
    trade.make_offer()
    trade.take(seconds=3600)
    results = trade.world.outage(3_600_000 + VERSION_1["activation_timeout_ms"])
    assert list_events(*results) == ["clock.gap", "lease.refunded", "lease.failed"]
    assert trade.record["reason"] == "window-over"
    assert trade.allocated == 0


def test_an_exhausted_hold_ends_the_lease(trade: Trade) -> None:
    trade.start(hold_micro_yuan=40 * YUAN)
    world = trade.world
    activated = trade.record["activated_ms"]
    world.wait(2 * HOUR_MS + 60_000)
    assert (trade.record["state"], trade.record["reason"]) == ("settling", "hold-exhausted")
    # One micro-yuan more than the hold begins a part of a millisecond later.
    assert trade.record["ended_ms"] == activated + 2 * HOUR_MS
    trade.agree(0)
    trade.agree(1)
    assert trade.record["state"] == "closed"
    assert trade.money == (9_960 * YUAN, 40 * YUAN, 0)


def test_a_top_up_keeps_it_going(trade: Trade) -> None:
    trade.start(hold_micro_yuan=40 * YUAN)
    trade.world.wait(HOUR_MS)
    trade.world.do("lease.top_up", CONSUMER, **trade.top_up_data(40 * YUAN))
    trade.world.wait(2 * HOUR_MS)
    assert trade.record["state"] == "active"
    assert trade.record["funded_micro_yuan"] == 80 * YUAN


def test_an_end_that_the_block_sees_late_is_dated_right(trade: Trade) -> None:
    trade.start(hold_micro_yuan=40 * YUAN)
    horizon = trade.record["activated_ms"] + 2 * HOUR_MS
    trade.world.outage(50 * HOUR_MS)
    assert trade.record["ended_ms"] == horizon
    full = 2_000 * 3_600
    for epoch in (0, 1):
        trade.agree(epoch, full)
    assert trade.money == (9_960 * YUAN, 40 * YUAN, 0)


def test_refusals(trade: Trade) -> None:
    trade.start()
    world = trade.world
    world.do("lease.refuse", CONSUMER, lease=trade.lease, note="no such card")
    assert (trade.record["state"], trade.allocated) == ("refused", 0)
    assert (trade.record["closed_by"], trade.record["reason"]) == (CONSUMER, "refused")
    assert trade.money == (10_000 * YUAN, 0, 0)
    assert trade.delivery == (0, 0)
    results = world.wait(VERSION_1["refusal_answer_window_ms"])
    assert list_events(*results) == ["lease.failed"]
    assert (trade.record["state"], trade.record["reason"]) == ("failed", "refused")
    assert trade.delivery == (0, 1)
    assert check_invariants(world.state) == []


def test_a_refusal_that_is_contradicted_is_no_fault(trade: Trade) -> None:
    trade.set_up()
    trade.make_offer()
    trade.take()
    trade.dispatch()
    world = trade.world
    world.do("lease.refuse", CONSUMER, lease=trade.lease, note="")
    answer = {"evidence": bytes(32), "lease": trade.lease, "note": "it is there"}
    result = world.do("lease.answer_refusal", PROVIDER, **answer)
    assert result.events[0]["data"]["evidence"] == bytes(32)
    assert (trade.record["state"], trade.record["reason"]) == ("failed", "refusal-contradicted")
    assert trade.record["closed_by"] == CONSUMER
    assert list_events(*world.wait(VERSION_1["refusal_answer_window_ms"])) == []
    assert trade.delivery == (0, 0)
    assert trade.money == (10_000 * YUAN, 0, 0)


@pytest.mark.parametrize("reason", ["reclaimed", "maintenance"])
def test_a_reclaim_gives_notice(trade: Trade, reason: str) -> None:
    trade.start()
    world = trade.world
    world.wait(HOUR_MS)
    world.do("lease.close", PROVIDER, lease=trade.lease, note="", reason=reason)
    assert (trade.record["state"], trade.allocated) == ("reclaiming", 2_000)
    reclaimed = world.time_ms
    world.wait(11 * 60_000)
    assert (trade.record["state"], trade.allocated) == ("settling", 0)
    assert trade.record["ended_ms"] == reclaimed + 600_000
    assert (trade.record["closed_by"], trade.record["reason"]) == (PROVIDER, reason)
    assert trade.delivery == (0, 0)


@pytest.mark.parametrize(
    ("actor", "reason"), [(CONSUMER, "unsatisfied"), (CONSUMER, "finished"), (PROVIDER, "fault")]
)
def test_each_side_closes(trade: Trade, actor: str, reason: str) -> None:
    trade.start()
    world = trade.world
    world.wait(90 * 60_000)
    world.do("lease.close", actor, lease=trade.lease, note="", reason=reason)
    assert (trade.record["state"], trade.record["closed_by"]) == ("settling", actor)
    assert trade.allocated == 0
    trade.agree(0)
    rest = (trade.record["ended_ms"] - trade.record["metered_ms"]) * 2_000 // 1000
    trade.agree(1, rest)
    assert trade.record["state"] == "closed"
    assert trade.delivery == (2, 1 if reason == "fault" else 0)
    assert sum(trade.money) == 10_000 * YUAN
    assert check_invariants(world.state) == []


@pytest.mark.parametrize("actor", [PROVIDER, CONSUMER])
def test_closed_before_it_began(trade: Trade, actor: str) -> None:
    trade.set_up()
    trade.make_offer()
    trade.take()
    reason = "maintenance" if actor == PROVIDER else "unneeded"
    trade.world.do("lease.close", actor, lease=trade.lease, note="", reason=reason)
    assert trade.record["state"] == "closed"
    assert trade.money == (10_000 * YUAN, 0, 0)


def test_a_lease_that_ends_as_it_begins_is_closed_at_once() -> None:
    trade = Trade().set_up()
    trade.make_offer()
    trade.take()
    trade.dispatch()
    world, about = trade.world, {"lease": trade.lease}
    activation = world.make("lease.activate", PROVIDER, **about)
    end = world.make("lease.close", CONSUMER, **about, note="", reason="unneeded")
    assert [result.code for result in world.block(activation, end)] == ["ok", "ok"]
    assert (trade.record["state"], trade.record["held_micro_yuan"]) == ("closed", 0)


def test_a_lease_whose_end_is_seen_after_its_last_receipt_is_closed_at_once(
    trade: Trade, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = trade.start().world
    for epoch in range(3):
        world.wait(HOUR_MS)
        trade.agree(epoch)
    with monkeypatch.context() as patched:
        patched.setattr(machine, "MAX_DUE_ITEMS", 0)  # so many others are due
        patched.setattr(machine, "DUE_ITEMS_OF_TRANSACTION", 0)
        world.wait(HOUR_MS)
        trade.agree(3)
        assert trade.record["state"] == "active"
    world.block()
    assert (trade.record["state"], trade.record["reason"]) == ("closed", "completed")


def test_what_is_activated_after_its_window_would_never_end(
    trade: Trade, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade.set_up()
    trade.make_offer()
    trade.take()
    trade.dispatch()
    world = trade.world
    late_ms = trade.record["reserved_until_ms"] - world.time_ms
    activation = world.make("lease.activate", PROVIDER, lease=trade.lease)
    with monkeypatch.context() as patched:
        patched.setattr(machine, "MAX_DUE_ITEMS", 0)  # so many others are due
        patched.setattr(machine, "DUE_ITEMS_OF_TRANSACTION", 0)
        assert world.block(activation, after_ms=late_ms)[0].code == "window-over"
    world.block()
    assert trade.record["state"] == "failed"
    assert trade.money == (10_000 * YUAN, 0, 0)


def test_missing_receipts_are_given_up(trade: Trade) -> None:
    trade.start()
    world = trade.world
    world.do("lease.close", CONSUMER, lease=trade.lease, note="", reason="finished")
    results = world.wait(VERSION_1["settlement_window_ms"])
    assert list_events(*results) == ["lease.unmetered", "lease.refunded", "lease.closed"]
    assert trade.money == (10_000 * YUAN, 0, 0)


def test_an_industry_node_dispatches_in_its_sector(trade: Trade) -> None:
    trade.set_up()
    trade.world.register(INDUSTRY, NATIONAL)
    trade.make_offer()
    trade.take()
    trade.world.do("lease.dispatch", INDUSTRY, lease=trade.lease, reference="")
    assert trade.record["dispatchers"] == [INDUSTRY]


def test_an_industry_node_dispatches_what_was_agreed_at_its_venue(trade: Trade) -> None:
    trade.set_up().open_venue()
    trade.make_offer(venue=INDUSTRY)
    trade.take()
    trade.world.do("lease.dispatch", INDUSTRY, lease=trade.lease, reference="")
    assert trade.record["dispatchers"] == [INDUSTRY]


def test_one_region_needs_one_signature(trade: Trade) -> None:
    trade.set_up(consumer=LOCAL_CONSUMER)
    trade.make_offer()
    trade.take()
    trade.dispatch()
    assert trade.record["dispatchers"] == [GUIZHOU]


def test_a_lease_keeps_the_rules_it_was_made_under() -> None:
    trade = Trade(make_world(meter_epoch_ms=60_000)).start()
    trade.world.wait(60_000)
    trade.agree(0, 2_000 * 60)
    assert trade.record["rules"] == 1
    assert trade.record["billed_micro_yuan"] == TWO_CARDS_AN_HOUR // 60


def test_leases_of_a_provider_are_a_prefix(trade: Trade) -> None:
    trade.set_up()
    trade.make_offer()
    taken = {trade.take() for _ in range(3)}
    keys = [key for key, _ in trade.world.state.scan(LEASES.make_key(PROVIDER))]
    assert {key.split(b"\x00")[2].decode() for key in keys} == taken
    assert trade.record["resource"] == RESOURCE


def test_the_life_ends() -> None:
    assert compute_terminal(LIFE) == ("closed", "failed")
