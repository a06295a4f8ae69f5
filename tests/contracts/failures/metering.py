"""Failures of receipts."""

from collections.abc import Callable, Sequence

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
    NATIONAL,
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
        trade.world.do("metering.contest", CONSUMER, **contest_data(trade, epoch=epoch))
    trade.world.wait(HOUR_MS)
    return PROVIDER, usage(trade.lease, epoch=16)


def contest_data(trade: Trade, **changes: Value) -> dict[str, Value]:
    return {
        "availability_bp": 10_000,
        "epoch": 0,
        "evidence": bytes(32),
        "lease": trade.lease,
        "note": "",
        "used_unit_seconds": 0,
        **changes,
    }


def add_answer_cases(kind: str, make_data: Callable[..., dict[str, Value]]) -> None:
    """What both answers to a receipt fail with."""

    @case(kind, "unknown-lease")
    def _(trade: Trade) -> Attempt:
        trade.set_up()
        return CONSUMER, make_data(trade, lease=NO_LEASE)

    @case(kind, "not-party")
    def _(trade: Trade) -> Attempt:
        metered(trade).submit(0)
        trade.world.register(STRANGER, BEIJING)
        return STRANGER, make_data(trade)

    @case(kind, "no-receipt")
    def _(trade: Trade) -> Attempt:
        metered(trade).submit(0)
        return CONSUMER, make_data(trade, epoch=1)


add_answer_cases("metering.contest", contest_data)
add_answer_cases(
    "metering.countersign",
    lambda trade, **changes: {"epoch": 0, "lease": trade.lease, **changes},
)


@case("metering.contest", "not-below-receipt")
def _(trade: Trade) -> Attempt:
    metered(trade).submit(0)
    return CONSUMER, contest_data(trade, used_unit_seconds=2_000 * 3_600)


def ruling(trade: Trade, **changes: Value) -> dict[str, Value]:
    return {
        "availability_bp": 10_000,
        "epoch": 0,
        "lease": trade.lease,
        "note": "",
        "used_unit_seconds": 100,
        **changes,
    }


def contested(trade: Trade) -> Trade:
    metered(trade).submit(0)
    trade.world.do("metering.contest", CONSUMER, **contest_data(trade, used_unit_seconds=10))
    return trade


@case("metering.rule", "unknown-lease")
def _(trade: Trade) -> Attempt:
    return NATIONAL, ruling(trade, lease=NO_LEASE)


@case("metering.rule", "not-arbiter")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, ruling(contested(trade))


@case("metering.rule", "no-receipt")
def _(trade: Trade) -> Attempt:
    return NATIONAL, ruling(contested(trade), epoch=1)


@case("metering.rule", "outside-claim")
def _(trade: Trade) -> Attempt:
    return NATIONAL, ruling(contested(trade), used_unit_seconds=9)
