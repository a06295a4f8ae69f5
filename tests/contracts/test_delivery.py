"""Delivery: what is counted of a provider, and what is not."""

import pytest

from contracts.rules import VERSION_1
from tests.contracts.trade import CONSUMER, PROVIDER, Trade
from tests.contracts.world import HOUR_MS


@pytest.mark.parametrize(
    ("sla_class", "availability_bp", "counted"),
    [(1, 10_000, (1, 0)), (1, 9_990, (1, 0)), (1, 9_989, (0, 1)), (0, 9_989, (0, 0))],
)
def test_an_epoch_counts_as_what_it_was(
    sla_class: int, availability_bp: int, counted: tuple[int, int]
) -> None:
    trade = Trade().set_up()
    trade.make_offer(sla_class=sla_class)
    trade.take()
    trade.dispatch()
    trade.activate()
    trade.world.wait(HOUR_MS)
    trade.agree(0, availability_bp=availability_bp)
    assert trade.delivery == counted


def test_silence_of_the_consumer_counts_as_delivered() -> None:
    trade = Trade().start()
    trade.world.wait(HOUR_MS)
    trade.submit(0)
    assert trade.delivery == (0, 0)
    trade.world.wait(VERSION_1["countersign_window_ms"])
    assert trade.delivery == (1, 0)


def test_a_fault_before_it_began_counts() -> None:
    trade = Trade().set_up()
    trade.make_offer()
    trade.take()
    trade.world.do("lease.close", PROVIDER, lease=trade.lease, note="", reason="fault")
    assert (trade.record["state"], trade.delivery) == ("closed", (0, 1))


def test_an_outage_is_nobodys_fault() -> None:
    trade = Trade().set_up()
    trade.make_offer()
    trade.take(seconds=3600)
    trade.dispatch()
    trade.world.outage(HOUR_MS + VERSION_1["activation_timeout_ms"])
    assert trade.record["reason"] == "window-over"
    assert trade.delivery == (0, 0)


def test_a_refusal_in_an_outage_waits_for_its_answer() -> None:
    trade = Trade().start()
    trade.world.do("lease.refuse", CONSUMER, lease=trade.lease, note="")
    trade.world.outage(2 * VERSION_1["refusal_answer_window_ms"])
    assert (trade.record["state"], trade.delivery) == ("refused", (0, 0))
