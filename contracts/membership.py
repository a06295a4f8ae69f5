"""Membership: the keys under which a node takes part in the network, and where it is found.

1. A validator or peer key is rotated by its node alone, signed by the new key itself.
2. No two nodes ever have the same validator key; the validator set changes with it.
3. The peer certificate is signed by the node's identity key.
4. An admitted node connects once it runs: it names the height and the state root of one of the last
   blocks, which it knows only by having followed the chain, and signs beside its identity with its
   validator key if it has one. It speaks a published interface profile, its conformance run passed.
   An industry node names the regional node that it is connected through. The next block then makes
   it active, if enough validators are alive.
"""

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field

from contracts import nodes
from contracts.call import Call, Role
from contracts.certification import CERTIFICATE_FAILURES, check_certificate
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.nodes import NODES
from contracts.payload import Der, Payload
from contracts.standards import is_conformant
from contracts.standing import get_identity
from ledger.endpoint import check_http_endpoint, check_peer_endpoint
from ledger.errors import FormatError
from ledger.primitives import MAX_AMOUNT, PublicKey
from ledger.transaction import parse_key_signer


def _of_ledger(check: Callable[[str], str]) -> Callable[[str], str]:
    """A rule of the ledger as one of a field."""

    def is_kept(text: str) -> str:
        try:
            return check(text)
        except FormatError as error:
            raise ValueError(str(error)) from None

    return is_kept


class RotateValidator(Payload):
    """A new validator key, which signs beside the identity; there is nothing else to say."""


class RotatePeer(Payload):
    """A new peer key and its certificate, and where the node is found."""

    certificate: Der
    http_endpoint: Annotated[
        str,
        Field(description="http(s) URL without a path, at most 255 characters"),
        AfterValidator(_of_ledger(check_http_endpoint)),
    ]
    peer_endpoint: Annotated[
        str,
        Field(description="host:port, at most 255 characters"),
        AfterValidator(_of_ledger(check_peer_endpoint)),
    ]


class Connect(Payload):
    """An admitted node runs: a block that it followed the chain to."""

    height: Annotated[int, Field(ge=0, le=MAX_AMOUNT, description="of one of the last blocks")]
    state_root: Annotated[
        bytes, Field(min_length=32, max_length=32, description="the state root of that block")
    ]
    through: Annotated[
        str,
        Field(
            pattern=r"^(R[0-9A-Z]{23})?$",
            description="code of the regional node that an industry node is connected through",
        ),
    ]


def connect(ctx: Context, call: Connect) -> None:
    """Say that an admitted node runs; the next block makes it active."""
    # who may
    key = NODES.make_key(ctx.actor)
    node = NODES.get(ctx, key)
    if node is None:
        raise Failure("unknown-node")
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


def _is_gateway(ctx: Context, through: str) -> bool:
    """Whether a node of the actor's class can be connected through this one."""
    if ctx.actor[0] == "R":
        return not through
    gateway = NODES.get(ctx, NODES.make_key(through)) if through else None
    return gateway is not None and gateway["status"] == nodes.ACTIVE


def rotate_validator(ctx: Context, _call: RotateValidator) -> None:
    """Give a regional node a new validator key; the validator set changes with it."""
    # who may
    key = NODES.make_key(ctx.actor)
    node = NODES.get(ctx, key)
    if node is None:
        raise Failure("unknown-node")

    # what must hold
    validator_key = parse_key_signer(ctx.signers[1])
    assert validator_key is not None
    require(not nodes.is_validator_key(ctx, validator_key), "key-taken")

    # what changes
    NODES.put(ctx, key, {**node, "validator_key": validator_key})
    ctx.emit("identity.validator_rotated", (ctx.actor,), key=validator_key)


def rotate_peer(ctx: Context, call: RotatePeer) -> None:
    """Give a node a new peer key, certified by its identity key, and its endpoints."""
    # who may
    key = NODES.make_key(ctx.actor)
    node = NODES.get(ctx, key)
    identity = get_identity(ctx, ctx.actor)
    if node is None or identity is None:
        raise Failure("unknown-node")

    # what must hold
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
    ),
    Call(
        kind="identity.rotate_validator",
        title="Give a regional node a new validator key",
        payload=RotateValidator,
        signers=(Role("regional node", "R"), Role("key: of the new validator key", "k")),
        failures={
            "unknown-node": "the actor is a node",
            "key-taken": "no node has this validator key",
        },
        handler=rotate_validator,
        changes="the node; its account; the validator set",
        events=("identity.validator_rotated",),
        tolerates=("expired",),
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
        tolerates=("expired",),
    ),
)
