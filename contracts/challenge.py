"""Challenges: any sample behind a receipt can be asked for, and is checked against the root.

1. The consumer, the regional nodes of both regions and auditors ask the provider for one sample,
   by its index, of a receipt that is open or of the one that was settled last. At most
   `MAX_PENDING` questions of a lease wait at a time, and a receipt takes at most `MAX_ASKED` in
   all: so nobody keeps a receipt, or a lease, from its end by asking. For monitors, who are all but
   the consumer, it is twice as many: so no consumer leaves them nothing to ask, who may be the
   provider's friend.
2. The provider answers with the sample, a leaf of at most `MAX_LEAF` bytes, and its inclusion path
   (RFC 9162), which must lead to the root that the receipt had when it was asked.
3. While a question about a receipt waits, silence of the consumer does not agree to it. After the
   last answer the consumer has at least `challenge_window_ms` to judge what it got.
4. Silence of the provider past `challenge_window_ms` of working time is a fault in its record. A
   receipt that its consumer has not answered is then forfeited: it settles as nothing used. A
   disputed one stays with whoever rules it, and what was settled stays as it is.
5. An ended lease closes when no question waits any more; its money goes back before.
"""

from hashlib import sha256
from typing import Annotated, Final

from pydantic import Field

from contracts.agreement import (
    LEASE_FAILURES,
    LEASES,
    METERED,
    OWN_LEASE_FAILURES,
    Lease,
    emit_about,
    is_asked,
    load_due_lease,
    load_lease,
    load_own_lease,
)
from contracts.call import OLD_BUSINESS, Call, Due, Role
from contracts.claim import apply_ending, apply_outcome
from contracts.context import Context
from contracts.delivery import apply_fault
from contracts.errors import Failure, require
from contracts.payload import Count, EpochNumber, Hash, LeaseId, Payload
from contracts.receipt import NOTHING_USED, Challenge, Receipt, find_open, replace_open
from contracts.rules import load_version
from ledger.errors import ProofError
from ledger.merkle import MAX_PATH, compute_leaf_hash, verify_inclusion

MAX_PENDING: Final = 4
MAX_ASKED: Final = 8
SHARE_OF_MONITORS: Final = 2
MAX_LEAF: Final = 4096


class Ask(Payload):
    """Which sample of a receipt is asked for."""

    epoch: EpochNumber
    index: Count
    lease: LeaseId


class Answer(Payload):
    """A sample and its path to the root."""

    epoch: EpochNumber
    index: Count
    leaf: Annotated[bytes, Field(max_length=MAX_LEAF, description="the sample, as it was hashed")]
    lease: LeaseId
    path: Annotated[
        list[Hash], Field(max_length=MAX_PATH, description="hashes from the leaf upwards")
    ]


def ask(ctx: Context, call: Ask) -> None:
    """Ask for a sample."""
    # who may
    key, lease = load_lease(ctx, call.lease)
    regions = (lease["resource"][1:3], lease["consumer"][1:3])
    local = ctx.actor[0] == "R" and ctx.actor[1:3] in regions
    require(ctx.actor[0] == "M" or local or ctx.actor == lease["consumer"], "not-party")

    # what must hold
    require(lease["state"] in METERED, "wrong-state")
    receipt = _find_receipt(lease, call.epoch)
    require(call.index < receipt["samples_count"], "wrong-leaf")
    waits = any(_is_about(challenge, call) for challenge in lease["challenges"])
    require(not waits, "already-asked")
    share = 1 if ctx.actor == lease["consumer"] else SHARE_OF_MONITORS
    pending, asked = len(lease["challenges"]), receipt["asked"]
    few = pending < share * MAX_PENDING and asked < share * MAX_ASKED
    require(few, "too-many-challenges")

    # what changes
    window_ms = load_version(ctx, lease["rules"])["challenge_window_ms"]
    challenge: Challenge = {
        "actor": ctx.actor,
        "deadline_ms": ctx.working_ms + window_ms,
        "epoch": call.epoch,
        "index": call.index,
        "samples_count": receipt["samples_count"],
        "samples_root": receipt["samples_root"],
    }
    questioned: Receipt = {**receipt, "asked": asked + 1}
    settled = lease["receipt"] is receipt
    changed: Lease = {
        **lease,
        "challenges": [*lease["challenges"], challenge],
        "open": lease["open"] if settled else replace_open(lease["open"], questioned),
        "receipt": questioned if settled else lease["receipt"],
    }
    LEASES.put(ctx, key, changed)
    data = {"epoch": call.epoch, "index": call.index, "deadline_ms": challenge["deadline_ms"]}
    emit_about(ctx, "metering.challenged", call.lease, changed, **data)


def answer(ctx: Context, call: Answer) -> None:
    """Show a sample that was asked for."""
    # who may
    key, lease = load_own_lease(ctx, call.lease, "provider")

    # what must hold
    challenge = _find_challenge(lease, call)
    _check_path(challenge, call)

    # what changes
    rest = [other for other in lease["challenges"] if other is not challenge]
    changed = _extend_deadline(ctx, {**lease, "challenges": rest}, call.epoch)
    LEASES.put(ctx, key, apply_ending(ctx, call.lease, changed))
    data = {"epoch": call.epoch, "index": call.index, "leaf_hash": sha256(call.leaf).digest()}
    about = (call.lease, lease["provider"], lease["consumer"], lease["resource"])
    ctx.emit("metering.answered", (*about, challenge["actor"]), **data)


def forfeit(ctx: Context, key: bytes) -> None:
    """Draw the consequence of questions that were left unanswered (rule 4)."""
    name, lease = load_due_lease(ctx, key)
    late = [other for other in lease["challenges"] if other["deadline_ms"] <= ctx.working_ms]
    rest = [other for other in lease["challenges"] if other not in late]
    changed: Lease = {**lease, "challenges": rest}
    for challenge in late:
        apply_fault(ctx, lease["provider"])
        data = {"actor": challenge["actor"], "epoch": challenge["epoch"]}
        emit_about(ctx, "metering.unanswered", name, lease, index=challenge["index"], **data)
    for epoch in dict.fromkeys(challenge["epoch"] for challenge in late):
        claim = find_open(changed["open"], epoch)
        if claim is not None and claim["state"] == "signed":
            changed = apply_outcome(ctx, name, changed, claim, "forfeit", NOTHING_USED)
    LEASES.put(ctx, key, apply_ending(ctx, name, changed))


def _find_receipt(lease: Lease, epoch: int) -> Receipt:
    """The open receipt of an epoch, or the one settled last if it is that epoch's."""
    found = find_open(lease["open"], epoch)
    if found is not None:
        return found
    settled = lease["receipt"]
    if settled is None or settled["epoch"] != epoch:
        raise Failure("no-receipt")
    return settled


def _find_challenge(lease: Lease, call: Answer) -> Challenge:
    for challenge in lease["challenges"]:
        if _is_about(challenge, call):
            return challenge
    raise Failure("no-challenge")


def _is_about(challenge: Challenge, call: Ask | Answer) -> bool:
    return (challenge["epoch"], challenge["index"]) == (call.epoch, call.index)


def _check_path(challenge: Challenge, call: Answer) -> None:
    """Rule 2."""
    leaf_hash = compute_leaf_hash(call.leaf)
    count, root = challenge["samples_count"], challenge["samples_root"]
    try:
        verify_inclusion(leaf_hash, call.index, count, call.path, root)
    except ProofError:
        raise Failure("wrong-path") from None


def _extend_deadline(ctx: Context, lease: Lease, epoch: int) -> Lease:
    """Rule 3."""
    claim = find_open(lease["open"], epoch)
    if claim is None or claim["state"] != "signed" or is_asked(lease, epoch):
        return lease
    window_ms = load_version(ctx, lease["rules"])["challenge_window_ms"]
    deadline_ms = max(claim["deadline_ms"], ctx.working_ms + window_ms)
    extended: Receipt = {**claim, "deadline_ms": deadline_ms}
    return {**lease, "open": replace_open(lease["open"], extended)}


CALLS = (
    Call(
        kind="metering.challenge",
        title="Ask for a sample behind a receipt",
        payload=Ask,
        signers=(Role("consumer, regional node of either region, or auditor", "URM"),),
        failures={
            **LEASE_FAILURES,
            "not-party": "the actor is the consumer, a regional node of either side, an auditor",
            "wrong-state": "the lease is active or settling",
            "no-receipt": "a receipt of this epoch is open, or was settled last",
            "wrong-leaf": "the receipt counts so many samples",
            "already-asked": "no question for this sample waits",
            "too-many-challenges": f"fewer than {MAX_PENDING} questions of the lease wait, "
            f"and the receipt was asked about fewer than {MAX_ASKED} times; for others than the "
            "consumer twice as many",
        },
        handler=ask,
        changes="the lease; the actor's account",
        events=("metering.challenged",),
        tolerates=OLD_BUSINESS,
    ),
    Call(
        kind="metering.answer",
        title="Show a sample that was asked for",
        payload=Answer,
        signers=(Role("provider", "P"),),
        failures={
            **OWN_LEASE_FAILURES,
            "no-challenge": "a question for this sample waits",
            "wrong-path": "the leaf and its path lead to the receipt's root",
        },
        handler=answer,
        changes="the lease; the provider's account; the voucher of a lease that closes with it",
        events=("voucher.returned", "lease.closed", "metering.answered"),
        tolerates=OLD_BUSINESS,
    ),
)

DUE = (
    Due(
        action="metering.forfeit",
        title="A sample that is not shown in time is a fault, and forfeits the receipt that waits",
        clocks=("working",),
        handler=forfeit,
        changes="the lease; the provider's account; the consumer's account and the voucher where "
        "money goes back",
        events=(
            "metering.unanswered",
            "metering.forfeited",
            "voucher.returned",
            "lease.refunded",
            "lease.closed",
        ),
    ),
)
