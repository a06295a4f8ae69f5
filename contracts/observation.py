"""Observations: what a monitor saw of a meter epoch, beside the receipts of both sides.

    key    observation 0x00 lease id 0x00 <epoch, 8 bytes> 0x00 observer 0x00
    value  {"availability_bp", "ends_ms", "note", "resource", "rules", "samples_count",
            "samples_root", "starts_ms", "used_unit_seconds"}

1. The regional node of the resource's region and auditors observe; each once an epoch, and nothing
   takes an observation back.
2. Epochs are those of the meter: the n-th begins n times `meter_epoch_ms` after the activation, and
   the last one ends with the lease. It can be observed as soon as it is over, before its receipt or
   after it, and after the lease.
3. An observation moves no money and decides nothing: it is there for the sides, for whoever rules
   a dispute, and for statistics. All observations of a lease, and of an epoch, are a prefix.
"""

from typing import Final, TypedDict

from contracts.agreement import LEASE_FAILURES, Lease, compute_metered_limit, emit_about, load_lease
from contracts.call import Call, Role
from contracts.context import Context
from contracts.errors import require
from contracts.payload import (
    BasisPoints,
    Count,
    EpochNumber,
    Hash,
    LeaseId,
    Note,
    Payload,
    UnitSeconds,
)
from contracts.rules import load_version
from contracts.table import Table


class Observation(TypedDict):
    """The value of an observation."""

    availability_bp: int
    ends_ms: int
    note: str
    resource: str
    rules: int
    samples_count: int
    samples_root: bytes
    starts_ms: int
    used_unit_seconds: int


class Observe(Payload):
    """What a monitor saw of an epoch."""

    availability_bp: BasisPoints
    epoch: EpochNumber
    lease: LeaseId
    note: Note
    samples_count: Count
    samples_root: Hash
    used_unit_seconds: UnitSeconds


OBSERVATIONS: Final[Table[Observation]] = Table(
    "observation", Observation, ("lease", "epoch", "observer")
)


def make_observation_key(lease: str, epoch: int, observer: str) -> bytes:
    """The key of an observation."""
    return OBSERVATIONS.make_key(lease, epoch.to_bytes(8, "big"), observer)


def observe(ctx: Context, call: Observe) -> None:
    """Say what was seen of an epoch."""
    # who may
    _, lease = load_lease(ctx, call.lease)
    local = ctx.actor[1:3] == lease["resource"][1:3]
    require(ctx.actor[0] == "M" or local, "wrong-region")

    # what must hold
    refused = lease["state"] in ("refused", "failed")
    require(lease["activated_ms"] > 0 and not refused, "wrong-state")
    starts_ms, ends_ms = _compute_epoch(ctx, lease, call.epoch)
    require(starts_ms < ends_ms, "wrong-epoch")
    require(ends_ms <= ctx.time_ms, "epoch-open")
    most = lease["units"] * (ends_ms - starts_ms)
    require(call.used_unit_seconds * 1000 <= most, "over-allocated")
    key = make_observation_key(call.lease, call.epoch, ctx.actor)
    require(OBSERVATIONS.get(ctx, key) is None, "already-observed")

    # what changes
    observation: Observation = {
        "availability_bp": call.availability_bp,
        "ends_ms": ends_ms,
        "note": call.note,
        "resource": lease["resource"],
        "rules": lease["rules"],
        "samples_count": call.samples_count,
        "samples_root": call.samples_root,
        "starts_ms": starts_ms,
        "used_unit_seconds": call.used_unit_seconds,
    }
    OBSERVATIONS.put(ctx, key, observation)
    data = {"availability_bp": call.availability_bp, "epoch": call.epoch, "note": call.note}
    used = call.used_unit_seconds
    emit_about(ctx, "metering.observed", call.lease, lease, used_unit_seconds=used, **data)


def _compute_epoch(ctx: Context, lease: Lease, epoch: int) -> tuple[int, int]:
    """When an epoch begins and ends, in ms (rule 2); one that never is ends as it begins."""
    epoch_ms = load_version(ctx, lease["rules"])["meter_epoch_ms"]
    limit_ms = compute_metered_limit(lease)
    starts_ms = lease["activated_ms"] + epoch * epoch_ms
    return starts_ms, max(starts_ms, min(starts_ms + epoch_ms, limit_ms))


CALLS = (
    Call(
        kind="metering.observe",
        title="Say what a monitor saw of an epoch",
        payload=Observe,
        signers=(Role("regional node of the resource's region, or auditor", "RM"),),
        failures={
            **LEASE_FAILURES,
            "wrong-region": "the signers are of the regions that the call names",
            "wrong-state": "the lease was activated, and not refused",
            "wrong-epoch": "the epoch begins before the lease ends",
            "epoch-open": "the epoch has ended",
            "over-allocated": "used is at most allocated times time",
            "already-observed": "the actor has not observed this epoch yet",
        },
        handler=observe,
        changes="the observation; the observer's account",
        events=("metering.observed",),
    ),
)

TABLES = (OBSERVATIONS,)
