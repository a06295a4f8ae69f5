"""Failures of published statistics."""

from tests.contracts.failures.cases import Attempt, case
from tests.contracts.public import publish, statistic_data
from tests.contracts.trade import Trade
from tests.contracts.world import BEIJING, GUIZHOU

NO_STATISTIC = "statistic-" + "0" * 32 + "-0"


def withdrawn(trade: Trade) -> str:
    """A statistic that its node withdrew."""
    name = publish(trade)
    trade.world.do("statistics.withdraw", GUIZHOU, note="", statistic=name)
    return name


@case("statistics.publish", "unknown-query")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, statistic_data(trade, query="weather-1")


@case("statistics.publish", "height-not-final")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, statistic_data(trade, height=trade.world.height + 1)


@case("statistics.publish", "unknown-statistic")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, statistic_data(trade, replaces=NO_STATISTIC)


@case("statistics.publish", "not-owner")
def _(trade: Trade) -> Attempt:
    return BEIJING, statistic_data(trade, replaces=withdrawn(trade))


@case("statistics.publish", "not-withdrawn")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, statistic_data(trade, replaces=publish(trade))


@case("statistics.withdraw", "unknown-statistic")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, {"note": "", "statistic": NO_STATISTIC}


@case("statistics.withdraw", "not-owner")
def _(trade: Trade) -> Attempt:
    return BEIJING, {"note": "", "statistic": publish(trade)}


@case("statistics.withdraw", "wrong-state")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, {"note": "", "statistic": withdrawn(trade)}
