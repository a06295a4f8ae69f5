"""Failures of moves."""

from contracts.calendar import COUNTS, MAX_RESERVATIONS
from contracts.hold import make_voucher_part
from ledger.code import compose_code
from ledger.codec import Value
from ledger.record import make_key
from tests.contracts.failures.cases import (
    MISSING_RESOURCE,
    NO_LEASE,
    STRANGER,
    Attempt,
    another,
    case,
    matched,
)
from tests.contracts.trade import (
    CONSUMER,
    OTHER_PROVIDER,
    PROVIDER,
    RESOURCE,
    UNITS,
    YUAN,
    Trade,
    make_descriptor,
)
from tests.contracts.world import BEIJING, END_MS, GUIZHOU, HOUR_MS

BOTH = (PROVIDER, CONSUMER)
SECOND = compose_code("C", "520100", "0E001", "I", "20", "0000002")
FAR = compose_code("C", "110100", "0E001", "I", "20", "0000003")
OTHER_CLASS = compose_code("C", "520100", "0E001", "I", "30", "0000004")


def added(
    trade: Trade, code: str = SECOND, until_ms: int = END_MS, units: int = UNITS, **changes: Value
) -> Trade:
    world = trade.world
    world.do("resource.register", PROVIDER, code=code, descriptor=make_descriptor(**changes))
    attestor = BEIJING if code == FAR else GUIZHOU
    world.do("resource.attest", attestor, code=code, units=units, until_ms=until_ms)
    return trade


def moving(trade: Trade, resource: str = SECOND, **changes: Value) -> dict[str, Value]:
    return {"lease": trade.lease, "resource": resource, **changes}


@case("lease.move", "unknown-lease")
def _(trade: Trade) -> Attempt:
    return BOTH, moving(trade.set_up(), lease=NO_LEASE)


@case("lease.move", "not-party")
def _(trade: Trade) -> Attempt:
    added(trade.start()).world.register(STRANGER, BEIJING)
    return (PROVIDER, STRANGER), moving(trade)


@case("lease.move", "unknown-resource")
def _(trade: Trade) -> Attempt:
    return BOTH, moving(trade.start(), MISSING_RESOURCE)


@case("lease.move", "not-owner")
def _(trade: Trade) -> Attempt:
    added(trade.start()).world.register(OTHER_PROVIDER, GUIZHOU)
    return (*BOTH, OTHER_PROVIDER), moving(trade)


@case("lease.move", "wrong-state")
def _(trade: Trade) -> Attempt:
    added(trade.start())
    trade.world.do("lease.close", CONSUMER, lease=trade.lease, note="", reason="finished")
    return BOTH, moving(trade)


@case("lease.move", "lease-ended")
def _(trade: Trade) -> Attempt:
    added(trade.start())
    # The block that would end it has so much other work that it does not come to it.
    for key in list(trade.world.state.derived):
        if key.startswith(b"due\x00"):
            del trade.world.state.derived[key]
    trade.world.wait(5 * HOUR_MS)
    return BOTH, moving(trade)


@another("lease.move", "lease-ended")
def _(trade: Trade) -> Attempt:
    added(trade.start(), FAR)
    # Half a second is no time for a successor.
    trade.world.wait(trade.record["ends_ms"] - trade.world.time_ms - 1_500)
    return BOTH, moving(trade, FAR)


@case("lease.move", "same-resource")
def _(trade: Trade) -> Attempt:
    return BOTH, moving(trade.start(), RESOURCE)


@case("lease.move", "wrong-interface")
def _(trade: Trade) -> Attempt:
    added(trade.start())
    trade.world.state.records[make_key("resource", SECOND)].value["descriptor"]["interface"] = "x"
    return BOTH, moving(trade)


@case("lease.move", "voucher-bound")
def _(trade: Trade) -> Attempt:
    added(trade.start(), FAR).edit(voucher=make_voucher_part("voucher", YUAN, 1))
    return BOTH, moving(trade, FAR)


@another("lease.move", "voucher-bound")
def _(trade: Trade) -> Attempt:
    added(trade.start(), OTHER_CLASS).edit(voucher=make_voucher_part("voucher", YUAN, 1))
    return BOTH, moving(trade, OTHER_CLASS)


@case("lease.move", "not-attested")
def _(trade: Trade) -> Attempt:
    added(trade.start())
    trade.world.do("resource.update", PROVIDER, code=SECOND, descriptor=make_descriptor())
    return BOTH, moving(trade)


@case("lease.move", "against-policy")
def _(trade: Trade) -> Attempt:
    trade.set_up().make_offer(venue=trade.open_venue())
    trade.take()
    added(trade)
    trade.set_policy(attestors=["M"])
    return BOTH, moving(trade)


@case("lease.move", "beyond-attestation")
def _(trade: Trade) -> Attempt:
    trade.start()
    added(trade, until_ms=trade.record["ends_ms"] - 1)
    return BOTH, moving(trade)


@case("lease.move", "over-capacity")
def _(trade: Trade) -> Attempt:
    return BOTH, moving(added(trade.start(), units=1_999))


@case("lease.move", "calendar-full")
def _(trade: Trade) -> Attempt:
    added(trade.start())
    trade.world.state.derived[make_key(COUNTS, SECOND)] = MAX_RESERVATIONS
    return BOTH, moving(trade)


@case("lease.move", "hold-too-small")
def _(trade: Trade) -> Attempt:
    added(matched(trade), FAR)
    trade.edit(funded_micro_yuan=YUAN, held_micro_yuan=YUAN)
    return BOTH, moving(trade, FAR)
