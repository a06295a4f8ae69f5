"""Proposals: who may bring which matter before the regional nodes.

1. A suspension or resumption of a regional node is proposed by the national node or by any other
   that votes, a revocation by the national node, a retirement by the node that retires.
2. The subject is a node that votes, or is suspended from voting, and its life has the step.
3. The next version of the rules is proposed by the national node: some integers of known names,
   within their bounds and relations, in force from a height at least `rules_notice_blocks` ahead. A
   version that is carried late comes into force later, with that notice, and always after the
   version before it.
4. A new root is proposed by the national node with the signatures of the old root and of the new
   one. A recovery needs neither of the old keys, and is proposed by a regional node that votes.
5. A regional node that signed twice in consensus is accused: that is a suspension, and its ballot
   names the double signing on the ledger that it rests on, with the reason `double-signing`.
6. Whether a proposed version suits is tried against past blocks first: `suanlian rules try`.
"""

from typing import Annotated, Final, Literal, get_args

from pydantic import Field

from contracts.ballot import OPENING_FAILURES, RECOVERY, SUSPENSION, open_ballot
from contracts.call import Call, Role
from contracts.context import Context
from contracts.errors import require
from contracts.evidence import DOUBLE_SIGNINGS, make_evidence_key
from contracts.life import STEP_FAILURES, compute_next
from contracts.nodes import is_electoral, is_voting
from contracts.payload import Der, Note, Payload, RegionalCode
from contracts.root import ROOT_FAILURES, check_national, check_root, load_root
from contracts.rules import (
    find_beyond_bounds,
    find_broken_relations,
    load_last,
)
from contracts.standing import LIFE, get_identity
from ledger.primitives import MAX_AMOUNT
from ledger.transaction import parse_key_signer

MAX_NOTICE_BLOCKS: Final = 10_000_000
MAX_CHANGES: Final = 64
DOUBLE_SIGNING: Final = "double-signing"
# The step of the subject's identity that a matter is about.
STEPS: Final = {
    SUSPENSION: "suspend",
    "revocation": "revoke",
    "resumption": "resume",
    "retirement": "revoke",
}
Reason = Literal[
    "arrears",
    "ceased",
    "false-information",
    "investigation",
    "key-compromise",
    "own-request",
    "resolved",
    "security-incident",
    "superseded",
]


class Propose(Payload):
    """A matter about the standing of a regional node."""

    code: RegionalCode
    matter: Annotated[
        Literal["resumption", "retirement", "revocation", "suspension"],
        Field(description="suspension, resumption, revocation or retirement"),
    ]
    note: Note
    reason: Annotated[Reason, Field(description=", ".join(get_args(Reason)))]


class Accuse(Payload):
    """A suspension on the ground of a double signing that is on the ledger."""

    code: RegionalCode
    epoch: Annotated[int, Field(ge=0, le=MAX_AMOUNT, description="epoch of the double signing")]
    note: Note
    view: Annotated[int, Field(ge=0, le=MAX_AMOUNT, description="view of the double signing")]


class ProposeRules(Payload):
    """The next version of the rules, as changes of the last one."""

    changes: Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")], int],
        Field(min_length=1, max_length=MAX_CHANGES, description="new integers by name"),
    ]
    from_height: Annotated[
        int, Field(ge=1, le=MAX_AMOUNT, description="height from which it is to be in force")
    ]
    note: Note


class ProposeRoot(Payload):
    """A new national root, made in good order."""

    certificate: Der
    note: Note


class ProposeRecovery(Payload):
    """A new root, and a new identity of the national node, because the old ones are not to be had
    or not to be trusted."""

    certificate: Der
    national_certificate: Annotated[Der, Field(description="identity of N, DER")]
    note: Note


def propose(ctx: Context, call: Propose) -> None:
    """Propose a change of a regional node's standing."""
    # who may
    if call.matter == "retirement":
        entitled = ctx.actor == call.code
    elif call.matter == "revocation":
        entitled = ctx.actor[0] == "N"
    else:
        entitled = _is_other(ctx, call.code)
    require(entitled, "not-entitled")

    # what must hold
    require(is_electoral(ctx, call.code), "not-a-voter")
    _check_step(ctx, call.code, call.matter)

    # what changes
    open_ballot(ctx, call.matter, call.code, {"reason": call.reason}, call.note)


def accuse(ctx: Context, call: Accuse) -> None:
    """Propose to suspend a regional node that signed twice."""
    # who may
    require(_is_other(ctx, call.code), "not-entitled")

    # what must hold
    evidence = DOUBLE_SIGNINGS.get(ctx, make_evidence_key(call.code, call.epoch, call.view))
    require(evidence is not None, "unknown-evidence")
    require(is_electoral(ctx, call.code), "not-a-voter")
    _check_step(ctx, call.code, SUSPENSION)

    # what changes
    ground = {"epoch": call.epoch, "reason": DOUBLE_SIGNING, "view": call.view}
    open_ballot(ctx, SUSPENSION, call.code, ground, call.note)


def _is_other(ctx: Context, code: str) -> bool:
    """Whether the actor may ask for the suspension of a node: the national node, or one that votes,
    but not the node itself."""
    return ctx.actor[0] == "N" or (is_voting(ctx, ctx.actor) and ctx.actor != code)


def _check_step(ctx: Context, code: str, matter: str) -> None:
    """Fail with `wrong-state` unless the subject's life has the step of a matter."""
    identity = get_identity(ctx, code)
    assert identity is not None
    compute_next(LIFE, identity["status"], STEPS[matter])


def propose_rules(ctx: Context, call: ProposeRules) -> None:
    """Propose the next version of the rules."""
    # who may: the national node, which the declaration demands

    # what must hold
    last = load_last(ctx.layer)["integers"]
    require(set(call.changes) <= set(last), "unknown-rule")
    require(not find_beyond_bounds(call.changes), "beyond-bounds")
    require(not find_broken_relations({**last, **call.changes}), "broken-relation")
    ahead = call.from_height - ctx.height
    require(ahead >= ctx.rules["rules_notice_blocks"], "notice-too-short")
    require(ahead <= MAX_NOTICE_BLOCKS, "notice-too-long")

    # what changes
    changes = dict(sorted(call.changes.items()))
    details = {"changes": changes, "from_height": call.from_height}
    open_ballot(ctx, "rules", "", details, call.note)


def propose_root(ctx: Context, call: ProposeRoot) -> None:
    """Propose a new root, with the signature of the old one."""
    # who may
    old = load_root(ctx)["key"]
    require(parse_key_signer(ctx.signers[2]) == old, "not-the-root")

    # what must hold
    certificate = check_root(ctx, call.certificate)

    # what changes
    details = {"certificate": call.certificate, "old_key": old}
    open_ballot(ctx, "root", certificate.public_key.hex(), details, call.note)


def propose_recovery(ctx: Context, call: ProposeRecovery) -> None:
    """Propose a new root without the old one."""
    # who may
    require(is_voting(ctx, ctx.actor), "not-entitled")

    # what must hold
    certificate = check_root(ctx, call.certificate)
    check_national(ctx, call.national_certificate, certificate)

    # what changes
    details = {
        "certificate": call.certificate,
        "national_certificate": call.national_certificate,
        "old_key": load_root(ctx)["key"],
    }
    open_ballot(ctx, RECOVERY, certificate.public_key.hex(), details, call.note)


_NATIONAL = Role("national node", "N")
_ROOT_KEY = Role("key: of the new root", "k")
CALLS = (
    Call(
        kind="ballot.propose",
        title="Propose a change of a regional node's standing",
        payload=Propose,
        signers=(Role("national node, or regional node", "NR"),),
        failures={
            "not-entitled": "a retirement is proposed by the node itself, a revocation by the "
            "national node, the others by it or by another node that votes",
            "not-a-voter": "the code is of a regional node that votes, or is suspended from it",
            **STEP_FAILURES,
            **OPENING_FAILURES,
        },
        handler=propose,
        changes="the ballot; the actor's account",
        events=("ballot.opened",),
    ),
    Call(
        kind="ballot.accuse",
        title="Propose to suspend a regional node that signed twice",
        payload=Accuse,
        signers=(Role("national node, or regional node", "NR"),),
        failures={
            "not-entitled": "the actor is the national node, or another node that votes",
            "unknown-evidence": "the double signing is on the ledger",
            "not-a-voter": "the code is of a regional node that votes, or is suspended from it",
            **STEP_FAILURES,
            **OPENING_FAILURES,
        },
        handler=accuse,
        changes="the ballot; the actor's account",
        events=("ballot.opened",),
    ),
    Call(
        kind="ballot.propose_rules",
        title="Propose the next version of the rules",
        payload=ProposeRules,
        signers=(_NATIONAL,),
        failures={
            "unknown-rule": "every name is that of a rule",
            "beyond-bounds": "every integer is within the bounds of its rule",
            "broken-relation": "the relations between rules hold",
            "notice-too-short": "the height is at least `rules_notice_blocks` ahead",
            "notice-too-long": f"it is at most {MAX_NOTICE_BLOCKS} blocks ahead",
            **OPENING_FAILURES,
        },
        handler=propose_rules,
        changes="the ballot; the national node's account",
        events=("ballot.opened",),
    ),
    Call(
        kind="ballot.propose_root",
        title="Propose a new national root",
        payload=ProposeRoot,
        signers=(_NATIONAL, _ROOT_KEY, Role("key: of the root that stands", "k")),
        failures={
            "not-the-root": "the third signer is the root that stands",
            **ROOT_FAILURES,
            **OPENING_FAILURES,
        },
        handler=propose_root,
        changes="the ballot; the national node's account",
        events=("ballot.opened",),
    ),
    Call(
        kind="ballot.propose_recovery",
        title="Propose a new root and a new key of the national node, without the old ones",
        payload=ProposeRecovery,
        signers=(
            Role("regional node", "R"),
            _ROOT_KEY,
            Role("key: of the national node's new identity", "k"),
        ),
        failures={
            "not-entitled": "the actor votes",
            **ROOT_FAILURES,
            **OPENING_FAILURES,
        },
        handler=propose_recovery,
        changes="the ballot; the actor's account",
        events=("ballot.opened",),
    ),
)
