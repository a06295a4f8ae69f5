"""A crowded market: one chain on one disk with as many open offers and demands as one asks for.

Every block goes through the same execution, sealing and store as a peer's; there is no network and
no vote. Demands come first, when there is nothing to be had yet, so that afterwards all of them are
open, and all have a turn that is due.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from consensus.validators import ValidatorSet
from contracts.rules import VERSION_1
from devnet.market import (
    DAY_MS,
    WHOLE,
    YUAN,
    Hardware,
    make_demand_data,
    make_descriptor,
    make_needs,
    make_offer_data,
)
from devnet.simulator.population import START_MS, certify_trader
from ledger.code import compose_code
from ledger.crypto import Domain, Purpose, SigningKey, sha256
from ledger.keyvalue import LevelDb
from ledger.primitives import Code, TimeMs, View
from ledger.sealed import SealedBlock
from ledger.store import Store
from ledger.transaction import (
    Transaction,
    compose_body,
    decode_transaction,
    key_signer,
    sign_body,
)
from node.ceremony import MemberSpec, NetworkSpec, make_network
from node.enrolment import Profile, derive_key
from node.execution import Frame, execute_block, parent_of_store
from node.genesis_block import compute_genesis_block

PROVINCES: Final = ("11", "31", "44", "52")
PARTIES: Final = 32  # providers, and as many consumers
FULL_BLOCK: Final = 1_000
UNITS: Final = 8 * WHOLE
HOURS: Final = 24
MODELS: Final = ("Ascend 910B", "Ascend 910C", "H20", "MXC500")
_SEED: Final = b"crowd"
_FOREVER: Final = 1 << 40
_BASE36: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

Actor = tuple[Code, SigningKey]


def draw(name: str, number: int, choices: int) -> int:
    """A number below `choices` that looks random and is the same in every run."""
    return int.from_bytes(sha256(f"{name} {number}".encode())[:8], "big") % choices


class Crowd:
    """A chain, its actors, and the blocks they make; times are virtual."""

    def __init__(self, folder: Path) -> None:
        regions = [
            compose_code("R", province + "0000", f"{place + 1:05d}", serial="0000001")
            for place, province in enumerate(PROVINCES)
        ]
        bank = compose_code("A", "000000", "00010")
        members = [_make_member("national", Code("N0000000000000000000004Q"), 0)]
        members += [_make_member(f"region{at}", code, 1 + at) for at, code in enumerate(regions)]
        members += [_make_member("bank", bank, 40, "bank")]
        founded = make_network(
            NetworkSpec("crowd", START_MS, tuple(members), rules=VERSION_1, seed=_SEED)
        )
        self.genesis = founded.genesis
        first = compute_genesis_block(self.genesis)
        self._disk = LevelDb(folder)
        self.store = Store(self._disk, first)
        self._trail = first.trail
        self._validators = ValidatorSet(self.genesis.validators)
        self._domain = Domain(Purpose.TRANSACTION, self.genesis.hash)
        self._votes = Domain(Purpose.VOTE, self.genesis.hash)
        self._nonce = 0
        keys = {member.code: member.keys.identity for member in founded.members}
        self.bank: Actor = (bank, keys[bank])
        self.regions = [(code, keys[code]) for code in regions]
        self.providers = [self._make_party("P", number) for number in range(PARTIES)]
        self.consumers = [self._make_party("U", number) for number in range(PARTIES)]

    @property
    def time_ms(self) -> int:
        """The time of the last block."""
        return self.store.header.time_ms

    def close(self) -> None:
        """Release the files."""
        self._disk.close()

    # --- transactions and blocks

    def sign(self, kind: str, data: dict[str, Any], *actors: Actor) -> Transaction:
        """A signed transaction unlike any other."""
        self._nonce += 1
        codes = [code for code, _ in actors]
        nonce = self._nonce.to_bytes(16, "big")
        body = compose_body(self.genesis.chain, kind, data, codes, _FOREVER, nonce)
        raw = sign_body(body, self._domain, [key for _, key in actors])
        return decode_transaction(raw, self.genesis.chain)

    def execute(self, transactions: Sequence[Transaction], after_ms: int = 1) -> SealedBlock:
        """The next block, executed and sealed; it is not on the disk yet."""
        parent = parent_of_store(self.store, self._trail)
        above = parent.header
        certificate = b"" if above.height == 0 else b"certificate"
        time_ms = TimeMs(above.time_ms + after_ms)
        frame = Frame(above.epoch, View(above.height + 1), time_ms, self.regions[0][0], certificate)
        return execute_block(parent, frame, transactions, self._validators, self._votes)

    def keep(self, sealed: SealedBlock) -> None:
        """Write a block to the disk."""
        self.store.commit([sealed], b"certificate")
        self.store.fold([sealed])
        self._trail = sealed.trail

    def run(self, transactions: Sequence[Transaction]) -> list[str]:
        """Blocks of these transactions, all of which must be ok; the ids of what they made."""
        made: list[str] = []
        for first in range(0, len(transactions), FULL_BLOCK):
            part = transactions[first : first + FULL_BLOCK]
            sealed = self.execute(part)
            for result in sealed.results[: len(part)]:
                assert result.code == "ok", result.code
                made.append(result.events[0]["about"][0])
            self.keep(sealed)
        return made

    # --- who is there

    def found(self) -> None:
        """Register all parties, and give the consumers money."""
        parties = [*self.providers, *self.consumers]
        self.run([self._register(number % PARTIES, actor) for number, actor in enumerate(parties)])
        deposit = {"amount_micro_yuan": 10**14, "reference": ""}
        self.run(
            [
                self.sign("settlement.deposit", {"account": code, **deposit}, self.bank)
                for code, _ in self.consumers
            ]
        )

    def _make_party(self, kind: str, number: int) -> Actor:
        registrant = f"0{_BASE36[10 + number % 4]}{kind}{number:02d}"
        code = compose_code(kind, PROVINCES[number % 4] + "0100", registrant, "I")
        return code, derive_key(_SEED, code)

    def _register(self, number: int, actor: Actor) -> Transaction:
        code, key = actor
        issuer, signing = self.regions[number % 4]
        certificate = certify_trader(code, key, issuer, signing, 1 + number)
        data = {
            "certificate": certificate,
            "code": code,
            "credit_code": "",
            "name": "somebody",
            "role": "",
        }
        return self.sign(
            "identity.register", data, (issuer, signing), (Code(key_signer(key.public)), key)
        )

    # --- what they offer and want

    def offer(self, count: int) -> None:
        """So many resources of one machine each, attested, and an offer of each."""
        machines = [self._describe(number) for number in range(count)]
        self.run([self._register_resource(code, number) for number, code in machines])
        self.run([self._attest(code, number) for number, code in machines])
        self.run([self._offer(code, number) for number, code in machines])

    def demand(self, count: int, model: str = "") -> None:
        """So many demands for selection; with a model, for that one only."""
        self.run([self._demand(number, model) for number in range(count)])

    def pay(self, count: int) -> list[Transaction]:
        """So many payments among consumers."""
        data = {"amount_micro_yuan": 1, "reference": ""}
        return [
            self.sign(
                "settlement.pay",
                {**data, "to": self.consumers[(number + 1) % PARTIES][0]},
                self.consumers[number % PARTIES],
            )
            for number in range(count)
        ]

    def _describe(self, number: int) -> tuple[int, Code]:
        provider = self.providers[number % PARTIES][0]
        code = compose_code("C", provider[1:7], provider[8:13], "I", "20", f"{number:07d}")
        return number, code

    def _register_resource(self, code: Code, number: int) -> Transaction:
        hardware = Hardware("vendor", MODELS[draw("model", number, 4)], 8, 65_536, 1_048_576)
        descriptor = make_descriptor(
            hardware,
            "zone",
            green_bp=draw("green", number, 10_001),
            latency_ms=(1, 5, 20)[draw("latency", number, 3)],
            pue_thousandths=1_050 + draw("pue", number, 450),
        )
        data = {"code": code, "descriptor": descriptor}
        return self.sign("resource.register", data, self.providers[number % PARTIES])

    def _attest(self, code: Code, number: int) -> Transaction:
        data = {"code": code, "units": UNITS, "until_ms": START_MS + 3650 * DAY_MS}
        return self.sign("resource.attest", data, self.regions[number % 4])

    def _offer(self, code: Code, number: int) -> Transaction:
        data = make_offer_data(
            code,
            UNITS,
            6 * YUAN + draw("price", number, 8 * YUAN),
            START_MS,
            ends_ms=START_MS + 300 * DAY_MS,
            minimum_seconds=3_600,
            minimum_units=WHOLE,
            notice_seconds=600,
        )
        return self.sign("market.offer", data, self.providers[number % PARTIES])

    def _demand(self, number: int, model: str) -> Transaction:
        units = WHOLE * (1 + draw("units", number, 8))
        ceiling = 20 * YUAN if model else 7 * YUAN + draw("ceiling", number, 8 * YUAN)
        local = draw("local", number, 2) == 0
        models = [model] if model else [MODELS[draw("wanted", number, 4)]]
        regions = [PROVINCES[draw("place", number, 4)]] if local else []
        data = make_demand_data(
            "20",
            units,
            HOURS * 3_600,
            ceiling,
            (START_MS, START_MS + 300 * DAY_MS),
            minimum_units=WHOLE,
            needs=make_needs(models=models, regions=regions),
            way="selection",
        )
        return self.sign("market.demand", data, self.consumers[number % PARTIES])


def _make_member(label: str, code: Code, place: int, role: str = "") -> MemberSpec:
    is_node = code[0] in "NR"
    peer = f"127.0.0.1:{7000 + place}" if is_node else ""
    http = f"http://127.0.0.1:{8000 + place}" if is_node else ""
    return MemberSpec(label, Profile(code, peer, http, "" if is_node else label, role))
