"""Founding: the records that a chain begins with, plain keys and values.

1. There is one national node, and at least four regional nodes, each of another region.
2. The root certificate is the national node's and signs every identity certificate; each node's
   identity key signs its peer certificate.
3. Industry nodes and authorities may be there from the start; an authority has a role and no node.
4. Number blocks are those given, or `compute_default_blocks`.
5. The first interface profile is published.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from contracts.errors import FoundingError
from contracts.identity import AUTHORITIES, ISSUES
from contracts.nodes import ACTIVE, NODES, NodeRecord
from contracts.root import make_root_record
from contracts.rules import (
    VERSION_1,
    find_beyond_bounds,
    find_broken_relations,
    make_rules_key,
)
from contracts.standards import make_initial_record
from contracts.standing import ROOT_KEY, Identity, make_identity_key
from ledger.code import PROVINCES, parse_code
from ledger.codec import Value
from ledger.errors import LedgerError
from ledger.genesis import Genesis, NumberBlock
from ledger.primitives import Code, PublicKey
from ledger.x509 import Certificate, parse_certificate, verify_certificate, verify_root

MIN_REGIONS: Final = 4
RULES_VERSION: Final = 1
_BLOCK_SIZE = 36**3
_FIRST_REGIONAL_BLOCK = 10  # 0A000 to 0AZZZ


class FounderLike(Protocol):
    """What founding needs of a founder; that of a genesis document will do."""

    @property
    def code(self) -> Code:
        """Its code."""
        ...

    @property
    def certificate(self) -> bytes:
        """Its identity certificate, DER."""
        ...

    @property
    def validator_key(self) -> PublicKey | None:
        """Its validator key; regional nodes have one."""
        ...

    @property
    def peer_certificate(self) -> bytes:
        """Its peer certificate, DER; empty for an authority."""
        ...

    @property
    def peer_endpoint(self) -> str:
        """Where its peers find it."""
        ...

    @property
    def http_endpoint(self) -> str:
        """Where its users find it."""
        ...


@dataclass(frozen=True, slots=True)
class Founder:
    """A node or an authority that is there from the start; certificates are DER.

    Without a `name` it is called after its province.
    """

    code: Code
    certificate: bytes
    validator_key: PublicKey | None = None
    peer_certificate: bytes = b""
    peer_endpoint: str = ""
    http_endpoint: str = ""
    name: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True)
class Founding:
    """Everything that the first state follows from."""

    root_certificate: bytes
    founders: Sequence[FounderLike]
    number_blocks: Sequence[NumberBlock] = ()
    rules: Mapping[str, int] = field(default_factory=lambda: VERSION_1)


def compute_initial_records(founding: Founding) -> list[tuple[bytes, Value]]:
    """The records of the first state in key order; raises FoundingError."""
    if set(founding.rules) != set(VERSION_1):
        raise FoundingError("the rules are not exactly those of version 1")
    wrong = find_beyond_bounds(founding.rules) or find_broken_relations(founding.rules)
    if wrong:
        raise FoundingError(f"the rules are beyond their bounds: {', '.join(wrong)}")
    try:
        records = dict(_make_records(founding))
    except LedgerError as error:
        raise FoundingError(str(error)) from None
    return sorted(records.items())


def check_records(genesis: Genesis) -> None:
    """Raise FoundingError unless a genesis document's records follow from those whom it names.

    These are its founders, and the industry nodes and authorities that its root certified.
    """
    founders: list[FounderLike] = [*genesis.founders, *_read_others(genesis)]
    founding = Founding(genesis.root_certificate, founders, genesis.number_blocks, genesis.rules)
    wanted, found = dict(compute_initial_records(founding)), dict(genesis.records)
    for key in sorted({*wanted, *found}):
        if wanted.get(key) != found.get(key):
            raise FoundingError(f"the initial record {key!r} does not follow from the founders")


def compute_default_blocks(codes: Sequence[str]) -> list[NumberBlock]:
    """The national node's registrants up to 009ZZ, then 36^3 for each region in code order."""
    blocks = []
    for code in sorted(codes):
        if code[0] == "N":
            blocks.append(NumberBlock(Code(code), 0, 10 * 36**2 - 1))
    for place, code in enumerate(sorted(code for code in codes if code[0] == "R")):
        first = (_FIRST_REGIONAL_BLOCK + place) * _BLOCK_SIZE
        blocks.append(NumberBlock(Code(code), first, first + _BLOCK_SIZE - 1))
    return blocks


def _read_others(genesis: Genesis) -> Iterator[Founder]:
    """Those whom the records of a genesis document name beside its founders."""
    records = dict(genesis.records)
    founders = [founder.code for founder in genesis.founders]
    for key, value in genesis.records:
        code = Code(key.split(b"\x00")[1].decode("ascii", "replace"))
        if key == make_identity_key(code) and code not in founders and type(value) is dict:
            node = records.get(NODES.make_key(code), {})
            yield Founder(
                code=code,
                certificate=value.get("certificate", b""),
                peer_certificate=node.get("peer_certificate", b""),
                peer_endpoint=node.get("peer_endpoint", ""),
                http_endpoint=node.get("http_endpoint", ""),
                name=value.get("name", ""),
                role=value.get("role", ""),
            )


def _make_records(founding: Founding) -> Iterator[tuple[bytes, Value]]:
    root = parse_certificate(founding.root_certificate)
    verify_root(root)
    _check_founders(founding.founders, root)
    blocks = founding.number_blocks or compute_default_blocks(
        [founder.code for founder in founding.founders]
    )
    yield ROOT_KEY, make_root_record(root, "", RULES_VERSION)
    yield (
        make_rules_key(RULES_VERSION),
        {
            "ballot": "",
            "from_height": 0,
            "integers": dict(sorted(founding.rules.items())),
            "version": RULES_VERSION,
        },
    )
    yield make_initial_record()
    for founder in founding.founders:
        certificate = _check_identity(founder, root)
        own = sorted([block.first, block.last] for block in blocks if block.issuer == founder.code)
        yield make_identity_key(founder.code), _make_identity(founder, certificate, own)
        if founder.peer_certificate:
            yield NODES.make_key(founder.code), _make_node(founder, certificate)


def _check_founders(founders: Sequence[FounderLike], root: Certificate) -> None:
    codes = [founder.code for founder in founders]
    regions = [founder for founder in founders if founder.code[:1] == "R"]
    keys = [founder.validator_key for founder in regions]
    if [code for code in codes if code[:1] == "N"] != [root.subject]:
        raise FoundingError("there is one national node, and the root is its")
    if len(set(codes)) != len(codes) or len({code[1:3] for code in codes if code[0] == "R"}) < len(
        regions
    ):
        raise FoundingError("a code or a region stands twice")
    if len(regions) < MIN_REGIONS or None in keys or len(set(keys)) < len(keys):
        raise FoundingError("at least four regional nodes vote, each with a key of its own")
    if any(founder.validator_key for founder in founders if founder.code[0] != "R"):
        raise FoundingError("only regional nodes have validator keys")
    if any(bool(founder.peer_certificate) != (founder.code[0] in "NRI") for founder in founders):
        raise FoundingError("nodes have peer certificates, others none")


def _check_identity(founder: FounderLike, root: Certificate) -> Certificate:
    kind = parse_code(founder.code).kind
    if kind not in "N" + ISSUES["N"]:
        raise FoundingError(f"{founder.code} is not for the national node to issue")
    if (kind == "A") != bool(getattr(founder, "role", "")):
        raise FoundingError(f"{founder.code}: authorities have a role, others none")
    certificate = parse_certificate(founder.certificate)
    verify_certificate(certificate, root.public_key)
    names = (certificate.subject, certificate.issuer, certificate.is_authority)
    if names != (founder.code, root.subject, kind in AUTHORITIES):
        raise FoundingError(f"the certificate of {founder.code} is for another")
    return certificate


def _make_identity(
    founder: FounderLike, certificate: Certificate, blocks: list[list[int]]
) -> Identity:
    return {
        "actor": certificate.issuer,
        "blocks": blocks,
        "certificate": certificate.der,
        "credit_code": "",
        "expires_ms": certificate.not_after_ms + 1000,
        "issuer": certificate.issuer,
        "key": certificate.public_key,
        "name": getattr(founder, "name", "") or _compute_name(founder.code),
        "reason": "founded",
        "role": getattr(founder, "role", ""),
        "rules": RULES_VERSION,
        "status": "active",
    }


def _compute_name(code: str) -> str:
    return "国家" if code[0] == "N" else PROVINCES.get(code[1:3], "")


def _make_node(founder: FounderLike, identity: Certificate) -> NodeRecord:
    peer = parse_certificate(founder.peer_certificate)
    verify_certificate(peer, identity.public_key)
    if (peer.subject, peer.issuer, peer.is_authority) != (founder.code, founder.code, False):
        raise FoundingError(f"the peer certificate of {founder.code} is for another")
    return {
        "activates_ms": 0,
        "http_endpoint": founder.http_endpoint,
        "peer_certificate": peer.der,
        "peer_endpoint": founder.peer_endpoint,
        "peer_key": peer.public_key,
        "rules": RULES_VERSION,
        "sector": "",
        "status": ACTIVE,
        "through": "",
        "validator_key": founder.validator_key or b"",
    }
