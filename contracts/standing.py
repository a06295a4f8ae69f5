"""Standing: the records of identities, whose key a signer's is, and who may do business.

    key    identity 0x00 code 0x00      what an issuer issued is a prefix: identity 0x00 P52...
    value  {"actor", "blocks", "certificate", "credit_code", "expires_ms", "issuer", "key", "name",
            "reason", "role", "rules", "status"}
           a regional node's that was succeeded as an issuer also {"successor"}
    key    root 0x00                    the national root, which signs for the national node
    value  {"certificate", "key", "rules"}

Derived: `registrant 0x00 <5 characters> 0x00` names the provider or consumer it belongs to, and
`number_block 0x00 <first, 8 bytes> 0x00` holds [last, issuer].
"""

from typing import Final, NotRequired, TypedDict

from contracts.context import Context
from contracts.errors import Failure
from contracts.table import Projection, Table, get_last_field
from ledger.code import parse_code
from ledger.primitives import PublicKey
from ledger.record import make_key
from ledger.state import Reader
from ledger.transaction import parse_key_signer

ROOT_KEY: Final = make_key("root")
LIFE: Final = {
    ("active", "suspend"): "suspended",
    ("suspended", "resume"): "active",
    ("active", "revoke"): "revoked",
    ("suspended", "revoke"): "revoked",
}
OWNERS: Final = "PU"  # the classes that have a registrant of their own


class Identity(TypedDict):
    """The value of an identity. `expires_ms` is the first moment at which it is expired."""

    actor: str
    blocks: list[list[int]]
    certificate: bytes
    credit_code: str
    expires_ms: int
    issuer: str
    key: bytes
    name: str
    reason: str
    role: str
    rules: int
    status: str
    successor: NotRequired[str]


def make_identity_key(code: str) -> bytes:
    """The key of an identity."""
    return b"identity\x00%b\x00" % code.encode()


def make_registrant_key(registrant: str) -> bytes:
    """Derived: the provider or consumer that a registrant belongs to."""
    return make_key("registrant", registrant)


def _project(key: bytes, identity: Identity) -> Projection:
    code = get_last_field(key)
    entries: dict[bytes, object] = {
        make_key("number_block", first.to_bytes(8, "big")): [last, code]
        for first, last in identity["blocks"]
    }
    if code[0] in OWNERS:
        entries[make_registrant_key(parse_code(code).registrant)] = code
    return Projection(entries)


IDENTITIES: Final[Table[Identity]] = Table(
    "identity",
    Identity,
    ("code",),
    _project,
    derives=("number_block", "registrant"),
    life=LIFE,
    state="status",
    grows=True,
)


def resolve_key(state: Reader, signer: str) -> PublicKey | None:
    """The key of a signer: a code's registered identity key; `key:<hex>` is its own."""
    bare = parse_key_signer(signer)
    if bare is not None:
        return bare
    record = state.get(make_identity_key(signer))
    return None if record is None else PublicKey(record.value["key"])


def get_identity(ctx: Context, code: str) -> Identity | None:
    """The identity of a code, or None."""
    identity: Identity | None = ctx.get(make_identity_key(code))
    return identity


def get_role(ctx: Context, code: str) -> str:
    """The role of an authority; empty for anybody else."""
    identity = get_identity(ctx, code)
    return "" if identity is None else identity["role"]


def compute_standing(identity: Identity, time_ms: int) -> str:
    """revoked, suspended, expired or active: the first that holds."""
    if identity["status"] != "active":
        return identity["status"]
    return "expired" if time_ms >= identity["expires_ms"] else "active"


def check_signer(ctx: Context, code: str, tolerates: tuple[str, ...]) -> None:
    """Fail with `signer-...` unless the signer stands well enough in the state as it is now."""
    identity: Identity | None = ctx.get(make_identity_key(code))
    if identity is None:
        raise Failure("signer-unknown")
    standing = compute_standing(identity, ctx.scope.time_ms)
    if standing != "active" and standing not in tolerates:
        raise Failure(f"signer-{standing}")


def is_active(ctx: Context, code: str) -> bool:
    """Whether a code may do new business."""
    identity = get_identity(ctx, code)
    return identity is not None and compute_standing(identity, ctx.time_ms) == "active"


TABLES = (IDENTITIES,)
