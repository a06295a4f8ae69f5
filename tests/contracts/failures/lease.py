"""Failures of leases."""

from ledger.code import compose_code
from ledger.codec import Value
from tests.contracts.failures.cases import (
    NO_LEASE,
    STRANGER,
    Attempt,
    another,
    case,
    matched,
    offered,
)
from tests.contracts.trade import (
    CONSUMER,
    INDUSTRY,
    LOCAL_CONSUMER,
    OTHER_PROVIDER,
    PROVIDER,
    YUAN,
    Trade,
)
from tests.contracts.world import (
    BEIJING,
    GUIZHOU,
    HOUR_MS,
    NATIONAL,
    SICHUAN,
)

# lease


@case("lease.dispatch", "unknown-lease")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, {"lease": NO_LEASE, "reference": ""}


@case("lease.dispatch", "wrong-sector")
def _(trade: Trade) -> Attempt:
    matched(trade)
    industry = compose_code("I", "000000", "00021", "J")
    trade.world.register(industry, NATIONAL)
    return industry, {"lease": trade.lease, "reference": ""}


@case("lease.dispatch", "wrong-venue")
def _(trade: Trade) -> Attempt:
    """Another industry node of the same letter."""
    trade.set_up().open_venue()
    trade.make_offer(venue=INDUSTRY)
    trade.take()
    industry = compose_code("I", "000000", "00022", "I")
    trade.world.register(industry, NATIONAL)
    return industry, {"lease": trade.lease, "reference": ""}


@case("lease.dispatch", "wrong-region")
def _(trade: Trade) -> Attempt:
    matched(trade)
    return (SICHUAN, BEIJING), {"lease": trade.lease, "reference": ""}


@another("lease.dispatch", "wrong-region")
def _(trade: Trade) -> Attempt:
    matched(trade)
    return (GUIZHOU, SICHUAN), {"lease": trade.lease, "reference": ""}


@another("lease.dispatch", "wrong-region")
def _(trade: Trade) -> Attempt:
    trade.set_up(consumer=LOCAL_CONSUMER)
    trade.make_offer()
    trade.take()
    return (GUIZHOU, BEIJING), {"lease": trade.lease, "reference": ""}


@another("lease.dispatch", "wrong-region")
def _(trade: Trade) -> Attempt:
    matched(trade)
    trade.world.register(INDUSTRY, NATIONAL)
    return (INDUSTRY, BEIJING), {"lease": trade.lease, "reference": ""}


@case("lease.dispatch", "second-region-missing")
def _(trade: Trade) -> Attempt:
    matched(trade)
    return GUIZHOU, {"lease": trade.lease, "reference": ""}


@case("lease.dispatch", "wrong-state")
def _(trade: Trade) -> Attempt:
    trade.start()
    return (GUIZHOU, BEIJING), {"lease": trade.lease, "reference": ""}


@case("lease.activate", "unknown-lease")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, {"lease": NO_LEASE}


@case("lease.activate", "not-party")
def _(trade: Trade) -> Attempt:
    matched(trade)
    trade.world.register(OTHER_PROVIDER, GUIZHOU)
    return OTHER_PROVIDER, {"lease": trade.lease}


@case("lease.activate", "wrong-state")
def _(trade: Trade) -> Attempt:
    return PROVIDER, {"lease": matched(trade).lease}


@case("lease.activate", "too-early")
def _(trade: Trade) -> Attempt:
    offered(trade).take(starts_ms=trade.world.time_ms + HOUR_MS)
    trade.dispatch()
    return PROVIDER, {"lease": trade.lease}


@case("lease.activate", "window-over")
def _(trade: Trade) -> Attempt:
    matched(trade)
    trade.dispatch()
    # The block that would end it has so much other work that it does not come to it.
    for key in list(trade.world.state.derived):
        if key.startswith(b"due\x00"):
            del trade.world.state.derived[key]
    trade.world.wait(5 * HOUR_MS)
    return PROVIDER, {"lease": trade.lease}


def answering(lease: str) -> dict[str, Value]:
    return {"evidence": bytes(32), "lease": lease, "note": ""}


@case("lease.answer_refusal", "unknown-lease")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, answering(NO_LEASE)


@case("lease.answer_refusal", "not-party")
def _(trade: Trade) -> Attempt:
    trade.start()
    trade.world.do("lease.refuse", CONSUMER, lease=trade.lease, note="")
    trade.world.register(OTHER_PROVIDER, GUIZHOU)
    return OTHER_PROVIDER, answering(trade.lease)


@case("lease.answer_refusal", "wrong-state")
def _(trade: Trade) -> Attempt:
    trade.start()
    return PROVIDER, answering(trade.lease)


@case("lease.refuse", "unknown-lease")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return CONSUMER, {"lease": NO_LEASE, "note": ""}


@case("lease.refuse", "not-party")
def _(trade: Trade) -> Attempt:
    trade.start()
    trade.world.register(STRANGER, BEIJING)
    return STRANGER, {"lease": trade.lease, "note": ""}


@case("lease.refuse", "wrong-state")
def _(trade: Trade) -> Attempt:
    return CONSUMER, {"lease": matched(trade).lease, "note": ""}


@case("lease.refuse", "refusal-too-late")
def _(trade: Trade) -> Attempt:
    trade.start()
    trade.world.wait(HOUR_MS)
    return CONSUMER, {"lease": trade.lease, "note": ""}


@case("lease.close", "unknown-lease")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, {"lease": NO_LEASE, "note": "", "reason": "fault"}


@case("lease.close", "not-party")
def _(trade: Trade) -> Attempt:
    trade.start()
    trade.world.register(STRANGER, BEIJING)
    return STRANGER, {"lease": trade.lease, "note": "", "reason": "finished"}


@case("lease.close", "wrong-reason")
def _(trade: Trade) -> Attempt:
    trade.start()
    return CONSUMER, {"lease": trade.lease, "note": "", "reason": "reclaimed"}


@case("lease.close", "wrong-state")
def _(trade: Trade) -> Attempt:
    trade.start()
    closing = {"lease": trade.lease, "note": "", "reason": "finished"}
    trade.world.do("lease.close", CONSUMER, **closing)
    return CONSUMER, closing


@case("lease.top_up", "unknown-lease")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    trade.lease = NO_LEASE
    return CONSUMER, trade.top_up_data(1)


@case("lease.top_up", "not-party")
def _(trade: Trade) -> Attempt:
    trade.start()
    trade.world.register(STRANGER, BEIJING)
    return STRANGER, trade.top_up_data(1)


@case("lease.top_up", "wrong-state")
def _(trade: Trade) -> Attempt:
    trade.start()
    trade.world.wait(5 * HOUR_MS)
    return CONSUMER, trade.top_up_data(1)


@case("lease.top_up", "lease-ended")
def _(trade: Trade) -> Attempt:
    trade.start()
    # The block that would end it has so much other work that it does not come to it.
    for key in list(trade.world.state.derived):
        if key.startswith(b"due\x00"):
            del trade.world.state.derived[key]
    trade.world.wait(5 * HOUR_MS)
    return CONSUMER, trade.top_up_data(1)


@case("lease.top_up", "insufficient-balance")
def _(trade: Trade) -> Attempt:
    trade.start()
    return CONSUMER, trade.top_up_data(10_000 * YUAN)
