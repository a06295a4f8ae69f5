"""Registration: the place that a new identity takes, whoever brings it about.

1. The registrant of a code is in a number block of its issuer, a regional issuer's code in its
   region. A code stands once for ever; a provider or consumer has a registrant of its own, a
   service that of one of them.
2. One regional node stands for a region.
3. Number blocks never overlap.
"""

from contracts.context import Context
from contracts.errors import require
from contracts.standing import (
    IDENTITIES,
    OWNERS,
    Identity,
    get_identity,
    make_identity_key,
    make_registrant_key,
)
from ledger.code import parse_code
from ledger.record import make_key
from ledger.x509 import Certificate


def check_place(ctx: Context, code: str, issuer: str) -> None:
    """Rules 1 and 2; the failures are those of `identity.register`, in their order."""
    fields = parse_code(code)
    require(issuer[0] == "N" or fields.region == issuer[1:3], "outside-region")
    identity = get_identity(ctx, issuer)
    assert identity is not None
    number = int(fields.registrant, 36)
    fits = any(first <= number <= last for first, last in identity["blocks"])
    require(fits, "outside-number-block")
    require(ctx.get(make_identity_key(code)) is None, "code-taken")
    owner = ctx.get_derived(make_registrant_key(fields.registrant))
    require(code[0] not in OWNERS or owner is None, "registrant-taken")
    require(code[0] != "S" or owner is not None, "unknown-registrant")
    require(code[0] != "R" or not is_region_taken(ctx, fields.region), "region-taken")


def is_region_taken(ctx: Context, region: str) -> bool:
    """Whether a regional node that was not revoked stands for a province."""
    prefix = IDENTITIES.prefix + f"R{region}".encode()
    return any(value["status"] != "revoked" for _, value in ctx.scan(prefix))


def is_block_taken(ctx: Context, first: int, last: int) -> bool:
    """Whether a number block, both ends included, overlaps one that was allotted."""
    prefix = make_key("number_block")
    return any(
        int.from_bytes(key[len(prefix) : -1], "big") <= last and value[0] >= first
        for key, value in ctx.scan_derived(prefix)
    )


def make_identity(
    ctx: Context, certificate: Certificate, name: str, credit_code: str, role: str = ""
) -> Identity:
    """The record of a new identity, which the actor issues."""
    return {
        "actor": ctx.actor,
        "blocks": [],
        "certificate": certificate.der,
        "credit_code": credit_code,
        "expires_ms": certificate.not_after_ms + 1000,
        "issuer": ctx.actor,
        "key": certificate.public_key,
        "name": name,
        "reason": "registered",
        "role": role,
        "rules": ctx.rules.version,
        "status": "active",
    }
