"""Failures of observations."""

from ledger.codec import Value
from tests.contracts.failures.cases import NO_LEASE, Attempt, case, matched
from tests.contracts.trade import ROOT_OF_SAMPLES, Trade
from tests.contracts.world import BEIJING, GUIZHOU, HOUR_MS


def seen(lease: str, **changes: Value) -> dict[str, Value]:
    return {
        "availability_bp": 10_000,
        "epoch": 0,
        "lease": lease,
        "note": "",
        "samples_count": 1,
        "samples_root": ROOT_OF_SAMPLES,
        "used_unit_seconds": 2_000 * 3_600,
        **changes,
    }


def metered(trade: Trade) -> Trade:
    trade.start()
    trade.world.wait(HOUR_MS)
    return trade


@case("metering.observe", "unknown-lease")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, seen(NO_LEASE)


@case("metering.observe", "wrong-region")
def _(trade: Trade) -> Attempt:
    return BEIJING, seen(metered(trade).lease)


@case("metering.observe", "wrong-state")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, seen(matched(trade).lease)


@case("metering.observe", "wrong-epoch")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, seen(metered(trade).lease, epoch=4)


@case("metering.observe", "epoch-open")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, seen(metered(trade).lease, epoch=1)


@case("metering.observe", "over-allocated")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, seen(metered(trade).lease, used_unit_seconds=2_000 * 3_600 + 1)


@case("metering.observe", "already-observed")
def _(trade: Trade) -> Attempt:
    observation = seen(metered(trade).lease)
    trade.world.do("metering.observe", GUIZHOU, **observation)
    return GUIZHOU, observation
