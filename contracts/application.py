"""Applications to become a node: what applicants say of themselves, and who is barred for ever.

    key    application 0x00 application id 0x00
    value  see `Application`
    key    bar 0x00 <Unified Social Credit Code> 0x00
    value  {"actor", "application", "evidence", "note", "rules", "since_ms"}

1. An application is for a regional node (`regional`), or for an industry node: `recommended` by a
   local authority, by a single `unit`, or by a `consortium` whose members are named. It says who
   builds the node (construction entity) and who runs it (operating entity), and lists materials by
   digest; the documents themselves stay off the ledger.
2. Nothing of what an applicant said is ever changed: who has more to say drafts anew.
3. Its life goes draft, endorsed, submitted, under review, admitted or rejected. A draft expires,
   and an applicant may withdraw until it is rejected or has its node. False information bars it,
   whenever it is found.
4. A bar is for ever: no call lifts it. Who is barred can be named in no application any more. A
   node that was admitted before stays until a ballot removes it.

Derived: an entry in a due queue while it is a draft, the sum `draft_count 0x00 <province>` of
drafts, `applied 0x00 <province> <round, 4 bytes> 0x00` with the application of a region that stands
in a round, and `admitted 0x00 <province>` with one that was admitted and has no node yet.
"""

from collections.abc import Iterator
from typing import Annotated, Final, Literal, TypedDict

from pydantic import Field, model_validator

from contracts.context import Context
from contracts.errors import Failure, require
from contracts.payload import Amount, CreditCode, Document, DocumentRecord, Label, Name, Payload
from contracts.standing import get_role
from contracts.table import Projection, Table, get_last_field, make_due_key
from ledger.code import NATIONWIDE, PROVINCES
from ledger.record import make_key

LIFE: Final = {
    ("draft", "endorse"): "endorsed",
    ("draft", "submit"): "submitted",
    ("draft", "expire"): "expired",
    ("draft", "withdraw"): "withdrawn",
    ("draft", "bar"): "barred",
    ("endorsed", "submit"): "submitted",
    ("endorsed", "expire"): "expired",
    ("endorsed", "withdraw"): "withdrawn",
    ("endorsed", "bar"): "barred",
    ("submitted", "review"): "under review",
    ("submitted", "withdraw"): "withdrawn",
    ("submitted", "bar"): "barred",
    ("under review", "admit"): "admitted",
    ("under review", "reject"): "rejected",
    ("under review", "withdraw"): "withdrawn",
    ("under review", "bar"): "barred",
    ("admitted", "withdraw"): "withdrawn",
    ("admitted", "bar"): "barred",
    ("rejected", "bar"): "barred",
    ("withdrawn", "bar"): "barred",
    ("expired", "bar"): "barred",
}
DRAFTS: Final = ("draft", "endorsed")
DECIDED: Final = ("admitted", "rejected")
REGIONAL: Final = "regional"
ENDORSERS: Final = ("communications", "industry")  # the roles of authorities that endorse
MATERIALS: Final = (
    "construction-plan",
    "technical-specification",
    "financial-documents",
    "operational-capacity",
)
MAX_MATERIALS: Final = 16
MAX_MEMBERS: Final = 16  # of a consortium
MAX_REVIEWERS: Final = 32
MAX_SCORE: Final = 100  # of each of four; together 400
MAX_PEOPLE: Final = 1_000_000
EXPIRY: Final = "admission.expire"


class ConstructionRecord(TypedDict):
    """Who builds the node."""

    capital_micro_yuan: int
    credit_code: str
    evidence: DocumentRecord
    name: str


class OperatingRecord(TypedDict):
    """Who runs the node. `defaults` are major serious ones of the last three years."""

    credit_code: str
    defaults: int
    facilities: str
    licence: str
    name: str
    personnel: int
    public_institution: bool


class MaterialRecord(DocumentRecord):
    """A document of an application, of one of the four kinds."""

    kind: str


class Application(TypedDict):
    """The value of an application.

    `endorsements` are [code, role, time in ms]; `scores` [code, technical capability, financial
    stability, operational experience, policy alignment]; `members` [credit code, name]. `round` is
    0 until it is submitted, `node` empty until it has one.
    """

    applicant: str
    construction: ConstructionRecord
    decided_by: str
    drafted_ms: int
    endorsements: list[list[str | int]]
    expires_ms: int
    industry: str
    materials: list[MaterialRecord]
    members: list[list[str]]
    node: str
    operating: OperatingRecord
    place: str
    reason: str
    round: int
    route: str
    rules: int
    scores: list[list[str | int]]
    sector: str
    state: str
    submitted_ms: int


class Bar(TypedDict):
    """The value of a bar: whose finding it is, and about which application."""

    actor: str
    application: str
    evidence: DocumentRecord
    note: str
    rules: int
    since_ms: int


ApplicationId = Annotated[
    str,
    Field(pattern=r"^application-[0-9a-f]{32}-[0-9]{1,4}$", description="id of an application"),
]


class Construction(Payload):
    """Who builds the node, with its registered capital and evidence of financial capacity."""

    capital_micro_yuan: Amount
    credit_code: CreditCode
    evidence: Annotated[Document, Field(description="of sustained financial capacity")]
    name: Name


class Operating(Payload):
    """Who runs the node; a public institution needs no telecommunications licence."""

    credit_code: CreditCode
    defaults: Annotated[
        int, Field(ge=0, le=1000, description="major serious defaults of the last three years")
    ]
    facilities: Name
    licence: Label | Literal[""] = Field(description="telecommunications licence, or empty")
    name: Name
    personnel: Annotated[int, Field(ge=1, le=MAX_PEOPLE, description="how many people run it")]
    public_institution: Annotated[bool, Field(description="whether it is a public institution")]


class Member(Payload):
    """A member of a consortium."""

    credit_code: CreditCode
    name: Name


class Material(Document):
    """A document of an application."""

    kind: Annotated[
        Literal[
            "construction-plan",
            "technical-specification",
            "financial-documents",
            "operational-capacity",
        ],
        Field(description=", ".join(MATERIALS)),
    ]


class Draft(Payload):
    """Everything that an applicant says; nothing of it can be changed later."""

    construction: Annotated[Construction, Field(description="who builds the node")]
    industry: Annotated[
        str, Field(pattern=r"^[A-T]?$", description="GB/T 4754 section of an industry node")
    ]
    materials: Annotated[
        list[Material], Field(max_length=MAX_MATERIALS, description="documents, by kind")
    ]
    members: Annotated[
        list[Member], Field(max_length=MAX_MEMBERS, description="members of a consortium")
    ]
    operating: Annotated[Operating, Field(description="who runs the node")]
    place: Annotated[str, Field(pattern=r"^[0-9]{6}$", description="place, GB/T 2260")]
    route: Annotated[
        Literal["regional", "recommended", "unit", "consortium"],
        Field(description="regional, recommended, unit or consortium"),
    ]
    sector: Label | Literal[""] = Field(description="named sector of an industry node")

    @model_validator(mode="after")
    def _check_route(self) -> "Draft":
        is_regional = self.route == REGIONAL
        if is_regional == bool(self.industry) or is_regional == bool(self.sector):
            raise ValueError("an industry node has an industry and a sector, a regional node none")
        if (self.route == "consortium") != bool(self.members):
            raise ValueError("a consortium has members, others none")
        codes = [member.credit_code for member in self.members]
        if len(set(codes)) < len(codes):
            raise ValueError("a member stands twice")
        if is_regional and self.place[2:] != "0000":
            raise ValueError("a regional node is of a province")
        if self.place[:2] not in PROVINCES and (is_regional or self.place != NATIONWIDE):
            raise ValueError("there is no such place")
        return self


def _project(key: bytes, application: Application) -> Projection:
    name, state = get_last_field(key), application["state"]
    region, round_ = application["place"][:2], application["round"]
    found = Projection()
    if state in DRAFTS:
        found.entries[make_due_key("time", application["expires_ms"], EXPIRY, name)] = key
        found.sums[make_drafts_key(region)] = 1
    if application["route"] == REGIONAL:
        if round_ and state not in ("barred", "withdrawn"):
            found.entries[make_applied_key(region, round_)] = name
        if state == "admitted" and not application["node"]:
            found.entries[make_admitted_key(region)] = name
    return found


def _check(key: bytes, application: Application) -> Iterator[str]:
    """The equations of one application."""
    state = application["state"]
    roles = [role for _, role, _ in application["endorsements"]]
    reviewers = [reviewer for reviewer, *_ in application["scores"]]
    if len(set(roles)) < len(roles) or len(set(reviewers)) < len(reviewers):
        yield f"{key!r} is endorsed or scored twice by one"
    if state in (*DECIDED, "withdrawn", "barred") and not application["decided_by"]:
        yield f"{key!r} ended without an actor"
    if (application["round"] == 0) != (application["submitted_ms"] == 0):
        yield f"{key!r} was submitted in no round"
    if state in ("submitted", "under review", *DECIDED) and not application["round"]:
        yield f"{key!r} is {state} and was never submitted"
    if application["node"] and state not in ("admitted", "barred"):
        yield f"{key!r} has a node and is {state}"


APPLICATIONS: Final[Table[Application]] = Table(
    "application",
    Application,
    ("application id",),
    _project,
    derives=("admitted", "applied", "draft_count", "due"),
    life=LIFE,
    check=_check,
)
BARS: Final[Table[Bar]] = Table("bar", Bar, ("credit code",))


def make_drafts_key(region: str) -> bytes:
    """Derived: how many drafts of a province there are; 00 is the whole country."""
    return make_key("draft_count", region)


def make_applied_key(region: str, round_: int) -> bytes:
    """Derived: the application of a region that stands in a round."""
    return make_key("applied", region, round_.to_bytes(4, "big"))


def make_admitted_key(region: str) -> bytes:
    """Derived: the application of a region that was admitted and has no node yet."""
    return make_key("admitted", region)


def load_application(ctx: Context, name: str) -> tuple[bytes, Application]:
    """The key and record of an application; fails with `unknown-application`."""
    key = APPLICATIONS.make_key(name)
    application = APPLICATIONS.get(ctx, key)
    if application is None:
        raise Failure("unknown-application")
    return key, application


def load_for_bureau(ctx: Context, name: str) -> tuple[bytes, Application]:
    """An application, for the ministry's bureau only; fails with `not-bureau` too."""
    key, application = load_application(ctx, name)
    require(get_role(ctx, ctx.actor) == "bureau", "not-bureau")
    return key, application


def list_entities(application: Application) -> list[str]:
    """The credit codes that an application names, each once."""
    own = (application["construction"], application["operating"])
    codes = [entity["credit_code"] for entity in own]
    return list(dict.fromkeys([*codes, *(code for code, _ in application["members"])]))


def is_barred(ctx: Context, credit_code: str) -> bool:
    """Whether somebody is barred for ever."""
    return ctx.get(BARS.make_key(credit_code)) is not None


def check_unbarred(ctx: Context, application: Application) -> None:
    """Fail with `entity-barred` if an application names somebody who is barred."""
    barred = any(is_barred(ctx, code) for code in list_entities(application))
    require(not barred, "entity-barred")


TABLES = (APPLICATIONS, BARS)
