"""Failures of a node's directory and notices."""

from contracts.service import MAX_ENTRIES, MAX_NOTICES, MAX_STANDING_MS
from tests.contracts.failures.cases import Attempt, case
from tests.contracts.public import announce, entry_data, notice_data
from tests.contracts.trade import Trade
from tests.contracts.world import BEIJING, GUIZHOU, START_MS

NO_NOTICE = "notice-" + "0" * 32 + "-0"


@case("service.list", "too-many-entries")
def _(trade: Trade) -> Attempt:
    for place in range(MAX_ENTRIES):
        trade.world.do("service.list", GUIZHOU, **entry_data(name=f"entry-{place}"))
    return GUIZHOU, entry_data()


@case("service.delist", "unknown-entry")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, {"name": "help-desk"}


@case("service.delist", "wrong-state")
def _(trade: Trade) -> Attempt:
    trade.world.do("service.list", GUIZHOU, **entry_data())
    trade.world.do("service.delist", GUIZHOU, name="help-desk")
    return GUIZHOU, {"name": "help-desk"}


@case("service.announce", "until-in-past")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, notice_data(trade, ends_ms=START_MS)


@case("service.announce", "too-long")
def _(trade: Trade) -> Attempt:
    ends_ms = trade.world.time_ms + MAX_STANDING_MS + 1_001
    return GUIZHOU, notice_data(trade, ends_ms=ends_ms)


@case("service.announce", "too-many-notices")
def _(trade: Trade) -> Attempt:
    for _ in range(MAX_NOTICES):
        announce(trade)
    return GUIZHOU, notice_data(trade)


@case("service.withdraw_notice", "unknown-notice")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, {"note": "", "notice": NO_NOTICE}


@case("service.withdraw_notice", "not-owner")
def _(trade: Trade) -> Attempt:
    return BEIJING, {"note": "", "notice": announce(trade)}


@case("service.withdraw_notice", "wrong-state")
def _(trade: Trade) -> Attempt:
    notice = announce(trade)
    trade.world.do("service.withdraw_notice", GUIZHOU, note="", notice=notice)
    return GUIZHOU, {"note": "", "notice": notice}
