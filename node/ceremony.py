"""The founding of a network, step by step; the devnet goes through the same steps as operators do.

1. The national root is made offline and certifies itself (`make_root`).
2. Each founder makes its keys where they will be used, and a request (`node.enrolment`).
3. The root certifies each request after checking its proofs (`node.enrolment.certify`).
4. The national node assembles the document (`assemble`).
5. Every region checks the whole document, that its own entry is the one it asked for, and pins the
   hash (`check_founding`, `check_entry`). What the records say must follow from the founders
   exactly, so that nothing hides in them.

`make_network` does all of it in memory, and `write_network` lays it out in folders: the root's, the
operators' (identity keys) and the peers' (peer and validator keys) apart from each other. With a
`seed` every key, and so every byte, is the same again: for tests and simulation only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from contracts.errors import FoundingError
from contracts.founding import (
    Founder,
    FounderLike,
    Founding,
    compute_default_blocks,
    compute_initial_records,
)
from contracts.nodes import NODES
from contracts.rules import VERSION_1
from contracts.standing import IDENTITIES
from ledger import genesis as document
from ledger import shape
from ledger.code import compose_code
from ledger.codec import Value
from ledger.crypto import SigningKey
from ledger.errors import FormatError
from ledger.genesis import (
    ConsensusLimits,
    Genesis,
    NumberBlock,
    Possession,
    check_genesis,
)
from ledger.primitives import Code, Digest, TimeMs
from ledger.x509 import parse_certificate
from node.config import (
    FILE_NAME,
    Config,
    Http,
    Keys,
    Listen,
    Storage,
    compose_config,
    is_loopback,
)
from node.enrolment import (
    NODE_CLASSES,
    VALIDITY_DAYS,
    Certified,
    MemberKeys,
    Profile,
    Request,
    Validity,
    certify,
    check_request,
    derive_key,
    issue,
    make_keys,
    make_request,
)
from node.errors import ConfigError
from node.keys import Role, save_certificates, save_key


@dataclass(frozen=True, slots=True)
class MemberSpec:
    """A founder to make; `label` names its folder."""

    label: str
    profile: Profile

    @property
    def code(self) -> Code:
        """Its code."""
        return self.profile.code


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """A network to make. With `seed` its keys follow from it, else from the system's randomness."""

    name: str
    time_ms: int
    members: tuple[MemberSpec, ...]
    consensus: ConsensusLimits = field(default_factory=ConsensusLimits)
    rules: Mapping[str, int] = field(default_factory=lambda: VERSION_1)
    validity_days: int = VALIDITY_DAYS
    seed: bytes | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A founder with its keys and certificates (DER)."""

    spec: MemberSpec
    keys: MemberKeys
    request: Request
    certificate: bytes

    @property
    def code(self) -> Code:
        """Its code."""
        return self.spec.code

    @property
    def is_node(self) -> bool:
        """Whether it runs a peer."""
        return self.code[0] in NODE_CLASSES


@dataclass(frozen=True, slots=True)
class Founded:
    """A network that was made: the document, and every secret behind it."""

    genesis: Genesis
    root: SigningKey
    members: tuple[Member, ...]

    def select(self, kind: str) -> tuple[Member, ...]:
        """The members of a class of code, in the order of the specification."""
        return tuple(member for member in self.members if member.code[0] == kind)

    def find(self, label: str) -> Member:
        """The member of a label."""
        return next(member for member in self.members if member.spec.label == label)


def make_root(code: Code, key: SigningKey, validity: Validity) -> bytes:
    """Step 1: the certificate of the national root, signed by itself."""
    return issue(code, code, key.public, key, validity, True)


def assemble(
    name: str,
    time_ms: int,
    root_certificate: bytes,
    certified: Sequence[Certified],
    consensus: ConsensusLimits,
    rules: Mapping[str, int] = VERSION_1,
    number_blocks: Sequence[NumberBlock] = (),
) -> Genesis:
    """Step 4: the document of all founders, checked.

    Industry nodes and authorities stand in the records only. Raises a LedgerError or FoundingError.
    """
    for item in certified:
        _check_certified(item, name)
    ordered = sorted(certified, key=lambda item: item.request.code)
    national = [item for item in ordered if item.request.code[0] == "N"]
    regions = [item for item in ordered if item.request.code[0] == "R"]
    others = [item for item in ordered if item.request.code[0] not in "NR"]
    if len(national) != 1:
        raise FoundingError(f"a network has one national node, not {len(national)}")
    founders = [_make_founder(item) for item in (*national, *regions)]
    codes = [founder.code for founder in founders]
    blocks = tuple(number_blocks or compute_default_blocks(codes))
    listed: list[FounderLike] = [*founders, *(_make_other(item) for item in others)]
    records = compute_initial_records(Founding(root_certificate, listed, blocks, rules))
    genesis = Genesis(
        name=name,
        time_ms=TimeMs(time_ms),
        root_certificate=root_certificate,
        national=founders[0],
        regions=tuple(founders[1:]),
        number_blocks=blocks,
        rules=dict(sorted(rules.items())),
        consensus=consensus,
        records=tuple(records),
    )
    # What others could not decode must not be handed out.
    check_founding(document.decode_genesis(genesis.data))
    return genesis


def check_founding(genesis: Genesis) -> None:
    """Step 5: raise a LedgerError or FoundingError unless the whole document holds.

    Beside the document's own rules, its records are exactly those that follow from the founders and
    from the industry nodes and authorities among the records.
    """
    check_genesis(genesis)
    codes = {founder.code for founder in genesis.founders}
    records = dict(genesis.records)
    others = [
        _read_other(code, value, records.get(NODES.make_key(code)))
        for code, value in _list_identities(genesis)
        if code not in codes
    ]
    founding = Founding(
        genesis.root_certificate,
        [*genesis.founders, *others],
        genesis.number_blocks,
        genesis.rules,
    )
    expected = compute_initial_records(founding)
    if expected != list(genesis.records):
        raise FoundingError("the initial records do not follow from the founders alone")


def check_entry(genesis: Genesis, request: Request) -> None:
    """Step 5: raise FoundingError unless the document's entry is what this node asked for."""
    found = next((item for item in genesis.founders if item.code == request.code), None)
    if found is None:
        raise FoundingError(f"{request.code} is not among the founders")
    certificate = parse_certificate(found.certificate)
    asked = (
        request.network,
        request.identity_key,
        request.peer_certificate,
        request.validator_key,
        request.profile.peer_endpoint,
        request.profile.http_endpoint,
    )
    entry = (
        genesis.name,
        certificate.public_key,
        found.peer_certificate,
        found.validator_key,
        found.peer_endpoint,
        found.http_endpoint,
    )
    if asked != entry:
        raise FoundingError(f"the entry of {request.code} is not what it asked for")


def make_network(spec: NetworkSpec) -> Founded:
    """All steps in memory; the same bytes again for the same seed."""
    validity = Validity.from_days(spec.time_ms, spec.validity_days)
    national = next((item.code for item in spec.members if item.code[0] == "N"), None)
    if national is None:
        raise FoundingError("a network has one national node, not 0")
    root = derive_key(spec.seed, "root")
    root_certificate = make_root(national, root, validity)
    members = []
    for item in spec.members:
        keys = make_keys(item.code, spec.seed)
        request = make_request(spec.name, item.profile, keys, validity)
        certified = certify(request, national, root, validity)
        members.append(Member(item, keys, request, certified.certificate))
    certificates = [Certified(member.request, member.certificate) for member in members]
    genesis = assemble(
        spec.name, spec.time_ms, root_certificate, certificates, spec.consensus, spec.rules
    )
    for member in members:
        if member.code[0] in "NR":
            check_entry(genesis, member.request)
    return Founded(genesis, root, tuple(members))


def compose_members(
    provinces: Sequence[str] = ("11", "31", "44", "52"),
    industries: Sequence[str] = ("I",),
    host: str = "127.0.0.1",
    first_port: int = 7100,
) -> tuple[MemberSpec, ...]:
    """The members of a small network: national node, regions, industry nodes, bank and bureau.

    Each node takes two ports from `first_port` on, for its peers and for HTTP. Labels are
    `national`, `region-<province>`, `industry-<letter>`, `bank` and `bureau`.
    """
    nodes = [
        ("national", "N", "000000", "0", "0000000"),
        *((f"region-{p}", "R", f"{p}0000", "0", "0000001") for p in provinces),
        *((f"industry-{i.lower()}", "I", "000000", i, "0000001") for i in industries),
    ]
    members = []
    for at, (label, kind, place, industry, serial) in enumerate(nodes):
        code = compose_code(kind, place, f"{at:05}", industry, serial=serial)
        port = first_port + 2 * at
        profile = Profile(code, f"{host}:{port}", f"http://{host}:{port + 1}")
        members.append(MemberSpec(label, profile))
    for at, role in enumerate(("bank", "bureau"), len(nodes)):
        code = compose_code("A", "000000", f"{at:05}", serial="0000001")
        members.append(MemberSpec(role, Profile(code, name=role, role=role)))
    return tuple(members)


def found_network(folder: Path, spec: NetworkSpec) -> Founded:
    """Make a network and lay it out in a folder."""
    founded = make_network(spec)
    write_network(folder, founded)
    return founded


def write_network(folder: Path, founded: Founded) -> None:
    """Lay a network out on disk; raises ConfigError.

    The folder then holds:
        genesis.bin
        root/{root.key, root.pem}                       the offline root
        operators/<label>/{identity.key, identity.pem}  who signs transactions; not for a peer
        nodes/<label>/{node.toml, genesis.bin, keys/, certificates/}
    """
    genesis, national = founded.genesis, founded.genesis.national.code
    save_key(folder / "root" / "root.key", Role.ROOT, founded.root, national)
    save_certificates(folder / "root" / "root.pem", [genesis.root_certificate])
    (folder / "genesis.bin").write_bytes(genesis.data)
    for member in founded.members:
        place = folder / "operators" / member.spec.label
        role = Role.IDENTITY if member.is_node else Role.PARTY
        save_key(place / "identity.key", role, member.keys.identity, member.code)
        save_certificates(place / "identity.pem", [member.certificate])
        if member.is_node:
            write_node(folder / "nodes" / member.spec.label, member, genesis)


def write_node(folder: Path, member: Member, genesis: Genesis) -> None:
    """Write what a peer runs from: configuration, document, keys and certificates."""
    config = make_config(member, genesis.hash)
    keys = config.keys
    assert member.keys.peer is not None
    save_key(folder / keys.peer_key, Role.PEER, member.keys.peer, member.code)
    for path in keys.validator_keys:
        assert member.keys.validator is not None
        save_key(folder / path, Role.VALIDATOR, member.keys.validator, member.code)
    chain = [member.request.peer_certificate, member.certificate]
    save_certificates(folder / keys.peer_certificate, chain)
    (folder / config.genesis_path).write_bytes(genesis.data)
    (folder / FILE_NAME).write_text(compose_config(config), "utf-8")


def make_config(member: Member, genesis_hash: Digest) -> Config:
    """The configuration of a founder that listens where its endpoints say."""
    url = urlsplit(member.spec.profile.http_endpoint)
    if not url.hostname or not url.port:
        raise ConfigError(f"{member.spec.label}: the HTTP endpoint must be http://host:port")
    return Config(
        code=member.code,
        genesis_hash=genesis_hash.hex(),
        listen=Listen(peer=member.spec.profile.peer_endpoint, http=url.netloc),
        keys=Keys(validator_keys=(Path("keys/validator.key"),) if member.keys.validator else ()),
        http=Http(plain=not is_loopback(url.hostname)),
        # The national node is an archive: it has every block.
        store=Storage(snapshot=member.code[0] != "N"),
    )


def _check_certified(item: Certified, name: str) -> None:
    check_request(item.request)
    if item.request.network != name:
        raise FoundingError(f"the request of {item.request.code} is for another network")
    if parse_certificate(item.certificate).public_key != item.request.identity_key:
        raise FoundingError(f"the certificate of {item.request.code} is not for its key")


def _make_founder(item: Certified) -> document.Founder:
    request = item.request
    return document.Founder(
        code=request.code,
        certificate=item.certificate,
        peer_certificate=request.peer_certificate,
        validator_key=request.validator_key,
        possession=Possession(
            request.proofs["identity"], request.proofs["peer"], request.proofs.get("validator")
        ),
        http_endpoint=request.profile.http_endpoint,
        peer_endpoint=request.profile.peer_endpoint,
    )


def _make_other(item: Certified) -> Founder:
    request = item.request
    return Founder(
        code=request.code,
        certificate=item.certificate,
        peer_certificate=request.peer_certificate,
        peer_endpoint=request.profile.peer_endpoint,
        http_endpoint=request.profile.http_endpoint,
        name=request.profile.name,
        role=request.profile.role,
    )


def _list_identities(genesis: Genesis) -> list[tuple[Code, Value]]:
    prefix = IDENTITIES.prefix
    return [
        (Code(key[len(prefix) : -1].decode("ascii", "replace")), value)
        for key, value in genesis.records
        if key.startswith(prefix)
    ]


def _read_other(code: Code, identity: Value, node: Value) -> Founder:
    """An industry node or an authority from its records; raises FormatError."""
    if type(identity) is not dict or type(node) not in (dict, type(None)):
        raise FormatError(f"the initial records of {code} are not maps")
    place = node or {}
    name = identity.get("name")
    if type(name) is not str:
        raise FormatError(f"the initial identity of {code} has no name")
    return Founder(
        code=code,
        certificate=shape.check_blob(identity.get("certificate"), "a certificate", 1024),
        peer_certificate=shape.check_blob(
            place.get("peer_certificate", b""), "a certificate", 1024
        ),
        peer_endpoint=shape.check_text(place.get("peer_endpoint", ""), "an endpoint", 255, 0),
        http_endpoint=shape.check_text(place.get("http_endpoint", ""), "an endpoint", 255, 0),
        name=name,
        role=shape.check_text(identity.get("role"), "a role", 64, 0),
    )
