"""Metering: what was used, epoch by epoch, signed by those whom it concerns, settled at once.

1. The time of a lease is metered in epochs of `meter_epoch_ms` from its activation; the last one
   ends with the lease. Receipts come in their order, each after the end of its epoch.
2. Used is at most allocated times time. A receipt carries the Merkle root and the count of the
   samples behind it, of which any can be asked for (`contracts.challenge`).
3. A receipt that both sides signed settles at once: its bill goes from the hold to the provider.
4. A receipt of the provider alone waits, and its claim is frozen out of the hold. The consumer
   countersigns it, which settles it, or opens a dispute; silence past the window is agreement.
5. Both sides may agree on a receipt that waits or is disputed at any time, on figures that lie
   between what was accepted and what was claimed. The epochs after it go on meanwhile.
6. At most `MAX_OPEN` receipts of a lease are open. While as many are, its provider cannot leave
   another, and the time for missing receipts of a lease that ended is counted from then on when
   there is room again.
"""

from contracts.agreement import (
    LEASES,
    METERED,
    OWN_LEASE_FAILURES,
    Lease,
    compute_metered_limit,
    emit_about,
    find_deemable,
    load_due_lease,
    load_own_lease,
)
from contracts.call import OLD_BUSINESS, Call, Due, Role
from contracts.claim import apply_claim, apply_outcome
from contracts.context import Context
from contracts.errors import require
from contracts.life import STEP_FAILURES, compute_next
from contracts.payload import (
    BasisPoints,
    Count,
    EpochNumber,
    Hash,
    LeaseId,
    Payload,
    UnitSeconds,
)
from contracts.receipt import (
    LIFE,
    MAX_OPEN,
    Figures,
    Receipt,
    check_range,
    find_open,
    get_claimed,
    require_signed,
    step_dispute,
)
from contracts.rules import load_version


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
        check_range(claim, figures)
        claim = step_dispute(claim, "agree")
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
    claim = require_signed(lease["open"], call.epoch)

    # what changes
    LEASES.put(ctx, key, apply_outcome(ctx, call.lease, lease, claim, "agree", get_claimed(claim)))


def deem(ctx: Context, key: bytes) -> None:
    """Settle the receipts on which their consumer was silent."""
    name, lease = load_due_lease(ctx, key)
    claim = find_deemable(lease)
    while claim is not None and claim["deadline_ms"] <= ctx.working_ms:
        lease = apply_outcome(ctx, name, lease, claim, "deem", get_claimed(claim))
        claim = find_deemable(lease)
    LEASES.put(ctx, key, lease)


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
        "asked": 0,
        "availability_bp": call.availability_bp,
        "billed_micro_yuan": 0,
        "billed_voucher_micro_yuan": 0,
        "claimed_micro_yuan": 0,
        "deadline_ms": 0,
        "dispute": None,
        "ends_ms": ends_ms,
        "epoch": call.epoch,
        "frozen_micro_yuan": 0,
        "frozen_voucher_micro_yuan": 0,
        "samples_count": call.samples_count,
        "samples_root": call.samples_root,
        "starts_ms": starts_ms,
        "state": "open",
        "used_unit_seconds": call.used_unit_seconds,
    }


_PROVIDER = Role("provider", "P")
_CONSUMER = Role("consumer", "U")
_RECEIPT_FAILURES = {
    **STEP_FAILURES,
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
            **OWN_LEASE_FAILURES,
            "outside-claim": "the figures lie between what was accepted and what was claimed",
            **_RECEIPT_FAILURES,
        },
        handler=receipt,
        changes="the lease; the provider's account, which is paid; the consumer's account",
        events=("metering.agreed", "voucher.returned", "lease.refunded", "lease.closed"),
        tolerates=OLD_BUSINESS,
    ),
    Call(
        kind="metering.submit",
        title="Leave a receipt for the consumer to answer",
        payload=Usage,
        signers=(_PROVIDER,),
        failures={
            **OWN_LEASE_FAILURES,
            **_RECEIPT_FAILURES,
            "too-many-receipts": f"fewer than {MAX_OPEN} receipts are open",
        },
        handler=submit,
        changes="the lease; the provider's account",
        events=("metering.submitted",),
        tolerates=OLD_BUSINESS,
    ),
    Call(
        kind="metering.countersign",
        title="Agree to a receipt that waits",
        payload=Countersign,
        signers=(_CONSUMER,),
        failures={
            **OWN_LEASE_FAILURES,
            "no-receipt": "a receipt of this epoch waits in the state that the call needs",
        },
        handler=countersign,
        changes="the lease; the provider's account, which is paid; the consumer's account",
        events=("metering.agreed", "voucher.returned", "lease.refunded", "lease.closed"),
        tolerates=OLD_BUSINESS,
    ),
)

DUE = (
    Due(
        action="metering.deem",
        title="A receipt on which its consumer was silent counts as agreed",
        clocks=("working",),
        handler=deem,
        changes="the lease; the provider's account; the consumer's account where money goes back",
        events=("metering.deemed", "voucher.returned", "lease.refunded", "lease.closed"),
    ),
)
