"""The clients: transactions of many kinds, good and bad, handed to any peer.

What an answer says is taken at its word: `accepted` is a promise, which `Durability` holds the
network to. A client whose peer crashed before it answered knows nothing, and so is promised
nothing.
"""

from collections.abc import Callable, Collection, Sequence

from devnet.simulator.anything import Anything
from devnet.simulator.audit import Durability
from devnet.simulator.council import Council
from devnet.simulator.kernel import MS, Kernel
from devnet.simulator.payloads import NothingFits
from devnet.simulator.plan import Plan
from devnet.simulator.population import START_MS, Party, Population
from devnet.simulator.process import Process
from devnet.simulator.trade import Deal, Pair
from ledger.codec import Value
from ledger.crypto import Domain, SigningKey
from ledger.primitives import Code, Digest
from ledger.sealed import SealedBlock
from ledger.transaction import compose_body, decode_transaction, key_signer, sign_body
from node.intake import Answer
from node.port import Phase, Status

YUAN = 1_000_000
DEALERS = 6  # the first parties; nobody suspends them or rotates their keys
Maker = Callable[[int], bytes]


class Load:
    """Makes transactions and remembers what was promised."""

    def __init__(
        self,
        kernel: Kernel,
        population: Population,
        domain: Domain,
        durability: Durability,
        plan: Plan,
        find_code: Callable[[Digest], str | None],
        liars: Collection[str] = (),
    ) -> None:
        self._kernel = kernel
        self._population = population
        self._domain = domain
        self._durability = durability
        self._rotations_left = plan.rotations
        self._find_code = find_code
        self._liars = liars
        self._council = Council(population.regions, kernel.random) if plan.ballots else None
        self._deals = [self._make_deal(place) for place in range(0, DEALERS, 2)]
        self._anything = self._make_anything() if plan.anything else None
        self._voter_turns = dict.fromkeys(population.regions, 0)
        self._registered: list[Party] = []
        self._key_turns: dict[str, int] = {}
        self._sent: list[bytes] = []
        self.submitted = 0
        self.refused = 0

    # --- handing in

    def submit(self, process: Process, raws: Sequence[bytes]) -> None:
        """Hand transactions to a peer, if it is there."""
        if not process.is_up:
            return
        self.submitted += len(raws)
        chain = self._population.genesis.chain
        if process.code in self._liars:  # what a liar answers is not worth anything
            process.submit(raws, lambda _: None)
            return

        def answered(answers: list[Answer]) -> None:
            for raw, answer in zip(raws, answers, strict=True):
                if not isinstance(answer, Status):
                    self.refused += 1
                elif answer.phase is Phase.ACCEPTED:
                    self._durability.promise(process.code, decode_transaction(raw, chain))
                    process.replica.intake.wait(
                        answer.id, lambda status: self._durability.tell(process.code, status)
                    )
                else:
                    self._durability.tell(process.code, answer)

        process.submit(raws, answered)

    def submit_some(self, processes: Sequence[Process]) -> None:
        """What some client does at this moment."""
        rng = self._kernel.random
        up = [process for process in processes if process.is_up]
        if not up:
            return
        process = rng.choice(up)
        height = process.replica.store.height
        raws = [self.make(height) for _ in range(rng.choice((1, 1, 1, 2, 8)))]
        self._sent += raws
        self.submit(process, raws)
        if rng.random() < 0.1:
            self.submit(rng.choice(up), [rng.choice(self._sent[-50:])])

    # --- what there is

    def make(self, height: int) -> bytes:
        """Any transaction, by a client that saw this height."""
        makers: dict[Maker, int] = {
            self.make_deposit: 8,
            self._make_pay: 10,
            self._make_register: 4 if len(self._registered) < 12 else 0,
            self._make_withdraw: 2,
            self._make_status: 1,
            self._make_rotation: 1,
            self._make_failing: 3,
            self._make_refused: 3,
            self._make_voter: 1 if self._rotations_left else 0,
            self.make_step: 16,
            self._make_ballot: 6 if self._council is not None else 0,
            self._make_anything_at_all: 6 if self._anything is not None else 0,
        }
        return self._kernel.random.choices(list(makers), list(makers.values()))[0](height)

    def make_deposit(self, height: int) -> bytes:
        """Money from the bank to anybody."""
        amount = self._kernel.random.randint(1, 100) * YUAN
        data = {"account": self._draw_account(), "amount_micro_yuan": amount, "reference": ""}
        return self._sign("settlement.deposit", data, self._bank(), self._draw_until(height))

    def make_probe(self, height: int) -> bytes:
        """A deposit with time enough to become final."""
        data = {"account": self._population.regions[0], "amount_micro_yuan": 1, "reference": "p"}
        return self._sign("settlement.deposit", data, self._bank(), height + 150)

    def make_voter_rotation(self, region: Code, height: int) -> bytes:
        """A new validator key for a region, with time enough to become final."""
        self._voter_turns[region] += 1
        fresh = self._population.voter_keys(region)[self._voter_turns[region]]
        signers = [self._founder(region), (key_signer(fresh.public), fresh)]
        return self._sign("identity.rotate_validator", {}, signers, height + 150)

    def make_by_founder(self, kind: str, data: dict[str, Value], code: str, height: int) -> bytes:
        """Anything that a founder signs alone."""
        return self._sign(kind, data, [self._founder(code)], height + 100)

    def _make_pay(self, height: int) -> bytes:
        amount = self._kernel.random.choice((1, 3, 50)) * YUAN
        data = {"amount_micro_yuan": amount, "reference": "", "to": self._draw_account()}
        signers = [self._draw_signer()]
        return self._sign("settlement.pay", data, signers, self._draw_until(height))

    def _make_withdraw(self, height: int) -> bytes:
        data = {"amount_micro_yuan": 2 * YUAN, "reference": "out"}
        signers = [self._draw_signer(), *self._bank()]
        return self._sign("settlement.withdraw", data, signers, self._draw_until(height))

    def _make_register(self, height: int) -> bytes:
        return self._register(self._kernel.random.choice(self._population.parties), height)

    def _register(self, party: Party, height: int) -> bytes:
        if party not in self._registered:
            self._registered.append(party)
        data: dict[str, Value] = {
            "certificate": party.certificates[0],
            "code": party.code,
            "credit_code": "",
            "name": "a party",
            "role": "",
        }
        key = party.keys[0]
        signers = [self._founder(party.issuer), (key_signer(key.public), key)]
        return self._sign("identity.register", data, signers, self._draw_until(height))

    def _make_rotation(self, height: int) -> bytes:
        """A party's second key, signed by the issuer, who may always do so."""
        others = self._list_others()
        if not others:
            return self.make_deposit(height)
        party = self._kernel.random.choice(others)
        self._key_turns[party.code] = 1
        key = party.keys[1]
        data = {"certificate": party.certificates[1], "code": party.code}
        signers = [self._founder(party.issuer), (key_signer(key.public), key)]
        return self._sign("identity.rotate", data, signers, self._draw_until(height))

    def _make_status(self, height: int) -> bytes:
        others = self._list_others()
        if not others:
            return self.make_deposit(height)
        rng = self._kernel.random
        party = rng.choice(others)
        verb = rng.choice(("suspend", "resume"))
        data: dict[str, Value] = {"code": party.code, "note": ""}
        if verb == "suspend":
            data["reason"] = "arrears"
        signers = [self._founder(party.issuer)]
        return self._sign(f"identity.{verb}", data, signers, self._draw_until(height))

    def _make_deal(self, place: int) -> Deal:
        population = self._population
        provider, consumer = population.parties[place : place + 2]
        pair = Pair(provider.code, consumer.code, provider.issuer, consumer.issuer, population.bank)
        return Deal(pair, START_MS + 3_600_000)

    def make_step(self, height: int) -> bytes:
        """The next step of some deal, or its last one again if that was lost."""
        rng = self._kernel.random
        deal = rng.choice(self._deals)
        for code in (deal.pair.provider, deal.pair.consumer):
            party = next(item for item in self._population.parties if item.code == code)
            if party not in self._registered:
                return self._register(party, height)
        if deal.pending is not None:
            result = self._find_code(deal.pending)
            if result is not None:
                deal.settle(result)
            elif rng.random() < 0.8:
                return self.make_deposit(height)
        time_ms = START_MS + self._kernel.now_us // MS
        kind, data, signers = deal.next_step(time_ms)
        raw = self._sign(kind, data, [self._holder(code) for code in signers], height + 60)
        deal.pending = decode_transaction(raw, self._population.genesis.chain).id
        return raw

    def _holder(self, code: str) -> tuple[str, SigningKey]:
        for party in self._population.parties:
            if party.code == code:
                return code, party.keys[0]
        return self._founder(code)

    def _make_failing(self, height: int) -> bytes:
        """Ordered, and recorded with a failure."""
        bureau = (self._population.bureau, self._population.identity_key(self._population.bureau))
        data = {"account": self._draw_account(), "amount_micro_yuan": 1, "reference": "no"}
        return self._sign("settlement.deposit", data, [bureau], self._draw_until(height))

    def _make_voter(self, height: int) -> bytes:
        """A new validator key: the block that holds it ends its epoch."""
        region = self._kernel.random.choice(self._population.regions)
        self._rotations_left -= 1
        return self.make_voter_rotation(region, height)

    def _make_ballot(self, height: int) -> bytes:
        """The next step of the regions' votes on who of them votes."""
        council = self._council
        assert council is not None
        proposal = council.proposal
        outcome = None if proposal is None else self._find_code(proposal)
        kind, data, signer = council.next_step(outcome)
        raw = self.make_by_founder(kind, data, signer, height)
        council.signed(kind, decode_transaction(raw, self._population.genesis.chain).id)
        return raw

    def _make_anything(self) -> Anything:
        population = self._population
        codes = [*population.regions, *population.observers, population.bank, population.bureau]
        spare = [key for party in population.parties[10:] for key in party.keys]
        return Anything(
            self._kernel.random,
            codes,
            self._find_holder,
            spare,
            lambda: START_MS + self._kernel.now_us // MS,
        )

    def _make_anything_at_all(self, height: int) -> bytes:
        """Of any kind."""
        assert self._anything is not None
        try:
            kind, data, signers = self._anything.make()
        except NothingFits:
            return self.make_deposit(height)
        return self._sign(kind, data, signers, self._draw_until(height))

    def hear(self, block: SealedBlock) -> None:
        """A block is final: there is more to be about."""
        if self._anything is not None:
            self._anything.hear(block)

    def _find_holder(self, code: str) -> SigningKey | None:
        """The key of a founder, or the first one of a party that has joined."""
        for party in self._registered:
            if party.code == code:
                return party.keys[0]
        return self._population.find_key(code)

    def _make_refused(self, height: int) -> bytes:
        """What never enters: expired, too far ahead, badly signed, another chain's, garbage."""
        rng = self._kernel.random
        window = self._population.genesis.consensus.transaction_window
        data: dict[str, Value] = {
            "account": self._draw_account(),
            "amount_micro_yuan": 1,
            "reference": "",
        }
        kind = "settlement.deposit"
        match rng.randrange(5):
            case 0:
                return self._sign(kind, data, self._bank(), max(1, height - rng.randrange(3)))
            case 1:
                return self._sign(kind, data, self._bank(), height + window + 50)
            case 2:
                wrong = [(self._population.bank, self._population.parties[0].keys[0])]
                return self._sign(kind, data, wrong, height + 20)
            case 3:
                return self._sign("settlement.nothing", data, self._bank(), height + 20)
            case _:
                return rng.randbytes(rng.randint(1, 200))

    # --- who and until when

    def _list_others(self) -> list[Party]:
        dealers = self._population.parties[:DEALERS]
        return [party for party in self._registered if party not in dealers]

    def _draw_until(self, height: int) -> int:
        rng = self._kernel.random
        return height + rng.choice((2, 5, 20, 60, 100, 100, 150))

    def _draw_account(self) -> str:
        population = self._population
        named = [party.code for party in population.parties[:10]]
        return self._kernel.random.choice([*population.regions, *named])

    def _draw_signer(self) -> tuple[str, SigningKey]:
        rng = self._kernel.random
        if not self._registered or rng.random() < 0.4:
            return self._founder(rng.choice(self._population.regions))
        party = rng.choice(self._registered)
        turn = self._key_turns.get(party.code, 0) if rng.random() < 0.7 else 0
        return party.code, party.keys[turn]

    def _founder(self, code: str) -> tuple[str, SigningKey]:
        return code, self._population.identity_key(Code(code))

    def _bank(self) -> list[tuple[str, SigningKey]]:
        return [(self._population.bank, self._population.identity_key(self._population.bank))]

    def _sign(
        self,
        kind: str,
        data: dict[str, Value],
        signers: Sequence[tuple[str, SigningKey]],
        until: int,
    ) -> bytes:
        body = compose_body(
            self._population.genesis.chain,
            kind,
            data,
            [code for code, _ in signers],
            until,
            self._kernel.random.randbytes(16),
        )
        return sign_body(body, self._domain, [key for _, key in signers])
