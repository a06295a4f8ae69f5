"""Identities: one code, one certificate, one key at a time, anchored by the national node.

1. The national node issues authorities and auditors, under the key of the national root, and, as
   the node of an application that was admitted, regional and industry nodes (see `membership`); a
   regional node issues the providers, consumers and services of its region.
2. A registrant comes out of a number block of the issuer. A provider or consumer has a registrant
   of its own; a service carries that of a registered party.
3. A code stands once for ever, and one regional node stands for a region.
4. A registration or rotation is signed by the new key itself; the certificate names both codes and
   that key, is signed by the issuer and valid now. So who is issued an identity has shown to hold
   its key, and is active at once.
   The issuer may sign instead of a holder that lost its key; not so of a regional node that votes:
   whoever speaks for it has its vote, so a ballot suspends it first.
5. Only the issuer or the national node changes a status; what the national node suspended only it
   resumes. Revocation is final. Each change names its actor and its reason. That of a regional node
   which votes, or is suspended from voting, is changed by a ballot only (see `ballot`).
6. A suspended, revoked or expired identity does no new business; what is expired may be renewed.
7. When a regional node is suspended or revoked, the national node may name another that votes as
   its successor. As long as the issuer is not active, the successor acts for it towards whatever it
   issued: it suspends, resumes, revokes, and signs new certificates, which then name it. `issuer`
   stays who gave the code out. Certificates stand unless they are revoked; nobody renews under the
   key of a revoked issuer, nor of a revoked successor; then another is to be named.
8. `blocks` are the number blocks that an issuer may give out, [first, last] both included; only the
   national node allots them, and none overlap.
"""

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from contracts import nodes
from contracts.call import Call, Role
from contracts.certification import CERTIFICATE_FAILURES, check_certificate
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.life import STEP_FAILURES
from contracts.payload import (
    Der,
    IdentityCode,
    IssuedCode,
    Name,
    Note,
    OptionalCreditCode,
    Payload,
    RegionalCode,
    Registrant,
)
from contracts.registration import check_place, is_block_taken, make_identity
from contracts.standing import (
    IDENTITIES,
    ROOT_KEY,
    Identity,
    get_identity,
    is_active,
    make_identity_key,
)
from ledger.x509 import Certificate

ISSUES: Final = {"N": "RIAM", "R": "PUS"}
ADMITTED: Final = "RI"  # the classes that become somebody by an application only
AUTHORITIES: Final = "NRI"  # the classes whose certificates may sign others
_ANYONE = "NRIAPUMS"


class Register(Payload):
    """A new identity; an authority has a role, organisations a Unified Social Credit Code."""

    certificate: Der
    code: IssuedCode
    credit_code: OptionalCreditCode
    name: Name
    role: Annotated[
        Literal["", "bank", "bureau", "communications", "industry"],
        Field(description="of an authority: bank, bureau, communications or industry; else empty"),
    ]

    @model_validator(mode="after")
    def _check_role(self) -> "Register":
        if (self.code[0] == "A") != bool(self.role):
            raise ValueError("authorities have a role, others none")
        return self


class Rotate(Payload):
    """A new key for a code that stays."""

    certificate: Der
    code: IdentityCode


class Suspend(Payload):
    """A stop to new business."""

    code: IssuedCode
    note: Note
    reason: Annotated[
        Literal["investigation", "security-incident", "arrears", "own-request"],
        Field(description="investigation, security-incident, arrears or own-request"),
    ]


class NameSuccessor(Payload):
    """Who acts for an issuer from now on."""

    issuer: RegionalCode
    successor: RegionalCode


class Resume(Payload):
    """The end of a suspension."""

    code: IssuedCode
    note: Note


class Revoke(Payload):
    """The end of an identity."""

    code: IssuedCode
    note: Note
    reason: Annotated[
        Literal["key-compromise", "ceased", "false-information", "superseded"],
        Field(description="key-compromise, ceased, false-information or superseded"),
    ]


class Allot(Payload):
    """A number block for an issuer."""

    first: Registrant
    issuer: RegionalCode
    last: Registrant

    @model_validator(mode="after")
    def _check_order(self) -> "Allot":
        if self.first > self.last:
            raise ValueError("a number block begins before it ends")
        return self


def register(ctx: Context, call: Register) -> None:
    """Issue a new identity."""
    # who may
    code, issuer = call.code, ctx.actor
    require(code[0] in ISSUES[issuer[0]], "not-issuer")

    # what must hold
    require(code[0] not in ADMITTED, "needs-admission")
    certificate = _check_certificate(ctx, call.certificate, code, issuer)
    check_place(ctx, code, issuer)

    # what changes
    identity = make_identity(ctx, certificate, call.name, call.credit_code, call.role)
    IDENTITIES.put(ctx, make_identity_key(code), identity)
    ctx.emit("identity.registered", (code, issuer), name=call.name, role=call.role)


def name_successor(ctx: Context, call: NameSuccessor) -> None:
    """Let another regional node act for an issuer that is not active."""
    # who may: the national node, which the declaration demands

    # what must hold
    identity = get_identity(ctx, call.issuer)
    if identity is None:
        raise Failure("unknown-identity")
    require(identity["status"] != "active", "issuer-active")
    able = nodes.is_electoral(ctx, call.successor) and is_active(ctx, call.successor)
    require(able, "successor-not-active")

    # what changes
    changed: Identity = {**identity, "successor": call.successor}
    IDENTITIES.put(ctx, make_identity_key(call.issuer), changed)
    ctx.emit("identity.succeeded", (call.issuer, call.successor, ctx.actor))


def suspend(ctx: Context, call: Suspend) -> None:
    """Stop the new business of an identity."""
    # who may
    _require_issued(ctx, call.code)

    # what must hold, and what changes
    nodes.apply_identity_step(ctx, call.code, "suspend", ctx.actor, call.reason, call.note)


def resume(ctx: Context, call: Resume) -> None:
    """Lift a suspension."""
    # who may
    identity = _require_issued(ctx, call.code)
    require(identity["actor"][0] != "N" or ctx.actor[0] == "N", "not-issuer")

    # what must hold, and what changes
    nodes.apply_identity_step(ctx, call.code, "resume", ctx.actor, "resumed", call.note)


def revoke(ctx: Context, call: Revoke) -> None:
    """End an identity for ever."""
    # who may
    _require_issued(ctx, call.code)

    # what must hold, and what changes
    nodes.apply_identity_step(ctx, call.code, "revoke", ctx.actor, call.reason, call.note)


def rotate(ctx: Context, call: Rotate) -> None:
    """Give a code a new key and certificate."""
    # who may
    identity = get_identity(ctx, call.code)
    if identity is None:
        raise Failure("unknown-identity")
    is_own = ctx.actor == call.code
    require(is_own or ctx.actor == _find_certifier(ctx, identity["issuer"]), "not-issuer")
    require(is_own or not nodes.is_voting(ctx, call.code), "needs-ballot")

    # what must hold
    require(identity["status"] != "revoked", "identity-revoked")
    certifier = _find_certifier(ctx, identity["issuer"])
    require(certifier, "issuer-revoked")
    certificate = _check_certificate(ctx, call.certificate, call.code, certifier)

    # what changes
    changed: Identity = {
        **identity,
        "certificate": call.certificate,
        "expires_ms": certificate.not_after_ms + 1000,
        "key": certificate.public_key,
    }
    IDENTITIES.put(ctx, make_identity_key(call.code), changed)
    ctx.emit("identity.rotated", (call.code, ctx.actor), key=certificate.public_key)


def allot(ctx: Context, call: Allot) -> None:
    """Allot a number block to an issuer."""
    # who may: the national node, which the declaration demands

    # what must hold
    identity = get_identity(ctx, call.issuer)
    if identity is None:
        raise Failure("unknown-identity")
    require(identity["status"] != "revoked", "identity-revoked")
    require(not is_block_taken(ctx, call.first, call.last), "block-taken")

    # what changes
    changed: Identity = {
        **identity,
        "blocks": sorted([*identity["blocks"], [call.first, call.last]]),
    }
    IDENTITIES.put(ctx, make_identity_key(call.issuer), changed)
    ctx.emit("identity.allotted", (call.issuer, ctx.actor), first=call.first, last=call.last)


def _check_certificate(ctx: Context, data: bytes, subject: str, issuer: str) -> Certificate:
    """The certificate of an identity, whose key is the second signer (rule 4)."""
    if issuer[0] == "N":
        issuer_key = ctx.get(ROOT_KEY)["key"]
    else:
        issuer_key = ctx.get(make_identity_key(issuer))["key"]
    return check_certificate(ctx, data, subject, issuer, issuer_key, subject[0] in AUTHORITIES)


def _find_certifier(ctx: Context, issuer: str) -> str:
    """Who signs for what an issuer issued: itself, or its successor (rule 7); empty for nobody."""
    identity = get_identity(ctx, issuer)
    assert identity is not None
    if identity["status"] == "active":
        return issuer
    successor = identity.get("successor", "")
    heir = get_identity(ctx, successor) if successor else None
    if heir is not None and heir["status"] != "revoked":
        return successor
    return "" if identity["status"] == "revoked" else issuer


def _require_issued(ctx: Context, code: str) -> Identity:
    """The identity whose status the actor may change (rule 5)."""
    identity = get_identity(ctx, code)
    if identity is None:
        raise Failure("unknown-identity")
    is_issuer = ctx.actor == _find_certifier(ctx, identity["issuer"])
    require(ctx.actor[0] == "N" or is_issuer, "not-issuer")
    require(not nodes.is_electoral(ctx, code), "needs-ballot")
    return identity


_ISSUER = Role("issuer (national or regional node)", "NR")
_NEW_KEY = Role("key: of the new identity key", "k")
_STATUS_FAILURES = {
    "unknown-identity": "the code is registered",
    "not-issuer": "the actor issued it or succeeds who did, or is the national node",
    "needs-ballot": "it is no regional node that votes or is suspended from voting",
    **STEP_FAILURES,
}
CALLS = (
    Call(
        kind="identity.register",
        title="Issue a new identity",
        payload=Register,
        signers=(_ISSUER, _NEW_KEY),
        failures={
            "not-issuer": "codes of this class are for the actor to issue",
            "needs-admission": "it is no regional or industry node, which is admitted",
            **CERTIFICATE_FAILURES,
            "outside-region": "the code's place is in the issuer's region",
            "outside-number-block": "its registrant is in a number block of the issuer",
            "code-taken": "the code was never given out",
            "registrant-taken": "the registrant has no provider or consumer yet",
            "unknown-registrant": "the registrant of a service has a provider or consumer",
        },
        handler=register,
        changes="the identity; the issuer's account",
        events=("identity.registered",),
    ),
    Call(
        kind="identity.suspend",
        title="Stop the new business of an identity",
        payload=Suspend,
        signers=(_ISSUER,),
        failures=_STATUS_FAILURES,
        handler=suspend,
        changes="the identity, and its node if it has one; the actor's account",
        events=("identity.suspended",),
    ),
    Call(
        kind="identity.resume",
        title="Lift a suspension",
        payload=Resume,
        signers=(_ISSUER,),
        failures=_STATUS_FAILURES,
        handler=resume,
        changes="the identity, and its node if it has one; the actor's account",
        events=("identity.active",),
    ),
    Call(
        kind="identity.revoke",
        title="End an identity for ever",
        payload=Revoke,
        signers=(_ISSUER,),
        failures=_STATUS_FAILURES,
        handler=revoke,
        changes="the identity, and its node if it has one; the actor's account",
        events=("identity.revoked",),
    ),
    Call(
        kind="identity.rotate",
        title="Give a code a new key and certificate",
        payload=Rotate,
        signers=(Role("holder, or its issuer", _ANYONE), _NEW_KEY),
        failures={
            "unknown-identity": "the code is registered",
            "not-issuer": "the actor is the holder, or issued it, or succeeds who did",
            "needs-ballot": "of a regional node that votes the actor is the node itself",
            "identity-revoked": "the identity is not revoked",
            "issuer-revoked": "its issuer is not revoked, or has a successor that is not",
            **CERTIFICATE_FAILURES,
        },
        handler=rotate,
        changes="the identity; the actor's account",
        events=("identity.rotated",),
        tolerates=("expired", "inactive"),
    ),
    Call(
        kind="identity.name_successor",
        title="Name who acts for a regional node that issued identities",
        payload=NameSuccessor,
        signers=(Role("national node", "N"),),
        failures={
            "unknown-identity": "the issuer is registered",
            "issuer-active": "the issuer is suspended or revoked",
            "successor-not-active": "the successor is a regional node that votes, and stands well",
        },
        handler=name_successor,
        changes="the identity of the issuer; the national node's account",
        events=("identity.succeeded",),
    ),
    Call(
        kind="identity.allot",
        title="Allot a number block to a regional node",
        payload=Allot,
        signers=(Role("national node", "N"),),
        failures={
            "unknown-identity": "the code is registered",
            "identity-revoked": "the identity is not revoked",
            "block-taken": "no number block overlaps it",
        },
        handler=allot,
        changes="the identity of the issuer; the national node's account",
        events=("identity.allotted",),
    ),
)
