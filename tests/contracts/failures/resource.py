"""Failures of resources."""

from tests.contracts.failures.cases import (
    MISSING_RESOURCE,
    OTHER_RESOURCE,
    Attempt,
    case,
)
from tests.contracts.trade import (
    OTHER_PROVIDER,
    PROVIDER,
    RESOURCE,
    UNITS,
    Trade,
    make_descriptor,
)
from tests.contracts.world import (
    BEIJING,
    END_MS,
    GUIZHOU,
    HOUR_MS,
    START_MS,
)

# resource


@case("resource.register", "not-owner")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, {"code": OTHER_RESOURCE, "descriptor": make_descriptor()}


@case("resource.register", "code-taken")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, {"code": RESOURCE, "descriptor": make_descriptor()}


@case("resource.update", "unknown-resource")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, {"code": MISSING_RESOURCE, "descriptor": make_descriptor()}


@case("resource.update", "not-owner")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    trade.world.register(OTHER_PROVIDER, GUIZHOU)
    return OTHER_PROVIDER, {"code": RESOURCE, "descriptor": make_descriptor()}


@case("resource.update", "below-allocated")
def _(trade: Trade) -> Attempt:
    trade.start()
    return PROVIDER, {"code": RESOURCE, "descriptor": make_descriptor(1_999)}


@case("resource.attest", "unknown-resource")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return GUIZHOU, {"code": MISSING_RESOURCE, "units": 1, "until_ms": END_MS}


@case("resource.attest", "wrong-region")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return BEIJING, {"code": RESOURCE, "units": 1, "until_ms": END_MS}


@case("resource.attest", "until-in-past")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return GUIZHOU, {"code": RESOURCE, "units": 1, "until_ms": START_MS}


@case("resource.attest", "over-declared")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return GUIZHOU, {"code": RESOURCE, "units": UNITS + 1, "until_ms": END_MS}


@case("resource.attest", "below-allocated")
def _(trade: Trade) -> Attempt:
    trade.start()
    return GUIZHOU, {"code": RESOURCE, "units": 1_999, "until_ms": END_MS}


@case("resource.attest", "before-reserved")
def _(trade: Trade) -> Attempt:
    trade.start()
    until_ms = trade.world.time_ms + HOUR_MS
    return GUIZHOU, {"code": RESOURCE, "units": UNITS, "until_ms": until_ms}


@case("resource.register", "unknown-interface")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    descriptor = make_descriptor(interface="telegraph-1")
    return PROVIDER, {"code": MISSING_RESOURCE, "descriptor": descriptor}


@case("resource.update", "unknown-interface")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, {"code": RESOURCE, "descriptor": make_descriptor(interface="telegraph-1")}
