"""Failures of those who decide disputes, and of appeals to them."""

from ledger.codec import Value
from tests.contracts.failures.cases import NO_LEASE, STRANGER, Attempt, case
from tests.contracts.failures.dispute import WINDOW, disputed
from tests.contracts.trade import CONSUMER, Trade
from tests.contracts.world import BEIJING, BUREAU, GUIZHOU, NATIONAL


def ruling(trade: Trade, **changes: Value) -> dict[str, Value]:
    return {
        "availability_bp": 10_000,
        "epoch": 0,
        "lease": trade.lease,
        "note": "",
        "used_unit_seconds": 100,
        **changes,
    }


def heard(trade: Trade) -> Trade:
    """The evidence window is over."""
    disputed(trade).world.wait(WINDOW * 60_000)
    return trade


def ruled(trade: Trade) -> Trade:
    heard(trade).world.do("dispute.rule", NATIONAL, **ruling(trade))
    return trade


def appeal(trade: Trade, epoch: int = 0) -> dict[str, Value]:
    return {"epoch": epoch, "evidence": bytes(32), "lease": trade.lease, "note": ""}


def appealed(trade: Trade) -> Trade:
    ruled(trade).world.do("dispute.appeal", CONSUMER, **appeal(trade))
    return trade


@case("dispute.rule", "unknown-lease")
def _(trade: Trade) -> Attempt:
    return NATIONAL, ruling(trade, lease=NO_LEASE)


@case("dispute.rule", "no-dispute")
def _(trade: Trade) -> Attempt:
    return NATIONAL, ruling(disputed(trade), epoch=1)


@case("dispute.rule", "not-arbiter")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, ruling(disputed(trade))


@case("dispute.rule", "wrong-state")
def _(trade: Trade) -> Attempt:
    return NATIONAL, ruling(ruled(trade))


@case("dispute.rule", "evidence-open")
def _(trade: Trade) -> Attempt:
    return NATIONAL, ruling(disputed(trade))


@case("dispute.rule", "outside-claim")
def _(trade: Trade) -> Attempt:
    return NATIONAL, ruling(heard(trade), used_unit_seconds=9)


@case("dispute.appeal", "unknown-lease")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    trade.lease = NO_LEASE
    return CONSUMER, appeal(trade)


@case("dispute.appeal", "not-party")
def _(trade: Trade) -> Attempt:
    disputed(trade).world.register(STRANGER, BEIJING)
    return STRANGER, appeal(trade)


@case("dispute.appeal", "no-dispute")
def _(trade: Trade) -> Attempt:
    return CONSUMER, appeal(disputed(trade), epoch=1)


@case("dispute.appeal", "wrong-state")
def _(trade: Trade) -> Attempt:
    return CONSUMER, appeal(disputed(trade))


@case("dispute.decide", "unknown-lease")
def _(trade: Trade) -> Attempt:
    return BUREAU, ruling(trade, lease=NO_LEASE)


@case("dispute.decide", "no-dispute")
def _(trade: Trade) -> Attempt:
    return BUREAU, ruling(disputed(trade), epoch=1)


@case("dispute.decide", "not-arbiter")
def _(trade: Trade) -> Attempt:
    return NATIONAL, ruling(appealed(trade))


@case("dispute.decide", "wrong-state")
def _(trade: Trade) -> Attempt:
    return NATIONAL, ruling(ruled(trade))


@case("dispute.decide", "outside-claim")
def _(trade: Trade) -> Attempt:
    return BUREAU, ruling(appealed(trade), used_unit_seconds=9)
