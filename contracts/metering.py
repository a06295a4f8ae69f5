"""Metering: what was used, epoch by epoch, signed by those whom it concerns, settled at once.

1. The time of a lease is metered in epochs of `meter_epoch_ms` from its activation; the last one
   ends with the lease. Receipts come in their order, each after the end of its epoch.
2. Used is at most allocated times time. A receipt carries the Merkle root and the count of the
   samples behind it, of which any can be asked for (`contracts.challenge`).
3. A receipt that both sides signed settles at once: its bill goes from the hold to the provider.
4. A receipt of the provider alone waits, and its claim is frozen out of the hold. The consumer
   countersigns it, which settles it, or contests it; silence past the window is agreement.
5. Who contests says what is accepted: that part settles at once, only the rest stays frozen. The
   epochs after it go on.
6. A contested receipt is ruled by the regional node, or, where consumer and resource are of
   different regions, by the national node. Or both sides agree on it after all, as they may on one
   that waits. Either way the outcome lies between what was accepted and what was claimed.
7. At most `MAX_OPEN` receipts of a lease are open.

Life: open -> signed -> agreed | deemed | forfeited | contested -> ruled | agreed.
"""

from typing import Final

from contracts.agreement import (
    LEASES,
    METERED,
    Lease,
    compute_metered_limit,
    emit_about,
    find_deemable,
    load_due_lease,
    load_lease,
    load_own_lease,
)
from contracts.call import Call, Due, Role
from contracts.claim import apply_claim, apply_ending, apply_outcome, apply_payment
from contracts.context import Context
from contracts.errors import require
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
from contracts.receipt import (
    LIFE,
    Figures,
    Receipt,
    check_range,
    find_open,
    get_claimed,
    get_paid,
    replace_open,
    require_open,
)
from contracts.rules import load_version

MAX_OPEN: Final = 16


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
    claim = find_open(lease["open"], call.epoch)
    figures = Figures(call.used_unit_seconds, call.availability_bp)
    if claim is None:
        lease, claim = apply_claim(ctx, lease, _make_receipt(ctx, call, lease))
    else:
        check_range(figures, get_paid(claim), get_claimed(claim))
        claim = {**claim, "samples_count": call.samples_count, "samples_root": call.samples_root}

    # what changes
    LEASES.put(ctx, key, apply_outcome(ctx, call.lease, lease, claim, "agree", figures))


def submit(ctx: Context, call: Usage) -> None:
    """Leave a receipt for the consumer to answer."""
    # who may
    key, lease = load_own_lease(ctx, call.lease, "provider")

    # what must hold
    claim = _make_receipt(ctx, call, lease)
    require(len(lease["open"]) < MAX_OPEN, "too-many-receipts")

    # what changes
    window_ms = load_version(ctx, lease["rules"])["countersign_window_ms"]
    signed: Receipt = {
        **claim,
        "deadline_ms": ctx.working_ms + window_ms,
        "state": compute_next(LIFE, claim["state"], "submit"),
    }
    frozen, signed = apply_claim(ctx, lease, signed)
    changed: Lease = {**frozen, "open": [*lease["open"], signed]}
    LEASES.put(ctx, key, changed)
    emit_about(
        ctx,
        "metering.submitted",
        call.lease,
        changed,
        deadline_ms=signed["deadline_ms"],
        epoch=call.epoch,
        claimed_micro_yuan=signed["claimed_micro_yuan"],
        used_unit_seconds=call.used_unit_seconds,
    )


def countersign(ctx: Context, call: Countersign) -> None:
    """Agree to a receipt that waits, and settle it."""
    # who may
    key, lease = load_own_lease(ctx, call.lease, "consumer")

    # what must hold
    claim = require_open(lease["open"], call.epoch, "signed")

    # what changes
    LEASES.put(ctx, key, apply_outcome(ctx, call.lease, lease, claim, "agree", get_claimed(claim)))


def contest(ctx: Context, call: Contest) -> None:
    """Settle what is accepted of a receipt that waits; the rest stays frozen."""
    # who may
    key, lease = load_own_lease(ctx, call.lease, "consumer")

    # what must hold
    claim = require_open(lease["open"], call.epoch, "signed")
    accepted, claimed = Figures(call.used_unit_seconds, call.availability_bp), get_claimed(claim)
    below = accepted[0] <= claimed[0] and accepted[1] <= claimed[1] and accepted != claimed
    require(below, "not-below-receipt")

    # what changes
    paid, rest = apply_payment(ctx, lease, claim, accepted)
    contested: Receipt = {
        **rest,
        "accepted_availability_bp": call.availability_bp,
        "accepted_unit_seconds": call.used_unit_seconds,
        "evidence": call.evidence,
        "note": call.note,
        "state": compute_next(LIFE, claim["state"], "contest"),
    }
    changed: Lease = {**paid, "open": replace_open(lease["open"], contested)}
    LEASES.put(ctx, key, apply_ending(ctx, call.lease, changed))
    frozen = contested["frozen_micro_yuan"]
    data = {"epoch": call.epoch, "evidence": call.evidence, "frozen_micro_yuan": frozen}
    emit_about(ctx, "metering.contested", call.lease, changed, note=call.note, **data)


def rule(ctx: Context, call: Rule) -> None:
    """Decide a contested receipt, and settle what was frozen."""
    # who may
    key, lease = load_lease(ctx, call.lease)
    local = lease["consumer"][1:3] == lease["resource"][1:3]
    arbiter = local and ctx.actor[1:3] == lease["resource"][1:3]
    require(ctx.actor[0] == "N" or arbiter, "not-arbiter")

    # what must hold
    claim = require_open(lease["open"], call.epoch, "contested")
    figures = Figures(call.used_unit_seconds, call.availability_bp)
    check_range(figures, get_paid(claim), get_claimed(claim))

    # what changes
    ruled: Receipt = {**claim, "note": call.note}
    LEASES.put(ctx, key, apply_outcome(ctx, call.lease, lease, ruled, "rule", figures))


def deem(ctx: Context, key: bytes) -> None:
    """Settle a receipt on which its consumer was silent."""
    name, lease = load_due_lease(ctx, key)
    claim = find_deemable(lease)
    assert claim is not None
    LEASES.put(ctx, key, apply_outcome(ctx, name, lease, claim, "deem", get_claimed(claim)))


def _make_receipt(ctx: Context, call: Usage, lease: Lease) -> Receipt:
    """The claim of a usage, of the epoch that is next (rules 1 and 2)."""
    require(lease["state"] in METERED, "wrong-state")
    limit_ms = compute_metered_limit(lease)
    starts_ms = lease["metered_ms"]
    require(call.epoch == lease["epoch"] and starts_ms < limit_ms, "wrong-epoch")
    epoch_ms = load_version(ctx, lease["rules"])["meter_epoch_ms"]
    ends_ms = min(starts_ms + epoch_ms, limit_ms)
    require(ends_ms <= ctx.time_ms, "epoch-open")
    most = lease["units"] * (ends_ms - starts_ms)
    require(call.used_unit_seconds * 1000 <= most, "over-allocated")
    require(call.samples_count > 0 or not call.used_unit_seconds, "no-samples")
    return {
        "accepted_availability_bp": 0,
        "accepted_unit_seconds": 0,
        "asked": 0,
        "availability_bp": call.availability_bp,
        "billed_micro_yuan": 0,
        "billed_voucher_micro_yuan": 0,
        "claimed_micro_yuan": 0,
        "deadline_ms": 0,
        "ends_ms": ends_ms,
        "epoch": call.epoch,
        "evidence": b"",
        "frozen_micro_yuan": 0,
        "frozen_voucher_micro_yuan": 0,
        "note": "",
        "samples_count": call.samples_count,
        "samples_root": call.samples_root,
        "starts_ms": starts_ms,
        "state": "open",
        "used_unit_seconds": call.used_unit_seconds,
    }


_PROVIDER = Role("provider", "P")
_CONSUMER = Role("consumer", "U")
_OLD_BUSINESS = ("suspended", "expired")
_RECEIPT_FAILURES = {
    "wrong-state": "its life has this step from where it stands",
    "wrong-epoch": "the epoch is the next to be metered",
    "epoch-open": "the epoch has ended",
    "over-allocated": "used is at most allocated times time",
    "no-samples": "where something was used there are samples",
}

CALLS = (
    Call(
        kind="metering.receipt",
        title="Settle an epoch on which both sides agree",
        payload=Usage,
        signers=(_PROVIDER, _CONSUMER),
        failures={
            "unknown-lease": "the lease exists",
            "not-party": "the signers are the sides of the lease that the call names",
            "outside-claim": "the figures lie between what was accepted and what was claimed",
            **_RECEIPT_FAILURES,
        },
        handler=receipt,
        changes="the lease; the provider's account, which is paid; the consumer's account",
        events=("metering.agreed", "lease.refunded", "lease.closed"),
        tolerates=_OLD_BUSINESS,
    ),
    Call(
        kind="metering.submit",
        title="Leave a receipt for the consumer to answer",
        payload=Usage,
        signers=(_PROVIDER,),
        failures={
            "unknown-lease": "the lease exists",
            "not-party": "the signers are the sides of the lease that the call names",
            **_RECEIPT_FAILURES,
            "too-many-receipts": "fewer than 16 receipts are open",
        },
        handler=submit,
        changes="the lease; the provider's account",
        events=("metering.submitted",),
        tolerates=_OLD_BUSINESS,
    ),
    Call(
        kind="metering.countersign",
        title="Agree to a receipt that waits",
        payload=Countersign,
        signers=(_CONSUMER,),
        failures={
            "unknown-lease": "the lease exists",
            "not-party": "the signers are the sides of the lease that the call names",
            "no-receipt": "a receipt of this epoch waits in the state that the call needs",
        },
        handler=countersign,
        changes="the lease; the provider's account, which is paid; the consumer's account",
        events=("metering.agreed", "lease.refunded", "lease.closed"),
        tolerates=_OLD_BUSINESS,
    ),
    Call(
        kind="metering.contest",
        title="Contest a receipt that waits",
        payload=Contest,
        signers=(_CONSUMER,),
        failures={
            "unknown-lease": "the lease exists",
            "not-party": "the signers are the sides of the lease that the call names",
            "no-receipt": "a receipt of this epoch waits in the state that the call needs",
            "not-below-receipt": "what is accepted is less than what was claimed",
        },
        handler=contest,
        changes="the lease; the provider's account if it is paid; the consumer's account",
        events=("lease.refunded", "lease.closed", "metering.contested"),
        tolerates=_OLD_BUSINESS,
    ),
    Call(
        kind="metering.rule",
        title="Decide a contested receipt",
        payload=Rule,
        signers=(Role("regional node of the lease, or national node", "RN"),),
        failures={
            "unknown-lease": "the lease exists",
            "not-arbiter": "the actor is the arbiter of the lease",
            "no-receipt": "a receipt of this epoch waits in the state that the call needs",
            "outside-claim": "the figures lie between what was accepted and what was claimed",
        },
        handler=rule,
        changes="the lease; the arbiter's account; the accounts of provider and consumer where "
        "money moves",
        events=("metering.ruled", "lease.refunded", "lease.closed"),
    ),
)

DUE = (
    Due(
        action="metering.deem",
        title="A receipt on which its consumer was silent counts as agreed",
        clock="working",
        handler=deem,
        changes="the lease; the provider's account; the consumer's account where money goes back",
        events=("metering.deemed", "lease.refunded", "lease.closed"),
    ),
)
