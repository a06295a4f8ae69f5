"""Nodes: who is a peer of the network, under which keys, and who votes.

    key    node 0x00 code 0x00
    value  {"http_endpoint", "peer_certificate", "peer_endpoint", "peer_key", "rules", "status",
            "validator_key"}

1. A node's status is active, suspended or retired; it follows the status of its identity.
2. The validators are the active regional nodes that have a validator key, in the order of codes.
3. No change brings them below `minimum_validators`.
"""

from dataclasses import dataclass
from typing import Final, TypedDict

from contracts.context import Context
from contracts.errors import require
from contracts.table import Table
from ledger.primitives import Code, PublicKey
from ledger.record import make_key
from ledger.state import Reader

ACTIVE: Final = "active"
RETIRED: Final = "retired"
PREFIX: Final = make_key("node")
VALIDATORS_PREFIX: Final = PREFIX + b"R"
_STATUS_OF_IDENTITY = {"active": ACTIVE, "suspended": "suspended", "revoked": RETIRED}


class NodeRecord(TypedDict):
    """The value of a node; a node without a vote has an empty validator key."""

    http_endpoint: str
    peer_certificate: bytes
    peer_endpoint: str
    peer_key: bytes
    rules: int
    status: str
    validator_key: bytes


NODES: Final[Table[NodeRecord]] = Table("node", NodeRecord, ("code",))


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the network layer needs it; `status` is active, suspended or retired."""

    code: Code
    status: str
    identity_key: PublicKey
    peer_key: PublicKey
    peer_certificate: bytes
    peer_endpoint: str
    http_endpoint: str
    validator_key: PublicKey | None


def compute_validators(state: Reader) -> list[tuple[str, PublicKey]]:
    """The active regional nodes that vote, in the order of their codes."""
    return [
        (_code_of(key), PublicKey(record.value["validator_key"]))
        for key, record in state.scan(VALIDATORS_PREFIX)
        if record.value["status"] == ACTIVE and record.value["validator_key"]
    ]


def compute_peers(state: Reader) -> list[Node]:
    """All nodes that were ever registered, in the order of their codes."""
    return [_make_node(state, key, record.value) for key, record in state.scan(PREFIX)]


def get_node(state: Reader, code: str) -> Node | None:
    """A node, or None."""
    key = NODES.make_key(code)
    record = state.get(key)
    return None if record is None else _make_node(state, key, record.value)


def is_validator_key(ctx: Context, key: bytes) -> bool:
    """Whether a node, active or not, has this validator key."""
    return any(value["validator_key"] == key for _, value in ctx.scan(PREFIX))


def apply_identity_status(ctx: Context, code: str, status: str) -> None:
    """Let a node, if the code has one, follow its identity; fails with `too-few-validators`."""
    key = NODES.make_key(code)
    node = NODES.get(ctx, key)
    if node is None:
        return
    following = _STATUS_OF_IDENTITY[status]
    if node["status"] == ACTIVE and node["validator_key"] and following != ACTIVE:
        left = len(compute_validators(ctx.layer)) - 1
        require(left >= ctx.rules["minimum_validators"], "too-few-validators")
    NODES.put(ctx, key, {**node, "status": following})


def _make_node(state: Reader, key: bytes, value: NodeRecord) -> Node:
    code = _code_of(key)
    identity = state.get(make_key("identity", code))
    assert identity is not None
    return Node(
        code=Code(code),
        status=value["status"],
        identity_key=PublicKey(identity.value["key"]),
        peer_key=PublicKey(value["peer_key"]),
        peer_certificate=value["peer_certificate"],
        peer_endpoint=value["peer_endpoint"],
        http_endpoint=value["http_endpoint"],
        validator_key=PublicKey(value["validator_key"]) if value["validator_key"] else None,
    )


def _code_of(key: bytes) -> str:
    return key[len(PREFIX) : -1].decode("ascii")


TABLES = (NODES,)
