"""Help: what somebody asks a node's service centre, from the question to the end.

    key    help 0x00 node 0x00 case id 0x00            the cases of a node are a prefix
    value  see `Case`

1. Whoever has an identity opens a case at an active node, about a code, an object or nothing. Of
   what is written to and fro only digest and size are on the ledger, since it may be personal; who
   wrote it keeps it and sends it to the other side.
2. The node answers; who asked may ask on, or close the case at any time. The node itself closes
   only what it has answered.
3. A node that is silent for `help_answer_window_ms` of working time makes its case overdue, which
   counts against it in its statistics for ever, and may still answer. Who asked and is silent on an
   answer for `help_close_window_ms` lets the block close the case.
4. Every case ends with an actor (`block` where the block itself ended it) and a reason. Nobody has
   more than `MAX_CASES` open.

Derived: the object index, an entry in a due queue, and the sum `help_count 0x00 opener` of open
cases.
"""

from collections.abc import Iterator
from typing import Annotated, Final, Literal, TypedDict

from pydantic import Field

from contracts.call import OLD_BUSINESS, Call, Due, Role
from contracts.context import BLOCK, Context
from contracts.errors import Failure, require
from contracts.life import STEP_FAILURES, compute_next
from contracts.payload import Hash, Name, NodeCode, Payload, Reference
from contracts.standing import is_active
from contracts.table import Projection, Table, get_last_field, make_due_key, make_object_key
from ledger.codec import Value
from ledger.record import make_key

LIFE: Final = {
    ("opened", "answer"): "answered",
    ("opened", "lapse"): "overdue",
    ("opened", "close"): "closed",
    ("overdue", "answer"): "answered",
    ("overdue", "close"): "closed",
    ("answered", "ask"): "opened",
    ("answered", "lapse"): "closed",
    ("answered", "close"): "closed",
}
MAX_CASES: Final = 64  # open ones of one opener
MAX_MESSAGE: Final = 1 << 30


class Case(TypedDict):
    """The value of a case. `question` and `answer` are the last ones.

    `deadline_ms` is the working time up to which the side whose turn it is may be silent; `late` is
    how often the node let it pass.
    """

    about: str
    answer: dict[str, Value] | None
    answers: int
    category: str
    closed_by: str
    deadline_ms: int
    late: int
    node: str
    opened_ms: int
    opener: str
    question: dict[str, Value]
    reason: str
    rules: int
    state: str
    subject: str


class Message(Payload):
    """What was written, which is kept off the ledger."""

    sha256: Hash
    size: Annotated[int, Field(ge=1, le=MAX_MESSAGE, description="bytes")]


CaseId = Annotated[
    str, Field(pattern=r"^case-[0-9a-f]{32}-[0-9]{1,4}$", description="id of a help case")
]
MessageField = Annotated[Message, Field(description="what was written: sha256, size")]


class Open(Payload):
    """A question to a node."""

    about: Reference
    category: Annotated[
        Literal["identity", "resource", "trade", "metering", "money", "technical", "complaint"],
        Field(
            description="identity, resource, trade, metering, money, technical or complaint",
        ),
    ]
    message: MessageField
    node: NodeCode
    subject: Name


class Answer(Payload):
    """What a node says to a question."""

    case: CaseId
    message: MessageField


class Ask(Payload):
    """A further question in a case that was answered."""

    case: CaseId
    message: MessageField


class Close(Payload):
    """The end of a case."""

    case: CaseId
    reason: Annotated[
        Literal["solved", "unsolved", "withdrawn", "duplicate", "not-responsible"],
        Field(description="solved, unsolved, withdrawn, duplicate or not-responsible"),
    ]


def make_count_key(opener: str) -> bytes:
    """Derived: how many open cases somebody has."""
    return make_key("help_count", opener)


def _project(key: bytes, case: Case) -> Projection:
    name = get_last_field(key)
    entries: dict[bytes, Value] = {make_object_key(name): key}
    if case["state"] == "closed":
        return Projection(entries)
    if case["state"] != "overdue":
        entries[make_due_key("working", case["deadline_ms"], "help.lapse", name)] = key
    return Projection(entries, {make_count_key(case["opener"]): 1})


def _check(key: bytes, case: Case) -> Iterator[str]:
    """Rule 4."""
    is_closed = case["state"] == "closed"
    if is_closed != bool(case["closed_by"]) or is_closed != bool(case["reason"]):
        yield f"{key!r} ended without an actor or a reason"


CASES: Final[Table[Case]] = Table(
    "help",
    Case,
    ("node", "id"),
    _project,
    derives=("due", "help_count", "object"),
    life=LIFE,
    check=_check,
)


def open_case(ctx: Context, call: Open) -> None:
    """Ask a node something."""
    # who may: whoever has an identity

    # what must hold
    require(is_active(ctx, call.node), "node-not-active")
    count = ctx.get_derived(make_count_key(ctx.actor)) or 0
    require(count < MAX_CASES, "too-many-cases")

    # what changes
    name = ctx.make_object_id("case")
    case: Case = {
        "about": call.about,
        "answer": None,
        "answers": 0,
        "category": call.category,
        "closed_by": "",
        "deadline_ms": ctx.working_ms + ctx.rules["help_answer_window_ms"],
        "late": 0,
        "node": call.node,
        "opened_ms": ctx.time_ms,
        "opener": ctx.actor,
        "question": call.message.model_dump(),
        "reason": "",
        "rules": ctx.rules.version,
        "state": "opened",
        "subject": call.subject,
    }
    CASES.put(ctx, CASES.make_key(call.node, name), case)
    about = (name, ctx.actor, call.node, call.about)
    ctx.emit("help.opened", about, category=call.category, subject=call.subject)


def answer(ctx: Context, call: Answer) -> None:
    """Answer a case."""
    # who may
    key, case = _load_case(ctx, call.case)
    require(ctx.actor == case["node"], "not-party")

    # what must hold
    state = compute_next(LIFE, case["state"], "answer")

    # what changes
    changed: Case = {
        **case,
        "answer": call.message.model_dump(),
        "answers": case["answers"] + 1,
        "deadline_ms": ctx.working_ms + ctx.rules["help_close_window_ms"],
        "state": state,
    }
    CASES.put(ctx, key, changed)
    _emit(ctx, "help.answered", call.case, case, sha256=call.message.sha256)


def ask(ctx: Context, call: Ask) -> None:
    """Ask on in a case that was answered."""
    # who may
    key, case = _load_case(ctx, call.case)
    require(ctx.actor == case["opener"], "not-party")

    # what must hold
    state = compute_next(LIFE, case["state"], "ask")

    # what changes
    changed: Case = {
        **case,
        "deadline_ms": ctx.working_ms + ctx.rules["help_answer_window_ms"],
        "question": call.message.model_dump(),
        "state": state,
    }
    CASES.put(ctx, key, changed)
    _emit(ctx, "help.asked", call.case, case, sha256=call.message.sha256)


def close(ctx: Context, call: Close) -> None:
    """Close a case."""
    # who may
    key, case = _load_case(ctx, call.case)
    require(ctx.actor in (case["opener"], case["node"]), "not-party")

    # what must hold
    state = compute_next(LIFE, case["state"], "close")
    is_answered = case["state"] == "answered"
    require(ctx.actor == case["opener"] or is_answered, "not-answered")

    # what changes
    _apply_end(ctx, key, call.case, case, state, ctx.actor, call.reason)


def lapse(ctx: Context, key: bytes) -> None:
    """End the time of the side whose turn it is."""
    case = CASES.get(ctx, key)
    assert case is not None
    name = get_last_field(key)
    state = compute_next(LIFE, case["state"], "lapse")
    if state == "closed":
        _apply_end(ctx, key, name, case, state, BLOCK, "silence")
        return
    CASES.put(ctx, key, {**case, "late": case["late"] + 1, "state": state})
    _emit(ctx, "help.overdue", name, case)


def _load_case(ctx: Context, name: str) -> tuple[bytes, Case]:
    found = CASES.find(ctx, name)
    if found is None:
        raise Failure("unknown-case")
    return found


def _apply_end(
    ctx: Context, key: bytes, name: str, case: Case, state: str, actor: str, reason: str
) -> None:
    CASES.put(ctx, key, {**case, "closed_by": actor, "reason": reason, "state": state})
    _emit(ctx, "help.closed", name, case, reason=reason)


def _emit(ctx: Context, type_: str, name: str, case: Case, **data: Value) -> None:
    ctx.emit(type_, (name, case["opener"], case["node"], case["about"]), **data)


_ANYONE = Role("whoever has an identity", "NRIAPUMS")
_NODE = Role("node", "NRI")
_ANY_STANDING = (*OLD_BUSINESS, "inactive")  # who may not act needs help most
_KNOWN = {
    "unknown-case": "the case exists",
    "not-party": "the signer is of the side whose step it is",
}

CALLS = (
    Call(
        kind="help.open",
        title="Ask a node's service centre for help",
        payload=Open,
        signers=(_ANYONE,),
        failures={
            "node-not-active": "the node may do new business",
            "too-many-cases": f"the opener has fewer than {MAX_CASES} open cases",
        },
        handler=open_case,
        changes="the case; the opener's account",
        events=("help.opened",),
        tolerates=_ANY_STANDING,
    ),
    Call(
        kind="help.answer",
        title="Answer a help case",
        payload=Answer,
        signers=(_NODE,),
        failures={**_KNOWN, **STEP_FAILURES},
        handler=answer,
        changes="the case; the node's account",
        events=("help.answered",),
        tolerates=_ANY_STANDING,
    ),
    Call(
        kind="help.ask",
        title="Ask on in a help case that was answered",
        payload=Ask,
        signers=(_ANYONE,),
        failures={**_KNOWN, **STEP_FAILURES},
        handler=ask,
        changes="the case; the opener's account",
        events=("help.asked",),
        tolerates=_ANY_STANDING,
    ),
    Call(
        kind="help.close",
        title="Close a help case",
        payload=Close,
        signers=(_ANYONE,),
        failures={
            **_KNOWN,
            **STEP_FAILURES,
            "not-answered": "a node closes what it has answered",
        },
        handler=close,
        changes="the case; the actor's account",
        events=("help.closed",),
        tolerates=_ANY_STANDING,
    ),
)

DUE = (
    Due(
        action="help.lapse",
        title="Let a case become overdue, or close what nobody asks on",
        clocks=("working",),
        handler=lapse,
        changes="the case",
        events=("help.overdue", "help.closed"),
    ),
)

TABLES = (CASES,)
