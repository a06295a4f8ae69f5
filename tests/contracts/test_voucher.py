"""Vouchers: they pay their share, come back, lapse, and no micro-yuan is lost on the way."""

from typing import Any

import pytest

from contracts.account import make_account_key
from contracts.invariants import check_invariants
from contracts.life import compute_terminal
from contracts.rules import VERSION_1
from contracts.table import make_object_key
from contracts.voucher import LIFE, VOUCHERS
from ledger.codec import Value
from tests.contracts.trade import (
    CONSUMER,
    PRICE,
    PROVIDER,
    YUAN,
    Trade,
    find_object,
)
from tests.contracts.world import BANK, GUIZHOU, HOUR_MS

FULL = 2_000 * 3_600
BILL = 2 * PRICE
SHARE = BILL * 4 // 10


@pytest.fixture
def trade() -> Trade:
    trade = Trade().set_up()
    trade.make_offer()
    trade.issue_voucher()
    return trade


def begin(trade: Trade, voucher: int = 50 * YUAN, **changes: Value) -> None:
    """A lease of four hours with a part of the voucher, up and running."""
    taking = {"voucher": trade.voucher, "voucher_micro_yuan": voucher, **changes}
    trade.take(**{"hold_micro_yuan": 60 * YUAN, **taking})
    trade.dispatch()
    trade.activate()


def voucher(trade: Trade) -> Any:
    return find_object(trade.world, trade.voucher)


def parts(trade: Trade) -> tuple[int, int, int, int]:
    """Left, in leases, spent and lapsed."""
    record = voucher(trade)
    return (
        record["balance_micro_yuan"],
        record["held_micro_yuan"],
        record["spent_micro_yuan"],
        record["lapsed_micro_yuan"],
    )


def issued(trade: Trade) -> int:
    return int(trade.world.value(make_account_key(GUIZHOU))["vouchers_issued"])


def close(trade: Trade) -> None:
    trade.world.do("lease.close", CONSUMER, lease=trade.lease, note="", reason="finished")
    rest = (trade.record["ended_ms"] - trade.record["metered_ms"]) * 2
    trade.agree(trade.record["epoch"], rest)


def test_issuing_is_counted(trade: Trade) -> None:
    assert parts(trade) == (50 * YUAN, 0, 0, 0)
    assert issued(trade) == 50 * YUAN
    keys = [key.split(b"\x00")[0] for key in trade.world.layer.records]
    assert sorted(keys) == [b"account", b"voucher"]
    assert check_invariants(trade.world.state) == []


def test_a_taking_with_a_voucher_changes_three_keys(trade: Trade) -> None:
    trade.take(hold_micro_yuan=60 * YUAN, voucher=trade.voucher, voucher_micro_yuan=YUAN)
    assert len(trade.world.layer.records) == 3
    assert parts(trade) == (49 * YUAN, YUAN, 0, 0)
    assert trade.world.results[0].events[0]["data"]["voucher_micro_yuan"] == YUAN


def test_it_pays_its_share_of_each_bill(trade: Trade) -> None:
    begin(trade)
    trade.world.wait(HOUR_MS)
    result = trade.agree(0)
    assert result.events[0]["data"]["paid_micro_yuan"] == BILL
    assert result.events[0]["data"]["billed_voucher_micro_yuan"] == SHARE
    assert trade.world.balance(PROVIDER) == BILL
    record = trade.record
    assert record["held_micro_yuan"] == 60 * YUAN - (BILL - SHARE)
    assert record["voucher"]["held_micro_yuan"] == 50 * YUAN - SHARE
    assert record["voucher"]["billed_micro_yuan"] == SHARE
    # The voucher learns of it when the lease has ended, so that a receipt costs no further key.
    assert len(trade.world.layer.records) == 3
    assert parts(trade) == (0, 50 * YUAN, 0, 0)
    assert check_invariants(trade.world.state) == []


def test_what_a_lease_did_not_need_comes_back(trade: Trade) -> None:
    begin(trade)
    trade.world.wait(HOUR_MS)
    trade.agree(0)
    close(trade)
    record = trade.record
    assert record["state"] == "closed"
    spent = record["voucher"]["billed_micro_yuan"]
    assert parts(trade) == (50 * YUAN - spent, 0, spent, 0)
    assert voucher(trade)["state"] == "open"
    assert trade.world.balance(CONSUMER) == 10_000 * YUAN - (record["billed_micro_yuan"] - spent)
    assert issued(trade) == 50 * YUAN
    assert check_invariants(trade.world.state) == []


def test_one_that_was_spent_has_ended(trade: Trade) -> None:
    trade.issue_voucher(amount_micro_yuan=SHARE)
    begin(trade, voucher=SHARE)
    trade.world.wait(HOUR_MS)
    trade.agree(0)
    close(trade)
    assert parts(trade) == (0, 0, SHARE, 0)
    assert voucher(trade)["state"] == "spent"
    assert check_invariants(trade.world.state) == []


def test_the_hold_counts_what_the_voucher_pays(trade: Trade) -> None:
    # Two epochs cost 40 yuan, of which the voucher pays 16.
    taking = trade.take_data(hold_micro_yuan=24 * YUAN, voucher=trade.voucher)
    short = {**taking, "voucher_micro_yuan": 16 * YUAN - 1}
    assert trade.world.run("market.take", CONSUMER, **short).code == "hold-too-small"
    enough = {**taking, "voucher_micro_yuan": 16 * YUAN}
    assert trade.world.run("market.take", CONSUMER, **enough).code == "ok"


def test_the_horizon_counts_what_the_voucher_pays(trade: Trade) -> None:
    begin(trade, voucher=16 * YUAN, hold_micro_yuan=24 * YUAN)
    begun_ms = trade.record["activated_ms"]
    trade.world.wait(HOUR_MS)
    trade.agree(0)
    trade.world.wait(HOUR_MS)
    assert trade.record["state"] == "settling"
    assert trade.record["reason"] == "hold-exhausted"
    assert trade.record["ended_ms"] == begun_ms + 2 * HOUR_MS
    trade.agree(1)
    assert trade.world.balance(PROVIDER) == 40 * YUAN
    assert trade.record["held_micro_yuan"] == trade.record["voucher"]["held_micro_yuan"] == 0
    assert check_invariants(trade.world.state) == []


def test_a_top_up_out_of_a_voucher(trade: Trade) -> None:
    trade.take(hold_micro_yuan=40 * YUAN)
    trade.dispatch()
    trade.activate()
    trade.world.wait(HOUR_MS)
    trade.submit(0)  # frozen in cash alone, and so paid
    trade.world.do("lease.top_up", CONSUMER, **trade.top_up_data(YUAN, 10 * YUAN))
    trade.world.do("lease.top_up", CONSUMER, **trade.top_up_data(0, 10 * YUAN))
    assert trade.record["voucher"]["funded_micro_yuan"] == 20 * YUAN
    trade.world.do("metering.countersign", CONSUMER, epoch=0, lease=trade.lease)
    assert trade.record["voucher"]["billed_micro_yuan"] == 0
    trade.world.wait(HOUR_MS)
    trade.agree(1)
    assert trade.record["voucher"]["billed_micro_yuan"] == SHARE
    assert check_invariants(trade.world.state) == []


def test_a_refused_lease_gives_all_of_it_back(trade: Trade) -> None:
    trade.take(hold_micro_yuan=60 * YUAN, voucher=trade.voucher, voucher_micro_yuan=YUAN)
    trade.world.wait(VERSION_1["activation_timeout_ms"])
    assert trade.record["state"] == "failed"
    assert parts(trade) == (50 * YUAN, 0, 0, 0)
    assert check_invariants(trade.world.state) == []


def test_what_is_left_lapses_at_its_time(trade: Trade) -> None:
    trade.issue_voucher(expires_ms=trade.world.time_ms + HOUR_MS)
    (result,) = trade.world.wait(HOUR_MS)
    assert result.events[0]["type"] == "voucher.expired"
    assert set(result.events[0]["about"]) == {trade.voucher, CONSUMER, GUIZHOU}
    assert parts(trade) == (0, 0, 0, 50 * YUAN)
    assert voucher(trade)["state"] == "expired"
    assert issued(trade) == 50 * YUAN  # the other one
    assert check_invariants(trade.world.state) == []


def test_a_lease_keeps_its_part_of_an_expired_voucher(trade: Trade) -> None:
    trade.issue_voucher(expires_ms=trade.world.time_ms + HOUR_MS)
    begin(trade, voucher=20 * YUAN)
    trade.world.wait(HOUR_MS)
    assert voucher(trade)["state"] == "lapsing"
    assert parts(trade) == (0, 20 * YUAN, 0, 30 * YUAN)
    trade.agree(0)
    assert trade.record["voucher"]["billed_micro_yuan"] == SHARE
    close(trade)
    spent = trade.record["voucher"]["billed_micro_yuan"]
    assert parts(trade) == (0, 0, spent, 50 * YUAN - spent)
    assert voucher(trade)["state"] == "expired"
    assert issued(trade) == 50 * YUAN + spent
    assert check_invariants(trade.world.state) == []


def test_what_was_spent_is_covered_by_its_issuer(trade: Trade) -> None:
    world = trade.world
    begin(trade, voucher=SHARE, seconds=3_600)
    world.wait(HOUR_MS)
    trade.agree(0)
    assert trade.record["state"] == "closed"
    account = world.value(make_account_key(GUIZHOU))
    assert (account["vouchers_issued"], account["vouchers_spent"]) == (50 * YUAN, SHARE)
    world.deposit(GUIZHOU, 10 * YUAN)
    world.do("voucher.cover", GUIZHOU, amount_micro_yuan=SHARE, reference="2026-17")
    assert len(world.layer.records) == 1
    account = world.value(make_account_key(GUIZHOU))
    assert account["balance"] == 10 * YUAN - SHARE
    assert (account["vouchers_issued"], account["vouchers_spent"]) == (50 * YUAN - SHARE, 0)
    assert check_invariants(world.state) == []
    # Now all that the provider has can be paid out.
    world.do("settlement.withdraw", (PROVIDER, BANK), amount_micro_yuan=BILL, reference="")
    assert check_invariants(world.state) == []


def test_a_dispute_freezes_both_shares(trade: Trade) -> None:
    begin(trade)
    trade.world.wait(HOUR_MS)
    trade.submit(0)
    (claim,) = trade.record["open"]
    assert claim["frozen_micro_yuan"] == BILL - SHARE
    assert claim["frozen_voucher_micro_yuan"] == SHARE
    trade.dispute(0, FULL // 4)
    trade.world.block()
    (claim,) = trade.record["open"]
    assert claim["billed_voucher_micro_yuan"] == SHARE // 4
    assert claim["frozen_voucher_micro_yuan"] == SHARE * 3 // 4
    assert check_invariants(trade.world.state) == []
    trade.world.do("dispute.concede", PROVIDER, epoch=0, lease=trade.lease)
    part = trade.record["voucher"]
    assert (part["billed_micro_yuan"], part["held_micro_yuan"]) == (
        SHARE // 4,
        50 * YUAN - SHARE // 4,
    )
    assert check_invariants(trade.world.state) == []


def test_one_for_another_region_is_of_no_use(trade: Trade) -> None:
    trade.issue_voucher(region="11")
    taking = trade.take_data(voucher=trade.voucher, voucher_micro_yuan=YUAN)
    assert trade.world.run("market.take", CONSUMER, **taking).code == "voucher-mismatch"
    trade.issue_voucher(region="", resource_class="")
    taking = trade.take_data(voucher=trade.voucher, voucher_micro_yuan=YUAN)
    assert trade.world.run("market.take", CONSUMER, **taking).code == "ok"


def test_a_voucher_and_its_amount_go_together(trade: Trade) -> None:
    for changes in ({"voucher": trade.voucher}, {"voucher_micro_yuan": 1}):
        taking = trade.take_data(**changes)
        assert trade.world.run("market.take", CONSUMER, **taking).code == "bad-data"
    assert trade.world.run("lease.top_up", CONSUMER, **trade.top_up_data()).code == "bad-data"


def test_the_checkers_see_what_a_voucher_and_its_leases_disagree_on(trade: Trade) -> None:
    begin(trade, voucher=20 * YUAN)
    key = trade.world.state.get_derived(make_object_key(trade.voucher))
    record = trade.world.state.records[key]
    more = {"balance_micro_yuan": 29 * YUAN, "held_micro_yuan": 21 * YUAN}
    broken = record.replaced({**record.value, **more}, record.height, record.index)
    trade.world.state.records[key] = broken
    wrong = check_invariants(trade.world.state)
    assert any("says that leases have 21000000" in line for line in wrong)
    assert VOUCHERS.check is not None
    lost = {**record.value, "lapsed_micro_yuan": 1}
    assert "lost or made money" in next(VOUCHERS.check(key, lost))


def test_the_life_ends() -> None:
    assert compute_terminal(LIFE) == ("expired", "spent")
    assert VOUCHERS.life is LIFE
