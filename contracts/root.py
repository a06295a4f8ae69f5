"""The national root: the key that signs the identities of nodes and of the national node itself.

    key    root 0x00
    value  {"ballot", "certificate", "key", "rules"}

1. The root of the genesis stands until a ballot replaces it: a `root` ballot, which the national
   node proposes and the old root signs, or a `recovery`, which needs neither (see `ballot`).
2. A new root is a certificate of the national node for a new key, signed by that key itself.
3. A recovery also replaces the identity key of the national node, whose certificate the new root
   signs: whoever lost the root, or lent it, can no longer speak for the network.
4. What the old root signed stands; from then on only the new one signs. All roots that ever were
   are the versions of this record.
"""

from typing import Final, TypedDict

from contracts.certification import CERTIFICATE_FAILURES, check_certificate
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.standing import IDENTITIES, ROOT_KEY, Identity, get_identity, make_identity_key
from contracts.table import Table
from ledger.errors import CertificateError
from ledger.primitives import PublicKey
from ledger.transaction import parse_key_signer
from ledger.x509 import Certificate, parse_certificate, verify_root

ROOT_FAILURES: Final = {
    **CERTIFICATE_FAILURES,
    "key-taken": "the new key is another than the root's of now",
}


class RootRecord(TypedDict):
    """The value of the root; `ballot` carried it, and is empty for the first."""

    ballot: str
    certificate: bytes
    key: bytes
    rules: int


ROOTS: Final[Table[RootRecord]] = Table("root", RootRecord, ())


def make_root_record(certificate: Certificate, ballot: str, version: int) -> RootRecord:
    """The record of a root under a version of the rules."""
    return {
        "ballot": ballot,
        "certificate": certificate.der,
        "key": certificate.public_key,
        "rules": version,
    }


def load_root(ctx: Context) -> RootRecord:
    """The root that signs now."""
    root = ROOTS.get(ctx, ROOT_KEY)
    assert root is not None, "a chain begins with a root"
    return root


def get_national(ctx: Context) -> str:
    """The code of the national node, which the root's certificate names."""
    return parse_certificate(load_root(ctx)["certificate"]).subject


def check_root(ctx: Context, data: bytes) -> Certificate:
    """A new root, whose key is the second signer; fails with `ROOT_FAILURES` in order."""
    try:
        certificate = parse_certificate(data)
        verify_root(certificate)
    except CertificateError as error:
        raise Failure("bad-certificate", str(error)) from None
    names_it = certificate.subject == get_national(ctx)
    bears_it = certificate.public_key == parse_key_signer(ctx.signers[1])
    require(names_it and bears_it, "certificate-mismatch")
    require(certificate.is_valid_at(ctx.time_ms), "certificate-not-valid")
    require(certificate.public_key != load_root(ctx)["key"], "key-taken")
    return certificate


def check_national(ctx: Context, data: bytes, root: Certificate) -> Certificate:
    """A new identity of the national node under a new root, whose key is the third signer."""
    national, key = root.subject, PublicKey(root.public_key)
    return check_certificate(ctx, data, national, national, key, True, bearer=2)


def apply_root(ctx: Context, data: bytes, ballot: str) -> None:
    """Let a new root sign from now on."""
    certificate = parse_certificate(data)
    ROOTS.put(ctx, ROOT_KEY, make_root_record(certificate, ballot, ctx.rules.version))
    ctx.emit("root.replaced", (certificate.subject, ballot), key=certificate.public_key)


def apply_national(ctx: Context, data: bytes, proposer: str) -> None:
    """Give the national node the identity that a recovery made."""
    certificate = parse_certificate(data)
    identity = get_identity(ctx, certificate.subject)
    assert identity is not None
    changed: Identity = {
        **identity,
        "certificate": data,
        "expires_ms": certificate.not_after_ms + 1000,
        "key": certificate.public_key,
    }
    IDENTITIES.put(ctx, make_identity_key(certificate.subject), changed)
    about = (certificate.subject, proposer)
    ctx.emit("identity.rotated", about, key=certificate.public_key)


TABLES = (ROOTS,)
