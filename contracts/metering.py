"""Metering: what was used, epoch by epoch, signed by those whom it concerns, settled at once.

1. The time of a lease is metered in epochs of `meter_epoch_ms` from its activation; the last one
   ends with the lease. Receipts come in their order, each after the end of its epoch.
2. Used is at most allocated times time. A receipt carries the Merkle root and the count of the
   samples behind it.
3. A receipt that both sides signed settles at once: the bill goes from the hold to the provider.
4. A receipt of the provider alone waits. The consumer countersigns it, which settles it, or
   contests it; silence past the window is agreement. One receipt waits at a time.
5. Who contests says what is accepted: that part settles at once, the rest is frozen, and the epochs
   after it go on. At most `MAX_DISPUTES` are open on a lease.
6. A contested receipt is ruled by the regional node, or, where consumer and resource are of
   different regions, by the national node; the ruling lies between what was accepted and what was
   claimed.

Life: open -> signed -> agreed | deemed | contested -> ruled.
"""

from typing import Final

from contracts.account import apply_credit
from contracts.agreement import (
    LEASES,
    METERED,
    Dispute,
    Lease,
    Receipt,
    apply_ending,
    compute_metered_limit,
    emit_about,
    get_waiting_receipt,
    load_due_lease,
    load_lease,
    load_own_lease,
)
from contracts.billing import compute_bill, compute_charge, compute_credit_bp, compute_frozen
from contracts.call import Call, Due, Role
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.life import compute_next
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

MAX_DISPUTES: Final = 8
LIFE: Final = {
    ("open", "submit"): "signed",
    ("open", "agree"): "agreed",
    ("signed", "agree"): "agreed",
    ("signed", "deem"): "deemed",
    ("signed", "contest"): "contested",
    ("contested", "rule"): "ruled",
}


class Usage(Payload):
    """What was used of a lease in one epoch."""

    availability_bp: BasisPoints
    epoch: EpochNumber
    lease: LeaseId
    samples_count: Count
    samples_root: Hash
    used_unit_seconds: UnitSeconds


class Countersign(Payload):
    """The consumer's signature under the receipt that waits."""

    epoch: EpochNumber
    lease: LeaseId


class Contest(Payload):
    """What the consumer accepts of the receipt that waits; the evidence is a hash."""

    availability_bp: BasisPoints
    epoch: EpochNumber
    evidence: Hash
    lease: LeaseId
    note: Note
    used_unit_seconds: UnitSeconds


class Rule(Payload):
    """What a contested receipt should have said."""

    availability_bp: BasisPoints
    epoch: EpochNumber
    lease: LeaseId
    note: Note
    used_unit_seconds: UnitSeconds


def receipt(ctx: Context, call: Usage) -> None:
    """Settle an epoch on which both sides agree."""
    # who may
    key, lease = load_own_lease(ctx, call.lease, "provider")
    require(ctx.signers[1] == lease["consumer"], "not-party")

    # what must hold
    agreed = _make_receipt(ctx, call, lease, "agree")

    # what changes
    LEASES.put(ctx, key, _apply_settlement(ctx, call.lease, lease, agreed))


def submit(ctx: Context, call: Usage) -> None:
    """Leave a receipt for the consumer to answer."""
    # who may
    key, lease = load_own_lease(ctx, call.lease, "provider")

    # what must hold
    require(get_waiting_receipt(lease) is None, "receipt-waits")
    signed = _make_receipt(ctx, call, lease, "submit")
    require(len(lease["disputes"]) < MAX_DISPUTES, "too-many-disputes")

    # what changes
    window_ms = load_version(ctx, lease["rules"])["countersign_window_ms"]
    signed["deadline_ms"] = ctx.working_ms + window_ms
    changed: Lease = {**lease, "receipt": signed}
    LEASES.put(ctx, key, changed)
    data = {"deadline_ms": signed["deadline_ms"], "epoch": call.epoch}
    used = call.used_unit_seconds
    emit_about(ctx, "metering.submitted", call.lease, changed, used_unit_seconds=used, **data)


def countersign(ctx: Context, call: Countersign) -> None:
    """Agree to the receipt that waits, and settle it."""
    # who may
    key, lease = load_own_lease(ctx, call.lease, "consumer")

    # what must hold
    waiting = _require_waiting(lease, call.epoch)

    # what changes
    agreed: Receipt = {**waiting, "state": compute_next(LIFE, waiting["state"], "agree")}
    LEASES.put(ctx, key, _apply_settlement(ctx, call.lease, lease, agreed))


def contest(ctx: Context, call: Contest) -> None:
    """Settle what is accepted of the receipt that waits, and freeze the rest."""
    # who may
    key, lease = load_own_lease(ctx, call.lease, "consumer")

    # what must hold
    waiting = _require_waiting(lease, call.epoch)
    accepted = (call.used_unit_seconds, call.availability_bp)
    claimed = (waiting["used_unit_seconds"], waiting["availability_bp"])
    below = accepted[0] <= claimed[0] and accepted[1] <= claimed[1] and accepted != claimed
    require(below, "not-below-receipt")

    # what changes
    contested: Receipt = {**waiting, "state": compute_next(LIFE, waiting["state"], "contest")}
    changed = _apply_contest(ctx, lease, contested, call)
    emit_about(
        ctx,
        "metering.contested",
        call.lease,
        changed,
        epoch=call.epoch,
        evidence=call.evidence,
        frozen_micro_yuan=changed["disputes"][-1]["frozen_micro_yuan"],
        note=call.note,
    )
    LEASES.put(ctx, key, apply_ending(ctx, call.lease, changed))


def rule(ctx: Context, call: Rule) -> None:
    """Decide a contested receipt, and settle what was frozen."""
    # who may
    key, lease = load_lease(ctx, call.lease)
    local = lease["consumer"][1:3] == lease["resource"][1:3]
    arbiter = local and ctx.actor[1:3] == lease["resource"][1:3]
    require(ctx.actor[0] == "N" or arbiter, "not-arbiter")

    # what must hold
    dispute = _require_dispute(lease, call.epoch)
    claim = dispute["receipt"]
    used = call.used_unit_seconds
    used_fits = dispute["accepted_unit_seconds"] <= used <= claim["used_unit_seconds"]
    available = call.availability_bp
    fits = dispute["accepted_availability_bp"] <= available <= claim["availability_bp"]
    require(used_fits and fits, "ruling-out-of-range")
    compute_next(LIFE, claim["state"], "rule")

    # what changes
    changed, paid = _apply_ruling(ctx, lease, dispute, call)
    data = {"availability_bp": available, "paid_micro_yuan": paid, "used_unit_seconds": used}
    emit_about(ctx, "metering.ruled", call.lease, changed, epoch=call.epoch, note=call.note, **data)
    LEASES.put(ctx, key, apply_ending(ctx, call.lease, changed))


def deem(ctx: Context, key: bytes) -> None:
    """Settle a receipt on which its consumer was silent."""
    name, lease = load_due_lease(ctx, key)
    waiting = get_waiting_receipt(lease)
    assert waiting is not None
    deemed: Receipt = {**waiting, "state": compute_next(LIFE, waiting["state"], "deem")}
    LEASES.put(ctx, key, _apply_settlement(ctx, name, lease, deemed))


def _make_receipt(ctx: Context, call: Usage, lease: Lease, event: str) -> Receipt:
    """The receipt of a usage, of the epoch that is next (rules 1 and 2)."""
    require(lease["state"] in METERED, "wrong-state")
    limit_ms = compute_metered_limit(lease)
    starts_ms = lease["settled_ms"]
    require(call.epoch == lease["epoch"] and starts_ms < limit_ms, "wrong-epoch")
    epoch_ms = load_version(ctx, lease["rules"])["meter_epoch_ms"]
    ends_ms = min(starts_ms + epoch_ms, limit_ms)
    require(ends_ms <= ctx.time_ms, "epoch-open")
    most = lease["units"] * (ends_ms - starts_ms)
    require(call.used_unit_seconds * 1000 <= most, "over-allocated")
    return {
        "availability_bp": call.availability_bp,
        "billed_micro_yuan": 0,
        "deadline_ms": 0,
        "ends_ms": ends_ms,
        "epoch": call.epoch,
        "samples_count": call.samples_count,
        "samples_root": call.samples_root,
        "starts_ms": starts_ms,
        "state": compute_next(LIFE, "open", event),
        "used_unit_seconds": call.used_unit_seconds,
    }


def _require_waiting(lease: Lease, epoch: int) -> Receipt:
    waiting = get_waiting_receipt(lease)
    if waiting is None or waiting["epoch"] != epoch:
        raise Failure("no-receipt")
    return waiting


def _require_dispute(lease: Lease, epoch: int) -> Dispute:
    for dispute in lease["disputes"]:
        if dispute["receipt"]["epoch"] == epoch:
            return dispute
    raise Failure("unknown-dispute")


def _compute_charge(
    ctx: Context, lease: Lease, used_unit_seconds: int, availability_bp: int
) -> int:
    rules = load_version(ctx, lease["rules"])
    credit_bp = compute_credit_bp(rules, lease["sla_class"], availability_bp)
    return compute_charge(used_unit_seconds, lease["price_micro_yuan"], credit_bp)


def _apply_bill(
    ctx: Context, lease: Lease, settled: Receipt, used_unit_seconds: int, charge: int
) -> Lease:
    """Post the bill of an epoch to the provider."""
    bill, remainder = compute_bill(charge, lease["remainder"], lease["held_micro_yuan"])
    if bill:
        apply_credit(ctx, lease["provider"], bill)
    return {
        **lease,
        "billed_micro_yuan": lease["billed_micro_yuan"] + bill,
        "epoch": lease["epoch"] + 1,
        "held_micro_yuan": lease["held_micro_yuan"] - bill,
        "receipt": {**settled, "billed_micro_yuan": bill},
        "remainder": remainder,
        "settled_ms": settled["ends_ms"],
        "used_unit_seconds": lease["used_unit_seconds"] + used_unit_seconds,
    }


def _apply_settlement(ctx: Context, name: str, lease: Lease, settled: Receipt) -> Lease:
    """Settle a receipt as a whole; close a lease of which it is the last."""
    used = settled["used_unit_seconds"]
    charge = _compute_charge(ctx, lease, used, settled["availability_bp"])
    changed = _apply_bill(ctx, lease, settled, used, charge)
    bill = changed["billed_micro_yuan"] - lease["billed_micro_yuan"]
    data = {"billed_micro_yuan": bill, "epoch": settled["epoch"], "used_unit_seconds": used}
    emit_about(ctx, f"metering.{settled['state']}", name, changed, **data)
    return apply_ending(ctx, name, changed)


def _apply_contest(ctx: Context, lease: Lease, contested: Receipt, call: Contest) -> Lease:
    claim = _compute_charge(
        ctx, lease, contested["used_unit_seconds"], contested["availability_bp"]
    )
    accepted = _compute_charge(ctx, lease, call.used_unit_seconds, call.availability_bp)
    billed = _apply_bill(ctx, lease, contested, call.used_unit_seconds, accepted)
    frozen = compute_frozen(claim - accepted, billed["held_micro_yuan"])
    dispute: Dispute = {
        "accepted_availability_bp": call.availability_bp,
        "accepted_unit_seconds": call.used_unit_seconds,
        "evidence": call.evidence,
        "frozen_micro_yuan": frozen,
        "note": call.note,
        "receipt": contested,
    }
    return {
        **billed,
        "disputes": [*billed["disputes"], dispute],
        "held_micro_yuan": billed["held_micro_yuan"] - frozen,
    }


def _apply_ruling(ctx: Context, lease: Lease, dispute: Dispute, call: Rule) -> tuple[Lease, int]:
    """Pay the ruled part of what is frozen, and put the rest back into the hold."""
    accepted = _compute_charge(
        ctx, lease, dispute["accepted_unit_seconds"], dispute["accepted_availability_bp"]
    )
    ruled = _compute_charge(ctx, lease, call.used_unit_seconds, call.availability_bp)
    frozen = dispute["frozen_micro_yuan"]
    bill, remainder = compute_bill(ruled - accepted, lease["remainder"], frozen)
    if bill:
        apply_credit(ctx, lease["provider"], bill)
    used = call.used_unit_seconds - dispute["accepted_unit_seconds"]
    changed: Lease = {
        **lease,
        "billed_micro_yuan": lease["billed_micro_yuan"] + bill,
        "disputes": [other for other in lease["disputes"] if other is not dispute],
        "held_micro_yuan": lease["held_micro_yuan"] + frozen - bill,
        "remainder": remainder,
        "used_unit_seconds": lease["used_unit_seconds"] + used,
    }
    return changed, bill


_PROVIDER = Role("provider", "P")
_CONSUMER = Role("consumer", "U")
_OLD_BUSINESS = ("suspended", "expired")
_RECEIPT_FAILURES = ("wrong-state", "wrong-epoch", "epoch-open", "over-allocated")

CALLS = (
    Call(
        kind="metering.receipt",
        title="Settle an epoch on which both sides agree",
        payload=Usage,
        signers=(_PROVIDER, _CONSUMER),
        failures=("unknown-lease", "not-party", *_RECEIPT_FAILURES),
        handler=receipt,
        changes="the lease; the provider's account, which is paid; the consumer's account",
        events=("metering.agreed", "lease.closed"),
        tolerates=_OLD_BUSINESS,
    ),
    Call(
        kind="metering.submit",
        title="Leave a receipt for the consumer to answer",
        payload=Usage,
        signers=(_PROVIDER,),
        failures=(
            "unknown-lease",
            "not-party",
            "receipt-waits",
            *_RECEIPT_FAILURES,
            "too-many-disputes",
        ),
        handler=submit,
        changes="the lease; the provider's account",
        events=("metering.submitted",),
        tolerates=_OLD_BUSINESS,
    ),
    Call(
        kind="metering.countersign",
        title="Agree to the receipt that waits",
        payload=Countersign,
        signers=(_CONSUMER,),
        failures=("unknown-lease", "not-party", "no-receipt"),
        handler=countersign,
        changes="the lease; the provider's account, which is paid; the consumer's account",
        events=("metering.agreed", "lease.closed"),
        tolerates=_OLD_BUSINESS,
    ),
    Call(
        kind="metering.contest",
        title="Contest the receipt that waits",
        payload=Contest,
        signers=(_CONSUMER,),
        failures=("unknown-lease", "not-party", "no-receipt", "not-below-receipt"),
        handler=contest,
        changes="the lease; the provider's account if it is paid; the consumer's account",
        events=("metering.contested",),
        tolerates=_OLD_BUSINESS,
    ),
    Call(
        kind="metering.rule",
        title="Decide a contested receipt",
        payload=Rule,
        signers=(Role("regional node of the lease, or national node", "RN"),),
        failures=("unknown-lease", "not-arbiter", "unknown-dispute", "ruling-out-of-range"),
        handler=rule,
        changes="the lease; the arbiter's account; the accounts of provider and consumer where "
        "money moves",
        events=("metering.ruled", "lease.closed"),
    ),
)

DUE = (
    Due(
        action="metering.deem",
        title="A receipt on which its consumer was silent counts as agreed",
        clock="working",
        handler=deem,
        changes="the lease; the provider's account; the consumer's account where money goes back",
        events=("metering.deemed", "lease.closed"),
    ),
)
