"""Amendments: beside what was settled, exact to the micro-yuan, however often."""

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.amendment import AMENDMENTS, compute_difference, make_amendment_key
from contracts.billing import SCALE
from contracts.invariants import check_invariants
from contracts.receipt import MAX_SETTLED
from tests.contracts.trade import CONSUMER, PRICE, PROVIDER, YUAN, Trade
from tests.contracts.world import HOUR_MS

FULL = 2_000 * 3_600
BILL = 2 * PRICE


def make_settled(**offer: object) -> Trade:
    """A lease of which the first epoch is settled."""
    trade = Trade().set_up()
    trade.make_offer(**offer)
    trade.take()
    trade.dispatch()
    trade.activate()
    trade.world.wait(HOUR_MS)
    trade.agree(0)
    return trade


def amend(trade: Trade, used: int, availability_bp: int = 10_000, epoch: int = 0) -> str:
    return trade.world.run(
        "metering.amend",
        (PROVIDER, CONSUMER),
        availability_bp=availability_bp,
        epoch=epoch,
        lease=trade.lease,
        note="recounted",
        used_unit_seconds=used,
    ).code


def test_less_goes_back_and_more_is_paid() -> None:
    trade = make_settled()
    world = trade.world
    lease = trade.record
    before = trade.money
    assert amend(trade, FULL // 2) == "ok"
    assert len(world.layer.records) == 3
    assert trade.money == (before[0] + BILL // 2, before[1] - BILL // 2, before[2])
    assert amend(trade, FULL, availability_bp=9_000) == "ok"
    assert trade.money[1] == BILL // 2  # half of it forgone as a credit
    assert amend(trade, FULL) == "ok"
    assert trade.money == before
    assert trade.record == lease
    record = world.state.get(make_amendment_key(trade.lease, 0))
    assert record is not None
    assert (record.version, record.value["paid_micro_yuan"]) == (3, 0)
    assert record.value["settled_unit_seconds"] == FULL
    assert check_invariants(world.state) == []


def test_it_works_after_the_close_and_beyond_the_last_epochs_once_begun() -> None:
    trade = Trade().start(hold_micro_yuan=1_000 * YUAN, seconds=12 * 3600)
    for epoch in range(MAX_SETTLED):
        trade.world.wait(HOUR_MS)
        trade.agree(epoch)
    assert amend(trade, 0, epoch=0) == "ok"
    trade.world.wait(4 * HOUR_MS)
    for epoch in range(MAX_SETTLED, 12):
        trade.agree(epoch)
    assert trade.record["state"] == "closed"
    assert amend(trade, 1, epoch=0) == "ok"
    assert amend(trade, 0, epoch=1) == "no-receipt"
    assert amend(trade, 0, epoch=11) == "ok"
    assert len(list(trade.world.state.scan(AMENDMENTS.make_key(trade.lease)))) == 2
    assert check_invariants(trade.world.state) == []


def test_what_a_voucher_paid_does_not_become_cash() -> None:
    trade = Trade().set_up()
    trade.make_offer()
    trade.issue_voucher()
    trade.take(hold_micro_yuan=60 * YUAN, voucher=trade.voucher, voucher_micro_yuan=40 * YUAN)
    trade.dispatch()
    trade.activate()
    trade.world.wait(HOUR_MS)
    trade.agree(0, FULL // 2)
    before = trade.money
    assert amend(trade, FULL // 2 - 1) == "voucher-paid"
    assert amend(trade, FULL) == "ok"
    assert trade.money == (before[0] - BILL // 2, before[1] + BILL // 2, before[2])
    assert amend(trade, FULL // 2) == "ok"
    assert trade.money == before
    assert check_invariants(trade.world.state) == []


def test_the_record_of_delivery_stays() -> None:
    trade = make_settled()
    assert amend(trade, FULL, availability_bp=0) == "ok"
    assert trade.delivery == (1, 0)


@settings(max_examples=30, deadline=None)
@given(
    price=st.sampled_from([1, 7, 12_345_678, 60 * YUAN]),
    steps=st.lists(
        st.tuples(st.integers(0, FULL), st.sampled_from([10_000, 9_989, 0])), min_size=1, max_size=5
    ),
)
def test_one_rounding_however_often(price: int, steps: list[tuple[int, int]]) -> None:
    trade = Trade().set_up()
    trade.make_offer(price_micro_yuan=price)
    trade.take(hold_micro_yuan=1_000 * YUAN)
    trade.dispatch()
    trade.activate()
    trade.world.wait(HOUR_MS)
    trade.agree(0, FULL // 3)
    trade.world.deposit(PROVIDER, 1_000 * YUAN)
    before = trade.money
    for used, availability_bp in steps:
        assert amend(trade, used, availability_bp) in ("ok", "nothing-amended")
    record = trade.world.value(make_amendment_key(trade.lease, 0))
    if record is not None:
        paid, remainder = divmod(compute_difference(record), SCALE)
        assert (record["paid_micro_yuan"], record["remainder"]) == (paid, remainder)
        assert trade.money == (before[0] - paid, before[1] + paid, before[2])
    assert check_invariants(trade.world.state) == []
