"""Disputes: the accepted part is paid, the rest waits, and the money is right to the micro-yuan."""

import pytest

from contracts.agreement import LEASES
from contracts.dispute import MAX_EVIDENCE
from contracts.invariants import check_invariants
from contracts.life import compute_terminal
from contracts.payload import MAX_NOTE
from contracts.receipt import DISPUTE_LIFE, MAX_OPEN, is_course
from ledger import codec
from ledger.codec import Value
from tests.contracts.trade import CONSUMER, PRICE, PROVIDER, YUAN, Trade
from tests.contracts.world import HOUR_MS, list_events, make_world

FULL = 2_000 * 3_600
BILL = 2 * PRICE


@pytest.fixture
def trade() -> Trade:
    trade = Trade(make_world(evidence_window_ms=HOUR_MS)).start(hold_micro_yuan=100 * YUAN)
    trade.world.wait(HOUR_MS)
    trade.submit(0)
    return trade


def test_the_accepted_part_is_paid_by_the_next_block(trade: Trade) -> None:
    opened = trade.dispute(0, FULL // 4)
    assert list_events(opened) == ["dispute.opened"]
    (claim,) = trade.record["open"]
    assert (claim["state"], claim["dispute"]["state"]) == ("contested", "open")
    assert (claim["claimed_micro_yuan"], claim["frozen_micro_yuan"]) == (BILL, BILL)
    (paid,) = trade.world.block()
    assert paid.events[0]["type"] == "dispute.paid"
    assert paid.events[0]["data"]["paid_micro_yuan"] == BILL // 4
    assert paid.events[0]["data"]["disputed_micro_yuan"] == BILL * 3 // 4
    (claim,) = trade.record["open"]
    assert claim["dispute"]["state"] == "evidence"
    assert claim["frozen_micro_yuan"] == BILL * 3 // 4
    assert trade.record["billed_micro_yuan"] == trade.world.balance(PROVIDER) == BILL // 4
    assert trade.world.block() == []


def test_opening_and_paying_change_two_keys_each(trade: Trade) -> None:
    trade.dispute(0, FULL // 4)
    assert len(trade.world.layer.records) == 2
    trade.world.block()
    assert len(trade.world.layer.records) == 2


def test_nothing_accepted_is_nothing_paid(trade: Trade) -> None:
    trade.dispute(0, 0)
    (paid,) = trade.world.block()
    assert paid.events[0]["data"]["paid_micro_yuan"] == 0
    assert [key.split(b"\x00")[0] for key, _ in paid.changes] == [b"lease"]


def test_the_epochs_after_it_go_on(trade: Trade) -> None:
    trade.dispute(0, FULL // 4)
    trade.world.wait(HOUR_MS)
    trade.agree(1)
    assert trade.record["billed_micro_yuan"] == BILL // 4 + BILL
    assert check_invariants(trade.world.state) == []


def test_two_disputes_of_a_lease_in_one_block(trade: Trade) -> None:
    world = trade.world
    world.wait(HOUR_MS)
    trade.submit(1)
    calls = [
        world.make("dispute.open", CONSUMER, **trade.dispute_data(epoch, FULL // 2))
        for epoch in (0, 1)
    ]
    assert [result.code for result in world.block(*calls)] == ["ok", "ok"]
    (result,) = world.block()
    assert list_events(result) == ["dispute.paid"] * 2
    assert trade.record["billed_micro_yuan"] == BILL
    assert check_invariants(world.state) == []


def test_agreed_before_the_block_paid(trade: Trade) -> None:
    """Both signatures in the very block of the opening settle all of it at once."""
    world = trade.world
    usage = trade.usage(0, FULL // 2)
    results = world.block(
        world.make("dispute.open", CONSUMER, **trade.dispute_data(0, FULL // 4)),
        world.make("metering.receipt", (PROVIDER, CONSUMER), **usage),
    )
    assert [result.code for result in results] == ["ok", "ok"]
    assert trade.record["receipt"]["dispute"]["state"] == "agreed"
    assert trade.record["billed_micro_yuan"] == BILL // 2
    assert world.block() == []


@pytest.mark.parametrize(("side", "billed"), [(PROVIDER, BILL // 4), (CONSUMER, BILL)])
def test_either_side_may_give_in(trade: Trade, side: str, billed: int) -> None:
    trade.dispute(0, FULL // 4)
    trade.world.do("dispute.concede", side, epoch=0, lease=trade.lease)
    receipt = trade.record["receipt"]
    assert (receipt["state"], receipt["dispute"]["state"]) == ("agreed", "agreed")
    assert receipt["billed_micro_yuan"] == trade.world.balance(PROVIDER) == billed
    assert trade.record["held_micro_yuan"] == 100 * YUAN - billed
    assert check_invariants(trade.world.state) == []


def test_both_sides_lay_evidence(trade: Trade) -> None:
    trade.dispute(0, 0)
    for side in (PROVIDER, CONSUMER):
        for number in range(MAX_EVIDENCE - (side == CONSUMER)):
            trade.world.do(
                "dispute.add_evidence",
                side,
                epoch=0,
                evidence=bytes([number]) * 32,
                lease=trade.lease,
                note="log",
            )
    evidence = trade.record["open"][0]["dispute"]["evidence"]
    assert [item["party"] for item in evidence].count(PROVIDER) == MAX_EVIDENCE
    assert [item["party"] for item in evidence].count(CONSUMER) == MAX_EVIDENCE


def test_a_lease_stays_small_however_much_is_said_of_it() -> None:
    """All that happens to a lease writes its record anew: it must not cost more than it seems."""
    trade = Trade(make_world())
    trade.set_up(funds=3_000 * YUAN)
    trade.make_offer()
    trade.take(seconds=20 * 3600, hold_micro_yuan=1_000 * YUAN)
    trade.dispatch()
    trade.activate()
    said = {"evidence": bytes(32), "lease": trade.lease, "note": "\N{GRINNING FACE}" * MAX_NOTE}
    for epoch in range(MAX_OPEN):
        trade.world.wait(HOUR_MS)
        trade.submit(epoch)
        accepted = {"availability_bp": 0, "used_unit_seconds": 0}
        trade.world.do("dispute.open", CONSUMER, epoch=epoch, **accepted, **said)
        for side in [PROVIDER] * MAX_EVIDENCE + [CONSUMER] * (MAX_EVIDENCE - 1):
            trade.world.do("dispute.add_evidence", side, epoch=epoch, **said)
    assert len(trade.record["open"]) == MAX_OPEN
    assert len(codec.encode(trade.record)) < 32 * 1024


def test_a_lower_availability_can_be_accepted(trade: Trade) -> None:
    trade.dispute(0, FULL, availability_bp=9_000)
    trade.world.block()
    assert trade.record["billed_micro_yuan"] == BILL // 2
    trade.world.do("dispute.concede", PROVIDER, epoch=0, lease=trade.lease)
    assert trade.record["used_unit_seconds"] == FULL
    assert trade.world.balance(PROVIDER) == BILL // 2


def test_a_lease_waits_for_its_disputes(trade: Trade) -> None:
    world = trade.world
    trade.dispute(0, 0)
    world.do("lease.close", CONSUMER, lease=trade.lease, note="", reason="unsatisfied")
    world.wait(72 * HOUR_MS)
    record = trade.record
    assert (record["state"], record["held_micro_yuan"]) == ("settling", 0)
    assert world.balance(CONSUMER) == 10_000 * YUAN - BILL
    world.do("dispute.concede", PROVIDER, epoch=0, lease=trade.lease)
    assert trade.record["state"] == "closed"
    assert trade.money == (10_000 * YUAN, 0, 0)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"frozen_micro_yuan": 1}, "a claim that is not frozen or billed in all"),
        ({"state": "signed"}, "a claim that is not frozen or billed in all"),
        ({"epoch": 7}, "settles an epoch twice"),
    ],
)
def test_the_checkers_see_a_claim_that_is_wrong(
    trade: Trade, changes: dict[str, Value], wrong: str
) -> None:
    trade.dispute(0, FULL // 4)
    lease = trade.record
    broken = {**lease, "open": [{**lease["open"][0], **changes}]}
    assert LEASES.check is not None
    assert any(wrong in line for line in LEASES.check(b"lease", broken))


def test_the_checkers_see_a_settled_receipt_that_is_not(trade: Trade) -> None:
    trade.dispute(0, 0)
    trade.world.do("dispute.concede", PROVIDER, epoch=0, lease=trade.lease)
    lease = trade.record
    assert LEASES.check is not None
    assert list(LEASES.check(b"lease", lease)) == []
    broken = {**lease, "receipt": {**lease["receipt"], "billed_micro_yuan": BILL + 1}}
    assert any("settled receipt" in line for line in LEASES.check(b"lease", broken))


def test_the_checkers_see_a_step_out_of_a_life(trade: Trade) -> None:
    trade.dispute(0, FULL // 4)
    (opened,) = trade.record["open"]
    assert is_course([opened], [opened], [])
    assert not is_course([opened], [], [])
    assert not is_course([opened], [{**opened, "state": "signed"}], [])
    appealed = {**opened, "dispute": {**opened["dispute"], "state": "appealed"}}
    assert not is_course([opened], [appealed], [])
    assert is_course([opened], [], [[0, 1, 1, 1, 0]])


def test_the_life_ends() -> None:
    assert compute_terminal(DISPUTE_LIFE) == ("agreed", "executed")
