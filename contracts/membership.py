"""Membership: the keys under which a node takes part in the network, and where it is found.

1. A validator or peer key is rotated by its node alone, signed by the new key itself.
2. No two nodes ever have the same validator key; the validator set changes with it.
3. The peer certificate is signed by the node's identity key.
4. The national node admits the node of an admitted application: it gives the code, certifies the
   identity, and allots a regional node its number block. The applicant's new keys sign beside it:
   identity, peer, and of a regional node validator.
5. An admitted node connects once it runs: it names the height and the state root of one of the last
   blocks, which it knows only by having followed the chain, and signs beside its identity with its
   validator key if it has one. It speaks a published interface profile, its conformance run passed.
   An industry node names the regional node that it is connected through. The next block then makes
   it active, if enough validators are alive.
6. An active industry node may name another regional node, as when the one it named retires.
"""

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from contracts import nodes
from contracts.application import (
    APPLICATIONS,
    REGIONAL,
    Application,
    ApplicationId,
    check_unbarred,
    load_application,
)
from contracts.call import Call, Role
from contracts.certification import CERTIFICATE_FAILURES, check_certificate
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.nodes import NODES
from contracts.payload import Der, Hash, NewCode, Payload, RegionalCode, Registrant
from contracts.registration import check_place, is_block_taken, make_identity
from contracts.standards import is_conformant
from contracts.standing import IDENTITIES, ROOT_KEY, get_identity, make_identity_key
from ledger.code import parse_code
from ledger.endpoint import check_http_endpoint, check_peer_endpoint
from ledger.errors import FormatError
from ledger.primitives import MAX_AMOUNT, PublicKey
from ledger.transaction import parse_key_signer
from ledger.x509 import Certificate


def _of_ledger(check: Callable[[str], str]) -> Callable[[str], str]:
    """A rule of the ledger as one of a field."""

    def is_kept(text: str) -> str:
        try:
            return check(text)
        except FormatError as error:
            raise ValueError(str(error)) from None

    return is_kept


HttpEndpoint = Annotated[
    str,
    Field(description="http(s) URL without a path, at most 255 characters"),
    AfterValidator(_of_ledger(check_http_endpoint)),
]
PeerEndpoint = Annotated[
    str,
    Field(description="host:port, at most 255 characters"),
    AfterValidator(_of_ledger(check_peer_endpoint)),
]


class RotateValidator(Payload):
    """A new validator key, which signs beside the identity; there is nothing else to say."""


class RotatePeer(Payload):
    """A new peer key and its certificate, and where the node is found."""

    certificate: Der
    http_endpoint: HttpEndpoint
    peer_endpoint: PeerEndpoint


class Admit(Payload):
    """The code, certificates and endpoints of a node whose application was admitted."""

    application: ApplicationId
    certificate: Der
    code: NewCode
    http_endpoint: HttpEndpoint
    number_block: Annotated[
        list[Registrant],
        Field(max_length=2, description="first and last of a regional node, empty for another"),
    ]
    peer_certificate: Der
    peer_endpoint: PeerEndpoint

    @model_validator(mode="after")
    def _check_block(self) -> "Admit":
        block = self.number_block
        if len(block) != (2 if self.code[0] == "R" else 0):
            raise ValueError("a regional node has a number block, others none")
        if block and block[0] > block[1]:
            raise ValueError("a number block begins before it ends")
        return self


class Connect(Payload):
    """An admitted node runs: a block that it followed the chain to."""

    height: Annotated[int, Field(ge=0, le=MAX_AMOUNT, description="of one of the last blocks")]
    state_root: Annotated[Hash, Field(description="the state root of that block")]
    through: Annotated[
        str,
        Field(
            pattern=r"^(R[0-9A-Z]{23})?$",
            description="code of the regional node that an industry node is connected through",
        ),
    ]


class Reconnect(Payload):
    """Another regional node that an industry node is connected through."""

    through: RegionalCode


def admit(ctx: Context, call: Admit) -> None:
    """Make an admitted applicant a node, which may connect."""
    # who may: the national node, which the declaration demands; the applicant's keys sign with it
    key, application = load_application(ctx, call.application)

    # what must hold
    require(application["state"] == "admitted" and not application["node"], "wrong-state")
    check_unbarred(ctx, application)
    require(_is_fitting(call.code, application), "code-mismatch")
    keys = [parse_key_signer(signer) for signer in ctx.signers[1:]]
    fits = len(keys) == (3 if call.code[0] == "R" else 2) and len(set(keys)) == len(keys)
    require(fits, "wrong-keys")
    root_key = ctx.get(ROOT_KEY)["key"]
    identity = check_certificate(ctx, call.certificate, call.code, ctx.actor, root_key, True)
    peer = _check_peer(ctx, call, identity.public_key)
    check_place(ctx, call.code, ctx.actor)
    block = call.number_block
    require(not block or not is_block_taken(ctx, block[0], block[1]), "block-taken")
    validator_key = keys[2] if block else b""
    require(not block or not nodes.find_holder(ctx, validator_key or b""), "key-taken")

    # what changes
    operating = application["operating"]
    made = make_identity(ctx, identity, operating["name"], operating["credit_code"])
    IDENTITIES.put(
        ctx,
        make_identity_key(call.code),
        {**made, "blocks": [block] if block else [], "reason": "admitted"},
    )
    node: nodes.NodeRecord = {
        "activates_ms": 0,
        "http_endpoint": call.http_endpoint,
        "peer_certificate": call.peer_certificate,
        "peer_endpoint": call.peer_endpoint,
        "peer_key": peer.public_key,
        "rules": ctx.rules.version,
        "sector": application["sector"],
        "status": nodes.ADMITTED,
        "through": "",
        "validator_key": validator_key or b"",
    }
    NODES.put(ctx, NODES.make_key(call.code), node)
    APPLICATIONS.put(ctx, key, {**application, "node": call.code})
    about = (call.code, call.application, application["applicant"], ctx.actor)
    ctx.emit("membership.admitted", about, name=operating["name"])


def _is_fitting(code: str, application: Application) -> bool:
    """Whether a code is what an application was for."""
    fields = parse_code(code)
    if application["route"] == REGIONAL:
        return (fields.kind, fields.place) == ("R", application["place"])
    wanted = ("I", application["place"], application["industry"])
    return (fields.kind, fields.place, fields.industry) == wanted


def _check_peer(ctx: Context, call: Admit, identity_key: PublicKey) -> Certificate:
    """The certificate of the peer key, the third signer; one failure stands for all that it has."""
    try:
        return check_certificate(
            ctx, call.peer_certificate, call.code, call.code, identity_key, False, bearer=2
        )
    except Failure:
        raise Failure("bad-peer-certificate") from None


def connect(ctx: Context, call: Connect) -> None:
    """Say that an admitted node runs; the next block makes it active."""
    # who may
    key, node = nodes.load_own(ctx)
    require((node["status"], "connect") in nodes.LIFE, "wrong-state")
    voice = parse_key_signer(ctx.signers[1]) if len(ctx.signers) > 1 else b""
    require(voice == node["validator_key"], "wrong-key")

    # what must hold
    require(_is_gateway(ctx, call.through), "wrong-gateway")
    require(is_conformant(ctx, ctx.actor), "not-conformant")
    require(ctx.trail.get_state_root(call.height) == call.state_root, "unknown-root")

    # what changes
    NODES.put(ctx, key, {**node, "through": call.through})
    nodes.apply_step(ctx, ctx.actor, "connect")
    ctx.emit("membership.connected", (ctx.actor, call.through), height=call.height)


def reconnect(ctx: Context, call: Reconnect) -> None:
    """Name another regional node that an industry node is connected through."""
    # who may
    key, node = nodes.load_own(ctx)

    # what must hold
    before = node["through"]
    require(call.through != before and _is_gateway(ctx, call.through), "wrong-gateway")

    # what changes
    NODES.put(ctx, key, {**node, "through": call.through})
    ctx.emit("membership.reconnected", (ctx.actor, call.through, before), before=before)


def _is_gateway(ctx: Context, through: str) -> bool:
    """Whether a node of the actor's class can be connected through this one."""
    if ctx.actor[0] == "R":
        return not through
    gateway = NODES.get(ctx, NODES.make_key(through)) if through else None
    return gateway is not None and gateway["status"] == nodes.ACTIVE


def rotate_validator(ctx: Context, _call: RotateValidator) -> None:
    """Give a regional node a new validator key; the validator set changes with it."""
    # who may
    nodes.load_own(ctx)

    # what must hold
    validator_key = parse_key_signer(ctx.signers[1])
    assert validator_key is not None
    require(not nodes.find_holder(ctx, validator_key), "key-taken")

    # what changes
    nodes.apply_voice(ctx, ctx.actor, validator_key)
    ctx.emit("identity.validator_rotated", (ctx.actor,), key=validator_key)


def rotate_peer(ctx: Context, call: RotatePeer) -> None:
    """Give a node a new peer key, certified by its identity key, and its endpoints."""
    # who may
    key, node = nodes.load_own(ctx)

    # what must hold
    identity = get_identity(ctx, ctx.actor)
    assert identity is not None
    issuer_key = PublicKey(identity["key"])
    certificate = check_certificate(ctx, call.certificate, ctx.actor, ctx.actor, issuer_key, False)

    # what changes
    changed: nodes.NodeRecord = {
        **node,
        "http_endpoint": call.http_endpoint,
        "peer_certificate": call.certificate,
        "peer_endpoint": call.peer_endpoint,
        "peer_key": certificate.public_key,
    }
    NODES.put(ctx, key, changed)
    ctx.emit("identity.peer_rotated", (ctx.actor,), key=certificate.public_key)


CALLS = (
    Call(
        kind="membership.admit",
        title="Make an admitted applicant a node",
        payload=Admit,
        signers=(
            Role("national node", "N"),
            Role("key: of the identity", "k"),
            Role("key: of the peer", "k"),
            Role("key: of the validator of a regional node", "k", optional=True),
        ),
        failures={
            "unknown-application": "the application exists",
            "wrong-state": "it was admitted, and has no node yet",
            "entity-barred": "nobody whom it names is barred",
            "code-mismatch": "class and place of the code, and an industry node's industry, are"
            " those of the application",
            "wrong-keys": "each key is another; a regional node has a validator key, no other has",
            **CERTIFICATE_FAILURES,
            "bad-peer-certificate": "so it is with the peer certificate, which the identity signs",
            "outside-number-block": "the registrant of the code is in a block of the national node",
            "code-taken": "the code was never given out",
            "region-taken": "no other regional node stands for the region",
            "block-taken": "no number block overlaps the new one",
            "key-taken": "no node has or had this validator key",
        },
        handler=admit,
        changes="the application, the identity, the node; the national node's account: four keys,"
        " because a node is an identity and a peer, and an application has one node",
        events=("membership.admitted",),
    ),
    Call(
        kind="membership.connect",
        title="Say that an admitted node runs and follows the chain",
        payload=Connect,
        signers=(
            Role("node", "RI"),
            Role("key: of the validator key of a regional node", "k", optional=True),
        ),
        failures={
            "unknown-node": "the actor is a node",
            "wrong-state": "it is admitted, and was not connected before",
            "wrong-key": "a regional node signs with its validator key too, and no other does",
            "wrong-gateway": "an industry node names an active regional node, a regional node none",
            "not-conformant": "it declared a published interface profile and passed its run",
            "unknown-root": "one of the last blocks has this height and state root",
        },
        handler=connect,
        changes="the node; its account",
        events=("membership.connected",),
        tolerates=("inactive",),
    ),
    Call(
        kind="membership.reconnect",
        title="Name another regional node that an industry node is connected through",
        payload=Reconnect,
        signers=(Role("industry node", "I"),),
        failures={
            "unknown-node": "the actor is a node",
            "wrong-gateway": "it names an active regional node, and another than before",
        },
        handler=reconnect,
        changes="the node; its account",
        events=("membership.reconnected",),
    ),
    Call(
        kind="identity.rotate_validator",
        title="Give a regional node a new validator key",
        payload=RotateValidator,
        signers=(Role("regional node", "R"), Role("key: of the new validator key", "k")),
        failures={
            "unknown-node": "the actor is a node",
            "key-taken": "no node has or had this validator key",
        },
        handler=rotate_validator,
        changes="the node; its account; the validator set; the record of the former key",
        events=("identity.validator_rotated",),
        tolerates=("expired", "inactive"),
    ),
    Call(
        kind="identity.rotate_peer",
        title="Give a node a new peer key, and say where it is found",
        payload=RotatePeer,
        signers=(Role("node", "NRI"), Role("key: of the new peer key", "k")),
        failures={
            "unknown-node": "the actor is a node",
            **CERTIFICATE_FAILURES,
        },
        handler=rotate_peer,
        changes="the node; its account",
        events=("identity.peer_rotated",),
        tolerates=("expired", "inactive"),
    ),
)
