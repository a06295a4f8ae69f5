"""Pools: the resources of a region or of a sector, gathered under one name.

    key    pool 0x00 node 0x00 pool id 0x00                all pools of a node are a prefix
    value  see `Pool`
    key    pool_member 0x00 pool id 0x00 resource 0x00     all members of a pool are a prefix
    value  {"actor", "provider", "reason", "rules", "scope", "state"}

1. A regional node opens pools of its region, an industry node pools of its sector: resources whose
   place, or whose industry letter, is that of the node's own code. A pool may ask for one resource
   class and for one interface profile.
2. A provider puts its own resource in and takes it out again with its own signature; the node puts
   nothing in, but may take out, with a reason.
3. A resource is at one time in at most one pool of each scope, so that capacity is counted once.
4. A pool holds no capacity: what it can give is what its members have attested and not yet sold.
   A member that no longer fits the pool counts for nothing.
5. A pool closes once it is empty, and is final then. A node has at most `MAX_POOLS` open ones, a
   pool at most `MAX_MEMBERS` members.

Derived: the object index of pools, `pooled 0x00 resource 0x00 scope` with the member's key, and the
sums `pool_size 0x00 pool id` of members and `pool_count 0x00 node` of open pools.
"""

from typing import Annotated, Final, Literal, TypedDict

from pydantic import Field

from contracts.call import OLD_BUSINESS, Call, Role
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.life import STEP_FAILURES, compute_next
from contracts.payload import Label, Name, Note, Payload, ResourceCode
from contracts.resource import Resource, load_resource
from contracts.standing import is_active
from contracts.table import Projection, Table, get_last_field, make_object_key
from ledger.code import parse_code
from ledger.record import make_key

LIFE: Final = {("open", "close"): "closed"}
MEMBER_LIFE: Final = {
    ("joined", "leave"): "left",
    ("joined", "remove"): "left",
    ("left", "join"): "joined",
}
MAX_MEMBERS: Final = 512
MAX_POOLS: Final = 32  # open ones of one node

PoolId = Annotated[
    str, Field(pattern=r"^pool-[0-9a-f]{32}-[0-9]{1,4}$", description="id of a pool")
]


class Pool(TypedDict):
    """The value of a pool. `interface` and `resource_class` are empty where any will do.

    `scope` is region or sector; `place` the region's prefix or the sector's letter.
    """

    interface: str
    name: str
    node: str
    place: str
    resource_class: str
    rules: int
    scope: str
    state: str


class Member(TypedDict):
    """The value of a membership: who changed it last, and why. `scope` is the pool's."""

    actor: str
    provider: str
    reason: str
    rules: int
    scope: str
    state: str


class Create(Payload):
    """A new pool, of any resource that fits or of one class and profile only."""

    interface: Label | Literal[""] = Field(description="interface profile of its members, or empty")
    name: Name
    resource_class: Annotated[
        Literal["", "10", "20", "30", "40", "50", "60", "70"],
        Field(description="resource class of its members, or empty"),
    ]


class Close(Payload):
    """The end of a pool."""

    pool: PoolId


class Join(Payload):
    """A resource of the actor's for a pool."""

    pool: PoolId
    resource: ResourceCode


class Leave(Payload):
    """A resource of the actor's out of a pool."""

    pool: PoolId
    resource: ResourceCode


class Remove(Payload):
    """A resource out of the actor's pool."""

    note: Note
    pool: PoolId
    reason: Annotated[
        Literal["unfit", "not-attested", "security-incident", "ceased"],
        Field(description="unfit, not-attested, security-incident or ceased"),
    ]
    resource: ResourceCode


def make_pooled_key(resource: str, scope: str) -> bytes:
    """Derived: the membership of a resource in a pool of a scope."""
    return make_key("pooled", resource, scope)


def make_size_key(pool: str) -> bytes:
    """Derived: how many members a pool has."""
    return make_key("pool_size", pool)


def make_count_key(node: str) -> bytes:
    """Derived: how many open pools a node has."""
    return make_key("pool_count", node)


def _project_pool(key: bytes, pool: Pool) -> Projection:
    name = get_last_field(key)
    sums = {make_count_key(pool["node"]): 1} if pool["state"] == "open" else {}
    return Projection({make_object_key(name): key}, sums)


def _project_member(key: bytes, member: Member) -> Projection:
    if member["state"] != "joined":
        return Projection()
    _, name, resource, _ = key.split(b"\x00")
    return Projection(
        {make_pooled_key(resource.decode("ascii"), member["scope"]): key},
        {make_size_key(name.decode("ascii")): 1},
    )


POOLS: Final[Table[Pool]] = Table(
    "pool",
    Pool,
    ("node", "id"),
    _project_pool,
    derives=("object", "pool_count"),
    life=LIFE,
)
MEMBERS: Final[Table[Member]] = Table(
    "pool_member",
    Member,
    ("pool", "resource"),
    _project_member,
    derives=("pool_size", "pooled"),
    life=MEMBER_LIFE,
)


def is_fitting(pool: Pool, code: str, resource: Resource) -> bool:
    """Whether a resource is what a pool gathers (rules 1 and 4)."""
    fields = parse_code(code)
    place = fields.region if pool["scope"] == "region" else fields.industry
    return (
        place == pool["place"]
        and pool["resource_class"] in ("", fields.resource_class)
        and pool["interface"] in ("", resource["descriptor"]["interface"])
    )


def create(ctx: Context, call: Create) -> None:
    """Open a pool."""
    # who may: any regional or industry node

    # what must hold
    require((ctx.get_derived(make_count_key(ctx.actor)) or 0) < MAX_POOLS, "too-many-pools")

    # what changes
    name = ctx.make_object_id("pool")
    fields = parse_code(ctx.actor)
    is_regional = ctx.actor[0] == "R"
    record: Pool = {
        "interface": call.interface,
        "name": call.name,
        "node": ctx.actor,
        "place": fields.region if is_regional else fields.industry,
        "resource_class": call.resource_class,
        "rules": ctx.rules.version,
        "scope": "region" if is_regional else "sector",
        "state": "open",
    }
    POOLS.put(ctx, POOLS.make_key(ctx.actor, name), record)
    ctx.emit("pool.created", (name, ctx.actor), name=call.name, scope=record["scope"])


def close(ctx: Context, call: Close) -> None:
    """Close an empty pool."""
    # who may
    key, pool = load_pool(ctx, call.pool)
    require(ctx.actor == pool["node"], "not-pool-node")

    # what must hold
    state = compute_next(LIFE, pool["state"], "close")
    require(not ctx.get_derived(make_size_key(call.pool)), "pool-not-empty")

    # what changes
    POOLS.put(ctx, key, {**pool, "state": state})
    ctx.emit("pool.closed", (call.pool, ctx.actor))


def join(ctx: Context, call: Join) -> None:
    """Put a resource into a pool."""
    # who may
    _, pool = load_pool(ctx, call.pool)
    resource = load_resource(ctx, call.resource)
    require(ctx.actor == resource["provider"], "not-owner")

    # what must hold
    require(pool["state"] == "open", "pool-closed")
    require(is_active(ctx, pool["node"]), "node-not-active")
    require(is_fitting(pool, call.resource, resource), "outside-pool")
    pooled = ctx.get_derived(make_pooled_key(call.resource, pool["scope"]))
    require(pooled is None, "already-pooled")
    require((ctx.get_derived(make_size_key(call.pool)) or 0) < MAX_MEMBERS, "pool-full")

    # what changes
    member: Member = {
        "actor": ctx.actor,
        "provider": ctx.actor,
        "reason": "joined",
        "rules": ctx.rules.version,
        "scope": pool["scope"],
        "state": "joined",
    }
    MEMBERS.put(ctx, MEMBERS.make_key(call.pool, call.resource), member)
    ctx.emit("pool.joined", (call.pool, call.resource, ctx.actor, pool["node"]))


def leave(ctx: Context, call: Leave) -> None:
    """Take a resource of one's own out of a pool."""
    # who may
    _, pool = load_pool(ctx, call.pool)
    require(ctx.actor == load_resource(ctx, call.resource)["provider"], "not-owner")

    # what must hold
    key, member = _load_member(ctx, call.pool, call.resource)
    state = compute_next(MEMBER_LIFE, member["state"], "leave", "not-member")

    # what changes
    MEMBERS.put(ctx, key, {**member, "actor": ctx.actor, "reason": "left", "state": state})
    about = (call.pool, call.resource, ctx.actor, pool["node"])
    ctx.emit("pool.left", about, note="", reason="left")


def remove(ctx: Context, call: Remove) -> None:
    """Take a resource of another out of one's own pool."""
    # who may
    _, pool = load_pool(ctx, call.pool)
    require(ctx.actor == pool["node"], "not-pool-node")

    # what must hold
    key, member = _load_member(ctx, call.pool, call.resource)
    state = compute_next(MEMBER_LIFE, member["state"], "remove", "not-member")

    # what changes
    MEMBERS.put(ctx, key, {**member, "actor": ctx.actor, "reason": call.reason, "state": state})
    about = (call.pool, call.resource, member["provider"], ctx.actor)
    ctx.emit("pool.left", about, note=call.note, reason=call.reason)


def load_pool(ctx: Context, name: str) -> tuple[bytes, Pool]:
    """The key and record of a pool; fails with `unknown-pool`."""
    found = POOLS.find(ctx, name)
    if found is None:
        raise Failure("unknown-pool")
    return found


def _load_member(ctx: Context, pool: str, resource: str) -> tuple[bytes, Member]:
    key = MEMBERS.make_key(pool, resource)
    member = MEMBERS.get(ctx, key)
    if member is None:
        raise Failure("not-member")
    return key, member


_PROVIDER = Role("provider", "P")
_NODE = Role("regional or industry node", "RI")
_KNOWN = {"unknown-pool": "the pool exists"}

CALLS = (
    Call(
        kind="pool.create",
        title="Open a pool of a region's or a sector's resources",
        payload=Create,
        signers=(_NODE,),
        failures={"too-many-pools": f"the node has fewer than {MAX_POOLS} open pools"},
        handler=create,
        changes="the pool; the node's account",
        events=("pool.created",),
    ),
    Call(
        kind="pool.close",
        title="Close an empty pool",
        payload=Close,
        signers=(_NODE,),
        failures={
            **_KNOWN,
            "not-pool-node": "it is the actor's own",
            **STEP_FAILURES,
            "pool-not-empty": "every member has left or was taken out",
        },
        handler=close,
        changes="the pool; the node's account",
        events=("pool.closed",),
        tolerates=OLD_BUSINESS,
    ),
    Call(
        kind="pool.join",
        title="Put a resource into a pool",
        payload=Join,
        signers=(_PROVIDER,),
        failures={
            **_KNOWN,
            "unknown-resource": "the resource is registered",
            "not-owner": "it is the actor's own",
            "pool-closed": "the pool is open",
            "node-not-active": "its node may do new business",
            "outside-pool": "region or sector, class and interface profile are those of the pool",
            "already-pooled": "the resource is in no pool of the same scope",
            "pool-full": f"the pool has fewer than {MAX_MEMBERS} members",
        },
        handler=join,
        changes="the membership; the provider's account",
        events=("pool.joined",),
    ),
    Call(
        kind="pool.leave",
        title="Take a resource of one's own out of a pool",
        payload=Leave,
        signers=(_PROVIDER,),
        failures={
            **_KNOWN,
            "unknown-resource": "the resource is registered",
            "not-owner": "it is the actor's own",
            "not-member": "the resource is in the pool",
        },
        handler=leave,
        changes="the membership; the provider's account",
        events=("pool.left",),
        tolerates=OLD_BUSINESS,
    ),
    Call(
        kind="pool.remove",
        title="Take a resource out of the actor's pool",
        payload=Remove,
        signers=(_NODE,),
        failures={
            **_KNOWN,
            "not-pool-node": "it is the actor's own",
            "not-member": "the resource is in the pool",
        },
        handler=remove,
        changes="the membership; the node's account",
        events=("pool.left",),
    ),
)

TABLES = (POOLS, MEMBERS)
