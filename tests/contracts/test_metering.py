"""Metering: receipts, silence, and money that adds up to the micro-yuan."""

import pytest

from contracts.agreement import LEASES
from contracts.billing import SCALE
from contracts.invariants import check_invariants
from contracts.life import compute_terminal
from contracts.receipt import LIFE, MAX_OPEN, MAX_SETTLED, Settled
from contracts.rules import VERSION_1
from tests.contracts.trade import CONSUMER, PRICE, PROVIDER, ROOT_OF_SAMPLES, YUAN, Trade
from tests.contracts.world import HOUR_MS, list_events, make_world

FULL = 2_000 * 3_600
BILL = 2 * PRICE


@pytest.fixture
def trade() -> Trade:
    return Trade().start(hold_micro_yuan=100 * YUAN)


def test_silence_is_agreement(trade: Trade) -> None:
    trade.world.wait(HOUR_MS)
    trade.submit(0)
    assert trade.record["billed_micro_yuan"] == 0
    results = trade.world.wait(VERSION_1["countersign_window_ms"])
    assert list_events(*results) == ["lease.ended", "metering.deemed"]
    assert trade.record["open"] == []
    assert trade.record["billed_micro_yuan"] == BILL
    assert trade.record["receipt"]["state"] == "deemed"


def test_silence_on_several_receipts_of_one_block_is_agreement_on_all(trade: Trade) -> None:
    world = trade.world
    world.wait(2 * HOUR_MS)
    calls = [world.make("metering.submit", PROVIDER, **trade.usage(epoch)) for epoch in (0, 1)]
    assert [result.code for result in world.block(*calls)] == ["ok", "ok"]
    world.wait(VERSION_1["countersign_window_ms"])
    assert (trade.record["open"], trade.record["receipt"]["epoch"]) == ([], 1)
    assert check_invariants(world.state) == []


def test_silence_in_an_outage_is_nothing(trade: Trade) -> None:
    trade.world.wait(HOUR_MS)
    trade.submit(0)
    trade.world.outage(10 * VERSION_1["countersign_window_ms"])
    assert [claim["state"] for claim in trade.record["open"]] == ["signed"]
    trade.world.do("metering.countersign", CONSUMER, epoch=0, lease=trade.lease)
    assert trade.record["receipt"]["state"] == "agreed"


def test_both_may_agree_on_less_than_what_waits(trade: Trade) -> None:
    trade.world.wait(HOUR_MS)
    trade.submit(0)
    trade.agree(0, FULL // 2)
    assert trade.record["billed_micro_yuan"] == BILL // 2
    assert trade.record["open"] == []


def test_both_may_agree_in_a_dispute(trade: Trade) -> None:
    trade.world.wait(HOUR_MS)
    trade.submit(0)
    trade.dispute(0, FULL // 4)
    trade.agree(0, FULL // 2)
    assert trade.record["billed_micro_yuan"] == BILL // 2
    assert trade.money == (9_900 * YUAN, BILL // 2, 100 * YUAN - BILL // 2)


def test_a_silent_consumer_stops_nothing(trade: Trade) -> None:
    for epoch in range(3):
        trade.world.wait(HOUR_MS)
        trade.submit(epoch)
    assert len(trade.record["open"]) == 3
    assert trade.record["held_micro_yuan"] == 100 * YUAN - 3 * BILL
    trade.world.do("metering.countersign", CONSUMER, epoch=1, lease=trade.lease)
    assert [claim["epoch"] for claim in trade.record["open"]] == [0, 2]
    trade.world.wait(HOUR_MS)
    trade.submit(3)
    assert trade.money == (9_900 * YUAN, BILL, 100 * YUAN - 4 * BILL)
    trade.world.wait(VERSION_1["countersign_window_ms"])
    assert trade.record["state"] == "closed"
    assert trade.world.balance(PROVIDER) == 4 * BILL
    assert check_invariants(trade.world.state) == []


def test_open_receipts_are_bounded(trade: Trade) -> None:
    trade = Trade().start(hold_micro_yuan=1_000 * YUAN, seconds=24 * 3600)
    for epoch in range(MAX_OPEN):
        trade.world.wait(HOUR_MS)
        trade.submit(epoch)
        trade.dispute(epoch)
    trade.world.wait(HOUR_MS)
    usage = trade.usage(MAX_OPEN)
    assert trade.world.run("metering.submit", PROVIDER, **usage).code == "too-many-receipts"
    trade.world.do("dispute.concede", CONSUMER, epoch=3, lease=trade.lease)
    trade.submit(MAX_OPEN)


def test_disputes_do_not_cost_a_provider_its_last_receipts() -> None:
    """Where a consumer disputes all it can, the provider's time runs when it can submit again."""
    trade = Trade().start(hold_micro_yuan=1_000 * YUAN, seconds=(MAX_OPEN + 1) * 3600)
    world = trade.world
    for epoch in range(MAX_OPEN):
        world.wait(HOUR_MS)
        trade.submit(epoch)
        trade.dispute(epoch)
    world.wait(HOUR_MS + VERSION_1["settlement_window_ms"])
    record = trade.record
    assert (record["state"], len(record["open"])) == ("settling", MAX_OPEN)
    assert record["metered_ms"] < record["ended_ms"]
    world.do("dispute.concede", CONSUMER, epoch=0, lease=trade.lease)
    world.wait(VERSION_1["settlement_window_ms"] - 60_000)
    assert trade.record["metered_ms"] < trade.record["ended_ms"]
    rest_ms = trade.record["ended_ms"] - trade.record["metered_ms"]
    trade.submit(MAX_OPEN, rest_ms * 2)
    assert trade.record["metered_ms"] == trade.record["ended_ms"]
    assert check_invariants(world.state) == []


def test_credits_follow_from_availability(trade: Trade) -> None:
    cases = [(10_000, 0), (9_990, 0), (9_989, 2_000), (9_899, 3_000)]
    for epoch, (availability_bp, credit_bp) in enumerate(cases):
        trade.world.wait(HOUR_MS)
        before = trade.record["billed_micro_yuan"]
        trade.agree(epoch, availability_bp=availability_bp)
        billed = trade.record["billed_micro_yuan"] - before
        assert billed == BILL * (10_000 - credit_bp) // 10_000
    assert trade.delivery == (2, 2)


def test_a_lease_keeps_the_figures_of_its_last_epochs() -> None:
    trade = Trade().start(hold_micro_yuan=1_000 * YUAN, seconds=24 * 3600)
    for epoch in range(MAX_SETTLED + 2):
        trade.world.wait(HOUR_MS)
        trade.agree(epoch, FULL - epoch)
    kept = [Settled(*figures) for figures in trade.record["settled"]]
    assert [figures.epoch for figures in kept] == list(range(2, MAX_SETTLED + 2))
    assert kept[0] == Settled(2, HOUR_MS, FULL - 2, 10_000, 0)


def test_one_rounding_an_epoch_and_nothing_lost(trade: Trade) -> None:
    used = [1_234_567, 7_199_999, 1, 3]
    for epoch, seconds in enumerate(used):
        trade.world.wait(HOUR_MS)
        trade.agree(epoch, seconds)
    total = sum(used) * PRICE * 10_000
    assert trade.record["billed_micro_yuan"] == total // SCALE
    assert trade.record["remainder"] == total % SCALE


def test_receipts_carry_their_samples(trade: Trade) -> None:
    trade.world.wait(HOUR_MS)
    trade.agree(0)
    receipt = trade.record["receipt"]
    assert receipt["samples_root"] == ROOT_OF_SAMPLES
    assert receipt["ends_ms"] - receipt["starts_ms"] == HOUR_MS


def test_the_life_ends() -> None:
    assert compute_terminal(LIFE) == ("agreed", "deemed", "forfeited", "ruled")


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("billed_micro_yuan", 1),
        ("remainder", 1),
        ("price_micro_yuan", 1),
        ("used", 1_000),
        ("availability", -20),
    ],
)
def test_the_checkers_compute_bills_again(field: str, change: int) -> None:
    """A bill that does not follow from the meters, the price and the rules is found."""
    trade = Trade(make_world(meter_epoch_ms=60_000)).start()
    for epoch in range(3):
        trade.world.wait(60_000)
        trade.agree(epoch, 7_777)
    lease = trade.record
    assert check_invariants(trade.world.state) == []
    key = next(key for key, _ in trade.world.state.scan(LEASES.prefix))
    if field in lease:
        broken = {**lease, field: lease[field] + change}
    else:
        place = 2 if field == "used" else 3
        first = list(lease["settled"][0])
        first[place] += change
        broken = {**lease, "settled": [first, *lease["settled"][1:]]}
    record = trade.world.state.records[key]
    trade.world.state.records[key] = record.replaced(broken, record.height, record.index)
    assert any("than its meters say" in line for line in check_invariants(trade.world.state))
