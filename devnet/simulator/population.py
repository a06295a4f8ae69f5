"""Who takes part in simulated networks: the founders, and parties that join later.

Everything follows from a fixed seed and is made once a process: certificates cost milliseconds.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from devnet.simulator.trade import RULES
from ledger.code import compose_code
from ledger.crypto import SigningKey
from ledger.genesis import ConsensusLimits, Genesis
from ledger.primitives import Code
from ledger.sealed import SealedBlock
from ledger.x509 import issue_certificate
from node.ceremony import Founded, MemberSpec, NetworkSpec, make_network
from node.enrolment import DAY_MS, Profile, derive_key
from node.genesis_block import compute_genesis_block

START_MS: Final = 1_775_059_200_000  # 2026-04-02T00:00+08:00
PROVINCES: Final = ("11", "31", "32", "44", "50", "52", "61")
PARTIES: Final = 16
SPARE_KEYS: Final = 6
_SEED: Final = b"simulator"
_BASE36: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Party:
    """A provider or consumer with its first key and a second one, each certified."""

    code: Code
    issuer: Code
    keys: tuple[SigningKey, ...]
    certificates: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Population:
    """A network of `n` regions with all its secrets."""

    founded: Founded
    genesis: Genesis
    first: SealedBlock
    regions: tuple[Code, ...]
    observers: tuple[Code, ...]
    bank: Code
    bureau: Code
    parties: tuple[Party, ...]

    def find_key(self, code: str) -> SigningKey | None:
        """The identity key that a founder begins with; None for others."""
        members = self.founded.members
        return next((item.keys.identity for item in members if item.code == code), None)

    def identity_key(self, code: Code) -> SigningKey:
        """The identity key that a founder begins with."""
        key = self.find_key(code)
        assert key is not None
        return key

    def voter_keys(self, code: Code) -> tuple[SigningKey, ...]:
        """All validator keys that a region will ever use, the first one first."""
        if code not in self.regions:
            return ()
        first = next(item.keys.validator for item in self.founded.members if item.code == code)
        assert first is not None
        spare = [derive_key(_SEED, f"{code} validator {turn}") for turn in range(SPARE_KEYS)]
        return (first, *spare)


def _make_member(label: str, code: Code, place: int, role: str = "") -> MemberSpec:
    is_node = code[0] in "NRI"
    return MemberSpec(
        label,
        Profile(
            code,
            f"127.0.0.1:{7000 + place}" if is_node else "",
            f"http://127.0.0.1:{8000 + place}" if is_node else "",
            "" if is_node else label,
            role,
        ),
    )


def compose_trader_code(kind: str, issuer: Code, place: int, number: int) -> Code:
    """The code of a provider (P) or consumer (U) of the region at `place`."""
    return compose_code(kind, issuer[1:3] + "0100", f"0{_BASE36[10 + place]}{number:03d}", "I")


def certify_trader(
    code: Code, key: SigningKey, issuer: Code, signing: SigningKey, serial: int = 1
) -> bytes:
    """The certificate of its region, for ten years from the day before all begins."""
    begin_ms = START_MS - DAY_MS
    end_ms = begin_ms + 3_650 * DAY_MS
    return issue_certificate(code, issuer, key.public, signing, serial, begin_ms, end_ms, False)


def _make_party(founded: Founded, regions: tuple[Code, ...], number: int) -> Party:
    place = number % len(regions)
    issuer = regions[place]
    code = compose_trader_code("PU"[number % 2], issuer, place, number)
    signing = next(item.keys.identity for item in founded.members if item.code == issuer)
    keys = tuple(derive_key(_SEED, f"{code} {turn}") for turn in range(2))
    certificates = tuple(
        certify_trader(code, key, issuer, signing, 1 + turn) for turn, key in enumerate(keys)
    )
    return Party(code, issuer, keys, certificates)


@lru_cache(maxsize=8)
def make_population(
    n: int, limits: ConsensusLimits, rules: tuple[tuple[str, int], ...] = tuple(RULES.items())
) -> Population:
    """A network of `n` regional nodes, the national node, an industry node, two authorities."""
    regions = tuple(
        compose_code("R", province + "0000", f"{place + 1:05d}", serial="0000001")
        for place, province in enumerate(PROVINCES[:n])
    )
    national = Code("N0000000000000000000004Q")
    industry = compose_code("I", "000000", "00021")
    bank, bureau = compose_code("A", "000000", "00010"), compose_code("A", "000000", "00011")
    members = [_make_member("national", national, 0)]
    members += [_make_member(f"region{at}", code, 1 + at) for at, code in enumerate(regions)]
    members += [_make_member("industry", industry, 30)]
    members += [
        _make_member("bank", bank, 40, "bank"),
        _make_member("bureau", bureau, 41, "bureau"),
    ]
    founded = make_network(
        NetworkSpec("sim", START_MS, tuple(members), limits, dict(rules), seed=_SEED + bytes((n,)))
    )
    return Population(
        founded=founded,
        genesis=founded.genesis,
        first=compute_genesis_block(founded.genesis),
        regions=regions,
        observers=(national, industry),
        bank=bank,
        bureau=bureau,
        parties=tuple(_make_party(founded, regions, number) for number in range(PARTIES)),
    )
