"""Rulings: who decides a dispute, until when, and what happens when nobody does.

1. The instances are the lease's regional node, the national node, and the ministry's bureau. Where
   consumer and resource are of different regions, the national node is the first. An instance that
   is silent past its deadline is passed over for the next.
2. An instance rules once the evidence window is over.
3. Either side may appeal once, within a window, to the instance above the one that ruled; its
   decision is final. So is a ruling of the bureau, above which there is nobody.
4. What nobody decides, the block does: without an appeal the ruling is final; a ruling whose appeal
   is not decided in time stands; where no instance ruled, the accepted figures stand.
5. What is final is executed in the same step.
"""

from contracts.agreement import (
    LEASE_FAILURES,
    LEASES,
    OWN_LEASE_FAILURES,
    Lease,
    load_due_lease,
    load_lease,
    load_own_lease,
)
from contracts.call import OLD_BUSINESS, Call, Due, Role
from contracts.claim import apply_outcome
from contracts.context import BLOCK, Context
from contracts.dispute import (
    INSTANCES,
    DocumentDigest,
    emit_dispute,
    hear,
    replace_claim,
    require_dispute,
)
from contracts.errors import require
from contracts.life import STEP_FAILURES, compute_next
from contracts.payload import BasisPoints, EpochNumber, LeaseId, Note, Payload, UnitSeconds
from contracts.receipt import (
    DISPUTE_LIFE,
    Dispute,
    Figures,
    Receipt,
    Ruling,
    check_range,
    get_accepted,
    step_dispute,
)
from contracts.rules import load_version
from contracts.standing import get_role


class Rule(Payload):
    """What the receipt should have said."""

    availability_bp: BasisPoints
    epoch: EpochNumber
    lease: LeaseId
    note: Note
    used_unit_seconds: UnitSeconds


class Appeal(Payload):
    """A side's word that the ruling is wrong, with its grounds."""

    epoch: EpochNumber
    evidence: DocumentDigest
    lease: LeaseId
    note: Note


def rule(ctx: Context, call: Rule) -> None:
    """Decide a dispute in the first instance."""
    # who may
    key, lease = load_lease(ctx, call.lease)
    claim, dispute = require_dispute(lease, call.epoch)
    _check_arbiter(ctx, lease, dispute)

    # what must hold
    last = dispute["instance"] == INSTANCES[-1]
    state = compute_next(DISPUTE_LIFE, dispute["state"], "conclude" if last else "rule")
    require(ctx.working_ms >= dispute["evidence_until_ms"], "evidence-open")
    figures = Figures(call.used_unit_seconds, call.availability_bp)
    check_range(claim, figures)

    # what changes
    window_ms = load_version(ctx, lease["rules"])["appeal_window_ms"]
    ruled: Dispute = {
        **dispute,
        "deadline_ms": ctx.working_ms + window_ms,
        "ruling": _make_ruling(ctx, call),
        "state": state,
    }
    _apply_ruling(ctx, key, call, lease, {**claim, "dispute": ruled})


def appeal(ctx: Context, call: Appeal) -> None:
    """Bring a ruling before the instance above."""
    # who may
    key, lease = load_own_lease(ctx, call.lease, "provider", "consumer")

    # what must hold
    claim, dispute = require_dispute(lease, call.epoch)
    state = compute_next(DISPUTE_LIFE, dispute["state"], "appeal")

    # what changes
    window_ms = load_version(ctx, lease["rules"])["decision_window_ms"]
    appealed: Dispute = {
        **hear(ctx, dispute, call.evidence),
        "appellant": ctx.actor,
        "deadline_ms": ctx.working_ms + window_ms,
        "instance": _get_next_instance(dispute),
        "state": state,
    }
    claim = {**claim, "dispute": appealed}
    changed = replace_claim(lease, claim)
    LEASES.put(ctx, key, changed)
    said = {"evidence": call.evidence, "note": call.note}
    emit_dispute(ctx, "dispute.appealed", call.lease, changed, claim, **said)


def decide(ctx: Context, call: Rule) -> None:
    """Decide on an appeal, for good."""
    # who may
    key, lease = load_lease(ctx, call.lease)
    claim, dispute = require_dispute(lease, call.epoch)
    _check_arbiter(ctx, lease, dispute)

    # what must hold
    state = compute_next(DISPUTE_LIFE, dispute["state"], "decide")
    check_range(claim, Figures(call.used_unit_seconds, call.availability_bp))

    # what changes
    decided: Dispute = {**dispute, "ruling": _make_ruling(ctx, call), "state": state}
    _apply_ruling(ctx, key, call, lease, {**claim, "dispute": decided})


def lapse(ctx: Context, key: bytes) -> None:
    """Go on without whoever let a deadline pass."""
    name, lease = load_due_lease(ctx, key)
    for claim in lease["open"]:
        dispute = claim["dispute"]
        if dispute is None or dispute["state"] == "open":
            continue
        if dispute["deadline_ms"] <= ctx.working_ms:
            lease = _apply_lapse(ctx, name, lease, claim, dispute)
    LEASES.put(ctx, key, lease)


def _make_ruling(ctx: Context, call: Rule) -> Ruling:
    return {
        "availability_bp": call.availability_bp,
        "by": ctx.actor,
        "used_unit_seconds": call.used_unit_seconds,
    }


def _check_arbiter(ctx: Context, lease: Lease, dispute: Dispute) -> None:
    """Fail with `not-arbiter` unless the actor speaks for the instance whose turn it is."""
    class_ = ctx.actor[0]
    if class_ == "R":
        fits = dispute["instance"] == "region" and ctx.actor[1:3] == lease["resource"][1:3]
    elif class_ == "N":
        fits = dispute["instance"] == "nation"
    else:
        fits = dispute["instance"] == "bureau" and get_role(ctx, ctx.actor) == "bureau"
    require(fits, "not-arbiter")


def _get_next_instance(dispute: Dispute) -> str:
    return INSTANCES[INSTANCES.index(dispute["instance"]) + 1]


def _apply_ruling(ctx: Context, key: bytes, call: Rule, lease: Lease, claim: Receipt) -> None:
    """Put a ruling on record; execute it if it is final."""
    figures = Figures(call.used_unit_seconds, call.availability_bp)
    data = {"availability_bp": call.availability_bp, "used_unit_seconds": call.used_unit_seconds}
    emit_dispute(ctx, "dispute.ruled", call.lease, lease, claim, note=call.note, **data)
    dispute = claim["dispute"]
    assert dispute is not None
    if dispute["state"] == "final":
        changed = _apply_final(ctx, call.lease, lease, claim, figures)
    else:
        changed = replace_claim(lease, claim)
    LEASES.put(ctx, key, changed)


def _apply_lapse(ctx: Context, name: str, lease: Lease, claim: Receipt, dispute: Dispute) -> Lease:
    """What the block does about one dispute whose deadline has passed (rules 1 and 4)."""
    ruling = dispute["ruling"]
    if ruling is None and dispute["instance"] != INSTANCES[-1]:
        window_ms = load_version(ctx, lease["rules"])["ruling_window_ms"]
        passed: Dispute = {
            **dispute,
            "deadline_ms": ctx.working_ms + window_ms,
            "instance": _get_next_instance(dispute),
            "state": compute_next(DISPUTE_LIFE, dispute["state"], "pass"),
        }
        claim = {**claim, "dispute": passed}
        changed = replace_claim(lease, claim)
        emit_dispute(ctx, "dispute.passed", name, changed, claim)
        return changed
    figures = (
        get_accepted(claim)
        if ruling is None
        else Figures(ruling["used_unit_seconds"], ruling["availability_bp"])
    )
    return _apply_final(ctx, name, lease, step_dispute(claim, "lapse"), figures)


def _apply_final(ctx: Context, name: str, lease: Lease, claim: Receipt, figures: Figures) -> Lease:
    """Execute what is final (rule 5)."""
    dispute = claim["dispute"]
    assert dispute is not None
    by = ctx.actor if ctx.signers else BLOCK
    emit_dispute(ctx, "dispute.final", name, lease, claim, by=by)
    executed = step_dispute(claim, "execute")
    return apply_outcome(ctx, name, lease, executed, "rule", figures)


_DISPUTE = {"no-dispute": "a receipt of this epoch is disputed"}
_ARBITER = {
    **LEASE_FAILURES,
    **_DISPUTE,
    "not-arbiter": "the actor is the instance whose turn it is",
    **STEP_FAILURES,
}
_RANGE = {"outside-claim": "the figures lie between what was accepted and what was claimed"}
_FINAL = ("dispute.final", "metering.ruled", "voucher.returned", "lease.refunded", "lease.closed")

CALLS = (
    Call(
        kind="dispute.rule",
        title="Decide a dispute in the first instance",
        payload=Rule,
        signers=(Role("regional node, national node or bureau: the instance named", "RNA"),),
        failures={
            **_ARBITER,
            "evidence-open": "the evidence window is over",
            **_RANGE,
        },
        handler=rule,
        changes="the lease; the arbiter's account; the accounts of provider and consumer where the "
        "bureau rules, and so for good",
        events=("dispute.ruled", *_FINAL),
    ),
    Call(
        kind="dispute.appeal",
        title="Bring a ruling before the instance above",
        payload=Appeal,
        signers=(Role("provider or consumer", "PU"),),
        failures={
            **OWN_LEASE_FAILURES,
            **_DISPUTE,
            **STEP_FAILURES,
        },
        handler=appeal,
        changes="the lease; the actor's account",
        events=("dispute.appealed",),
        tolerates=OLD_BUSINESS,
    ),
    Call(
        kind="dispute.decide",
        title="Decide on an appeal, for good",
        payload=Rule,
        signers=(Role("national node or bureau: the instance named", "NA"),),
        failures={**_ARBITER, **_RANGE},
        handler=decide,
        changes="the lease; the arbiter's account; the accounts of provider and consumer where "
        "money moves",
        events=("dispute.ruled", *_FINAL),
    ),
)

DUE = (
    Due(
        action="dispute.lapse",
        title="A dispute goes on without whoever let a deadline pass",
        clocks=("working",),
        handler=lapse,
        changes="the lease; the accounts of provider and consumer where money moves",
        events=("dispute.passed", *_FINAL),
    ),
)
