"""Nodes: who is a peer of the network, under which keys, and who votes.

    key    node 0x00 code 0x00
    value  {"activates_ms", "http_endpoint", "peer_certificate", "peer_endpoint", "peer_key",
            "rules", "sector", "status", "through", "validator_key"}
    key    former_key 0x00 key in hex 0x00       a validator key that was rotated away
    value  {"code", "height", "rules"}           whose it was, and where it was replaced

1. A node is admitted, then connected once it has shown that it runs, then active; it may be
   suspended and resumed, and retires for ever from wherever it stands. What ends or stops its
   identity ends or stops the node: revoked is retired.
2. The validators are the active regional nodes that have a validator key, in the order of codes.
3. `apply_step` is the one place where a node's status, and with it the validator set, changes. No
   change brings the validators below `minimum_validators`, and none leaves a set of which less than
   a quorum is alive: who signed a parent's certificate or proposed a block within the last
   `liveness_blocks` blocks. A newcomer counts as a member, but not as alive.
4. A connected node is activated by the block itself, and tried again every `activation_retry_ms`
   while too few are alive or its identity does not stand well.
5. Until it is active a node prepares to be: it declares its profile, connects, renews its keys and
   has help cases. It does nothing else in the name of its region or sector (`signer-inactive`).
6. `through` is the regional node that an industry node is connected through, `sector` the named
   sector that it applied for, of which one letter has many; empty for others, and for those of the
   genesis.
7. A validator key is one node's for ever: what was signed with a former one still tells who signed.
"""

from dataclasses import dataclass
from typing import Final, TypedDict

from contracts.call import Due
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.life import compute_next
from contracts.standing import IDENTITIES, Identity, get_identity, is_active, make_identity_key
from contracts.standing import LIFE as IDENTITY_LIFE
from contracts.table import Projection, Table, make_due_key
from ledger.primitives import Code, PublicKey
from ledger.record import make_key
from ledger.state import Reader

ADMITTED: Final = "admitted"
ACTIVE: Final = "active"
RETIRED: Final = "retired"
LIFE: Final = {
    (ADMITTED, "connect"): "connected",
    ("connected", "activate"): ACTIVE,
    (ACTIVE, "suspend"): "suspended",
    ("suspended", "resume"): ACTIVE,
    (ADMITTED, "retire"): RETIRED,
    ("connected", "retire"): RETIRED,
    (ACTIVE, "retire"): RETIRED,
    ("suspended", "retire"): RETIRED,
}
_WAITING: Final = (ADMITTED, "connected")
STATUS_FAILURES: Final = {
    "too-few-validators": "no fewer than `minimum_validators` active validators are left",
    "too-few-live": "of the new validator set a quorum is alive, newcomers not counted",
}
PREFIX: Final = make_key("node")
VALIDATORS_PREFIX: Final = PREFIX + b"R"
_ACTIVATION: Final = "membership.activate"
# What happens to a node when this happens to its identity.
_STEP_OF_IDENTITY: Final = {"suspend": "suspend", "resume": "resume", "revoke": "retire"}


class NodeRecord(TypedDict):
    """The value of a node; a node without a vote has an empty validator key.

    `activates_ms` is when a connected node is next tried to be activated, else 0.
    """

    activates_ms: int
    http_endpoint: str
    peer_certificate: bytes
    peer_endpoint: str
    peer_key: bytes
    rules: int
    sector: str
    status: str
    through: str
    validator_key: bytes


def _project(key: bytes, node: NodeRecord) -> Projection:
    if node["status"] != "connected":
        return Projection()
    due = make_due_key("time", node["activates_ms"], _ACTIVATION, _code_of(key))
    return Projection({due: key})


NODES: Final[Table[NodeRecord]] = Table(
    "node", NodeRecord, ("code",), _project, derives=("due",), life=LIFE, state="status"
)


class FormerKey(TypedDict):
    """The value of a validator key that its node has replaced."""

    code: str
    height: int
    rules: int


FORMER_KEYS: Final[Table[FormerKey]] = Table("former_key", FormerKey, ("key",))


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the network layer needs it; `status` is one of its life."""

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


def load_own(ctx: Context) -> tuple[bytes, NodeRecord]:
    """The key and record of the node that acts; fails with `unknown-node`."""
    key = NODES.make_key(ctx.actor)
    node = NODES.get(ctx, key)
    if node is None:
        raise Failure("unknown-node")
    return key, node


def find_voice(ctx: Context, key: bytes) -> str:
    """The code of the node, active or not, whose validator key this is; empty where it is none."""
    regions = ctx.scan(VALIDATORS_PREFIX)  # the only ones that have one
    holders = (node for node, value in regions if value["validator_key"] == key)
    holder = next(holders, None)
    return "" if holder is None else _code_of(holder)


def find_holder(ctx: Context, key: bytes) -> str:
    """The code of the node whose validator key this is or once was; empty where it is none."""
    former = FORMER_KEYS.get(ctx, FORMER_KEYS.make_key(key.hex()))
    return find_voice(ctx, key) if former is None else former["code"]


def apply_voice(ctx: Context, code: str, validator_key: bytes) -> None:
    """Give a node another validator key, and note whose the one before was."""
    key = NODES.make_key(code)
    node = NODES.get(ctx, key)
    assert node is not None
    former: FormerKey = {"code": code, "height": ctx.height, "rules": ctx.rules.version}
    FORMER_KEYS.put(ctx, FORMER_KEYS.make_key(node["validator_key"].hex()), former)
    NODES.put(ctx, key, {**node, "validator_key": validator_key})


def check_active(ctx: Context, code: str, tolerates: tuple[str, ...]) -> None:
    """Fail with `signer-inactive` where a node signs that is not active yet (rule 5)."""
    if code[0] in "RI" and "inactive" not in tolerates:
        node = NODES.get(ctx, NODES.make_key(code))
        require(node is None or node["status"] not in _WAITING, "signer-inactive")


def is_electoral(ctx: Context, code: str) -> bool:
    """Whether a code is that of a regional node that votes, or is suspended from voting."""
    node = NODES.get(ctx, NODES.make_key(code)) if code[0] == "R" else None
    return node is not None and node["status"] in (ACTIVE, "suspended")


def is_voting(ctx: Context, code: str) -> bool:
    """Whether a code is that of a regional node that votes now."""
    node = NODES.get(ctx, NODES.make_key(code)) if code[0] == "R" else None
    return node is not None and node["status"] == ACTIVE


def apply_step(ctx: Context, code: str, event: str) -> None:
    """One step of a node's life; fails with `wrong-state` or `STATUS_FAILURES`.

    What it takes to be asked for is the caller's to judge: a ballot, an issuer, the block itself.
    """
    key = NODES.make_key(code)
    node = NODES.get(ctx, key)
    assert node is not None
    status = compute_next(LIFE, node["status"], event)
    changed: NodeRecord = {**node, "activates_ms": 0, "status": status}
    if event == "connect":
        changed["activates_ms"] = ctx.time_ms
    if node["validator_key"] and ACTIVE in (node["status"], status):
        _check_set(ctx, code, is_joining=status == ACTIVE)
    NODES.put(ctx, key, changed)


def apply_identity_step(
    ctx: Context, code: str, event: str, actor: str, reason: str, note: str
) -> None:
    """One step of an identity's life, and of its node's if it has one (rule 1).

    Suspension, resumption and revocation are such steps; a node that retires revokes its identity,
    and what it issued stands. Fails with `wrong-state` or `STATUS_FAILURES`.
    """
    identity = get_identity(ctx, code)
    assert identity is not None
    status = compute_next(IDENTITY_LIFE, identity["status"], event)
    node = NODES.get(ctx, NODES.make_key(code))
    if node is not None and (node["status"], _STEP_OF_IDENTITY[event]) in LIFE:
        apply_step(ctx, code, _STEP_OF_IDENTITY[event])
    changed: Identity = {**identity, "actor": actor, "reason": reason, "status": status}
    IDENTITIES.put(ctx, make_identity_key(code), changed)
    about = (code, actor, identity["issuer"])
    ctx.emit(f"identity.{status}", about, note=note, reason=reason)


def activate(ctx: Context, key: bytes) -> None:
    """Let a connected node take part, or try again later (rule 4)."""
    code = _code_of(key)
    reason = _find_obstacle(ctx, code)
    if reason:
        node = NODES.get(ctx, key)
        assert node is not None
        at_ms = ctx.time_ms + ctx.rules["activation_retry_ms"]
        NODES.put(ctx, key, {**node, "activates_ms": at_ms})
        ctx.emit("membership.waits", (code,), reason=reason)
    else:
        ctx.emit("membership.activated", (code,))


def _find_obstacle(ctx: Context, code: str) -> str:
    """Why a node cannot be activated; nothing, once it is."""
    if not is_active(ctx, code):
        return "identity"
    try:
        apply_step(ctx, code, "activate")
    except Failure as error:
        return error.code
    return ""


def compute_quorum(n: int) -> int:
    """How many of n validators decide."""
    return n - (n - 1) // 3


def _check_set(ctx: Context, code: str, is_joining: bool) -> None:
    """Rule 3, for the set without `code` or with it."""
    staying = [member for member, _ in compute_validators(ctx.layer) if member != code]
    n = len(staying) + is_joining
    require(is_joining or n >= ctx.rules["minimum_validators"], "too-few-validators")
    live = sum(ctx.trail.is_live(member, ctx.rules["liveness_blocks"]) for member in staying)
    require(live >= compute_quorum(n), "too-few-live")


def _make_node(state: Reader, key: bytes, value: NodeRecord) -> Node:
    code = _code_of(key)
    identity = state.get(make_identity_key(code))
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


DUE = (
    Due(
        action=_ACTIVATION,
        title="Let a connected node take part",
        clocks=("time",),
        handler=activate,
        changes="the node; the validator set, where it is a regional node and enough are alive",
        events=("membership.activated", "membership.waits"),
    ),
)
TABLES = (NODES, FORMER_KEYS)
