"""Statistics: what a node publishes about the ledger, so that anybody can compute it again.

    key    statistic 0x00 node 0x00 statistic id 0x00      what a node published is a prefix
    value  {"figures", "height", "node", "query", "reason", "replaces", "result_sha256", "rules",
            "state", "title"}

1. A publication names the query (see `views`), the height, and the SHA-256 of the canonical result.
   Whoever has the records of that height computes the result and compares; what differs is seen.
2. `figures` are a few integers by name, which the node puts in front: they are its words, the
   result is what is checked.
3. The block does not compute the query: that would put a walk over whole tables on its path. It
   holds the node to a query that exists and to a height that is past.
4. What was published is never taken back. A node withdraws it with a reason, and publishes what
   replaces it, naming the earlier one.

Derived: the object index.
"""

from typing import Annotated, Final, Literal, TypedDict

from pydantic import Field

from contracts.call import OLD_BUSINESS, Call, Role
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.life import STEP_FAILURES, compute_next
from contracts.payload import Hash, Name, Note, Payload
from contracts.table import Projection, Table, get_last_field, make_object_key
from contracts.views import QUERIES
from ledger.primitives import MAX_AMOUNT

LIFE: Final = {("published", "withdraw"): "withdrawn"}
MAX_FIGURES: Final = 16


class Statistic(TypedDict):
    """The value of a publication; `reason` is that of its withdrawal."""

    figures: dict[str, int]
    height: int
    node: str
    query: str
    reason: str
    replaces: str
    result_sha256: bytes
    rules: int
    state: str
    title: str


StatisticId = Annotated[
    str, Field(pattern=r"^statistic-[0-9a-f]{32}-[0-9]{1,4}$", description="id of a statistic")
]
FigureName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
Figure = Annotated[int, Field(ge=0, le=MAX_AMOUNT)]


class Publish(Payload):
    """The digest of a query's result at a height, and what the node says of it."""

    figures: Annotated[
        dict[FigureName, Figure],
        Field(max_length=MAX_FIGURES, description="integers by name, which the node puts in front"),
    ]
    height: Annotated[int, Field(ge=0, le=MAX_AMOUNT, description="height of the state queried")]
    query: Annotated[
        str,
        Field(pattern=r"^[a-z]{1,32}-[1-9][0-9]{0,2}$", description="name of a query"),
    ]
    replaces: StatisticId | Literal[""] = Field(
        description="id of a withdrawn statistic that this one replaces, or empty"
    )
    result_sha256: Hash
    title: Name


class Withdraw(Payload):
    """The end of a publication."""

    note: Note
    statistic: StatisticId


def _project(key: bytes, _statistic: Statistic) -> Projection:
    return Projection({make_object_key(get_last_field(key)): key})


STATISTICS: Final[Table[Statistic]] = Table(
    "statistic", Statistic, ("node", "id"), _project, derives=("object",), life=LIFE
)


def publish(ctx: Context, call: Publish) -> None:
    """Publish a statistic."""
    # who may: any node

    # what must hold
    require(call.query in QUERIES, "unknown-query")
    require(call.height < ctx.height, "height-not-final")
    if call.replaces:
        _, earlier = _load_own(ctx, call.replaces)
        require(earlier["state"] == "withdrawn", "not-withdrawn")

    # what changes
    name = ctx.make_object_id("statistic")
    statistic: Statistic = {
        "figures": call.figures,
        "height": call.height,
        "node": ctx.actor,
        "query": call.query,
        "reason": "",
        "replaces": call.replaces,
        "result_sha256": call.result_sha256,
        "rules": ctx.rules.version,
        "state": "published",
        "title": call.title,
    }
    STATISTICS.put(ctx, STATISTICS.make_key(ctx.actor, name), statistic)
    about = (name, ctx.actor, call.replaces)
    ctx.emit("statistics.published", about, height=call.height, query=call.query)


def withdraw(ctx: Context, call: Withdraw) -> None:
    """Withdraw a statistic."""
    # who may
    key, statistic = _load_own(ctx, call.statistic)

    # what must hold
    state = compute_next(LIFE, statistic["state"], "withdraw")

    # what changes
    STATISTICS.put(ctx, key, {**statistic, "reason": call.note, "state": state})
    ctx.emit("statistics.withdrawn", (call.statistic, ctx.actor), note=call.note)


def _load_own(ctx: Context, name: str) -> tuple[bytes, Statistic]:
    found = STATISTICS.find(ctx, name)
    if found is None:
        raise Failure("unknown-statistic")
    require(ctx.actor == found[1]["node"], "not-owner")
    return found


_NODE = Role("node", "NRI")
_OWN = {"unknown-statistic": "the statistic exists", "not-owner": "it is the actor's own"}

CALLS = (
    Call(
        kind="statistics.publish",
        title="Publish a statistic that anybody can compute again",
        payload=Publish,
        signers=(_NODE,),
        failures={
            "unknown-query": "the query is one of those listed under Queries",
            "height-not-final": "the height is below that of the block",
            **_OWN,
            "not-withdrawn": "what it replaces was withdrawn",
        },
        handler=publish,
        changes="the statistic; the node's account",
        events=("statistics.published",),
    ),
    Call(
        kind="statistics.withdraw",
        title="Withdraw a statistic",
        payload=Withdraw,
        signers=(_NODE,),
        failures={**_OWN, **STEP_FAILURES},
        handler=withdraw,
        changes="the statistic; the node's account",
        events=("statistics.withdrawn",),
        tolerates=OLD_BUSINESS,
    ),
)

TABLES = (STATISTICS,)
