"""Parties of a scenario: their keys, certified by the regional operators, registered on the ledger.

Keys lie in `<dir>/parties/<file>.key`, as a party would keep its own; numbers come out of the block
that the ledger says the issuer has.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from devnet.scene import Order, Scene
from ledger.code import compose_code
from ledger.crypto import SigningKey
from ledger.primitives import Code
from node.client.composer import Signer
from node.enrolment import Validity, issue
from node.keys import Role, make_key, save_certificates, save_key

VALIDITY_DAYS = 365
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class PartySpec:
    """A provider (P) or consumer (U) of a region; `file` names its key file."""

    file: str
    name: str
    kind: str
    region: str
    place: str
    industry: str = "I"


@dataclass(frozen=True, slots=True)
class Party:
    """A registered party with its key."""

    spec: PartySpec
    code: Code
    key: SigningKey

    @property
    def name(self) -> str:
        """What people call it."""
        return self.spec.name

    @property
    def signer(self) -> Signer:
        """It, as a signer."""
        return Signer(self.code, self.key)

    @property
    def registrant(self) -> str:
        """The five characters that its resources carry."""
        return self.code[8:13]


def register_parties(scene: Scene, at: str, specs: Sequence[PartySpec]) -> list[Party]:
    """Give each party a key, a code and a certificate, and register them; raises StepFailed."""
    numbers = {region: _read_first_number(scene, at, region) for region in _list_regions(specs)}
    parties, orders = [], []
    for spec in specs:
        number = numbers[spec.region]
        numbers[spec.region] = number + 1
        code = compose_code(spec.kind, spec.place, compose_base36(number, 5), spec.industry)
        party = Party(spec, code, make_key())
        orders.append(_make_registration(scene, party))
        parties.append(party)
    scene.execute_many(at, orders)
    for party in parties:
        scene.names[party.code] = party.name
    return parties


def compose_base36(number: int, width: int) -> str:
    """A number in base 36, filled with zeros."""
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text.rjust(width, "0")


def _list_regions(specs: Sequence[PartySpec]) -> list[str]:
    return list(dict.fromkeys(spec.region for spec in specs))


def _read_first_number(scene: Scene, at: str, region: str) -> int:
    """The first number of the block that the ledger gave to a region."""
    issuer = scene.operator(region).code
    return int(scene.read(at, "identity", issuer)["blocks"][0][0])


def _make_registration(scene: Scene, party: Party) -> Order:
    issuer = scene.operator(party.spec.region)
    validity = Validity.from_days(time.time_ns() // 1_000_000, VALIDITY_DAYS)
    certificate = issue(
        party.code, Code(issuer.code), party.key.public, issuer.key, validity, False
    )
    folder = scene.folder.path / "parties"
    save_key(folder / f"{party.spec.file}.key", Role.PARTY, party.key, party.code)
    save_certificates(folder / f"{party.spec.file}.pem", [certificate])
    data = {
        "certificate": certificate,
        "code": party.code,
        "credit_code": "",
        "name": party.name,
        "role": "",
    }
    return Order("identity.register", data, (issuer, Signer.bare(party.key)))
