"""The genesis document: what the peers of a chain agree on before its first block.

The format in full is docs/spec/genesis.md.

    genesis = canonical {consensus, name, national, number_blocks, records, regions,
                         root_certificate, rules, rules_version, suites, time_ms, v}
    founder = {certificate, code, endpoints: {http, peer}, peer_certificate,
               possession: {identity, peer, validator}, validator_key}
    hash    = SHA-256(genesis)
    chain   = <name>-<first 16 hex of the hash>

1. The root certificate is the national node's, signed by itself; it signs the identity certificate
   of every founder, and each identity key signs the peer certificate of its node. All of them are
   valid at `time_ms`.
2. The national node has no vote: its validator key and possession are empty. At least four regional
   nodes vote, in the order of their codes, and no two stand for one region.
3. Possession of each key is a signature under the purpose `possession` over canonical [name, code,
   role, key], the genesis hash being zero, for there is none yet. A founder can so lend its keys to
   no other code, role or network.
4. No key stands twice, the root's included, and no code.
5. Number blocks are disjoint, in order, and allocated to founders.
6. `records` are the initial state, plain keys and values in key order. They are taken as given:
   what they mean is for the contracts, and that they fit the founders is checked where both are
   known.

`decode_genesis` checks shapes, `check_genesis` everything else.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from ledger import codec, shape
from ledger.block import MAX_BLOCK_TRANSACTIONS
from ledger.code import CODE_LENGTH, parse_code
from ledger.codec import Value
from ledger.crypto import SUITE, Domain, Purpose, SigningKey, sha256
from ledger.endpoint import check_http_endpoint, check_peer_endpoint
from ledger.errors import CertificateError, FormatError, SignatureError
from ledger.primitives import (
    KEY_BYTES,
    MAX_AMOUNT,
    SIGNATURE_BYTES,
    ZERO_DIGEST,
    Code,
    Digest,
    PublicKey,
    Signature,
    TimeMs,
)
from ledger.record import MAX_KEY_BYTES
from ledger.transaction import MAX_TRANSACTION_BYTES
from ledger.x509 import (
    MAX_CERTIFICATE_BYTES,
    Certificate,
    parse_certificate,
    verify_certificate,
    verify_root,
)

VERSION = 1
RULES_VERSION = 1
MIN_REGIONS = 4
MAX_REGIONS = 34
MAX_GENESIS_BYTES = codec.MAX_BYTES
MAX_RECORDS = 1 << 16
MAX_NUMBER_BLOCKS = 4096
MAX_NUMBER = 36**5 - 1  # five base-36 digits of a registrant
POSSESSION_DOMAIN = Domain(Purpose.POSSESSION, ZERO_DIGEST)
ROLES = ("identity", "peer", "validator")

_KEYS = (
    "consensus",
    "name",
    "national",
    "number_blocks",
    "records",
    "regions",
    "root_certificate",
    "rules",
    "rules_version",
    "suites",
    "time_ms",
    "v",
)
_FOUNDER_KEYS = (
    "certificate",
    "code",
    "endpoints",
    "peer_certificate",
    "possession",
    "validator_key",
)
_LIMITS = {
    "block_interval_ms": (0, 60_000),
    "delta_ms": (1, 60_000),
    "heartbeat_ms": (1, 3_600_000),
    "max_block_bytes": (MAX_TRANSACTION_BYTES, codec.MAX_BYTES // 2),
    "max_block_transactions": (1, MAX_BLOCK_TRANSACTIONS),
    "transaction_window": (1, 1 << 20),
}
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class ConsensusLimits:
    """The limits and times that all validators must share; a block never exceeds them.

    `delta_ms` is the bound on network delay from which the view timers follow, `transaction_window`
    how many blocks ahead a transaction may live.
    """

    block_interval_ms: int = 20
    delta_ms: int = 500
    heartbeat_ms: int = 5_000
    max_block_bytes: int = 4 * 1024 * 1024
    max_block_transactions: int = 2_000
    transaction_window: int = 10_000


@dataclass(frozen=True, slots=True)
class Possession:
    """A founder's proofs that it holds its keys; None for a key that it has not."""

    identity: Signature
    peer: Signature
    validator: Signature | None


@dataclass(frozen=True, slots=True)
class Founder:
    """A node that is there from the start; certificates are DER.

    `http_endpoint` is an http or https URL without a path, `peer_endpoint` is host:port.
    """

    code: Code
    certificate: bytes
    peer_certificate: bytes
    validator_key: PublicKey | None
    possession: Possession
    http_endpoint: str
    peer_endpoint: str


@dataclass(frozen=True, slots=True)
class NumberBlock:
    """Registrant numbers from `first` to `last`, both included, that `issuer` may give out."""

    issuer: Code
    first: int
    last: int


@dataclass(frozen=True)  # no slots: the document's bytes and names are computed once, when asked
class Genesis:
    """A genesis document; see the module for its rules. `records` are (key, value) in key order."""

    name: str
    time_ms: TimeMs
    root_certificate: bytes
    national: Founder
    regions: tuple[Founder, ...]
    number_blocks: tuple[NumberBlock, ...]
    rules: dict[str, int]
    consensus: ConsensusLimits
    records: tuple[tuple[bytes, Value], ...]
    suites: tuple[str, ...] = (SUITE,)
    rules_version: int = RULES_VERSION

    @property
    def founders(self) -> tuple[Founder, ...]:
        """The national node, then the regions."""
        return (self.national, *self.regions)

    @property
    def validators(self) -> tuple[tuple[Code, PublicKey], ...]:
        """The first validator set: codes and keys, in the order of the codes."""
        return tuple(
            (region.code, region.validator_key)
            for region in self.regions
            if region.validator_key is not None
        )

    @cached_property
    def hash(self) -> Digest:
        """The hash that names the chain and that every signature on it covers."""
        return sha256(self.data)

    @cached_property
    def chain(self) -> str:
        """The chain's name for people and in transactions."""
        return compute_chain_name(self.name, self.hash)

    @cached_property
    def data(self) -> bytes:
        """The canonical document."""
        limits = {key: getattr(self.consensus, key) for key in _LIMITS}
        return codec.encode(
            {
                "consensus": limits,
                "name": self.name,
                "national": _founder_value(self.national),
                "number_blocks": [[b.issuer, b.first, b.last] for b in self.number_blocks],
                "records": [[key, value] for key, value in self.records],
                "regions": [_founder_value(region) for region in self.regions],
                "root_certificate": self.root_certificate,
                "rules": self.rules,
                "rules_version": self.rules_version,
                "suites": list(self.suites),
                "time_ms": self.time_ms,
                "v": VERSION,
            }
        )


def compute_genesis_hash(data: bytes) -> Digest:
    """The hash of a document's bytes."""
    return sha256(data)


def compute_chain_name(name: str, genesis_hash: Digest) -> str:
    """The chain's name for people and in transactions: `<name>-<16 hex>`."""
    return f"{name}-{genesis_hash.hex()[:16]}"


def prove_possession(name: str, code: Code, role: str, key: SigningKey) -> Signature:
    """A founder's proof that it holds the key of a role (rule 3)."""
    return POSSESSION_DOMAIN.sign(key, _possession_message(name, code, role, key.public))


def verify_possession(
    name: str, code: Code, role: str, key: PublicKey, proof: Signature | None
) -> None:
    """Raise SignatureError unless `proof` shows possession of the key of a role."""
    message = _possession_message(name, code, role, key)
    if proof is None or not POSSESSION_DOMAIN.is_valid(key, proof, message):
        raise SignatureError(f"{code} does not prove that it holds its {role} key")


def decode_genesis(data: bytes) -> Genesis:
    """The document of its bytes; raises EncodingError or FormatError. Proofs are not checked."""
    value = codec.decode(data, MAX_GENESIS_BYTES)
    version = value.get("v") if type(value) is dict else None
    if type(version) is not int or version != VERSION:
        raise FormatError(f"a genesis document of version {version!r} is not known here")
    fields = shape.check_map(value, "genesis", _KEYS)
    regions = shape.check_list(fields["regions"], "regions", MAX_REGIONS, MIN_REGIONS)
    blocks = shape.check_list(fields["number_blocks"], "number_blocks", MAX_NUMBER_BLOCKS)
    suites = shape.check_list(fields["suites"], "suites", 8, 1)
    return Genesis(
        name=_decode_name(fields["name"]),
        time_ms=TimeMs(shape.check_integer(fields["time_ms"], "time_ms", 1, MAX_AMOUNT)),
        root_certificate=_decode_certificate(fields["root_certificate"]),
        national=_decode_founder(fields["national"]),
        regions=tuple(_decode_founder(region) for region in regions),
        number_blocks=tuple(_decode_number_block(block) for block in blocks),
        rules=_decode_rules(fields["rules"]),
        consensus=_decode_limits(fields["consensus"]),
        records=tuple(_decode_records(fields["records"])),
        suites=tuple(shape.check_text(suite, "a suite", 64) for suite in suites),
        rules_version=shape.check_integer(fields["rules_version"], "rules_version", 1, 1 << 32),
    )


def check_genesis(genesis: Genesis) -> None:
    """Raise FormatError, CertificateError or SignatureError unless all rules of the module hold."""
    if genesis.suites != (SUITE,):
        raise FormatError(f"this version knows the suite {SUITE} only, not {genesis.suites}")
    if genesis.rules_version != RULES_VERSION:
        raise FormatError(f"a chain begins with rules version {RULES_VERSION}")
    _check_limits(genesis.consensus)
    _check_codes(genesis)
    _check_number_blocks(genesis)
    root = parse_certificate(genesis.root_certificate)
    verify_root(root)
    if root.subject != genesis.national.code:
        raise CertificateError(f"the root is {root.subject}, not the national node")
    _check_validity(root, genesis.time_ms)
    keys = [root.public_key]
    for founder in genesis.founders:
        keys.extend(_check_founder(genesis, founder, root))
    if len(set(keys)) != len(keys):
        raise FormatError("a key stands twice in the genesis document")


def _check_founder(genesis: Genesis, founder: Founder, root: Certificate) -> list[PublicKey]:
    """Check one founder's certificates and proofs; its keys in the order of the roles."""
    identity = parse_certificate(founder.certificate)
    verify_certificate(identity, root.public_key)
    if (identity.subject, identity.issuer) != (founder.code, root.subject):
        raise CertificateError(f"the identity certificate of {founder.code} names others")
    if not identity.is_authority:
        raise CertificateError(f"the identity of {founder.code} may not issue certificates")
    peer = parse_certificate(founder.peer_certificate)
    verify_certificate(peer, identity.public_key)
    if (peer.subject, peer.issuer) != (founder.code, founder.code) or peer.is_authority:
        raise CertificateError(f"the peer certificate of {founder.code} is not one of its own")
    for certificate in (identity, peer):
        _check_validity(certificate, genesis.time_ms)
    keys = [identity.public_key, peer.public_key]
    proofs = [founder.possession.identity, founder.possession.peer]
    if founder.validator_key is not None:
        keys.append(founder.validator_key)
        proofs.append(founder.possession.validator or Signature(b""))
    for role, key, proof in zip(ROLES, keys, proofs, strict=False):
        verify_possession(genesis.name, founder.code, role, key, proof)
    return keys


def _check_validity(certificate: Certificate, time_ms: int) -> None:
    if not certificate.is_valid_at(time_ms):
        raise CertificateError(
            f"the certificate of {certificate.subject} is not valid at the time of the genesis"
        )


def _check_codes(genesis: Genesis) -> None:
    national, codes = genesis.national, [region.code for region in genesis.regions]
    fields = [parse_code(code) for code in codes]
    if parse_code(national.code).kind != "N" or any(field.kind != "R" for field in fields):
        raise FormatError("the founders are one national node (N...) and regional nodes (R...)")
    if codes != sorted(set(codes)):
        raise FormatError("the regions are not in the order of their codes, or one stands twice")
    if len({field.region for field in fields}) != len(codes):
        raise FormatError("two founders stand for one region")
    if national.validator_key is not None or national.possession.validator is not None:
        raise FormatError("the national node has no vote and so no validator key")
    if any(region.validator_key is None for region in genesis.regions):
        raise FormatError("every regional founder has a validator key")


def _check_number_blocks(genesis: Genesis) -> None:
    founders = {founder.code for founder in genesis.founders}
    end = -1
    for block in genesis.number_blocks:
        if block.issuer not in founders:
            raise FormatError(f"{block.issuer} is allocated numbers but is no founder")
        if not end < block.first <= block.last:
            raise FormatError("number blocks overlap or are out of order")
        end = block.last


def _check_limits(limits: ConsensusLimits) -> None:
    if limits.block_interval_ms >= limits.delta_ms:
        raise FormatError("block_interval_ms must be below delta_ms, or leaders would look dead")
    if limits.heartbeat_ms < 4 * limits.delta_ms:
        raise FormatError("heartbeat_ms must be at least 4 times delta_ms, beyond every timer")


def _possession_message(name: str, code: Code, role: str, key: PublicKey) -> bytes:
    assert role in ROLES
    return codec.encode([name, code, role, key])


def _founder_value(founder: Founder) -> Value:
    proofs = founder.possession
    return {
        "certificate": founder.certificate,
        "code": founder.code,
        "endpoints": {"http": founder.http_endpoint, "peer": founder.peer_endpoint},
        "peer_certificate": founder.peer_certificate,
        "possession": {
            "identity": proofs.identity,
            "peer": proofs.peer,
            "validator": proofs.validator or b"",
        },
        "validator_key": founder.validator_key or b"",
    }


def _decode_founder(value: Value) -> Founder:
    fields = shape.check_map(value, "a founder", _FOUNDER_KEYS)
    endpoints = shape.check_map(fields["endpoints"], "endpoints", ("http", "peer"))
    proofs = shape.check_map(fields["possession"], "possession", ROLES)
    key, proof = fields["validator_key"], proofs["validator"]
    return Founder(
        code=_decode_code(fields["code"]),
        certificate=_decode_certificate(fields["certificate"]),
        peer_certificate=_decode_certificate(fields["peer_certificate"]),
        validator_key=(
            PublicKey(shape.check_bytes(key, "validator_key", KEY_BYTES)) if key != b"" else None
        ),
        possession=Possession(
            _decode_proof(proofs["identity"]),
            _decode_proof(proofs["peer"]),
            _decode_proof(proof) if proof != b"" else None,
        ),
        http_endpoint=check_http_endpoint(endpoints["http"]),
        peer_endpoint=check_peer_endpoint(endpoints["peer"]),
    )


def _decode_proof(value: Value) -> Signature:
    return Signature(shape.check_bytes(value, "a possession proof", SIGNATURE_BYTES))


def _decode_name(value: Value) -> str:
    name = shape.check_text(value, "name", 32, 2)
    if not _NAME.fullmatch(name):
        raise FormatError("a chain's name is of lowercase letters, digits and inner hyphens")
    return name


def _decode_code(value: Value) -> Code:
    code = shape.check_text(value, "a code", CODE_LENGTH, CODE_LENGTH)
    parse_code(code)
    return Code(code)


def _decode_certificate(value: Value) -> bytes:
    return shape.check_blob(value, "a certificate", MAX_CERTIFICATE_BYTES)


def _decode_number_block(value: Value) -> NumberBlock:
    issuer, first, last = shape.check_tuple(value, "a number block", 3)
    return NumberBlock(
        _decode_code(issuer),
        shape.check_integer(first, "a first number", 0, MAX_NUMBER),
        shape.check_integer(last, "a last number", 0, MAX_NUMBER),
    )


def _decode_rules(value: Value) -> dict[str, int]:
    if type(value) is not dict or len(value) > 1024:
        raise FormatError("rules is not a map of at most 1024 entries")
    return {
        shape.check_text(name, "the name of a rule", 64): shape.check_integer(
            number, f"the rule {name}", -MAX_AMOUNT, MAX_AMOUNT
        )
        for name, number in value.items()
    }


def _decode_limits(value: Value) -> ConsensusLimits:
    fields = shape.check_map(value, "consensus", tuple(_LIMITS))
    return ConsensusLimits(
        **{
            name: shape.check_integer(fields[name], name, low, high)
            for name, (low, high) in _LIMITS.items()
        }
    )


def _decode_records(value: Value) -> Iterator[tuple[bytes, Value]]:
    last = b""
    records: Iterable[Value] = shape.check_list(value, "records", MAX_RECORDS)
    for record in records:
        key, content = shape.check_tuple(record, "a record", 2)
        shape.check_blob(key, "the key of a record", MAX_KEY_BYTES)
        if key <= last:
            raise FormatError("the initial records are not in key order")
        last = key
        yield key, content
