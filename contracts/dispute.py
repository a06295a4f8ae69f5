"""Disputes: what is contested of a receipt, from the consumer's word to the money.

The dispute lies in the receipt, the receipt in the record of its lease.

1. The consumer says what it accepts of a receipt that waits. The block pays the accepted part as
   soon as the next block is made; only the rest stays frozen.
2. Until the evidence window is over both sides lay evidence before the arbiter: SHA-256 of
   documents that they keep, at most `MAX_EVIDENCE` each. Then the arbiter rules
   (`contracts.ruling`).
3. No money moves before it is final, and then it moves in the same step: the provider is paid what
   the final figures are above the accepted ones, the rest goes back to the hold.
4. Both sides may agree at any time (`metering.receipt`), and either may give in to the other.
5. Whatever is ruled, decided or agreed lies between the figures accepted and those claimed.

Life: open -> evidence -> ruled -> (appealed) -> final -> executed; or agreed.
"""

from typing import Annotated, Final

from pydantic import Field

from contracts.agreement import (
    LEASES,
    OWN_LEASE_FAILURES,
    Lease,
    emit_about,
    load_due_lease,
    load_own_lease,
)
from contracts.call import OLD_BUSINESS, Call, Due, Role
from contracts.claim import apply_advance, apply_ending, apply_outcome
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.life import compute_next
from contracts.payload import BasisPoints, EpochNumber, Hash, LeaseId, Note, Payload, UnitSeconds
from contracts.receipt import (
    DISPUTE_LIFE,
    LIFE,
    Dispute,
    Evidence,
    Figures,
    Receipt,
    find_open,
    get_accepted,
    get_claimed,
    replace_open,
    require_signed,
    step_dispute,
)
from contracts.rules import load_version

MAX_EVIDENCE: Final = 4  # of each side
INSTANCES: Final = ("region", "nation", "bureau")

DocumentDigest = Annotated[Hash, Field(description="SHA-256 of a document, 32 bytes")]


class Open(Payload):
    """What the consumer accepts of the receipt that waits, and why not more."""

    availability_bp: BasisPoints
    epoch: EpochNumber
    evidence: DocumentDigest
    lease: LeaseId
    note: Note
    used_unit_seconds: UnitSeconds


class AddEvidence(Payload):
    """A document for the arbiter."""

    epoch: EpochNumber
    evidence: DocumentDigest
    lease: LeaseId
    note: Note


class Concede(Payload):
    """A side's word that the other is right."""

    epoch: EpochNumber
    lease: LeaseId


def open_dispute(ctx: Context, call: Open) -> None:
    """Contest a receipt that waits; the block pays what is accepted of it."""
    # who may
    key, lease = load_own_lease(ctx, call.lease, "consumer")

    # what must hold
    claim = require_signed(lease["open"], call.epoch)
    accepted, claimed = Figures(call.used_unit_seconds, call.availability_bp), get_claimed(claim)
    below = accepted[0] <= claimed[0] and accepted[1] <= claimed[1] and accepted != claimed
    require(below, "not-below-receipt")

    # what changes
    contested: Receipt = {
        **claim,
        "dispute": _make_dispute(ctx, lease, call),
        "state": compute_next(LIFE, claim["state"], "contest"),
    }
    changed = replace_claim(lease, contested)
    LEASES.put(ctx, key, apply_ending(ctx, call.lease, changed))
    data = {"availability_bp": call.availability_bp, "used_unit_seconds": call.used_unit_seconds}
    said = {"evidence": call.evidence, "note": call.note}
    emit_dispute(ctx, "dispute.opened", call.lease, changed, contested, **said, **data)


def add_evidence(ctx: Context, call: AddEvidence) -> None:
    """Lay a document before the arbiter."""
    # who may
    key, lease = load_own_lease(ctx, call.lease, "provider", "consumer")

    # what must hold
    claim, dispute = require_dispute(lease, call.epoch)
    require(ctx.working_ms < dispute["evidence_until_ms"], "evidence-closed")
    given = sum(1 for item in dispute["evidence"] if item["party"] == ctx.actor)
    require(given < MAX_EVIDENCE, "too-much-evidence")

    # what changes
    heard: Receipt = {**claim, "dispute": hear(ctx, dispute, call.evidence)}
    changed = replace_claim(lease, heard)
    LEASES.put(ctx, key, changed)
    said = {"evidence": call.evidence, "note": call.note}
    emit_dispute(ctx, "dispute.evidence", call.lease, changed, heard, **said)


def concede(ctx: Context, call: Concede) -> None:
    """Give in to the other side."""
    # who may
    key, lease = load_own_lease(ctx, call.lease, "provider", "consumer")

    # what must hold
    claim, _ = require_dispute(lease, call.epoch)

    # what changes
    figures = get_claimed(claim) if ctx.actor == lease["consumer"] else get_accepted(claim)
    agreed = step_dispute(claim, "agree")
    LEASES.put(ctx, key, apply_outcome(ctx, call.lease, lease, agreed, "agree", figures))


def pay(ctx: Context, key: bytes) -> None:
    """Pay what is accepted of the receipts whose dispute was just opened."""
    name, lease = load_due_lease(ctx, key)
    for claim in lease["open"]:
        dispute = claim["dispute"]
        if dispute is None or dispute["state"] != "open":
            continue
        lease, rest = apply_advance(ctx, lease, claim, get_accepted(claim))
        state = compute_next(DISPUTE_LIFE, dispute["state"], "pay")
        rest = {**rest, "dispute": {**dispute, "paid_ms": ctx.time_ms, "state": state}}
        lease = replace_claim(lease, rest)
        paid = rest["billed_micro_yuan"] - claim["billed_micro_yuan"]
        frozen = rest["frozen_micro_yuan"] + rest["frozen_voucher_micro_yuan"]
        data = {"disputed_micro_yuan": frozen, "paid_micro_yuan": paid}
        emit_dispute(ctx, "dispute.paid", name, lease, rest, **data)
    LEASES.put(ctx, key, lease)


def _make_dispute(ctx: Context, lease: Lease, call: Open) -> Dispute:
    rules = load_version(ctx, lease["rules"])
    until_ms = ctx.working_ms + rules["evidence_window_ms"]
    local = lease["consumer"][1:3] == lease["resource"][1:3]
    return {
        "accepted_availability_bp": call.availability_bp,
        "accepted_unit_seconds": call.used_unit_seconds,
        "appellant": "",
        "deadline_ms": until_ms + rules["ruling_window_ms"],
        "evidence": [_make_evidence(ctx, call.evidence)],
        "evidence_until_ms": until_ms,
        "instance": INSTANCES[0] if local else INSTANCES[1],
        "opened_ms": ctx.time_ms,
        "paid_ms": 0,
        "ruling": None,
        "state": "open",
    }


def _make_evidence(ctx: Context, digest: bytes) -> Evidence:
    return {"digest": digest, "party": ctx.actor}


def hear(ctx: Context, dispute: Dispute, digest: bytes) -> Dispute:
    """A dispute with one more document of the actor's."""
    return {**dispute, "evidence": [*dispute["evidence"], _make_evidence(ctx, digest)]}


def require_dispute(lease: Lease, epoch: int) -> tuple[Receipt, Dispute]:
    """The disputed receipt of an epoch and its dispute; fails with `no-dispute`."""
    claim = find_open(lease["open"], epoch)
    dispute = None if claim is None else claim["dispute"]
    if claim is None or dispute is None:
        raise Failure("no-dispute")
    return claim, dispute


def replace_claim(lease: Lease, claim: Receipt) -> Lease:
    """A lease with one of its open receipts as it has become."""
    return {**lease, "open": replace_open(lease["open"], claim)}


def emit_dispute(
    ctx: Context, type_: str, name: str, lease: Lease, claim: Receipt, **data: object
) -> None:
    """An event about a dispute: its epoch, and the instance whose turn it is or was."""
    dispute = claim["dispute"]
    assert dispute is not None
    about = {"epoch": claim["epoch"], "instance": dispute["instance"]}
    emit_about(ctx, type_, name, lease, **about, **data)


_CONSUMER = Role("consumer", "U")
_SIDE = Role("provider or consumer", "PU")
_DISPUTE = {"no-dispute": "a receipt of this epoch is disputed"}

CALLS = (
    Call(
        kind="dispute.open",
        title="Contest a receipt that waits",
        payload=Open,
        signers=(_CONSUMER,),
        failures={
            **OWN_LEASE_FAILURES,
            "no-receipt": "a receipt of this epoch waits for its consumer",
            "not-below-receipt": "what is accepted is less than what was claimed",
        },
        handler=open_dispute,
        changes="the lease; the consumer's account",
        events=("voucher.returned", "lease.refunded", "dispute.opened"),
        tolerates=OLD_BUSINESS,
    ),
    Call(
        kind="dispute.add_evidence",
        title="Lay a document before the arbiter",
        payload=AddEvidence,
        signers=(_SIDE,),
        failures={
            **OWN_LEASE_FAILURES,
            **_DISPUTE,
            "evidence-closed": "the evidence window is open",
            "too-much-evidence": f"this side has laid fewer than {MAX_EVIDENCE} documents",
        },
        handler=add_evidence,
        changes="the lease; the actor's account",
        events=("dispute.evidence",),
        tolerates=OLD_BUSINESS,
    ),
    Call(
        kind="dispute.concede",
        title="Give in to the other side of a dispute",
        payload=Concede,
        signers=(_SIDE,),
        failures={**OWN_LEASE_FAILURES, **_DISPUTE},
        handler=concede,
        changes="the lease; the actor's account; the accounts of provider and consumer where money "
        "moves",
        events=("metering.agreed", "voucher.returned", "lease.refunded", "lease.closed"),
        tolerates=OLD_BUSINESS,
    ),
)

DUE = (
    Due(
        action="dispute.pay",
        title="What is accepted of a disputed receipt is paid",
        clocks=("time",),
        handler=pay,
        changes="the lease; the provider's account where money moves",
        events=("dispute.paid",),
    ),
)
