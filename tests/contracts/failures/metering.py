"""Failures of receipts."""

from collections.abc import Sequence

from ledger.codec import Value
from tests.contracts.failures.cases import (
    NO_LEASE,
    STRANGER,
    Attempt,
    case,
    matched,
)
from tests.contracts.trade import (
    CONSUMER,
    OTHER_PROVIDER,
    PROVIDER,
    ROOT_OF_SAMPLES,
    YUAN,
    Trade,
)
from tests.contracts.world import (
    BEIJING,
    GUIZHOU,
    HOUR_MS,
)

# metering


def usage(lease: str, **changes: Value) -> dict[str, Value]:
    return {
        "availability_bp": 10_000,
        "epoch": 0,
        "lease": lease,
        "samples_count": 1,
        "samples_root": ROOT_OF_SAMPLES,
        "used_unit_seconds": 2_000 * 3_600,
        **changes,
    }


def metered(trade: Trade) -> Trade:
    trade.start()
    trade.world.wait(HOUR_MS)
    return trade


BOTH = (PROVIDER, CONSUMER)


def add_receipt_cases(kind: str, signers: Sequence[str] | str) -> None:
    """What both kinds of receipt fail with."""

    @case(kind, "unknown-lease")
    def _(trade: Trade) -> Attempt:
        trade.set_up()
        return signers, usage(NO_LEASE)

    @case(kind, "wrong-state")
    def _(trade: Trade) -> Attempt:
        return signers, usage(matched(trade).lease)

    @case(kind, "wrong-epoch")
    def _(trade: Trade) -> Attempt:
        return signers, usage(metered(trade).lease, epoch=1)

    @case(kind, "epoch-open")
    def _(trade: Trade) -> Attempt:
        trade.start()
        return signers, usage(trade.lease)

    @case(kind, "over-allocated")
    def _(trade: Trade) -> Attempt:
        return signers, usage(metered(trade).lease, used_unit_seconds=2_000 * 3_600 + 1)

    @case(kind, "no-samples")
    def _(trade: Trade) -> Attempt:
        return signers, usage(metered(trade).lease, samples_count=0)


add_receipt_cases("metering.receipt", BOTH)
add_receipt_cases("metering.submit", PROVIDER)


@case("metering.receipt", "not-party")
def _(trade: Trade) -> Attempt:
    metered(trade)
    trade.world.register(STRANGER, BEIJING)
    return (PROVIDER, STRANGER), usage(trade.lease)


@case("metering.submit", "not-party")
def _(trade: Trade) -> Attempt:
    metered(trade)
    trade.world.register(OTHER_PROVIDER, GUIZHOU)
    return OTHER_PROVIDER, usage(trade.lease)


@case("metering.receipt", "outside-claim")
def _(trade: Trade) -> Attempt:
    metered(trade).submit(0, 100)
    return BOTH, usage(trade.lease)


@case("metering.submit", "too-many-receipts")
def _(trade: Trade) -> Attempt:
    trade.start(hold_micro_yuan=1_000 * YUAN, seconds=24 * 3600)
    for epoch in range(16):
        trade.world.wait(HOUR_MS)
        trade.submit(epoch)
        trade.dispute(epoch)
    trade.world.wait(HOUR_MS)
    return PROVIDER, usage(trade.lease, epoch=16)


@case("metering.countersign", "unknown-lease")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return CONSUMER, {"epoch": 0, "lease": NO_LEASE}


@case("metering.countersign", "not-party")
def _(trade: Trade) -> Attempt:
    metered(trade).submit(0)
    trade.world.register(STRANGER, BEIJING)
    return STRANGER, {"epoch": 0, "lease": trade.lease}


@case("metering.countersign", "no-receipt")
def _(trade: Trade) -> Attempt:
    metered(trade).submit(0)
    return CONSUMER, {"epoch": 1, "lease": trade.lease}
