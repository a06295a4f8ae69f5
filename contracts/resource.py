"""Resources: what can be computed with, described by its provider, attested by others.

    key    resource 0x00 code 0x00
    value  {"attested_units", "attested_until_ms", "attested_version", "attestor", "descriptor",
            "provider", "rules", "version"}

1. A resource's code carries its provider's registrant and stands once for ever.
2. Capacity is never in the code: it is in a descriptor, counted in versions. It names a published
   interface profile, by which jobs are handed over.
3. Capacity counts only while attested, by the regional node of the resource's region or an auditor,
   for the descriptor as it is: after an update it is attested anew before it is sold again.
4. Neither a descriptor nor an attestation goes below what is allocated at any moment to come, and
   an attestation does not end before what is reserved.
"""

from typing import Annotated, Final, Literal, TypedDict

from pydantic import Field

from contracts.calendar import compute_last_ms, compute_peak
from contracts.call import Call, Role
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.payload import (
    BasisPoints,
    Count,
    Label,
    Payload,
    ResourceCode,
    SlaClass,
    TimeMs,
    Units,
)
from contracts.standards import is_published
from contracts.table import Table
from ledger.code import parse_code
from ledger.codec import Value


class Accelerator(Payload):
    """So many accelerators or processors of one model."""

    count: Count
    memory_mib: Count
    model: Label
    vendor: Label


class Descriptor(Payload):
    """What a resource can do. Speeds are peaks; `units` is what can be sold of it."""

    accelerators: Annotated[
        list[Accelerator], Field(max_length=16, description="accelerators, or processors, by model")
    ]
    domestic: bool = Field(description="whether the chips are domestic")
    gflops_bf16: Count
    gflops_fp16: Count
    gflops_fp32: Count
    gflops_fp64: Count
    gops_int8: Count
    green_bp: BasisPoints
    interconnect: Label
    interface: Label
    latency_ms: Annotated[Literal[1, 5, 20], Field(description="latency class: 1, 5 or 20")]
    memory_mib: Count
    network_mbps: Count
    pue_thousandths: Count
    sla_class: SlaClass
    storage_gib: Annotated[
        dict[Label, Count], Field(max_length=8, description="storage, by its kind")
    ]
    units: Units
    zone: Label


class Resource(TypedDict):
    """The value of a resource; without an attestation its units and times are 0."""

    attested_units: int
    attested_until_ms: int
    attested_version: int
    attestor: str
    descriptor: dict[str, Value]
    provider: str
    rules: int
    version: int


DescriptorField = Annotated[
    Descriptor, Field(description="descriptor: " + ", ".join(Descriptor.model_fields))
]


class Register(Payload):
    """A new resource."""

    code: ResourceCode
    descriptor: DescriptorField


class Update(Payload):
    """A new version of a descriptor."""

    code: ResourceCode
    descriptor: DescriptorField


class Attest(Payload):
    """So much capacity, seen by the attestor, for so long."""

    code: ResourceCode
    units: Units
    until_ms: TimeMs


RESOURCES: Final[Table[Resource]] = Table(
    "resource", Resource, ("code",), capacity=lambda resource: resource["attested_units"]
)


def load_resource(ctx: Context, code: str) -> Resource:
    """A resource; fails with `unknown-resource`."""
    resource = RESOURCES.get(ctx, RESOURCES.make_key(code))
    if resource is None:
        raise Failure("unknown-resource")
    return resource


def is_attested(resource: Resource, time_ms: int) -> bool:
    """Whether its capacity counts for new business at a moment."""
    return (
        resource["attested_version"] == resource["version"]
        and time_ms < resource["attested_until_ms"]
    )


def register(ctx: Context, call: Register) -> None:
    """Describe a new resource."""
    # who may
    owner = parse_code(ctx.actor).registrant
    require(parse_code(call.code).registrant == owner, "not-owner")

    # what must hold
    key = RESOURCES.make_key(call.code)
    require(RESOURCES.get(ctx, key) is None, "code-taken")
    require(is_published(ctx, call.descriptor.interface), "unknown-interface")

    # what changes
    resource: Resource = {
        "attested_units": 0,
        "attested_until_ms": 0,
        "attested_version": 0,
        "attestor": "",
        "descriptor": call.descriptor.model_dump(),
        "provider": ctx.actor,
        "rules": ctx.rules.version,
        "version": 1,
    }
    RESOURCES.put(ctx, key, resource)
    ctx.emit("resource.registered", (call.code, ctx.actor), units=call.descriptor.units)


def update(ctx: Context, call: Update) -> None:
    """Replace the descriptor of a resource by its next version."""
    # who may
    resource = load_resource(ctx, call.code)
    require(ctx.actor == resource["provider"], "not-owner")

    # what must hold
    require(is_published(ctx, call.descriptor.interface), "unknown-interface")
    units = call.descriptor.units
    require(units >= compute_peak(ctx, call.code, ctx.time_ms), "below-allocated")

    # what changes
    changed: Resource = {
        **resource,
        "attested_units": min(units, resource["attested_units"]),
        "descriptor": call.descriptor.model_dump(),
        "version": resource["version"] + 1,
    }
    RESOURCES.put(ctx, RESOURCES.make_key(call.code), changed)
    version = changed["version"]
    ctx.emit("resource.updated", (call.code, ctx.actor), units=units, version=version)


def attest(ctx: Context, call: Attest) -> None:
    """Attest the capacity of a resource."""
    # who may
    resource = load_resource(ctx, call.code)
    require(ctx.actor[0] == "M" or ctx.actor[1:3] == call.code[1:3], "wrong-region")

    # what must hold
    require(call.until_ms > ctx.time_ms, "until-in-past")
    require(call.units <= resource["descriptor"]["units"], "over-declared")
    require(call.units >= compute_peak(ctx, call.code, ctx.time_ms), "below-allocated")
    require(call.until_ms >= compute_last_ms(ctx, call.code), "before-reserved")

    # what changes
    changed: Resource = {
        **resource,
        "attested_units": call.units,
        "attested_until_ms": call.until_ms,
        "attested_version": resource["version"],
        "attestor": ctx.actor,
    }
    RESOURCES.put(ctx, RESOURCES.make_key(call.code), changed)
    about = (call.code, resource["provider"], ctx.actor)
    ctx.emit("resource.attested", about, units=call.units, until_ms=call.until_ms)


_PROVIDER = Role("provider", "P")

CALLS = (
    Call(
        kind="resource.register",
        title="Describe a new resource",
        payload=Register,
        signers=(_PROVIDER,),
        failures={
            "not-owner": "it is the actor's own",
            "code-taken": "the code was never given out",
            "unknown-interface": "its interface profile is published",
        },
        handler=register,
        changes="the resource; the provider's account",
        events=("resource.registered",),
    ),
    Call(
        kind="resource.update",
        title="Replace a descriptor by its next version",
        payload=Update,
        signers=(_PROVIDER,),
        failures={
            "unknown-resource": "the resource is registered",
            "not-owner": "it is the actor's own",
            "unknown-interface": "its interface profile is published",
            "below-allocated": "at no moment is less left than leases hold",
        },
        handler=update,
        changes="the resource; the provider's account",
        events=("resource.updated",),
    ),
    Call(
        kind="resource.attest",
        title="Attest the capacity of a resource",
        payload=Attest,
        signers=(Role("regional node of the resource's region, or auditor", "RM"),),
        failures={
            "unknown-resource": "the resource is registered",
            "wrong-region": "the signers are of the regions that the call names",
            "until-in-past": "it ends after the block's time",
            "over-declared": "no more is attested than the descriptor says",
            "below-allocated": "at no moment is less left than leases hold",
            "before-reserved": "it does not end before the last reservation",
        },
        handler=attest,
        changes="the resource; the attestor's account",
        events=("resource.attested",),
    ),
)

TABLES = (RESOURCES,)
