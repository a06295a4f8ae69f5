"""What fails when an application is reviewed, decided, announced, or found to be false."""

from contracts.application import MAX_REVIEWERS
from ledger.code import compose_code
from tests.contracts.failures.cases import Attempt, another, case
from tests.contracts.newcomer import (
    AUDITORS,
    COMMUNICATIONS,
    HEBEI,
    NO_APPLICATION,
    OPERATOR,
    OTHER_APPLICANT,
    POINTS,
    STRANGERS,
    Newcomer,
    announcement,
    bar_data,
)
from tests.contracts.trade import Trade
from tests.contracts.world import BUREAU, NATIONAL, Value

DECISION = {"note": "", "outcome": "admitted"}


def about(newcomer: Newcomer, **data: Value) -> dict[str, Value]:
    return {"application": newcomer.application, **data}


def reviewed(trade: Trade) -> Newcomer:
    return Newcomer(trade.world).submitted().review()


for _kind, _data in (
    ("review", {}),
    ("decide", DECISION),
    ("announce", announcement()),
    ("bar", bar_data(OPERATOR)),
):

    @case(f"admission.{_kind}", "unknown-application")
    def _(trade: Trade, data: dict[str, Value] = _data) -> Attempt:
        return BUREAU, {"application": NO_APPLICATION, **data}

    @case(f"admission.{_kind}", "not-bureau")
    def _(trade: Trade, data: dict[str, Value] = _data) -> Attempt:
        return COMMUNICATIONS, about(reviewed(trade), **data)


@case("admission.review", "wrong-state")
def _(trade: Trade) -> Attempt:
    return BUREAU, about(Newcomer(trade.world).drafted().endorse())


# Scores


@case("admission.score", "unknown-application")
def _(trade: Trade) -> Attempt:
    return BUREAU, {"application": NO_APPLICATION, **POINTS}


@case("admission.score", "not-reviewer")
def _(trade: Trade) -> Attempt:
    return COMMUNICATIONS, about(reviewed(trade), **POINTS)


@case("admission.score", "wrong-state")
def _(trade: Trade) -> Attempt:
    return BUREAU, about(Newcomer(trade.world).submitted(), **POINTS)


@case("admission.score", "already-scored")
def _(trade: Trade) -> Attempt:
    newcomer = reviewed(trade)
    newcomer.do("admission.score", AUDITORS[0], **POINTS)
    return AUDITORS[0], about(newcomer, **POINTS)


@case("admission.score", "too-many-scores")
def _(trade: Trade) -> Attempt:
    newcomer = reviewed(trade)
    codes = [compose_code("M", "000000", f"001{number:02d}") for number in range(MAX_REVIEWERS)]
    for code in codes:
        trade.world.register(code, NATIONAL)
        newcomer.do("admission.score", code, **POINTS)
    return BUREAU, about(newcomer, **POINTS)


# Decisions


@case("admission.decide", "wrong-state")
def _(trade: Trade) -> Attempt:
    return BUREAU, about(Newcomer(trade.world).submitted(), **DECISION)


@case("admission.decide", "too-few-reviewers")
def _(trade: Trade) -> Attempt:
    newcomer = reviewed(trade)
    for reviewer in AUDITORS:
        newcomer.do("admission.score", reviewer, **POINTS)
    return BUREAU, about(newcomer, **DECISION)


@case("admission.decide", "score-too-low")
def _(trade: Trade) -> Attempt:
    newcomer = reviewed(trade).score(policy_alignment=34)  # 279 of 400
    return BUREAU, about(newcomer, **DECISION)


@case("admission.decide", "entity-barred")
def _(trade: Trade) -> Attempt:
    newcomer = reviewed(trade).score()
    other = Newcomer(trade.world, applicant=OTHER_APPLICANT).draft()
    other.do("admission.bar", BUREAU, **bar_data(OPERATOR))
    return BUREAU, about(newcomer, **DECISION)


@case("admission.decide", "region-taken")
def _(trade: Trade) -> Attempt:
    newcomer = reviewed(trade).score()
    trade.world.register(HEBEI, NATIONAL)
    return BUREAU, about(newcomer, **DECISION)


@another("admission.decide", "region-taken")
def _(trade: Trade) -> Attempt:
    """Another round, and the region's first application has no node yet."""
    Newcomer(trade.world).admitted()
    trade.world.do("admission.close_window", NATIONAL, note="")
    second = Newcomer(trade.world, applicant=OTHER_APPLICANT)
    return BUREAU, about(second.submitted().review().score(), **DECISION)


# Announcements


@case("admission.announce", "not-decided")
def _(trade: Trade) -> Attempt:
    return BUREAU, about(reviewed(trade), **announcement())


@case("admission.announce", "already-announced")
def _(trade: Trade) -> Attempt:
    newcomer = Newcomer(trade.world).admitted()
    newcomer.do("admission.announce", BUREAU, **announcement())
    return BUREAU, about(newcomer, **announcement())


# Bars


@case("admission.bar", "not-named")
def _(trade: Trade) -> Attempt:
    return BUREAU, about(reviewed(trade), **bar_data(OPERATOR, STRANGERS[0]))


@case("admission.bar", "already-barred")
def _(trade: Trade) -> Attempt:
    newcomer = reviewed(trade)
    newcomer.do("admission.bar", BUREAU, **bar_data(OPERATOR))
    return BUREAU, about(newcomer, **bar_data(OPERATOR))
