"""Leases: from a match to an end, with an actor and a reason for each.

1. A match is dispatched by the regional node of the resource's region, by an industry node inside
   its sector, or, where consumer and resource are of different regions, by both regional nodes.
   What was agreed at the venue of an industry node, no other industry node dispatches.
2. The provider activates it, not before its window and in time: else it expires by itself and all
   money goes back. Where an outage outlasts its whole window, nobody is at fault: the reason is
   `window-over`. Where nobody dispatched it, the reason is `not-dispatched`.
3. The consumer may refuse what was scheduled, and what was activated for a while, unless anything
   of it was metered; then nothing is paid, and the units are free at once. The provider may answer
   with evidence within `refusal_answer_window_ms`; silence upholds the refusal.
4. Either side closes it, with a reason of its own. A provider that reclaims an active lease, or
   needs it back for maintenance, gives the notice that its offer promised; one with a fault does
   not, and the fault is counted.
5. It ends by itself at its horizon, and then waits for the receipts that are missing, for a while.
6. What a provider did or failed to do is counted: see `contracts.delivery`.

Life: matched -> scheduled -> active -> (reclaiming) -> settling -> closed; or refused -> failed.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from contracts.account import apply_debit
from contracts.agreement import (
    LEASE_FAILURES,
    LEASES,
    LIFE,
    OPEN,
    OWN_LEASE_FAILURES,
    RUNNING,
    WAITING,
    Lease,
    compute_horizon,
    emit_about,
    load_due_lease,
    load_lease,
    load_own_lease,
)
from contracts.call import OLD_BUSINESS, Call, Due, Role
from contracts.claim import apply_ending, apply_failure, extend_settlement
from contracts.context import BLOCK, Context
from contracts.delivery import apply_fault
from contracts.errors import require
from contracts.hold import add_voucher_part
from contracts.life import STEP_FAILURES, compute_next
from contracts.payload import (
    Hash,
    LeaseId,
    Note,
    OptionalAmount,
    Payload,
    Reference,
    VoucherName,
    check_voucher,
)
from contracts.receipt import MAX_OPEN
from contracts.rules import load_version
from contracts.voucher import FAILURES as VOUCHER_FAILURES
from contracts.voucher import apply_use, load_part

REASONS = {
    "P": ("reclaimed", "maintenance", "fault"),
    "U": ("finished", "unsatisfied", "unneeded"),
}
WITH_NOTICE = ("reclaimed", "maintenance")


class Dispatch(Payload):
    """A scheduling receipt."""

    lease: LeaseId
    reference: Reference


class Activate(Payload):
    """The provider's word that the lease can be used."""

    lease: LeaseId


class Refuse(Payload):
    """The consumer's word that what came does not match."""

    lease: LeaseId
    note: Note


class AnswerRefusal(Payload):
    """The provider's word that what it delivered does match; the evidence is a hash."""

    evidence: Hash
    lease: LeaseId
    note: Note


class Close(Payload):
    """The end that one side makes."""

    lease: LeaseId
    note: Note
    reason: Annotated[
        Literal["finished", "unsatisfied", "unneeded", "reclaimed", "maintenance", "fault"],
        Field(
            description="of a consumer: finished, unsatisfied, unneeded; "
            "of a provider: reclaimed, maintenance, fault"
        ),
    ]


class TopUp(Payload):
    """More money for the hold, cash or out of a voucher."""

    amount_micro_yuan: OptionalAmount
    lease: LeaseId
    voucher: VoucherName
    voucher_micro_yuan: OptionalAmount

    @model_validator(mode="after")
    def _check_amounts(self) -> "TopUp":
        check_voucher(self.voucher, self.voucher_micro_yuan)
        if not self.amount_micro_yuan and not self.voucher:
            raise ValueError("nothing is added")
        return self


def dispatch(ctx: Context, call: Dispatch) -> None:
    """Schedule a lease on its resource."""
    # who may
    key, lease = load_lease(ctx, call.lease)
    _check_dispatchers(ctx, lease)

    # what must hold
    state = compute_next(LIFE, lease["state"], "dispatch")

    # what changes
    changed: Lease = {**lease, "dispatchers": list(ctx.signers), "state": state}
    LEASES.put(ctx, key, changed)
    emit_about(ctx, "lease.scheduled", call.lease, changed, reference=call.reference)


def activate(ctx: Context, call: Activate) -> None:
    """Begin the time of a lease."""
    # who may
    key, lease = load_own_lease(ctx, call.lease, "provider")

    # what must hold
    state = compute_next(LIFE, lease["state"], "activate")
    require(ctx.time_ms >= lease["starts_ms"], "too-early")
    require(ctx.time_ms < lease["reserved_until_ms"], "window-over")

    # what changes
    rules = load_version(ctx, lease["rules"])
    changed: Lease = {
        **lease,
        "activated_ms": ctx.time_ms,
        "deadline_ms": ctx.working_ms + rules["refusal_window_ms"],
        "ends_ms": min(ctx.time_ms + lease["seconds"] * 1000, lease["reserved_until_ms"]),
        "metered_ms": ctx.time_ms,
        "state": state,
    }
    LEASES.put(ctx, key, changed)
    emit_about(ctx, "lease.active", call.lease, changed, ends_ms=changed["ends_ms"])


def refuse(ctx: Context, call: Refuse) -> None:
    """Refuse what was delivered; all money goes back."""
    # who may
    key, lease = load_own_lease(ctx, call.lease, "consumer")

    # what must hold
    compute_next(LIFE, lease["state"], "refuse")
    if lease["state"] == "active":
        require(lease["epoch"] == 0 and ctx.working_ms <= lease["deadline_ms"], "refusal-too-late")

    # what changes
    window_ms = load_version(ctx, lease["rules"])["refusal_answer_window_ms"]
    waiting: Lease = {**lease, "deadline_ms": ctx.working_ms + window_ms}
    apply_failure(ctx, key, call.lease, waiting, "refuse", ctx.actor, "refused")


def answer_refusal(ctx: Context, call: AnswerRefusal) -> None:
    """Contradict a refusal: it is not counted as a fault, and nothing is paid all the same."""
    # who may
    key, lease = load_own_lease(ctx, call.lease, "provider")

    # what must hold
    state = compute_next(LIFE, lease["state"], "answer")

    # what changes
    changed: Lease = {**lease, "reason": "refusal-contradicted", "state": state}
    LEASES.put(ctx, key, changed)
    data = {"evidence": call.evidence, "note": call.note, "reason": changed["reason"]}
    emit_about(ctx, "lease.failed", call.lease, changed, **data)


def close(ctx: Context, call: Close) -> None:
    """End a lease from one side."""
    # who may
    key, lease = load_own_lease(ctx, call.lease, "provider", "consumer")
    require(call.reason in REASONS[ctx.actor[0]], "wrong-reason")

    # what must hold
    reclaims = call.reason in WITH_NOTICE and lease["state"] in RUNNING
    event = "reclaim" if reclaims else "close"
    state = compute_next(LIFE, lease["state"], event)

    # what changes
    if call.reason == "fault":
        apply_fault(ctx, lease["provider"])
    if lease["state"] in WAITING:
        apply_failure(ctx, key, call.lease, lease, event, ctx.actor, call.reason)
        return
    named: Lease = {**lease, "closed_by": ctx.actor, "reason": call.reason, "state": state}
    if reclaims:
        notice_ms = lease["notice_seconds"] * 1000
        changed: Lease = {**named, "ends_ms": min(lease["ends_ms"], ctx.time_ms + notice_ms)}
        emit_about(ctx, "lease.reclaiming", call.lease, changed, ends_ms=changed["ends_ms"])
    else:
        changed = apply_end(ctx, call.lease, named, min(ctx.time_ms, compute_horizon(lease)))
    LEASES.put(ctx, key, changed)


def top_up(ctx: Context, call: TopUp) -> None:
    """Add to the hold of a lease that has not ended."""
    # who may
    key, lease = load_own_lease(ctx, call.lease, "consumer")

    # what must hold
    require(lease["state"] in OPEN, "wrong-state")
    ended = lease["state"] in RUNNING and ctx.time_ms >= compute_horizon(lease)
    require(not ended, "lease-ended")
    held = lease["voucher"]
    require(held is None or call.voucher in ("", held["id"]), "other-voucher")
    resource = lease["resource"]
    part = load_part(ctx, call.voucher, call.voucher_micro_yuan, ctx.actor, resource)
    apply_debit(ctx, ctx.actor, call.amount_micro_yuan)

    # what changes
    if part is not None:
        apply_use(ctx, call.voucher, call.voucher_micro_yuan)
    changed: Lease = {
        **lease,
        "funded_micro_yuan": lease["funded_micro_yuan"] + call.amount_micro_yuan,
        "held_micro_yuan": lease["held_micro_yuan"] + call.amount_micro_yuan,
        "voucher": add_voucher_part(held, part),
    }
    LEASES.put(ctx, key, changed)
    data = {"amount_micro_yuan": call.amount_micro_yuan, "held": changed["held_micro_yuan"]}
    data["voucher_micro_yuan"] = call.voucher_micro_yuan
    about = (call.lease, lease["provider"], lease["consumer"], resource, call.voucher)
    ctx.emit("lease.funded", about, **data)


def expire(ctx: Context, key: bytes) -> None:
    """End a lease that was not activated in time, or whose window is over."""
    name, lease = load_due_lease(ctx, key)
    reason = "not-activated" if lease["state"] == "scheduled" else "not-dispatched"
    if ctx.working_ms < lease["deadline_ms"]:
        reason = "window-over"
    if reason == "not-activated":
        apply_fault(ctx, lease["provider"])
    apply_failure(ctx, key, name, lease, "expire", BLOCK, reason)


def uphold(ctx: Context, key: bytes) -> None:
    """Uphold a refusal that the provider left unanswered."""
    name, lease = load_due_lease(ctx, key)
    state = compute_next(LIFE, lease["state"], "uphold")
    changed: Lease = {**lease, "state": state}
    apply_fault(ctx, lease["provider"])
    LEASES.put(ctx, key, changed)
    emit_about(ctx, "lease.failed", name, changed, reason=lease["reason"])


def end(ctx: Context, key: bytes) -> None:
    """End a running lease at its horizon."""
    name, lease = load_due_lease(ctx, key)
    horizon_ms = compute_horizon(lease)
    reason = "completed" if horizon_ms == lease["ends_ms"] else "hold-exhausted"
    state = compute_next(LIFE, lease["state"], "end")
    named: Lease = {**lease, "state": state}
    if not lease["closed_by"]:
        named = {**named, "closed_by": BLOCK, "reason": reason}
    LEASES.put(ctx, key, apply_end(ctx, name, named, horizon_ms))


def finish(ctx: Context, key: bytes) -> None:
    """Give up the time for which no receipt came, unless none could."""
    name, lease = load_due_lease(ctx, key)
    if len(lease["open"]) >= MAX_OPEN:
        LEASES.put(ctx, key, extend_settlement(ctx, lease))
        return
    lost_ms = lease["ended_ms"] - lease["metered_ms"]
    emit_about(ctx, "lease.unmetered", name, lease, lost_ms=lost_ms)
    changed: Lease = {**lease, "metered_ms": lease["ended_ms"]}
    LEASES.put(ctx, key, apply_ending(ctx, name, changed))


def apply_end(ctx: Context, name: str, lease: Lease, ended_ms: int) -> Lease:
    """A lease that ended and now waits for its receipts, or is closed at once."""
    window_ms = load_version(ctx, lease["rules"])["settlement_window_ms"]
    changed: Lease = {
        **lease,
        "deadline_ms": ctx.working_ms + window_ms,
        "ended_ms": ended_ms,
    }
    emit_about(ctx, "lease.ended", name, changed, ended_ms=ended_ms, reason=lease["reason"])
    return apply_ending(ctx, name, changed)


def _check_dispatchers(ctx: Context, lease: Lease) -> None:
    """Rule 1."""
    first = ctx.actor
    second = ctx.signers[1] if len(ctx.signers) > 1 else ""
    resource, consumer = lease["resource"], lease["consumer"]
    if first[0] == "I":
        require(first[7] == resource[7], "wrong-sector")
        require(lease["venue"] in ("", first), "wrong-venue")
        require(not second, "wrong-region")
        return
    require(first[1:3] == resource[1:3], "wrong-region")
    if consumer[1:3] == resource[1:3]:
        require(not second, "wrong-region")
        return
    require(second, "second-region-missing")
    require(second[1:3] == consumer[1:3], "wrong-region")


_PROVIDER = Role("provider", "P")
_CONSUMER = Role("consumer", "U")

CALLS = (
    Call(
        kind="lease.dispatch",
        title="Schedule a lease on its resource",
        payload=Dispatch,
        signers=(
            Role("regional node of the resource, or industry node", "RI"),
            Role("regional node of the consumer, if that is another", "R", optional=True),
        ),
        failures={
            **LEASE_FAILURES,
            "wrong-sector": "an industry node is of the resource's sector",
            "wrong-venue": "it was agreed at the industry node's own venue, or at none",
            "wrong-region": "the signers are of the regions that the call names",
            "second-region-missing": "across regions, both regional nodes sign",
            **STEP_FAILURES,
        },
        handler=dispatch,
        changes="the lease; the dispatchers' accounts",
        events=("lease.scheduled",),
    ),
    Call(
        kind="lease.activate",
        title="Begin the time of a lease",
        payload=Activate,
        signers=(_PROVIDER,),
        failures={
            **OWN_LEASE_FAILURES,
            **STEP_FAILURES,
            "too-early": "its window has begun",
            "window-over": "its window is not over, though the block has not seen to that yet",
        },
        handler=activate,
        changes="the lease; the provider's account",
        events=("lease.active",),
    ),
    Call(
        kind="lease.refuse",
        title="Refuse what was delivered",
        payload=Refuse,
        signers=(_CONSUMER,),
        failures={
            **OWN_LEASE_FAILURES,
            **STEP_FAILURES,
            "refusal-too-late": "nothing was metered and the refusal window is open",
        },
        handler=refuse,
        changes="the lease; the consumer's account, which gets all that was held",
        events=("voucher.returned", "lease.refunded", "lease.refused"),
        tolerates=OLD_BUSINESS,
    ),
    Call(
        kind="lease.answer_refusal",
        title="Contradict a refusal",
        payload=AnswerRefusal,
        signers=(_PROVIDER,),
        failures={
            **OWN_LEASE_FAILURES,
            **STEP_FAILURES,
        },
        handler=answer_refusal,
        changes="the lease; the provider's account",
        events=("lease.failed",),
        tolerates=OLD_BUSINESS,
    ),
    Call(
        kind="lease.close",
        title="End a lease from one side",
        payload=Close,
        signers=(Role("provider or consumer", "PU"),),
        failures={
            **OWN_LEASE_FAILURES,
            "wrong-reason": "the reason is one of this side",
            **STEP_FAILURES,
        },
        handler=close,
        changes="the lease; the actor's account; the consumer's account where money goes back",
        events=(
            "lease.reclaiming",
            "lease.ended",
            "voucher.returned",
            "lease.refunded",
            "lease.closed",
        ),
        tolerates=OLD_BUSINESS,
    ),
    Call(
        kind="lease.top_up",
        title="Add to the hold of a lease",
        payload=TopUp,
        signers=(_CONSUMER,),
        failures={
            **OWN_LEASE_FAILURES,
            **STEP_FAILURES,
            "lease-ended": "the lease has not reached its horizon",
            "other-voucher": "the lease has no part of another voucher",
            **VOUCHER_FAILURES,
            "insufficient-balance": "the balance covers the amount",
        },
        handler=top_up,
        changes="the lease; the consumer's account; the voucher, where one is named",
        events=("lease.funded",),
        tolerates=OLD_BUSINESS,
    ),
)

DUE = (
    Due(
        action="lease.expire",
        title="A lease that was not activated in time, or whose window is over, fails",
        clocks=("working", "time"),
        handler=expire,
        changes="the lease; the consumer's account; the provider's account where it is at fault",
        events=("voucher.returned", "lease.refunded", "lease.failed"),
    ),
    Due(
        action="lease.uphold",
        title="A refusal that the provider left unanswered is upheld",
        clocks=("working",),
        handler=uphold,
        changes="the lease; the provider's account",
        events=("lease.failed",),
    ),
    Due(
        action="lease.end",
        title="A running lease ends at its horizon: its time is over, or its hold exhausted",
        clocks=("time",),
        handler=end,
        changes="the lease; the consumer's account where money goes back",
        events=("lease.ended", "voucher.returned", "lease.refunded", "lease.closed"),
    ),
    Due(
        action="lease.finish",
        title="An ended lease gives up the time for which no receipt came",
        clocks=("working",),
        handler=finish,
        changes="the lease; the consumer's account where money goes back",
        events=("lease.unmetered", "voucher.returned", "lease.refunded", "lease.closed"),
    ),
)
