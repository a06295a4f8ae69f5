"""Admission: rounds, drafts, endorsements and submission of applications.

    key    round 0x00 <number, 4 bytes> 0x00
    value  {"closed_by", "closes_ms", "opens_ms", "rules"}

1. The national node opens a round for a window of time and may close it early; the next is opened
   once the last is over. `closes_ms` is the first moment that is no longer within.
2. Anybody may draft, under a fresh key that is the applicant from then on. A draft stands for
   `draft_window_ms`; a province, and the whole country, have at most `drafts_per_place` at a time.
   An authority over its place may do away with it; the bureau also with an application that was
   admitted and has no node, so that nobody keeps a region waiting.
3. A region's application is endorsed by its own communications authority and by its own industry
   authority. An industry node's is endorsed by either, of its province, or of any place where it is
   for the whole country: always on the route `recommended`, on the others too where the rule
   `recommendation_required` is 2 (1: it is not).
4. It is submitted by the applicant within a window, once it is endorsed and its entities qualify:
   the construction entity's capital is at least `admission_capital_micro_yuan`, the operating
   entity has a telecommunications licence or is a public institution and had no major serious
   default in three years, all four kinds of material are there, and nobody is barred.
5. A region has one application in a round; one that was withdrawn or barred makes room.
"""

from typing import Annotated, Final, Literal, TypedDict

from pydantic import Field, model_validator

from contracts.application import (
    APPLICATIONS,
    DRAFTS,
    ENDORSERS,
    EXPIRY,
    LIFE,
    MATERIALS,
    REGIONAL,
    Application,
    ApplicationId,
    Draft,
    check_unbarred,
    load_application,
    make_applied_key,
    make_drafts_key,
)
from contracts.call import Call, Due, Role
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.life import STEP_FAILURES, compute_next
from contracts.payload import Note, Payload, TimeMs
from contracts.standing import get_role
from contracts.table import Projection, Table, get_last_field
from ledger.code import NATIONWIDE, parse_code
from ledger.record import make_key

_COUNT_KEY: Final = make_key("round_count")


class Round(TypedDict):
    """The value of a round; `closed_by` is empty unless it was closed before its time."""

    closed_by: str
    closes_ms: int
    opens_ms: int
    rules: int


def _count_round(_key: bytes, _round: Round) -> Projection:
    return Projection(sums={_COUNT_KEY: 1})


ROUNDS: Final[Table[Round]] = Table(
    "round", Round, ("number",), _count_round, derives=("round_count",)
)


class OpenWindow(Payload):
    """A round of applications, from its opening to the first moment after it."""

    closes_ms: TimeMs
    opens_ms: TimeMs

    @model_validator(mode="after")
    def _check_order(self) -> "OpenWindow":
        if self.opens_ms >= self.closes_ms:
            raise ValueError("a window opens before it closes")
        return self


class CloseWindow(Payload):
    """The end of the round, now."""

    note: Note


class Endorse(Payload):
    """An authority's endorsement of a draft as it stands."""

    application: ApplicationId


class Submit(Payload):
    """A draft for the bureau."""

    application: ApplicationId


class Withdraw(Payload):
    """The end of an application."""

    application: ApplicationId
    reason: Annotated[
        Literal["withdrawn", "superseded", "unfounded", "lapsed"],
        Field(description="withdrawn, superseded, unfounded or lapsed"),
    ]


def open_window(ctx: Context, call: OpenWindow) -> None:
    """Open the next round."""
    # who may: the national node, which the declaration demands

    # what must hold
    number, last = find_round(ctx)
    require(last is None or ctx.time_ms >= last["closes_ms"], "window-open")
    require(call.closes_ms > ctx.time_ms, "until-in-past")

    # what changes
    round_: Round = {
        "closed_by": "",
        "closes_ms": call.closes_ms,
        "opens_ms": call.opens_ms,
        "rules": ctx.rules.version,
    }
    ROUNDS.put(ctx, make_round_key(number + 1), round_)
    data = {"closes_ms": call.closes_ms, "opens_ms": call.opens_ms}
    ctx.emit("admission.window_opened", (ctx.actor,), round=number + 1, **data)


def close_window(ctx: Context, call: CloseWindow) -> None:
    """Close the round before its time."""
    # who may: the national node, which the declaration demands

    # what must hold
    number, last = find_round(ctx)
    if last is None or ctx.time_ms >= last["closes_ms"]:
        raise Failure("window-closed")

    # what changes
    changed: Round = {**last, "closed_by": ctx.actor, "closes_ms": ctx.time_ms}
    ROUNDS.put(ctx, make_round_key(number), changed)
    ctx.emit("admission.window_closed", (ctx.actor,), note=call.note, round=number)


def draft(ctx: Context, call: Draft) -> None:
    """Draft an application."""
    # who may: anybody with a key
    application = _make_draft(ctx, call)

    # what must hold
    check_unbarred(ctx, application)
    drafts = ctx.get_derived(make_drafts_key(call.place[:2])) or 0
    require(drafts < ctx.rules["drafts_per_place"], "too-many-drafts")

    # what changes
    name = ctx.make_object_id("application")
    APPLICATIONS.put(ctx, APPLICATIONS.make_key(name), application)
    emit_about(ctx, "admission.drafted", name, application, route=call.route)


def endorse(ctx: Context, call: Endorse) -> None:
    """Endorse a draft."""
    # who may
    key, application = load_application(ctx, call.application)
    role = get_role(ctx, ctx.actor)
    require(role in ENDORSERS, "not-authority")
    is_regional = application["route"] == REGIONAL
    is_local = parse_code(ctx.actor).region == application["place"][:2]
    require(is_local or application["place"] == NATIONWIDE, "outside-region")

    # what must hold
    require(application["state"] == "draft", "wrong-state")
    given = [*(by for _, by, _ in application["endorsements"]), role]
    require(len(set(given)) == len(given), "already-endorsed")

    # what changes
    changed: Application = {
        **application,
        "endorsements": [*application["endorsements"], [ctx.actor, role, ctx.time_ms]],
    }
    if not is_regional or set(given) == set(ENDORSERS):
        changed["state"] = compute_next(LIFE, "draft", "endorse")
    APPLICATIONS.put(ctx, key, changed)
    emit_about(ctx, "admission.endorsed", call.application, changed, role=role)


def submit(ctx: Context, call: Submit) -> None:
    """Hand an application in."""
    # who may
    key, application = load_application(ctx, call.application)
    require(ctx.actor == application["applicant"], "not-applicant")

    # what must hold
    state = compute_next(LIFE, application["state"], "submit")
    number, window = find_round(ctx)
    is_endorsed = application["state"] == "endorsed"
    require(is_endorsed or not _needs_endorsement(ctx, application), "not-endorsed")
    is_open = window is not None and window["opens_ms"] <= ctx.time_ms < window["closes_ms"]
    require(is_open, "window-closed")
    _check_qualified(ctx, application)
    check_unbarred(ctx, application)
    if application["route"] == REGIONAL:
        applied = ctx.get_derived(make_applied_key(application["place"][:2], number))
        require(applied is None, "region-applied")

    # what changes
    changed: Application = {
        **application,
        "round": number,
        "state": state,
        "submitted_ms": ctx.time_ms,
    }
    APPLICATIONS.put(ctx, key, changed)
    emit_about(ctx, "admission.submitted", call.application, changed, round=number)


def withdraw(ctx: Context, call: Withdraw) -> None:
    """End an application that has no node."""
    # who may
    key, application = load_application(ctx, call.application)
    is_own = ctx.actor == application["applicant"]
    require(is_own or _is_over(ctx, application), "not-applicant")

    # what must hold
    state = compute_next(LIFE, application["state"], "withdraw")
    require(not application["node"], "wrong-state")

    # what changes
    changed: Application = {
        **application,
        "decided_by": ctx.actor,
        "reason": call.reason,
        "state": state,
    }
    APPLICATIONS.put(ctx, key, changed)
    emit_about(ctx, "admission.withdrawn", call.application, changed, reason=call.reason)


def expire(ctx: Context, key: bytes) -> None:
    """End a draft that nobody submitted."""
    application = APPLICATIONS.get(ctx, key)
    assert application is not None
    state = compute_next(LIFE, application["state"], "expire")
    changed: Application = {**application, "reason": "expired", "state": state}
    APPLICATIONS.put(ctx, key, changed)
    emit_about(ctx, "admission.expired", get_last_field(key), changed)


def find_round(ctx: Context) -> tuple[int, Round | None]:
    """The number and record of the last round; 0 and None before the first."""
    number = ctx.get_derived(_COUNT_KEY) or 0
    return number, ROUNDS.get(ctx, make_round_key(number))


def make_round_key(number: int) -> bytes:
    """The key of a round; they count from 1."""
    return ROUNDS.make_key(number.to_bytes(4, "big"))


def emit_about(
    ctx: Context, type_: str, name: str, application: Application, **data: object
) -> None:
    """An event about an application, who acts, its applicant and its node."""
    about = (name, *ctx.signers, application["applicant"], application["node"])
    ctx.emit(type_, about, place=application["place"], **data)


def _make_draft(ctx: Context, call: Draft) -> Application:
    construction, operating = call.construction, call.operating
    return {
        "applicant": ctx.actor,
        "construction": {
            "capital_micro_yuan": construction.capital_micro_yuan,
            "credit_code": construction.credit_code,
            "evidence": construction.evidence.make_record(),
            "name": construction.name,
        },
        "decided_by": "",
        "drafted_ms": ctx.time_ms,
        "endorsements": [],
        "expires_ms": ctx.time_ms + ctx.rules["draft_window_ms"],
        "industry": call.industry,
        "materials": [{**item.make_record(), "kind": item.kind} for item in call.materials],
        "members": [[member.credit_code, member.name] for member in call.members],
        "node": "",
        "operating": {
            "credit_code": operating.credit_code,
            "defaults": operating.defaults,
            "facilities": operating.facilities,
            "licence": operating.licence,
            "name": operating.name,
            "personnel": operating.personnel,
            "public_institution": operating.public_institution,
        },
        "place": call.place,
        "reason": "",
        "round": 0,
        "route": call.route,
        "rules": ctx.rules.version,
        "scores": [],
        "sector": call.sector,
        "state": "draft",
        "submitted_ms": 0,
    }


def _needs_endorsement(ctx: Context, application: Application) -> bool:
    """Rule 3."""
    is_always = application["route"] in (REGIONAL, "recommended")
    return is_always or ctx.rules["recommendation_required"] == 2


def _check_qualified(ctx: Context, application: Application) -> None:
    """Rule 4, but for the bars."""
    operating = application["operating"]
    capital = application["construction"]["capital_micro_yuan"]
    require(capital >= ctx.rules["admission_capital_micro_yuan"], "capital-too-low")
    require(operating["public_institution"] or operating["licence"], "no-licence")
    require(operating["defaults"] == 0, "in-default")
    kinds = {material["kind"] for material in application["materials"]}
    require(kinds == set(MATERIALS), "material-missing")


def _is_over(ctx: Context, application: Application) -> bool:
    """Whether the actor is an authority that may do away with it (rule 2)."""
    role, state = get_role(ctx, ctx.actor), application["state"]
    if role == "bureau":
        return state in (*DRAFTS, "admitted")
    is_local = role in ENDORSERS and parse_code(ctx.actor).region == application["place"][:2]
    return is_local and state in DRAFTS


_UNKNOWN: Final = {"unknown-application": "the application exists"}
_BARRED: Final = {"entity-barred": "nobody whom it names is barred"}
_NATIONAL: Final = Role("national node", "N")
_APPLICANT: Final = Role("key: of the applicant", "k")
CALLS = (
    Call(
        kind="admission.open_window",
        title="Open a round of applications",
        payload=OpenWindow,
        signers=(_NATIONAL,),
        failures={
            "window-open": "the last round is over",
            "until-in-past": "it closes after the block's time",
        },
        handler=open_window,
        changes="the round; the national node's account",
        events=("admission.window_opened",),
    ),
    Call(
        kind="admission.close_window",
        title="Close the round before its time",
        payload=CloseWindow,
        signers=(_NATIONAL,),
        failures={"window-closed": "the last round is not over"},
        handler=close_window,
        changes="the round; the national node's account",
        events=("admission.window_closed",),
    ),
    Call(
        kind="admission.draft",
        title="Draft an application to become a node",
        payload=Draft,
        signers=(_APPLICANT,),
        failures={
            **_BARRED,
            "too-many-drafts": "the place has fewer than `drafts_per_place` drafts",
        },
        handler=draft,
        changes="the application",
        events=("admission.drafted",),
    ),
    Call(
        kind="admission.endorse",
        title="Endorse a draft",
        payload=Endorse,
        signers=(Role("authority", "A"),),
        failures={
            **_UNKNOWN,
            "not-authority": "the actor is a communications or an industry authority",
            "outside-region": "they are of the application's province, unless it is nationwide",
            "wrong-state": "it is a draft",
            "already-endorsed": "no authority of this role endorsed it",
        },
        handler=endorse,
        changes="the application; the authority's account",
        events=("admission.endorsed",),
    ),
    Call(
        kind="admission.submit",
        title="Hand an application in",
        payload=Submit,
        signers=(_APPLICANT,),
        failures={
            **_UNKNOWN,
            "not-applicant": "the key that drafted it signs",
            **STEP_FAILURES,
            "not-endorsed": "it has the endorsements that its route needs",
            "window-closed": "a round is open",
            "capital-too-low": "the registered capital is `admission_capital_micro_yuan` or more",
            "no-licence": "the operating entity has a licence or is a public institution",
            "in-default": "it had no major serious default in the last three years",
            "material-missing": "each of the four kinds of material is there",
            **_BARRED,
            "region-applied": "no other application of the region stands in this round",
        },
        handler=submit,
        changes="the application",
        events=("admission.submitted",),
    ),
    Call(
        kind="admission.withdraw",
        title="Withdraw an application, or do away with a draft",
        payload=Withdraw,
        signers=(Role("key: of the applicant, or an authority", "kA"),),
        failures={
            **_UNKNOWN,
            "not-applicant": "the key that drafted it signs; or, while it is a draft, the bureau or"
            " an authority of the place; or, once it is admitted, the bureau",
            "wrong-state": "its life has this step from where it stands, and it has no node",
        },
        handler=withdraw,
        changes="the application; the account of an authority",
        events=("admission.withdrawn",),
    ),
)
DUE = (
    Due(
        action=EXPIRY,
        title="End a draft that nobody submitted",
        clocks=("time",),
        handler=expire,
        changes="the application",
        events=("admission.expired",),
    ),
)
TABLES = (ROUNDS,)
