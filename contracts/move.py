"""Moves: with both sides' consent a lease goes on elsewhere, so that nobody is locked in.

1. A lease moves to any attested resource with units free that speaks the same interface profile,
   so that jobs need no change; price, SLA class and notice stay. The provider acts, the consumer
   consents, and so does the provider of the other resource if that is another.
2. To a resource of the same provider and region it moves *in place*: its window in the calendar is
   of the other resource from now on, and everything else stays as it is.
3. Anywhere else, or out of a reclaim, it is *succeeded*: the lease ends, with the reason `moved`,
   and a new one, under the rules of now, is made for the time that was left of it as agreed. The
   new one names the old as its predecessor and is dispatched and activated anew.
4. The lease that ends keeps what full use since its last receipt can cost at most; all else that it
   holds goes back to the consumer and becomes the hold of its successor, which is large enough by
   the rule for every hold. What is topped up first is there.
5. What moved is no longer of its offer. A voucher is for a class and a region: a lease with a part
   of one moves in place only, within the class.
6. In place it stays at its venue, whose policy must admit the other resource. A successor is of no
   venue: it is between those who sign.
"""

from contracts.account import apply_credit
from contracts.agreement import (
    LEASES,
    LIFE,
    OPEN,
    OWN_LEASE_FAILURES,
    RUNNING,
    WAITING,
    Lease,
    Terms,
    compute_horizon,
    compute_window,
    compute_window_end,
    emit_about,
    load_own_lease,
)
from contracts.billing import compute_cost
from contracts.call import Call, Role
from contracts.context import Context
from contracts.errors import require
from contracts.lease import apply_end
from contracts.life import compute_next
from contracts.match import apply_match, check_capacity, compute_least_hold
from contracts.payload import LeaseId, Payload, ResourceCode
from contracts.policy import AGAINST, is_supply_admitted
from contracts.resource import Resource, is_attested, load_resource
from ledger.code import parse_code


class Move(Payload):
    """Where a lease goes on."""

    lease: LeaseId
    resource: ResourceCode


def move(ctx: Context, call: Move) -> None:
    """Let a lease go on with another resource."""
    # who may
    key, lease = load_own_lease(ctx, call.lease, "provider")
    require(ctx.signers[1] == lease["consumer"], "not-party")
    target = load_resource(ctx, call.resource)
    heir = ctx.signers[2] if len(ctx.signers) > 2 else ctx.actor
    require(target["provider"] == heir, "not-owner")

    # what must hold
    require(lease["state"] in OPEN, "wrong-state")
    ended = lease["state"] in RUNNING and ctx.time_ms >= compute_horizon(lease)
    require(not ended, "lease-ended")
    stays = _is_in_place(ctx, lease, heir, call.resource)
    _check_target(ctx, lease, call.resource, target, stays)
    window = _compute_window(ctx, lease, stays)
    require(window[1] <= target["attested_until_ms"], "beyond-attestation")
    check_capacity(ctx, call.resource, target, lease["units"], window)
    rest = lease["held_micro_yuan"] - _compute_exposure(ctx, lease)
    require(stays or rest >= _compute_least(ctx, lease), "hold-too-small")

    # what changes
    if stays:
        moved: Lease = {
            **lease,
            "descriptor_version": target["version"],
            "offer": "",
            "resource": call.resource,
        }
        LEASES.put(ctx, key, moved)
        name = call.lease
    else:
        _apply_release(ctx, key, call.lease, lease, rest)
        terms = _make_terms(ctx, call, lease, target, rest)
        name = apply_match(ctx, terms, "move")
    about = (call.lease, name, *ctx.signers, lease["resource"], call.resource)
    ctx.emit("lease.moved", about, origin=lease["resource"], resource=call.resource)


def _is_in_place(ctx: Context, lease: Lease, heir: str, resource: str) -> bool:
    """Rule 2."""
    near = heir == ctx.actor and resource[1:3] == lease["resource"][1:3]
    return near and lease["state"] != "reclaiming"


def _check_target(ctx: Context, lease: Lease, code: str, target: Resource, stays: bool) -> None:
    """Another resource that can take the lease over (rules 1 and 5)."""
    require(code != lease["resource"], "same-resource")
    spoken = load_resource(ctx, lease["resource"])["descriptor"]["interface"]
    require(target["descriptor"]["interface"] == spoken, "wrong-interface")
    classes = {parse_code(resource).resource_class for resource in (code, lease["resource"])}
    require(lease["voucher"] is None or (stays and len(classes) == 1), "voucher-bound")
    require(is_attested(target, ctx.time_ms), "not-attested")
    venue = lease["venue"] if stays else ""
    admitted = is_supply_admitted(ctx, venue, code, target, lease["sla_class"])
    require(admitted, "against-policy")


def _compute_seconds(ctx: Context, lease: Lease) -> int:
    """What is left of the time that was agreed."""
    if lease["state"] in WAITING:
        return lease["seconds"]
    agreed_ms = lease["activated_ms"] + lease["seconds"] * 1000
    return (min(agreed_ms, lease["reserved_until_ms"]) - ctx.time_ms) // 1000


def _get_start(ctx: Context, lease: Lease) -> int | None:
    """The start of a lease that was reserved ahead; None for now."""
    return lease["starts_ms"] if lease["starts_ms"] > ctx.time_ms else None


def _compute_window(ctx: Context, lease: Lease, stays: bool) -> tuple[int, int]:
    """The window for which the other resource needs units free."""
    if stays:
        return max(ctx.time_ms, lease["starts_ms"]), compute_window_end(lease)
    seconds = _compute_seconds(ctx, lease)
    require(seconds > 0, "lease-ended")
    return compute_window(ctx, _get_start(ctx, lease), seconds)


def _compute_least(ctx: Context, lease: Lease) -> int:
    """The least hold of a successor (rule 4)."""
    duration_ms = _compute_seconds(ctx, lease) * 1000
    return compute_least_hold(ctx.rules, lease["units"], lease["price_micro_yuan"], duration_ms)


def _compute_exposure(ctx: Context, lease: Lease) -> int:
    """What can still be claimed of a lease that ends now (rule 4)."""
    if lease["state"] in WAITING:
        return 0
    exposed_ms = ctx.time_ms - lease["metered_ms"]
    exposure = compute_cost(lease["units"], lease["price_micro_yuan"], exposed_ms)
    return min(lease["held_micro_yuan"], exposure)


def _apply_release(ctx: Context, key: bytes, name: str, lease: Lease, rest: int) -> None:
    """End a lease for its successor, and give back the rest of what it holds."""
    named: Lease = {
        **lease,
        "closed_by": ctx.actor,
        "held_micro_yuan": lease["held_micro_yuan"] - rest,
        "reason": "moved",
        "refunded_micro_yuan": lease["refunded_micro_yuan"] + rest,
        "state": compute_next(LIFE, lease["state"], "close"),
    }
    apply_credit(ctx, lease["consumer"], rest)
    emit_about(ctx, "lease.refunded", name, named, refunded_micro_yuan=rest)
    if lease["state"] in RUNNING:
        LEASES.put(ctx, key, apply_end(ctx, name, named, ctx.time_ms))
        return
    LEASES.put(ctx, key, {**named, "ended_ms": ctx.time_ms})
    data = {"billed_micro_yuan": 0, "refunded_micro_yuan": named["refunded_micro_yuan"]}
    emit_about(ctx, "lease.closed", name, named, reason=named["reason"], **data)


def _make_terms(
    ctx: Context, call: Move, lease: Lease, target: Resource, held_micro_yuan: int
) -> Terms:
    """The terms of a successor (rule 3)."""
    return Terms(
        consumer=lease["consumer"],
        descriptor_version=target["version"],
        held_micro_yuan=held_micro_yuan,
        notice_seconds=lease["notice_seconds"],
        predecessor=call.lease,
        price_micro_yuan=lease["price_micro_yuan"],
        provider=target["provider"],
        resource=call.resource,
        seconds=_compute_seconds(ctx, lease),
        sla_class=lease["sla_class"],
        starts_ms=_get_start(ctx, lease),
        units=lease["units"],
    )


CALLS = (
    Call(
        kind="lease.move",
        title="Let a lease go on with another resource of the same interface profile",
        payload=Move,
        signers=(
            Role("provider", "P"),
            Role("consumer", "U"),
            Role("provider of the other resource, if that is another", "P", optional=True),
        ),
        failures={
            **OWN_LEASE_FAILURES,
            "unknown-resource": "the resource is registered",
            "not-owner": "the other resource is of the provider, or of the third signer",
            "wrong-state": "the lease has not ended",
            "lease-ended": "the lease has not reached its horizon, and time is left of it",
            "same-resource": "the resource is another",
            "wrong-interface": "both resources speak the same interface profile",
            "voucher-bound": "a lease with a voucher stays with provider, region and class",
            "not-attested": "the resource is attested as it is described now",
            **AGAINST,
            "beyond-attestation": "the resource is attested up to the end of the lease's window",
            "over-capacity": "the resource has as many units free at every instant of the window",
            "calendar-full": "the resource's calendar has room for one more reservation",
            "hold-too-small": "what is left covers `hold_epochs` of full use, or all that remains",
        },
        handler=move,
        changes="the lease, and the accounts of those who sign; where it is succeeded also the "
        "successor, which is a record of its own under its provider",
        events=(
            "lease.moved",
            "lease.refunded",
            "lease.ended",
            "lease.closed",
            "lease.matched",
        ),
    ),
)
