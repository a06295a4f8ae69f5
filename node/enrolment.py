"""Enrolment: how a member's keys become its certified identity.

1. A member makes its keys where they will be used (`make_keys`) and a request: its public keys, the
   proof that it holds each, and, for a node, the peer certificate that its identity key signed.
2. The request travels to the issuer (the national root, or a member's regional node), who checks
   the proofs and certifies (`certify`). Nothing in a request is secret, and nothing in it can be
   used under another code or in another network.

A request file is JSON: `suanlian-request` (its format, 1), the texts `network`, `code`, `name`,
`role`, `peer_endpoint`, `http_endpoint`, and in hex `identity_key`, `validator_key`,
`peer_certificate` and the `proofs` by role of key. What a member has not is the empty text.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.identity import AUTHORITIES
from ledger.code import parse_code
from ledger.crypto import SigningKey, sha256
from ledger.errors import FormatError
from ledger.genesis import ROLES, prove_possession, verify_possession
from ledger.primitives import KEY_BYTES, SIGNATURE_BYTES, Code, PublicKey, Signature
from ledger.x509 import (
    MAX_CERTIFICATE_BYTES,
    issue_certificate,
    parse_certificate,
    verify_certificate,
)
from node.keys import make_key

FORMAT = 1
DAY_MS = 86_400_000
VALIDITY_DAYS = 3_650
NODE_CLASSES = "NRI"
MAX_REQUEST_BYTES = 16 * 1024

_TEXTS = {"network": 64, "code": 24, "name": 128, "role": 32}
_ENDPOINTS = {"peer_endpoint": 255, "http_endpoint": 255}


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when certificates are valid, in milliseconds at whole seconds."""

    not_before_ms: int
    not_after_ms: int

    @classmethod
    def from_days(cls, time_ms: int, days: int = VALIDITY_DAYS) -> "Validity":
        """From the second of `time_ms` for so many days."""
        begin = time_ms - time_ms % 1000
        return cls(begin, begin + days * DAY_MS)


@dataclass(frozen=True, slots=True)
class MemberKeys:
    """A member's secret keys: nodes have a peer key, regional nodes a validator key too."""

    identity: SigningKey
    peer: SigningKey | None = None
    validator: SigningKey | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """What a member says of itself: nodes their endpoints, authorities a name and a role.

    `http_endpoint` is an http or https URL without a path, `peer_endpoint` is host:port.
    """

    code: Code
    peer_endpoint: str = ""
    http_endpoint: str = ""
    name: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What a member asks its issuer to certify.

    `network` is the name in the genesis, `proofs` show possession by the role of the key (identity,
    peer, validator).
    """

    network: str
    profile: Profile
    identity_key: PublicKey
    proofs: Mapping[str, Signature]
    peer_certificate: bytes = b""
    validator_key: PublicKey | None = None

    @property
    def code(self) -> Code:
        """The member's code."""
        return self.profile.code


@dataclass(frozen=True, slots=True)
class Certified:
    """A request with the identity certificate that its issuer gave for it."""

    request: Request
    certificate: bytes


def make_keys(code: Code, seed: bytes | None = None) -> MemberKeys:
    """The keys that a member of its class needs; from the system's randomness without a seed."""
    return MemberKeys(
        identity=derive_key(seed, f"{code} identity"),
        peer=derive_key(seed, f"{code} peer") if code[0] in NODE_CLASSES else None,
        validator=derive_key(seed, f"{code} validator") if code[0] == "R" else None,
    )


def derive_key(seed: bytes | None, label: str) -> SigningKey:
    """The key of SHA-256(seed || label); without a seed a new one."""
    if seed is None:
        return make_key()
    return SigningKey.from_seed(sha256(seed + label.encode()))


def make_request(network: str, profile: Profile, keys: MemberKeys, validity: Validity) -> Request:
    """What a member asks for, with the proofs that it holds its keys."""
    code, peer = profile.code, keys.peer
    held = {"identity": keys.identity, "peer": peer, "validator": keys.validator}
    return Request(
        network=network,
        profile=profile,
        identity_key=keys.identity.public,
        proofs={
            role: prove_possession(network, code, role, key) for role, key in held.items() if key
        },
        peer_certificate=(
            issue(code, code, peer.public, keys.identity, validity, False) if peer else b""
        ),
        validator_key=keys.validator.public if keys.validator else None,
    )


def check_request(request: Request) -> None:
    """Raise a LedgerError unless a request proves that its sender holds the keys in it."""
    code, held = request.code, {"identity": request.identity_key}
    kind = parse_code(code).kind
    if (kind in NODE_CLASSES) != bool(request.peer_certificate):
        raise FormatError(f"{code}: nodes have peer certificates, others none")
    if kind in "CS":
        raise FormatError(f"{code} is not a party and has no keys")
    if request.peer_certificate:
        peer = parse_certificate(request.peer_certificate)
        if (peer.subject, peer.issuer, peer.is_authority) != (code, code, False):
            raise FormatError(f"the peer certificate in the request of {code} is for another")
        verify_certificate(peer, request.identity_key)
        held["peer"] = peer.public_key
    if request.validator_key is not None:
        held["validator"] = request.validator_key
    for role, key in held.items():
        verify_possession(request.network, code, role, key, request.proofs.get(role))


def certify(request: Request, issuer: Code, key: SigningKey, validity: Validity) -> Certified:
    """The identity certificate for a request whose proofs hold; raises a LedgerError."""
    check_request(request)
    code = request.code
    may_issue = code[0] in AUTHORITIES
    return Certified(request, issue(code, issuer, request.identity_key, key, validity, may_issue))


def issue(
    subject: Code,
    issuer: Code,
    public_key: PublicKey,
    key: SigningKey,
    validity: Validity,
    is_authority: bool,
) -> bytes:
    """A certificate whose serial number of 128 bits follows from what is certified."""
    begin, end = validity.not_before_ms, validity.not_after_ms
    unlike = b"\x00".join((subject.encode(), public_key, b"%d %d" % (begin, end)))
    serial = int.from_bytes(sha256(unlike)[:16], "big") | 1
    return issue_certificate(subject, issuer, public_key, key, serial, begin, end, is_authority)


def encode_request(request: Request) -> str:
    """The text of a request file."""
    profile = request.profile
    value = {
        "suanlian-request": FORMAT,
        "network": request.network,
        "code": profile.code,
        "name": profile.name,
        "role": profile.role,
        "peer_endpoint": profile.peer_endpoint,
        "http_endpoint": profile.http_endpoint,
        "identity_key": request.identity_key.hex(),
        "validator_key": (request.validator_key or b"").hex(),
        "peer_certificate": request.peer_certificate.hex(),
        "proofs": {role: proof.hex() for role, proof in request.proofs.items()},
    }
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def decode_request(text: str) -> Request:
    """The request of its file's text; raises FormatError. Its proofs are not checked yet."""
    if len(text) > MAX_REQUEST_BYTES:
        raise FormatError("the request is too long")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"the request is not JSON: {error}") from None
    if type(value) is not dict or value.get("suanlian-request") != FORMAT:
        raise FormatError(f"this is no request file of format {FORMAT}")
    texts = {name: _text(value, name, most) for name, most in (_TEXTS | _ENDPOINTS).items()}
    parse_code(texts["code"])
    proofs = value.get("proofs")
    if type(proofs) is not dict or not set(proofs) <= set(ROLES):
        raise FormatError("the proofs of the request are not by identity, peer and validator")
    network, code = texts.pop("network"), Code(texts.pop("code"))
    return Request(
        network=network,
        profile=Profile(code=code, **texts),
        identity_key=PublicKey(_hex(value, "identity_key", KEY_BYTES)),
        proofs={role: Signature(_hex(proofs, role, SIGNATURE_BYTES)) for role in proofs},
        peer_certificate=_hex(value, "peer_certificate"),
        validator_key=(
            PublicKey(_hex(value, "validator_key", KEY_BYTES))
            if value.get("validator_key")
            else None
        ),
    )


def _text(value: dict[str, Any], name: str, most: int) -> str:
    text = value.get(name)
    if type(text) is not str or len(text) > most or not (text.isprintable() or not text):
        raise FormatError(f"{name} in the request is not a text of at most {most} characters")
    return text


def _hex(value: dict[str, Any], name: str, size: int | None = None) -> bytes:
    text = value.get(name)
    try:
        data = bytes.fromhex(text) if type(text) is str else None
    except ValueError:
        data = None
    if data is None or len(data) > MAX_CERTIFICATE_BYTES or size not in (None, len(data)):
        raise FormatError(f"{name} in the request is not hexadecimal of the right length")
    return data
