"""Failures of amendments."""

from ledger.codec import Value
from tests.contracts.failures.cases import NO_LEASE, STRANGER, Attempt, case
from tests.contracts.trade import CONSUMER, PROVIDER, YUAN, Trade
from tests.contracts.world import BANK, BEIJING, HOUR_MS

BOTH = (PROVIDER, CONSUMER)
FULL = 2_000 * 3_600


def settled(trade: Trade, used: int = FULL) -> Trade:
    trade.start()
    trade.world.wait(HOUR_MS)
    trade.agree(0, used)
    return trade


def amending(trade: Trade, **changes: Value) -> dict[str, Value]:
    return {
        "availability_bp": 10_000,
        "epoch": 0,
        "lease": trade.lease,
        "note": "",
        "used_unit_seconds": 0,
        **changes,
    }


@case("metering.amend", "unknown-lease")
def _(trade: Trade) -> Attempt:
    return BOTH, amending(trade.set_up(), lease=NO_LEASE)


@case("metering.amend", "not-party")
def _(trade: Trade) -> Attempt:
    settled(trade).world.register(STRANGER, BEIJING)
    return (PROVIDER, STRANGER), amending(trade)


@case("metering.amend", "no-receipt")
def _(trade: Trade) -> Attempt:
    return BOTH, amending(settled(trade), epoch=1)


@case("metering.amend", "over-allocated")
def _(trade: Trade) -> Attempt:
    return BOTH, amending(settled(trade), used_unit_seconds=FULL + 1)


@case("metering.amend", "nothing-amended")
def _(trade: Trade) -> Attempt:
    return BOTH, amending(settled(trade), used_unit_seconds=FULL)


@case("metering.amend", "voucher-paid")
def _(trade: Trade) -> Attempt:
    settled(trade).edit(settled=[[0, HOUR_MS, FULL, 10_000, YUAN]])
    return BOTH, amending(trade)


@case("metering.amend", "insufficient-balance")
def _(trade: Trade) -> Attempt:
    settled(trade)
    paid = {"amount_micro_yuan": 20 * YUAN, "reference": ""}
    trade.world.do("settlement.withdraw", (PROVIDER, BANK), **paid)
    return BOTH, amending(trade)
