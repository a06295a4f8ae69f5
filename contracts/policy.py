"""Policies: what an industry node demands of those who trade at its venue.

    key    policy 0x00 industry node 0x00
    value  {"attestors", "consumers", "providers", "rules", "sla_class"}
    key    permission 0x00 industry node 0x00 code 0x00
    value  {"note", "rules", "state"}

1. A venue is open once its node has set its policy, and while that node is in good standing.
2. Of providers, and of consumers, it admits `anyone` or those `permitted`. Who is forbidden is not
   admitted, whichever it is.
3. A resource at the venue is of its sector, attested by an attestor of a class named, and sold
   under an SLA class of at least its own.
4. A policy is judged when an offer, a demand or a quote is made, and again when a lease is. What
   was agreed before it changed stands.
"""

from typing import Annotated, Final, Literal, TypedDict

from pydantic import Field

from contracts.call import Call, Role
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.payload import Note, Payload, SlaClass, TraderCode
from contracts.resource import Resource
from contracts.standing import get_identity, is_active
from contracts.table import Table

LIFE: Final = {("permitted", "forbid"): "forbidden", ("forbidden", "permit"): "permitted"}
CONSUMER_FAILURES: Final = {
    "venue-closed": "the venue is an industry node in good standing that has set its policy",
    "not-admitted": "its policy admits the actor",
}
FAILURES: Final = {
    **CONSUMER_FAILURES,
    "wrong-sector": "the resource is of the venue's sector",
    "wrong-attestor": "it is attested by an attestor of a class that the policy accepts",
    "sla-too-low": "the SLA class is at least that of the policy",
}
AGAINST: Final = {
    "against-policy": "the venue is open, and its policy admits both sides and what is sold"
}

Admission = Annotated[
    Literal["anyone", "permitted"], Field(description="anyone, or those permitted")
]


class Policy(TypedDict):
    """The value of a policy."""

    attestors: list[str]
    consumers: str
    providers: str
    rules: int
    sla_class: int


class Permission(TypedDict):
    """The value of a permission, or of its contrary."""

    note: str
    rules: int
    state: str


class SetPolicy(Payload):
    """What is demanded from now on."""

    attestors: Annotated[
        list[Literal["R", "M"]],
        Field(min_length=1, max_length=2, description="classes of attestors: R, M or both"),
    ]
    consumers: Admission
    providers: Admission
    sla_class: SlaClass


class Permit(Payload):
    """A trader, by name."""

    code: TraderCode
    note: Note


POLICIES: Final[Table[Policy]] = Table("policy", Policy, ("industry",))
PERMISSIONS: Final[Table[Permission]] = Table(
    "permission", Permission, ("industry", "code"), life=LIFE
)


def get_policy(ctx: Context, venue: str) -> Policy | None:
    """The policy of an open venue, or None (rule 1)."""
    return POLICIES.get(ctx, POLICIES.make_key(venue)) if is_active(ctx, venue) else None


def is_admitted(ctx: Context, venue: str, policy: Policy, code: str) -> bool:
    """Whether a provider or consumer may trade at a venue (rule 2)."""
    permission = PERMISSIONS.get(ctx, PERMISSIONS.make_key(venue, code))
    if permission is not None:
        return permission["state"] == "permitted"
    return policy["providers" if code[0] == "P" else "consumers"] == "anyone"


def is_demand_admitted(ctx: Context, venue: str, consumer: str) -> bool:
    """Whether a consumer may trade at a venue, or needs none to let it."""
    policy = get_policy(ctx, venue) if venue else None
    return not venue or (policy is not None and is_admitted(ctx, venue, policy, consumer))


def is_supply_admitted(
    ctx: Context, venue: str, code: str, resource: Resource, sla_class: int
) -> bool:
    """Whether a resource may be sold at a venue as it is now, or needs none to let it."""
    policy = get_policy(ctx, venue) if venue else None
    return not venue or (
        policy is not None
        and is_admitted(ctx, venue, policy, resource["provider"])
        and code[7] == venue[7]
        and resource["attestor"][:1] in policy["attestors"]
        and sla_class >= policy["sla_class"]
    )


def check_actor(ctx: Context, venue: str) -> Policy | None:
    """The policy of a venue, if it is at one; fails with those of `CONSUMER_FAILURES`."""
    if not venue:
        return None
    policy = get_policy(ctx, venue)
    if policy is None:
        raise Failure("venue-closed")
    require(is_admitted(ctx, venue, policy, ctx.actor), "not-admitted")
    return policy


def check_supply(ctx: Context, venue: str, code: str, resource: Resource, sla_class: int) -> None:
    """Fail with those of `FAILURES` unless the actor may sell a resource at a venue, if at one."""
    policy = check_actor(ctx, venue)
    if policy is not None:
        require(code[7] == venue[7], "wrong-sector")
        require(resource["attestor"][:1] in policy["attestors"], "wrong-attestor")
        require(sla_class >= policy["sla_class"], "sla-too-low")


def set_policy(ctx: Context, call: SetPolicy) -> None:
    """Say what is demanded at the venue from now on."""
    # who may: any industry node

    # what must hold: nothing more

    # what changes
    policy: Policy = {
        "attestors": sorted(dict.fromkeys(call.attestors)),
        "consumers": call.consumers,
        "providers": call.providers,
        "rules": ctx.rules.version,
        "sla_class": call.sla_class,
    }
    POLICIES.put(ctx, POLICIES.make_key(ctx.actor), policy)
    ctx.emit("policy.set", (ctx.actor,), **policy)


def permit(ctx: Context, call: Permit) -> None:
    """Admit a trader by name."""
    _apply_permission(ctx, call, "permitted")


def forbid(ctx: Context, call: Permit) -> None:
    """Keep a trader out by name."""
    _apply_permission(ctx, call, "forbidden")


def _apply_permission(ctx: Context, call: Permit, state: str) -> None:
    # who may: any industry node

    # what must hold
    require(get_identity(ctx, call.code), "unknown-identity")
    key = PERMISSIONS.make_key(ctx.actor, call.code)
    before = PERMISSIONS.get(ctx, key)
    require(before is None or before["state"] != state, "wrong-state")

    # what changes
    PERMISSIONS.put(ctx, key, {"note": call.note, "rules": ctx.rules.version, "state": state})
    ctx.emit(f"policy.{state}", (ctx.actor, call.code), note=call.note)


_NODE = Role("industry node", "I")

CALLS = (
    Call(
        kind="policy.set",
        title="Say what is demanded of those who trade at an industry node's venue",
        payload=SetPolicy,
        signers=(_NODE,),
        failures={},
        handler=set_policy,
        changes="the policy; the industry node's account",
        events=("policy.set",),
    ),
    Call(
        kind="policy.permit",
        title="Admit a trader to a venue by name",
        payload=Permit,
        signers=(_NODE,),
        failures={
            "unknown-identity": "the code is registered",
            "wrong-state": "it is not permitted already",
        },
        handler=permit,
        changes="the permission; the industry node's account",
        events=("policy.permitted",),
    ),
    Call(
        kind="policy.forbid",
        title="Keep a trader out of a venue by name",
        payload=Permit,
        signers=(_NODE,),
        failures={
            "unknown-identity": "the code is registered",
            "wrong-state": "it is not forbidden already",
        },
        handler=forbid,
        changes="the permission; the industry node's account",
        events=("policy.forbidden",),
    ),
)

TABLES = (POLICIES, PERMISSIONS)
