"""Failures of the sides of a dispute."""

from tests.contracts.failures.cases import NO_LEASE, STRANGER, Attempt, case
from tests.contracts.failures.metering import metered
from tests.contracts.trade import CONSUMER, PROVIDER, Trade
from tests.contracts.world import BEIJING

WINDOW = 72 * 60  # minutes


def disputed(trade: Trade) -> Trade:
    metered(trade).submit(0)
    trade.dispute(0, 10)
    trade.world.block()
    return trade


def evidence(trade: Trade, epoch: int = 0) -> Attempt:
    return PROVIDER, {"epoch": epoch, "evidence": bytes(32), "lease": trade.lease, "note": ""}


@case("dispute.open", "unknown-lease")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return CONSUMER, trade.dispute_data(lease=NO_LEASE)


@case("dispute.open", "not-party")
def _(trade: Trade) -> Attempt:
    metered(trade).submit(0)
    trade.world.register(STRANGER, BEIJING)
    return STRANGER, trade.dispute_data()


@case("dispute.open", "no-receipt")
def _(trade: Trade) -> Attempt:
    return CONSUMER, disputed(trade).dispute_data()


@case("dispute.open", "not-below-receipt")
def _(trade: Trade) -> Attempt:
    metered(trade).submit(0)
    return CONSUMER, trade.dispute_data(used=2_000 * 3_600)


@case("dispute.add_evidence", "unknown-lease")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    trade.lease = NO_LEASE
    return evidence(trade)


@case("dispute.add_evidence", "not-party")
def _(trade: Trade) -> Attempt:
    disputed(trade).world.register(STRANGER, BEIJING)
    _, data = evidence(trade)
    return STRANGER, data


@case("dispute.add_evidence", "no-dispute")
def _(trade: Trade) -> Attempt:
    metered(trade).submit(0)
    return evidence(trade)


@case("dispute.add_evidence", "evidence-closed")
def _(trade: Trade) -> Attempt:
    disputed(trade).world.wait(WINDOW * 60_000)
    return evidence(trade)


@case("dispute.add_evidence", "too-much-evidence")
def _(trade: Trade) -> Attempt:
    disputed(trade)
    for _ in range(4):
        signer, data = evidence(trade)
        trade.world.do("dispute.add_evidence", signer, **data)
    return evidence(trade)


@case("dispute.concede", "unknown-lease")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, {"epoch": 0, "lease": NO_LEASE}


@case("dispute.concede", "not-party")
def _(trade: Trade) -> Attempt:
    disputed(trade).world.register(STRANGER, BEIJING)
    return STRANGER, {"epoch": 0, "lease": trade.lease}


@case("dispute.concede", "no-dispute")
def _(trade: Trade) -> Attempt:
    return PROVIDER, {"epoch": 1, "lease": disputed(trade).lease}
