"""Challenges: a sample that is asked for is shown, or the silence counts."""

import pytest

from contracts.challenge import MAX_ASKED, MAX_PENDING
from contracts.invariants import check_invariants
from contracts.rules import VERSION_1
from ledger.merkle import compute_inclusion_proof, compute_leaf_hash, compute_root
from ledger.result import Result
from tests.contracts.trade import AUDITOR, CONSUMER, PRICE, PROVIDER, YUAN, Trade, find_object
from tests.contracts.world import BEIJING, GUIZHOU, HOUR_MS, NATIONAL, list_events

SAMPLES = [b"%d: busy" % number for number in range(60)]
HASHES = [compute_leaf_hash(sample) for sample in SAMPLES]
ROOT = compute_root(HASHES)
WINDOW_MS = VERSION_1["challenge_window_ms"]
BILL = 2 * PRICE


@pytest.fixture
def trade() -> Trade:
    """A receipt that waits for its consumer."""
    trade = Trade().start()
    trade.world.wait(HOUR_MS)
    trade.submit(0, samples_root=ROOT)
    return trade


def ask(trade: Trade, index: int, actor: str = CONSUMER, epoch: int = 0) -> Result:
    about = {"epoch": epoch, "index": index, "lease": trade.lease}
    return trade.world.run("metering.challenge", actor, **about)


def answer(trade: Trade, index: int, **changes: object) -> Result:
    data = {
        "epoch": 0,
        "index": index,
        "leaf": SAMPLES[index],
        "lease": trade.lease,
        "path": compute_inclusion_proof(HASHES, index),
        **changes,
    }
    return trade.world.run("metering.answer", PROVIDER, **data)


def test_a_sample_is_shown_and_silence_then_agrees(trade: Trade) -> None:
    world = trade.world
    assert ask(trade, 7).code == "ok"
    assert len(world.layer.records) == 2
    assert list_events(*world.wait(WINDOW_MS - 60_000)) == []
    shown = answer(trade, 7)
    assert shown.code == "ok"
    assert CONSUMER in shown.events[0]["about"]
    assert len(world.layer.records) == 2
    assert (trade.record["challenges"], trade.record["open"][0]["asked"]) == ([], 1)
    world.wait(trade.record["open"][0]["deadline_ms"] - world.time_ms)
    assert trade.record["receipt"]["state"] == "deemed"
    assert trade.delivery == (1, 0)


def test_a_wrong_sample_does_not_pass(trade: Trade) -> None:
    ask(trade, 7)
    assert answer(trade, 7, leaf=b"7: idle").code == "wrong-path"
    assert answer(trade, 7, path=compute_inclusion_proof(HASHES, 8)).code == "wrong-path"
    assert answer(trade, 7, path=[]).code == "wrong-path"
    assert answer(trade, 8).code == "no-challenge"
    assert answer(trade, 7).code == "ok"
    assert answer(trade, 7).code == "no-challenge"


def test_silence_forfeits_what_waits(trade: Trade) -> None:
    world = trade.world
    assert trade.record["held_micro_yuan"] == 100 * YUAN - BILL
    ask(trade, 0)
    ask(trade, 59, actor=GUIZHOU)
    results = world.wait(WINDOW_MS)
    forfeited = ["metering.unanswered", "metering.unanswered", "metering.forfeited"]
    assert sorted(list_events(*results)) == sorted(forfeited)
    assert trade.record["receipt"]["state"] == "forfeited"
    assert trade.record["receipt"]["used_unit_seconds"] == 0
    assert trade.record["challenges"] == []
    assert trade.money == (9_900 * YUAN, 0, 100 * YUAN)
    # Two questions, and an epoch that was not delivered.
    assert trade.delivery == (0, 3)
    assert check_invariants(world.state) == []


def test_an_outage_forfeits_nothing(trade: Trade) -> None:
    ask(trade, 0)
    trade.world.outage(10 * WINDOW_MS)
    assert [claim["state"] for claim in trade.record["open"]] == ["signed"]
    assert answer(trade, 0).code == "ok"


def test_a_question_holds_up_agreement_by_silence_and_no_other_receipt() -> None:
    trade = Trade().start(seconds=24 * 3600, hold_micro_yuan=1_000 * YUAN)
    world = trade.world
    for epoch in range(2):
        world.wait(HOUR_MS)
        trade.submit(epoch, samples_root=ROOT)
    first, second = (claim["deadline_ms"] for claim in trade.record["open"])
    world.wait(first - world.time_ms - 60_000)
    ask(trade, 3)
    world.wait(second - world.time_ms)
    assert [claim["epoch"] for claim in trade.record["open"]] == [0]
    assert answer(trade, 3).code == "ok"
    # Who asked has time to judge what came.
    assert trade.record["open"][0]["deadline_ms"] == world.time_ms + WINDOW_MS
    world.wait(WINDOW_MS)
    assert trade.record["open"] == []
    assert trade.delivery == (2, 0)


def test_what_was_settled_last_can_be_asked_about(trade: Trade) -> None:
    world = trade.world
    world.do("metering.countersign", CONSUMER, epoch=0, lease=trade.lease)
    world.register(AUDITOR, NATIONAL)
    assert ask(trade, 5, actor=AUDITOR).code == "ok"
    assert trade.record["receipt"]["asked"] == 1
    money = trade.money
    assert list_events(*world.wait(WINDOW_MS)) == ["metering.unanswered"]
    assert trade.record["receipt"]["state"] == "agreed"
    assert trade.money == money
    assert trade.delivery == (1, 1)


def test_a_question_survives_the_receipt_after_it(trade: Trade) -> None:
    world = trade.world
    ask(trade, 5, actor=BEIJING)
    world.do("metering.countersign", CONSUMER, epoch=0, lease=trade.lease)
    world.wait(HOUR_MS)
    trade.agree(1)
    assert answer(trade, 5).code == "ok"


def test_an_ended_lease_closes_after_its_last_answer(trade: Trade) -> None:
    world = trade.world
    world.do("metering.countersign", CONSUMER, epoch=0, lease=trade.lease)
    ask(trade, 1)
    world.do("lease.close", CONSUMER, lease=trade.lease, note="", reason="finished")
    rest = (trade.record["ended_ms"] - trade.record["metered_ms"]) * 2
    trade.agree(1, rest)
    # The money is back; only the record waits.
    assert (trade.record["state"], trade.record["held_micro_yuan"]) == ("settling", 0)
    closing = answer(trade, 1)
    assert list_events(closing) == ["lease.closed", "metering.answered"]
    assert trade.record["state"] == "closed"
    assert check_invariants(world.state) == []


def test_an_ended_lease_closes_after_silence_too(trade: Trade) -> None:
    world = trade.world
    world.do("lease.close", CONSUMER, lease=trade.lease, note="", reason="finished")
    rest = (trade.record["ended_ms"] - trade.record["metered_ms"]) * 2
    trade.agree(1, rest)
    ask(trade, 1)
    results = world.wait(WINDOW_MS)
    assert "lease.closed" in list_events(*results)
    assert trade.record["state"] == "closed"
    assert check_invariants(world.state) == []


def test_a_disputed_receipt_stays_with_its_arbiter(trade: Trade) -> None:
    world = trade.world
    ask(trade, 1)
    trade.dispute(0, 10)
    assert list_events(*world.wait(WINDOW_MS)) == ["dispute.paid", "metering.unanswered"]
    assert [claim["state"] for claim in trade.record["open"]] == ["contested"]
    assert trade.delivery == (0, 1)


def test_questions_are_bounded(trade: Trade) -> None:
    for index in range(MAX_PENDING):
        assert ask(trade, index).code == "ok"
    assert ask(trade, MAX_PENDING).code == "too-many-challenges"
    for index in range(MAX_ASKED):
        if index >= MAX_PENDING:
            assert ask(trade, index).code == "ok"
        assert answer(trade, index).code == "ok"
    assert trade.record["challenges"] == []
    assert ask(trade, 0).code == "too-many-challenges"


def test_no_consumer_leaves_monitors_nothing_to_ask(trade: Trade) -> None:
    """Provider and consumer may be friends, and ask and answer what they like."""
    trade.world.register(AUDITOR, NATIONAL)
    for index in range(MAX_ASKED):
        assert ask(trade, index).code == "ok"
        assert answer(trade, index).code == "ok"
    for index in range(MAX_PENDING):
        assert ask(trade, index, GUIZHOU).code == "ok"
    for index in range(MAX_PENDING, 2 * MAX_PENDING):
        assert ask(trade, index, AUDITOR).code == "ok"
    assert ask(trade, MAX_ASKED, AUDITOR).code == "too-many-challenges"


def test_a_voucher_is_told_what_it_spent_when_the_last_answer_closes_the_lease() -> None:
    trade = Trade().set_up()
    trade.make_offer()
    trade.issue_voucher()
    trade.take(hold_micro_yuan=60 * YUAN, voucher=trade.voucher, voucher_micro_yuan=40 * YUAN)
    trade.dispatch()
    trade.activate()
    world = trade.world
    world.wait(HOUR_MS)
    trade.agree(0, samples_root=ROOT)
    ask(trade, 1)
    world.do("lease.close", CONSUMER, lease=trade.lease, note="", reason="finished")
    rest = (trade.record["ended_ms"] - trade.record["metered_ms"]) * 2
    trade.agree(1, rest)
    before = find_object(world, trade.voucher)
    billed = trade.record["voucher"]["billed_micro_yuan"]
    assert billed > BILL * 4 // 10
    assert (before["held_micro_yuan"], before["spent_micro_yuan"]) == (billed, 0)
    assert answer(trade, 1).code == "ok"
    after = find_object(world, trade.voucher)
    assert (after["held_micro_yuan"], after["spent_micro_yuan"]) == (0, billed)
    assert check_invariants(world.state) == []
