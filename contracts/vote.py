"""Votes: what becomes of a ballot, and what a carried one does.

1. Only those who vote in consensus vote here, and each vote is the voter's own signature.
2. A vote that carries a ballot runs its effect at once (see `ballot`, rule 5): a node's standing
   changes by the checks of `nodes`; rules get their next version; a root is replaced.
3. A ballot on a suspension that another has approved is withdrawn no more: else a friend of the
   subject could open it, and take it back with all its votes before the last of them.
4. When the validators have become fewer, ballots that are carried by it are judged in the next
   block.
"""

from collections.abc import Callable
from typing import Final

from contracts import root, rules
from contracts.ballot import (
    BALLOTS,
    EXPIRE,
    JUDGE,
    OPEN,
    SUSPENSION,
    Ballot,
    BallotId,
    apply_end,
    has_vote,
    is_carried,
    is_lost,
    make_ballot_key,
    schedule_judgements,
)
from contracts.call import Call, Due, Role
from contracts.context import BLOCK, Context
from contracts.errors import Failure, require
from contracts.nodes import STATUS_FAILURES, apply_identity_step
from contracts.payload import Note, Payload
from contracts.proposal import STEPS
from contracts.table import get_last_field
from ledger.codec import Value


class Approve(Payload):
    """A vote for a ballot."""

    ballot: BallotId


class Reject(Payload):
    """A vote against a ballot."""

    ballot: BallotId
    note: Note


class Withdraw(Payload):
    """The end of a ballot by its proposer."""

    ballot: BallotId
    note: Note


def approve(ctx: Context, call: Approve) -> None:
    """Vote for a ballot; the vote that carries it runs its effect."""
    # who may
    ballot = _require_open(ctx, call.ballot)
    require(has_vote(ctx, ballot, ctx.actor), "not-a-voter")

    # what must hold
    require(not _has_voted(ballot["approvals"], ctx.actor), "already-voted")

    # what changes
    voted: Ballot = {
        **ballot,
        "approvals": [*ballot["approvals"], [ctx.actor, ctx.height]],
        "rejections": _without(ballot["rejections"], ctx.actor),
    }
    ctx.emit("ballot.approved", (call.ballot, ctx.actor), matter=ballot["matter"])
    if is_carried(ctx, voted):
        _apply_carried(ctx, call.ballot, voted, ctx.actor)
    else:
        BALLOTS.put(ctx, make_ballot_key(call.ballot), voted)


def reject(ctx: Context, call: Reject) -> None:
    """Vote against a ballot, which ends it when it cannot be carried any more."""
    # who may
    ballot = _require_open(ctx, call.ballot)
    require(has_vote(ctx, ballot, ctx.actor), "not-a-voter")

    # what must hold
    require(not _has_voted(ballot["rejections"], ctx.actor), "already-voted")

    # what changes
    voted: Ballot = {
        **ballot,
        "approvals": _without(ballot["approvals"], ctx.actor),
        "rejections": [*ballot["rejections"], [ctx.actor, ctx.height]],
    }
    about = (call.ballot, ctx.actor)
    ctx.emit("ballot.rejected", about, matter=ballot["matter"], note=call.note)
    if is_lost(ctx, voted):
        apply_end(ctx, call.ballot, voted, "fail", ctx.actor, "rejected")
    else:
        BALLOTS.put(ctx, make_ballot_key(call.ballot), voted)


def withdraw(ctx: Context, call: Withdraw) -> None:
    """End a ballot that the actor opened."""
    # who may
    ballot = _require_open(ctx, call.ballot)
    require(ctx.actor == ballot["proposer"], "not-proposer")

    # what must hold
    approved = any(voter != ctx.actor for voter, _ in ballot["approvals"])
    require(ballot["matter"] != SUSPENSION or not approved, "approved-by-others")

    # what changes
    apply_end(ctx, call.ballot, ballot, "withdraw", ctx.actor, call.note or "withdrawn")


def judge(ctx: Context, key: bytes) -> None:
    """Carry a ballot that has enough approvals now, or let it fail by its effect."""
    ballot, name = BALLOTS.get(ctx, key), get_last_field(key)
    assert ballot is not None and ballot["state"] == OPEN
    waiting: Ballot = {**ballot, "judge_ms": 0}
    if not is_carried(ctx, ballot):
        BALLOTS.put(ctx, key, waiting)
        return
    try:
        with ctx.checkpoint():
            _apply_carried(ctx, name, waiting, BLOCK)
    except Failure as error:
        apply_end(ctx, name, waiting, "fail", BLOCK, error.code)


def expire(ctx: Context, key: bytes) -> None:
    """End a ballot at its deadline."""
    ballot = BALLOTS.get(ctx, key)
    assert ballot is not None and ballot["state"] == OPEN
    apply_end(ctx, get_last_field(key), ballot, "fail", BLOCK, "expired")


def _require_open(ctx: Context, name: str) -> Ballot:
    ballot = BALLOTS.get(ctx, make_ballot_key(name))
    if ballot is None:
        raise Failure("unknown-ballot")
    require(ballot["state"] == OPEN, "ballot-closed")
    return ballot


def _has_voted(votes: list[list[Value]], code: str) -> bool:
    return any(voter == code for voter, _ in votes)


def _without(votes: list[list[Value]], code: str) -> list[list[Value]]:
    return [vote for vote in votes if vote[0] != code]


def _apply_carried(ctx: Context, name: str, ballot: Ballot, closed_by: str) -> None:
    apply_end(ctx, name, ballot, "carry", closed_by, "carried")
    _EFFECTS[ballot["matter"]](ctx, name, ballot)


def _apply_standing(ctx: Context, _name: str, ballot: Ballot) -> None:
    code, matter = ballot["subject"], ballot["matter"]
    reason = "retired" if matter == "retirement" else ballot["details"]["reason"]
    actor, note = ballot["proposer"], ballot["note"]
    apply_identity_step(ctx, code, STEPS[matter], actor, reason, note)
    schedule_judgements(ctx)


def _apply_rules(ctx: Context, name: str, ballot: Ballot) -> None:
    details, last = ballot["details"], rules.load_last(ctx.layer)
    notice = ctx.height + ctx.rules["rules_notice_blocks"]
    from_height = max(details["from_height"], notice, last["from_height"] + 1)
    made = rules.apply_version(ctx, details["changes"], from_height, name)
    about = (name, ballot["proposer"])
    ctx.emit("rules.versioned", about, from_height=from_height, version=made["version"])


def _apply_root(ctx: Context, name: str, ballot: Ballot) -> None:
    details = ballot["details"]
    require(root.load_root(ctx)["key"] == details["old_key"], "wrong-state")
    root.apply_root(ctx, details["certificate"], name)
    if "national_certificate" in details:
        root.apply_national(ctx, details["national_certificate"], ballot["proposer"])


_EFFECTS: Final[dict[str, Callable[[Context, str, Ballot], None]]] = {
    **dict.fromkeys(STEPS, _apply_standing),
    "rules": _apply_rules,
    "root": _apply_root,
    "recovery": _apply_root,
}
_STANDING_EVENTS = ("identity.active", "identity.revoked", "identity.suspended")
_EFFECT_EVENTS = (
    "ballot.carried",
    "identity.rotated",
    "root.replaced",
    "rules.versioned",
    *_STANDING_EVENTS,
)
_OPEN_FAILURES = {
    "unknown-ballot": "the id is that of a ballot",
    "ballot-closed": "the ballot is open",
}
_VOTER = Role("regional node", "R")
CALLS = (
    Call(
        kind="ballot.approve",
        title="Vote for a ballot",
        payload=Approve,
        signers=(_VOTER,),
        failures={
            **_OPEN_FAILURES,
            "not-a-voter": "the actor is an active regional node, and does not judge itself",
            "already-voted": "it has not approved yet",
            "wrong-state": "where this vote carries it: the subject is still such that it can be",
            **STATUS_FAILURES,
        },
        handler=approve,
        changes="the ballot; the actor's account; where the vote carries it, also the subject's "
        "identity and node, or the rules, or the root, and other ballots that it carries with it",
        events=("ballot.approved", *_EFFECT_EVENTS),
    ),
    Call(
        kind="ballot.reject",
        title="Vote against a ballot",
        payload=Reject,
        signers=(_VOTER,),
        failures={
            **_OPEN_FAILURES,
            "not-a-voter": "the actor is an active regional node, and does not judge itself",
            "already-voted": "it has not rejected yet",
        },
        handler=reject,
        changes="the ballot; the actor's account",
        events=("ballot.rejected", "ballot.failed"),
    ),
    Call(
        kind="ballot.withdraw",
        title="Withdraw a ballot",
        payload=Withdraw,
        signers=(Role("proposer (national or regional node)", "NR"),),
        failures={
            **_OPEN_FAILURES,
            "not-proposer": "the actor opened it",
            "approved-by-others": "a suspension was approved by nobody else",
        },
        handler=withdraw,
        changes="the ballot; the actor's account",
        events=("ballot.withdrawn",),
    ),
)
DUE = (
    Due(
        action=JUDGE,
        title="Carry a ballot whose notice has passed, or which fewer voters carry",
        clocks=("working",),
        handler=judge,
        changes="as the vote that carries it",
        events=("ballot.failed", *_EFFECT_EVENTS),
    ),
    Due(
        action=EXPIRE,
        title="End a ballot at its deadline",
        clocks=("working",),
        handler=expire,
        changes="the ballot",
        events=("ballot.failed",),
    ),
)
