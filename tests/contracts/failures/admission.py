"""What fails on the way from a draft to an application that was handed in."""

from contracts.rules import VERSION_1
from ledger.code import compose_code
from ledger.codec import Value
from tests.contracts.failures.cases import Attempt, another, case
from tests.contracts.newcomer import (
    BUILDER,
    CAPITAL,
    COMMUNICATIONS,
    INDUSTRY_AUTHORITY,
    NO_APPLICATION,
    OPERATOR,
    OTHER_APPLICANT,
    OTHER_AUTHORITY,
    STRANGERS,
    Newcomer,
    bar_data,
    construction,
    draft_data,
    operating,
)
from tests.contracts.trade import Trade
from tests.contracts.world import BUREAU, HOUR_MS, NATIONAL, make_document

WITHDRAWAL = {"reason": "withdrawn"}


def window(trade: Trade, **changes: Value) -> dict[str, Value]:
    now = trade.world.time_ms
    return {"closes_ms": now + HOUR_MS, "opens_ms": now, **changes}


def submission(newcomer: Newcomer) -> Attempt:
    return newcomer.applicant, {"application": newcomer.application}


# Rounds


@case("admission.open_window", "window-open")
def _(trade: Trade) -> Attempt:
    trade.world.do("admission.open_window", NATIONAL, **window(trade))
    return NATIONAL, window(trade)


@case("admission.open_window", "until-in-past")
def _(trade: Trade) -> Attempt:
    return NATIONAL, window(trade, opens_ms=1, closes_ms=trade.world.time_ms)


@case("admission.close_window", "window-closed")
def _(trade: Trade) -> Attempt:
    trade.world.do("admission.open_window", NATIONAL, **window(trade))
    trade.world.block(after_ms=HOUR_MS)
    return NATIONAL, {"note": ""}


# Drafts


@case("admission.draft", "entity-barred")
def _(trade: Trade) -> Attempt:
    newcomer = Newcomer(trade.world).drafted()
    newcomer.do("admission.bar", BUREAU, **bar_data(OPERATOR))
    return OTHER_APPLICANT, draft_data(construction=construction(credit_code=STRANGERS[0]))


@case("admission.draft", "too-many-drafts")
def _(trade: Trade) -> Attempt:
    for _ in range(VERSION_1["drafts_per_place"]):
        Newcomer(trade.world).draft()
    return OTHER_APPLICANT, draft_data()


# Endorsements


@case("admission.endorse", "unknown-application")
def _(trade: Trade) -> Attempt:
    Newcomer(trade.world).set_up()
    return COMMUNICATIONS, {"application": NO_APPLICATION}


@case("admission.endorse", "not-authority")
def _(trade: Trade) -> Attempt:
    return BUREAU, {"application": Newcomer(trade.world).drafted().application}


@case("admission.endorse", "outside-region")
def _(trade: Trade) -> Attempt:
    return OTHER_AUTHORITY, {"application": Newcomer(trade.world).drafted().application}


@another("admission.endorse", "outside-region")
def _(trade: Trade) -> Attempt:
    """An industry node of Hebei is recommended by authorities of Hebei."""
    local = compose_code("I", "130000", "00021", "J")
    draft = Newcomer(trade.world, local).drafted(route="recommended")
    return OTHER_AUTHORITY, {"application": draft.application}


@case("admission.endorse", "wrong-state")
def _(trade: Trade) -> Attempt:
    return COMMUNICATIONS, {"application": Newcomer(trade.world).drafted().endorse().application}


@case("admission.endorse", "already-endorsed")
def _(trade: Trade) -> Attempt:
    newcomer = Newcomer(trade.world).drafted()
    newcomer.do("admission.endorse", COMMUNICATIONS)
    return COMMUNICATIONS, {"application": newcomer.application}


# Submission


@case("admission.submit", "unknown-application")
def _(trade: Trade) -> Attempt:
    return OTHER_APPLICANT, {"application": NO_APPLICATION}


@case("admission.submit", "not-applicant")
def _(trade: Trade) -> Attempt:
    newcomer = Newcomer(trade.world).drafted().endorse().open_window()
    return OTHER_APPLICANT, {"application": newcomer.application}


@case("admission.submit", "wrong-state")
def _(trade: Trade) -> Attempt:
    return submission(Newcomer(trade.world).submitted())


@case("admission.submit", "not-endorsed")
def _(trade: Trade) -> Attempt:
    newcomer = Newcomer(trade.world).drafted().open_window()
    newcomer.do("admission.endorse", INDUSTRY_AUTHORITY)
    return submission(newcomer)


@case("admission.submit", "window-closed")
def _(trade: Trade) -> Attempt:
    newcomer = Newcomer(trade.world).drafted().endorse()
    opens_ms = trade.world.time_ms + HOUR_MS
    trade.world.do(
        "admission.open_window", NATIONAL, opens_ms=opens_ms, closes_ms=opens_ms + HOUR_MS
    )
    return submission(newcomer)


@case("admission.submit", "capital-too-low")
def _(trade: Trade) -> Attempt:
    poor = construction(capital_micro_yuan=CAPITAL - 1)
    return submission(Newcomer(trade.world).drafted(construction=poor).endorse().open_window())


@case("admission.submit", "no-licence")
def _(trade: Trade) -> Attempt:
    bare = operating(licence="")
    return submission(Newcomer(trade.world).drafted(operating=bare).endorse().open_window())


@case("admission.submit", "in-default")
def _(trade: Trade) -> Attempt:
    failing = operating(defaults=1)
    return submission(Newcomer(trade.world).drafted(operating=failing).endorse().open_window())


@case("admission.submit", "material-missing")
def _(trade: Trade) -> Attempt:
    plan = [{**make_document("plan"), "kind": "construction-plan"}] * 4
    return submission(Newcomer(trade.world).drafted(materials=plan).endorse().open_window())


@case("admission.submit", "entity-barred")
def _(trade: Trade) -> Attempt:
    newcomer = Newcomer(trade.world).drafted().endorse().open_window()
    other = Newcomer(trade.world, applicant=OTHER_APPLICANT).draft()
    other.do("admission.bar", BUREAU, **bar_data(BUILDER))
    return submission(newcomer)


@case("admission.submit", "region-applied")
def _(trade: Trade) -> Attempt:
    Newcomer(trade.world).submitted()
    other = Newcomer(trade.world, applicant=OTHER_APPLICANT).draft().endorse()
    return submission(other)


# Withdrawal


@case("admission.withdraw", "unknown-application")
def _(trade: Trade) -> Attempt:
    return OTHER_APPLICANT, {"application": NO_APPLICATION, **WITHDRAWAL}


@case("admission.withdraw", "not-applicant")
def _(trade: Trade) -> Attempt:
    newcomer = Newcomer(trade.world).drafted()
    return OTHER_APPLICANT, {"application": newcomer.application, **WITHDRAWAL}


@another("admission.withdraw", "not-applicant")
def _(trade: Trade) -> Attempt:
    newcomer = Newcomer(trade.world).drafted()
    return OTHER_AUTHORITY, {"application": newcomer.application, **WITHDRAWAL}


@another("admission.withdraw", "not-applicant")
def _(trade: Trade) -> Attempt:
    newcomer = Newcomer(trade.world).submitted()
    return COMMUNICATIONS, {"application": newcomer.application, **WITHDRAWAL}


@case("admission.withdraw", "wrong-state")
def _(trade: Trade) -> Attempt:
    newcomer = Newcomer(trade.world).submitted().review().decide("rejected")
    return newcomer.applicant, {"application": newcomer.application, **WITHDRAWAL}


@another("admission.withdraw", "wrong-state")
def _(trade: Trade) -> Attempt:
    """It has its node."""
    newcomer = Newcomer(trade.world).admitted()
    newcomer.admit()
    return newcomer.applicant, {"application": newcomer.application, **WITHDRAWAL}


@another("admission.withdraw", "not-applicant")
def _(trade: Trade) -> Attempt:
    newcomer = Newcomer(trade.world).submitted()
    return BUREAU, {"application": newcomer.application, **WITHDRAWAL}
