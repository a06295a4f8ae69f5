"""Review: what becomes of an application that was handed in.

    key    announcement 0x00 application id 0x00 outcome 0x00
    value  {"actor", "documents", "height", "note", "rules", "time_ms", "title"}

1. The ministry's bureau takes an application under review, also while the window is open yet.
2. Reviewers are authorities of the bureau and auditors. Each scores an application once: technical
   capability, financial stability, operational experience, policy alignment, 0 to 100 each.
3. The bureau decides. To be admitted it takes scores of at least `admission_reviewers`, whose mean
   is at least `admission_score_minimum` of 400, nobody barred, and a region without a regional node
   and without another admitted application.
4. The bureau announces each outcome once, for the public.
5. The bureau bars whoever gave false information: the construction entity, the operating entity and
   members of the consortium, by credit code, as far as they are at fault. The application ends with
   it wherever it stands; more of them may be found at fault later.
"""

from typing import Annotated, Final, Literal, TypedDict

from pydantic import Field

from contracts.admission import emit_about
from contracts.application import (
    APPLICATIONS,
    BARS,
    DECIDED,
    LIFE,
    MAX_MEMBERS,
    MAX_REVIEWERS,
    MAX_SCORE,
    REGIONAL,
    Application,
    ApplicationId,
    Bar,
    check_unbarred,
    is_barred,
    list_entities,
    load_application,
    load_for_bureau,
    make_admitted_key,
)
from contracts.call import Call, Role
from contracts.context import Context
from contracts.errors import require
from contracts.life import STEP_FAILURES, compute_next
from contracts.payload import CreditCode, Document, DocumentRecord, Name, Note, Payload
from contracts.registration import is_region_taken
from contracts.standing import get_role
from contracts.table import Table

MAX_DOCUMENTS: Final = 4  # of an announcement


class Announcement(TypedDict):
    """The value of an announcement."""

    actor: str
    documents: list[DocumentRecord]
    height: int
    note: str
    rules: int
    time_ms: int
    title: str


ANNOUNCEMENTS: Final[Table[Announcement]] = Table(
    "announcement", Announcement, ("application id", "outcome")
)
Points = Annotated[int, Field(ge=0, le=MAX_SCORE, description="0 to 100")]


class Review(Payload):
    """An application that the bureau looks into."""

    application: ApplicationId


class Score(Payload):
    """What a reviewer thinks of an application."""

    application: ApplicationId
    financial_stability: Points
    operational_experience: Points
    policy_alignment: Points
    technical_capability: Points


class Decide(Payload):
    """The bureau's decision."""

    application: ApplicationId
    note: Note
    outcome: Annotated[Literal["admitted", "rejected"], Field(description="admitted or rejected")]


class Announce(Payload):
    """An outcome, for the public."""

    application: ApplicationId
    documents: Annotated[
        list[Document], Field(max_length=MAX_DOCUMENTS, description="what goes with it")
    ]
    note: Note
    title: Name


class BarEntities(Payload):
    """Who gave false information in an application."""

    application: ApplicationId
    at_fault: Annotated[
        list[CreditCode],
        Field(min_length=1, max_length=MAX_MEMBERS + 2, description="credit codes"),
    ]
    evidence: Annotated[Document, Field(description="of the false information")]
    note: Note


def review(ctx: Context, call: Review) -> None:
    """Take an application under review."""
    # who may
    key, application = load_for_bureau(ctx, call.application)

    # what must hold
    state = compute_next(LIFE, application["state"], "review")

    # what changes
    changed: Application = {**application, "state": state}
    APPLICATIONS.put(ctx, key, changed)
    emit_about(ctx, "admission.review_began", call.application, changed)


def score(ctx: Context, call: Score) -> None:
    """Score an application."""
    # who may
    key, application = load_application(ctx, call.application)
    require(ctx.actor[0] == "M" or get_role(ctx, ctx.actor) == "bureau", "not-reviewer")

    # what must hold
    require(application["state"] == "under review", "wrong-state")
    scores = application["scores"]
    require(ctx.actor not in [score[0] for score in scores], "already-scored")
    require(len(scores) < MAX_REVIEWERS, "too-many-scores")

    # what changes
    points: list[str | int] = [
        call.technical_capability,
        call.financial_stability,
        call.operational_experience,
        call.policy_alignment,
    ]
    changed: Application = {**application, "scores": [*scores, [ctx.actor, *points]]}
    APPLICATIONS.put(ctx, key, changed)
    emit_about(ctx, "admission.scored", call.application, changed, points=points)


def decide(ctx: Context, call: Decide) -> None:
    """Admit or reject an application."""
    # who may
    key, application = load_for_bureau(ctx, call.application)

    # what must hold
    event = "admit" if call.outcome == "admitted" else "reject"
    state = compute_next(LIFE, application["state"], event)
    if event == "admit":
        _check_admissible(ctx, application)

    # what changes
    changed: Application = {
        **application,
        "decided_by": ctx.actor,
        "reason": call.note,
        "state": state,
    }
    APPLICATIONS.put(ctx, key, changed)
    emit_about(ctx, f"admission.{state}", call.application, changed, note=call.note)


def announce(ctx: Context, call: Announce) -> None:
    """Announce what became of an application."""
    # who may
    _, application = load_for_bureau(ctx, call.application)

    # what must hold
    outcome = application["state"]
    require(outcome in (*DECIDED, "barred"), "not-decided")
    key = ANNOUNCEMENTS.make_key(call.application, outcome)
    require(ANNOUNCEMENTS.get(ctx, key) is None, "already-announced")

    # what changes
    announcement: Announcement = {
        "actor": ctx.actor,
        "documents": [document.make_record() for document in call.documents],
        "height": ctx.height,
        "note": call.note,
        "rules": ctx.rules.version,
        "time_ms": ctx.time_ms,
        "title": call.title,
    }
    ANNOUNCEMENTS.put(ctx, key, announcement)
    data = {"outcome": outcome, "title": call.title}
    emit_about(ctx, "admission.announced", call.application, application, **data)


def bar(ctx: Context, call: BarEntities) -> None:
    """Bar for ever whoever gave false information."""
    # who may
    key, application = load_for_bureau(ctx, call.application)

    # what must hold
    require(set(call.at_fault) <= set(list_entities(application)), "not-named")
    fresh = [code for code in dict.fromkeys(call.at_fault) if not is_barred(ctx, code)]
    require(fresh, "already-barred")

    # what changes
    for credit_code in fresh:
        record: Bar = {
            "actor": ctx.actor,
            "application": call.application,
            "evidence": call.evidence.make_record(),
            "note": call.note,
            "rules": ctx.rules.version,
            "since_ms": ctx.time_ms,
        }
        BARS.put(ctx, BARS.make_key(credit_code), record)
    if application["state"] != "barred":
        changed: Application = {
            **application,
            "decided_by": ctx.actor,
            "reason": "false-information",
            "state": compute_next(LIFE, application["state"], "bar"),
        }
        APPLICATIONS.put(ctx, key, changed)
    emit_about(ctx, "admission.barred", call.application, application, at_fault=fresh)


def _check_admissible(ctx: Context, application: Application) -> None:
    """Rule 3."""
    scores = application["scores"]
    require(len(scores) >= ctx.rules["admission_reviewers"], "too-few-reviewers")
    total = sum(int(points) for _, *each in scores for points in each)
    require(total >= ctx.rules["admission_score_minimum"] * len(scores), "score-too-low")
    check_unbarred(ctx, application)
    if application["route"] == REGIONAL:
        region = application["place"][:2]
        require(ctx.get_derived(make_admitted_key(region)) is None, "region-taken")
        require(not is_region_taken(ctx, region), "region-taken")


_BUREAU: Final = Role("bureau", "A")
_FOR_BUREAU: Final = {
    "unknown-application": "the application exists",
    "not-bureau": "the actor is an authority of the bureau",
}
CALLS = (
    Call(
        kind="admission.review",
        title="Take an application under review",
        payload=Review,
        signers=(_BUREAU,),
        failures={**_FOR_BUREAU, **STEP_FAILURES},
        handler=review,
        changes="the application; the bureau's account",
        events=("admission.review_began",),
    ),
    Call(
        kind="admission.score",
        title="Score an application",
        payload=Score,
        signers=(Role("reviewer: bureau or auditor", "AM"),),
        failures={
            "unknown-application": "the application exists",
            "not-reviewer": "the actor is an authority of the bureau, or an auditor",
            "wrong-state": "it is under review",
            "already-scored": "the actor has not scored it",
            "too-many-scores": f"fewer than {MAX_REVIEWERS} scored it",
        },
        handler=score,
        changes="the application; the reviewer's account",
        events=("admission.scored",),
    ),
    Call(
        kind="admission.decide",
        title="Admit or reject an application",
        payload=Decide,
        signers=(_BUREAU,),
        failures={
            **_FOR_BUREAU,
            **STEP_FAILURES,
            "too-few-reviewers": "to be admitted, `admission_reviewers` scored it",
            "score-too-low": "the mean of their sums is `admission_score_minimum` or more",
            "entity-barred": "nobody whom it names is barred",
            "region-taken": "the region has no regional node and no other admitted application",
        },
        handler=decide,
        changes="the application; the bureau's account",
        events=("admission.admitted", "admission.rejected"),
    ),
    Call(
        kind="admission.announce",
        title="Announce what became of an application",
        payload=Announce,
        signers=(_BUREAU,),
        failures={
            **_FOR_BUREAU,
            "not-decided": "it was admitted, rejected or barred",
            "already-announced": "this outcome was not announced before",
        },
        handler=announce,
        changes="the announcement; the bureau's account",
        events=("admission.announced",),
    ),
    Call(
        kind="admission.bar",
        title="Bar for ever whoever gave false information",
        payload=BarEntities,
        signers=(_BUREAU,),
        failures={
            **_FOR_BUREAU,
            "not-named": "the application names all who are at fault",
            "already-barred": "one of them at least is not barred yet",
        },
        handler=bar,
        changes="the application, a bar for each who is at fault; the bureau's account: more than"
        " two keys, because each bar must be found by its credit code alone, for ever",
        events=("admission.barred",),
    ),
)
TABLES = (ANNOUNCEMENTS,)
