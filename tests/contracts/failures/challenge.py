"""Failures of questions for samples and of their answers."""

from contracts.challenge import MAX_PENDING
from ledger.codec import Value
from ledger.merkle import compute_leaf_hash
from tests.contracts.failures.cases import NO_LEASE, STRANGER, Attempt, case, matched
from tests.contracts.trade import CONSUMER, OTHER_PROVIDER, PROVIDER, Trade
from tests.contracts.world import BEIJING, GUIZHOU, HOUR_MS

LEAF = b"busy"


def submitted(trade: Trade, count: int = 1) -> Trade:
    trade.start()
    trade.world.wait(HOUR_MS)
    trade.submit(0, samples_count=count, samples_root=compute_leaf_hash(LEAF))
    return trade


def asking(trade: Trade, **changes: Value) -> dict[str, Value]:
    return {"epoch": 0, "index": 0, "lease": trade.lease, **changes}


def answering(trade: Trade, **changes: Value) -> dict[str, Value]:
    return {**asking(trade), "leaf": LEAF, "path": [], **changes}


def asked(trade: Trade) -> Trade:
    submitted(trade)
    trade.world.do("metering.challenge", CONSUMER, **asking(trade))
    return trade


@case("metering.challenge", "unknown-lease")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, asking(trade, lease=NO_LEASE)


@case("metering.challenge", "not-party")
def _(trade: Trade) -> Attempt:
    submitted(trade).world.register(STRANGER, BEIJING)
    return STRANGER, asking(trade)


@case("metering.challenge", "wrong-state")
def _(trade: Trade) -> Attempt:
    return CONSUMER, asking(matched(trade))


@case("metering.challenge", "no-receipt")
def _(trade: Trade) -> Attempt:
    return CONSUMER, asking(submitted(trade), epoch=1)


@case("metering.challenge", "wrong-leaf")
def _(trade: Trade) -> Attempt:
    return CONSUMER, asking(submitted(trade), index=1)


@case("metering.challenge", "already-asked")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, asking(asked(trade))


@case("metering.challenge", "too-many-challenges")
def _(trade: Trade) -> Attempt:
    submitted(trade, MAX_PENDING + 1)
    for index in range(MAX_PENDING):
        trade.world.do("metering.challenge", CONSUMER, **asking(trade, index=index))
    return CONSUMER, asking(trade, index=MAX_PENDING)


@case("metering.answer", "unknown-lease")
def _(trade: Trade) -> Attempt:
    return PROVIDER, answering(trade.set_up(), lease=NO_LEASE)


@case("metering.answer", "not-party")
def _(trade: Trade) -> Attempt:
    asked(trade).world.register(OTHER_PROVIDER, GUIZHOU)
    return OTHER_PROVIDER, answering(trade)


@case("metering.answer", "no-challenge")
def _(trade: Trade) -> Attempt:
    return PROVIDER, answering(submitted(trade))


@case("metering.answer", "wrong-path")
def _(trade: Trade) -> Attempt:
    return PROVIDER, answering(asked(trade), leaf=b"idle")
