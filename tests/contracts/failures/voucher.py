"""Failures of vouchers: of issuing one, and of giving a part of one to a lease."""

from collections.abc import Callable

from ledger.codec import Value
from tests.contracts.failures.cases import STRANGER, Attempt, case, offered
from tests.contracts.trade import CONSUMER, YUAN, Trade
from tests.contracts.world import BEIJING, GUIZHOU, HOUR_MS

NO_VOUCHER = "voucher-" + "0" * 32 + "-0"


@case("voucher.issue", "unknown-holder")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, trade.set_up().voucher_data(holder=STRANGER)


@case("voucher.issue", "expires-in-past")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, trade.set_up().voucher_data(expires_ms=trade.world.time_ms)


@case("voucher.issue", "voucher-limit")
def _(trade: Trade) -> Attempt:
    trade.set_up().issue_voucher()
    return GUIZHOU, trade.voucher_data(amount_micro_yuan=10**15)


def spent(trade: Trade) -> Trade:
    """A lease has ended that a voucher paid eight yuan of."""
    trade.set_up().make_offer()
    trade.issue_voucher()
    trade.take(voucher=trade.voucher, voucher_micro_yuan=8 * YUAN, seconds=3_600)
    trade.dispatch()
    trade.activate()
    trade.world.wait(HOUR_MS)
    trade.agree(0)
    return trade


def cover(micro_yuan: int) -> dict[str, Value]:
    return {"amount_micro_yuan": micro_yuan, "reference": ""}


@case("voucher.cover", "not-spent")
def _(trade: Trade) -> Attempt:
    spent(trade).world.deposit(GUIZHOU, 10 * YUAN)
    return GUIZHOU, cover(8 * YUAN + 1)


@case("voucher.cover", "insufficient-balance")
def _(trade: Trade) -> Attempt:
    spent(trade).world.deposit(GUIZHOU, 7 * YUAN)
    return GUIZHOU, cover(8 * YUAN)


def add_use_cases(
    kind: str, begin: Callable[[Trade], Trade], make_data: Callable[[Trade], dict[str, Value]]
) -> None:
    """What naming a voucher fails with, in a call after `begin`."""

    @case(kind, "unknown-voucher")
    def _(trade: Trade) -> Attempt:
        begin(trade).voucher = NO_VOUCHER
        return CONSUMER, make_data(trade)

    @case(kind, "not-holder")
    def _(trade: Trade) -> Attempt:
        begin(trade).world.register(STRANGER, BEIJING)
        trade.issue_voucher(holder=STRANGER)
        return CONSUMER, make_data(trade)

    @case(kind, "voucher-closed")
    def _(trade: Trade) -> Attempt:
        begin(trade).issue_voucher(expires_ms=trade.world.time_ms + 10_000)
        trade.world.wait(10_000)
        return CONSUMER, make_data(trade)

    @case(kind, "voucher-mismatch")
    def _(trade: Trade) -> Attempt:
        begin(trade).issue_voucher(resource_class="30")
        return CONSUMER, make_data(trade)

    @case(kind, "voucher-short")
    def _(trade: Trade) -> Attempt:
        begin(trade).issue_voucher(amount_micro_yuan=YUAN - 1)
        return CONSUMER, make_data(trade)


add_use_cases(
    "market.take",
    offered,
    lambda trade: trade.take_data(voucher=trade.voucher, voucher_micro_yuan=YUAN),
)
add_use_cases("lease.top_up", Trade.start, lambda trade: trade.top_up_data(0, YUAN))


@case("lease.top_up", "other-voucher")
def _(trade: Trade) -> Attempt:
    trade.start()
    trade.issue_voucher()
    trade.world.do("lease.top_up", CONSUMER, **trade.top_up_data(0, YUAN))
    trade.world.wait(HOUR_MS)
    trade.issue_voucher()
    return CONSUMER, trade.top_up_data(0, YUAN)
