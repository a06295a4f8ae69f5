"""Operational security: the incidents of a node, from the report to the resolution.

    key    incident 0x00 node 0x00 incident id 0x00    the incidents of a node are a prefix
    value  see `Incident`

1. A node reports its own incidents: what kind, how grave, since when, what is affected, and the
   digest of the report, which is kept off the ledger.
2. It says when the incident is contained and when it is resolved, each with a document of its own.
   Until then, what turns out graver or lighter is graded anew.
3. What is not contained within `incident_window_ms` of working time becomes overdue: that is an
   event, counts in the statistics, and does not keep the node from containing it.
4. An incident is resolved once. What comes back is reported anew, naming the earlier one.

Derived: the object index, an entry in a due queue, and the sum `incident_count 0x00 node` of those
not resolved, of which there are at most `MAX_INCIDENTS`.
"""

from typing import Annotated, Final, Literal, TypedDict

from pydantic import Field

from contracts.call import OLD_BUSINESS, Call, Due, Role
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.life import STEP_FAILURES, compute_next
from contracts.payload import Document, DocumentRecord, Label, Name, Note, Payload, TimeMs
from contracts.table import Projection, Table, get_last_field, make_due_key, make_object_key
from ledger.codec import Value
from ledger.record import make_key

LIFE: Final = {
    ("reported", "contain"): "contained",
    ("contained", "resolve"): "resolved",
}
MAX_INCIDENTS: Final = 256  # of one node, not resolved
MAX_AFFECTED: Final = 32


class Incident(TypedDict):
    """The value of an incident. Times are 0 and documents None until they are known.

    `severity` is from 1, the gravest, to 4. `overdue` is 1 once rule 3 applied.
    """

    affected: list[str]
    category: str
    contained_ms: int
    containment: DocumentRecord | None
    deadline_ms: int
    node: str
    occurred_ms: int
    overdue: int
    predecessor: str
    report: DocumentRecord
    reported_ms: int
    resolution: DocumentRecord | None
    resolved_ms: int
    rules: int
    severity: int
    state: str
    title: str


IncidentId = Annotated[
    str, Field(pattern=r"^incident-[0-9a-f]{32}-[0-9]{1,4}$", description="id of an incident")
]
Severity = Annotated[int, Field(ge=1, le=4, description="from 1, the gravest, to 4")]


class Report(Payload):
    """An incident of the actor's own."""

    affected: Annotated[
        list[Label],
        Field(max_length=MAX_AFFECTED, description="codes and objects that it concerns"),
    ]
    category: Annotated[
        Literal["attack", "malware", "data", "key", "equipment", "network", "disaster", "other"],
        Field(description="attack, malware, data, key, equipment, network, disaster or other"),
    ]
    document: Annotated[Document, Field(description="the report")]
    occurred_ms: TimeMs
    predecessor: IncidentId | Literal[""] = Field(
        description="id of an incident that has come back, or empty"
    )
    severity: Severity
    title: Name


class Grade(Payload):
    """How grave an incident turned out to be."""

    incident: IncidentId
    note: Note
    severity: Severity


class Contain(Payload):
    """The moment from which an incident does no more harm."""

    document: Annotated[Document, Field(description="what was done")]
    incident: IncidentId


class Resolve(Payload):
    """The end of an incident: its cause is known and gone."""

    document: Annotated[Document, Field(description="cause, harm, and what keeps it away")]
    incident: IncidentId


def make_count_key(node: str) -> bytes:
    """Derived: how many incidents of a node are not resolved."""
    return make_key("incident_count", node)


def _project(key: bytes, incident: Incident) -> Projection:
    name = get_last_field(key)
    entries: dict[bytes, Value] = {make_object_key(name): key}
    if incident["state"] == "reported" and not incident["overdue"]:
        deadline_ms = incident["deadline_ms"]
        entries[make_due_key("working", deadline_ms, "security.lapse", name)] = key
    is_open = incident["state"] != "resolved"
    return Projection(entries, {make_count_key(incident["node"]): 1} if is_open else {})


INCIDENTS: Final[Table[Incident]] = Table(
    "incident",
    Incident,
    ("node", "id"),
    _project,
    derives=("due", "incident_count", "object"),
    life=LIFE,
)


def report(ctx: Context, call: Report) -> None:
    """Report an incident."""
    # who may: any node, of itself

    # what must hold
    require(call.occurred_ms <= ctx.time_ms, "not-yet")
    if call.predecessor:
        _, earlier = _load_own(ctx, call.predecessor)
        require(earlier["state"] == "resolved", "not-resolved")
    count = ctx.get_derived(make_count_key(ctx.actor)) or 0
    require(count < MAX_INCIDENTS, "too-many-incidents")

    # what changes
    name = ctx.make_object_id("incident")
    incident: Incident = {
        "affected": call.affected,
        "category": call.category,
        "contained_ms": 0,
        "containment": None,
        "deadline_ms": ctx.working_ms + ctx.rules["incident_window_ms"],
        "node": ctx.actor,
        "occurred_ms": call.occurred_ms,
        "overdue": 0,
        "predecessor": call.predecessor,
        "report": call.document.make_record(),
        "reported_ms": ctx.time_ms,
        "resolution": None,
        "resolved_ms": 0,
        "rules": ctx.rules.version,
        "severity": call.severity,
        "state": "reported",
        "title": call.title,
    }
    INCIDENTS.put(ctx, INCIDENTS.make_key(ctx.actor, name), incident)
    _emit(ctx, "security.reported", name, incident, category=call.category)


def grade(ctx: Context, call: Grade) -> None:
    """Say how grave an incident turned out to be."""
    # who may
    key, incident = _load_own(ctx, call.incident)

    # what must hold
    require(incident["state"] != "resolved", "wrong-state")

    # what changes
    changed: Incident = {**incident, "severity": call.severity}
    INCIDENTS.put(ctx, key, changed)
    _emit(ctx, "security.graded", call.incident, changed, note=call.note)


def contain(ctx: Context, call: Contain) -> None:
    """Say that an incident does no more harm."""
    # who may
    key, incident = _load_own(ctx, call.incident)

    # what must hold
    state = compute_next(LIFE, incident["state"], "contain")

    # what changes
    changed: Incident = {
        **incident,
        "contained_ms": ctx.time_ms,
        "containment": call.document.make_record(),
        "state": state,
    }
    INCIDENTS.put(ctx, key, changed)
    _emit(ctx, "security.contained", call.incident, changed)


def resolve(ctx: Context, call: Resolve) -> None:
    """Say that the cause of an incident is known and gone."""
    # who may
    key, incident = _load_own(ctx, call.incident)

    # what must hold
    state = compute_next(LIFE, incident["state"], "resolve")

    # what changes
    changed: Incident = {
        **incident,
        "resolution": call.document.make_record(),
        "resolved_ms": ctx.time_ms,
        "state": state,
    }
    INCIDENTS.put(ctx, key, changed)
    _emit(ctx, "security.resolved", call.incident, changed)


def lapse(ctx: Context, key: bytes) -> None:
    """Mark an incident that was not contained in time."""
    incident = INCIDENTS.get(ctx, key)
    assert incident is not None
    changed: Incident = {**incident, "overdue": 1}
    INCIDENTS.put(ctx, key, changed)
    _emit(ctx, "security.overdue", get_last_field(key), changed)


def _load_own(ctx: Context, name: str) -> tuple[bytes, Incident]:
    found = INCIDENTS.find(ctx, name)
    if found is None:
        raise Failure("unknown-incident")
    require(ctx.actor == found[1]["node"], "not-owner")
    return found


def _emit(ctx: Context, type_: str, name: str, incident: Incident, **data: Value) -> None:
    about = (name, incident["node"], *incident["affected"])
    ctx.emit(type_, about, severity=incident["severity"], **data)


_NODE = Role("node", "NRI")
_OWN = {"unknown-incident": "the incident exists", "not-owner": "it is the actor's own"}

# Old business all of them: an incident is also what a node was suspended for.
CALLS = (
    Call(
        kind="security.report",
        title="Report an incident of a node",
        payload=Report,
        signers=(_NODE,),
        failures={
            "not-yet": "it occurred by the block's time",
            **_OWN,
            "not-resolved": "an incident that came back had been resolved",
            "too-many-incidents": f"fewer than {MAX_INCIDENTS} of the node's are not resolved",
        },
        handler=report,
        changes="the incident; the node's account",
        events=("security.reported",),
        tolerates=OLD_BUSINESS,
    ),
    Call(
        kind="security.grade",
        title="Grade an incident anew",
        payload=Grade,
        signers=(_NODE,),
        failures={**_OWN, "wrong-state": "it is not resolved"},
        handler=grade,
        changes="the incident; the node's account",
        events=("security.graded",),
        tolerates=OLD_BUSINESS,
    ),
    Call(
        kind="security.contain",
        title="Say that an incident is contained",
        payload=Contain,
        signers=(_NODE,),
        failures={**_OWN, **STEP_FAILURES},
        handler=contain,
        changes="the incident; the node's account",
        events=("security.contained",),
        tolerates=OLD_BUSINESS,
    ),
    Call(
        kind="security.resolve",
        title="Say that an incident is resolved",
        payload=Resolve,
        signers=(_NODE,),
        failures={**_OWN, **STEP_FAILURES},
        handler=resolve,
        changes="the incident; the node's account",
        events=("security.resolved",),
        tolerates=OLD_BUSINESS,
    ),
)

DUE = (
    Due(
        action="security.lapse",
        title="Mark an incident that was not contained in time",
        clocks=("working",),
        handler=lapse,
        changes="the incident",
        events=("security.overdue",),
    ),
)

TABLES = (INCIDENTS,)
