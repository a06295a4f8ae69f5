"""A stage for the parts of a replica: a store with a genesis, ports that remember, and blocks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from consensus.certificate import Certificate, compute_certificate
from consensus.validators import ValidatorSet
from consensus.vote import SignedVote, Vote, VoteKind
from devnet.simulator.disk import SimulatedDisk
from devnet.simulator.population import START_MS, Population, make_population
from devnet.simulator.simulation import LIMITS
from devnet.simulator.suite import CheapDomain
from ledger.block import Block, Header, make_block
from ledger.codec import Value
from ledger.crypto import Purpose, SigningKey
from ledger.keyvalue import Change
from ledger.primitives import Code, Digest, Epoch, PublicKey, TimeMs, View
from ledger.sealed import SealedBlock
from ledger.store import Store
from ledger.transaction import Transaction, compose_body, decode_transaction, sign_body
from node.chain import Chain
from node.execution import Frame, Parent, execute_block, parent_of_sealed
from node.frames import Frame as NetworkFrame
from node.journal import Journal
from node.judge import Judge, resolve_keys
from node.limits import limits_of_genesis
from node.mempool import Mempool, MempoolLimits, Pending
from node.ports import Job


@dataclass
class FakePorts:
    """Ports whose time stands still until told, and whose answers wait in lists."""

    domain: CheapDomain
    store: Store
    now_ms: int = 0
    connected: list[str] = field(default_factory=list)
    timers: dict[str, tuple[int, Callable[[], None]]] = field(default_factory=dict)
    sent: list[tuple[tuple[str, ...], NetworkFrame]] = field(default_factory=list)
    offered: list[tuple[tuple[str, ...], tuple[bytes, ...]]] = field(default_factory=list)
    verifying: list[tuple[Sequence[Job], Callable[[list[bool]], None]]] = field(
        default_factory=list
    )
    writing: list[tuple[Sequence[Change], bool, Callable[[], None]]] = field(default_factory=list)
    committing: list[tuple[Callable[[], None], Callable[[], None]]] = field(default_factory=list)
    stopped: list[Exception] = field(default_factory=list)
    journal: SimulatedDisk = field(default_factory=SimulatedDisk)

    def wall_ms(self) -> int:
        return START_MS + self.now_ms

    def monotonic_ms(self) -> int:
        return self.now_ms

    def set_timer(self, name: str, at_ms: int, fire: Callable[[], None]) -> None:
        self.timers[name] = (at_ms, fire)

    def cancel_timer(self, name: str) -> None:
        self.timers.pop(name, None)

    def send(self, to: Sequence[str], frame: NetworkFrame) -> None:
        self.sent.append((tuple(to), frame))

    def send_transactions(self, to: Sequence[str], raws: Sequence[bytes]) -> None:
        self.offered.append((tuple(to), tuple(raws)))

    def list_connected(self) -> list[str]:
        return self.connected

    def list_sync_sources(self) -> list[str]:
        return self.connected

    def drop(self, peer: str, reason: str) -> None:
        self.connected.remove(peer)

    def verify(self, jobs: Sequence[Job], done: Callable[[list[bool]], None]) -> None:
        self.verifying.append((jobs, done))

    def write_journal(
        self, changes: Sequence[Change], sync: bool, done: Callable[[], None]
    ) -> None:
        self.writing.append((changes, sync, done))

    def commit(
        self,
        blocks: Sequence[SealedBlock],
        finalization: bytes,
        next_validators: Sequence[tuple[str, bytes]],
        done: Callable[[], None],
    ) -> None:
        job = lambda: self.store.commit(blocks, finalization, next_validators)  # noqa: E731
        self.committing.append((job, done))

    def stop(self, error: Exception) -> None:
        self.stopped.append(error)

    # --- the world moves

    def advance(self, by_ms: int) -> None:
        """Let time pass, and the timers of that time fire."""
        self.now_ms += by_ms
        while due := [name for name, (at_ms, _) in self.timers.items() if at_ms <= self.now_ms]:
            _, fire = self.timers.pop(min(due, key=lambda name: self.timers[name][0]))
            fire()

    def check(self) -> None:
        """Answer everything that waits for signatures to be checked."""
        while self.verifying:
            jobs, done = self.verifying.pop(0)
            done([self._is_valid(job) for job in jobs])

    def _is_valid(self, job: Job) -> bool:
        transaction, keys = job
        return all(
            self.domain.is_valid(key, signature, transaction.body)
            for key, signature in zip(keys, transaction.signatures, strict=True)
        )

    def write(self) -> None:
        """Let everything that waits come to the disk."""
        while self.writing or self.committing:
            if self.writing:
                changes, sync, done = self.writing.pop(0)
                self.journal.write(changes, sync)
            else:
                job, done = self.committing.pop(0)
                job()
            done()


class Stage:
    """A store with a genesis and the parts around it."""

    def __init__(self, limits: MempoolLimits | None = None) -> None:
        self.population: Population = make_population(4, LIMITS)
        self.genesis = self.population.genesis
        self.domain = CheapDomain(Purpose.TRANSACTION, self.genesis.hash)
        self.votes = CheapDomain(Purpose.VOTE, self.genesis.hash)
        self.disk = SimulatedDisk()
        self.store = Store(self.disk, self.population.first)
        self.ports = FakePorts(self.domain, self.store)
        self.journal = Journal(self.ports.journal)
        self.chain = Chain(self.store, self.population.first.trail)
        self.mempool = Mempool(limits or MempoolLimits())
        self.validators = ValidatorSet(self.genesis.validators)
        self.executed: list[SealedBlock] = []
        self.judge = Judge(
            self.chain,
            self.mempool,
            self.ports,
            limits_of_genesis(self.genesis),
            self.genesis.chain,
            self.votes,
            self._was_executed,
            lambda _: False,
        )
        self.judge.validators = self.validators
        self.nonce = 0

    def _was_executed(self, sealed: SealedBlock) -> None:
        self.executed.append(sealed)
        self.judge.advance_children(sealed.block.hash)

    # --- transactions

    def sign(
        self,
        kind: str,
        data: dict[str, Value],
        signers: Sequence[tuple[str, SigningKey]],
        until: int = 100,
    ) -> Transaction:
        """A signed transaction unlike any other."""
        self.nonce += 1
        names = [code for code, _ in signers]
        nonce = self.nonce.to_bytes(16, "big")
        body = compose_body(self.genesis.chain, kind, data, names, until, nonce)
        raw = sign_body(body, self.domain, [key for _, key in signers])
        return decode_transaction(raw, self.genesis.chain)

    def deposit(self, until: int = 100, reference: str = "") -> Transaction:
        """Money from the bank to a region."""
        data: dict[str, Value] = {
            "account": self.population.regions[0],
            "amount_micro_yuan": 1,
            "reference": reference,
        }
        return self.sign("settlement.deposit", data, [self.founder(self.population.bank)], until)

    def founder(self, code: Code) -> tuple[str, SigningKey]:
        """A founder and its identity key."""
        return code, self.population.identity_key(code)

    def pend(self, *transactions: Transaction) -> None:
        """Put transactions into the mempool as checked."""
        for item in transactions:
            keys = resolve_keys(self.store.state, item)
            assert keys is not None
            self.mempool.add(Pending(item, keys))

    # --- blocks

    def parent(self, above: SealedBlock | None = None) -> Parent:
        """An executed block as a parent; the store's last without one."""
        if above is not None:
            return parent_of_sealed(above)
        parent = self.chain.find_parent(self.store.hash)
        assert parent is not None
        return parent

    def make(
        self,
        transactions: Sequence[Transaction] = (),
        above: SealedBlock | None = None,
        view: int = 1,
        after_ms: int = 10,
    ) -> SealedBlock:
        """A block as a leader would make it."""
        parent = self.parent(above)
        frame = Frame(
            parent.header.epoch,
            View(view),
            TimeMs(parent.header.time_ms + after_ms),
            self.population.regions[0],
            b"" if parent.header.height == 0 else b"certificate",
        )
        return execute_block(parent, frame, transactions, self.validators, self.votes)

    def grow(self, *bodies: Sequence[Transaction]) -> list[SealedBlock]:
        """Blocks one on the other, in the chain but not final."""
        blocks: list[SealedBlock] = []
        for body in bodies:
            above = blocks[-1] if blocks else None
            blocks.append(self.make(body, above, view=len(blocks) + 1))
            self.chain.add(blocks[-1])
        return blocks

    def finish(self, blocks: Sequence[SealedBlock]) -> None:
        """Make blocks of the chain final, and write them."""
        decided = self.chain.decide(blocks[-1].block.hash)
        assert decided == list(blocks)
        self.store.commit(decided, self.certify(blocks[-1].block, VoteKind.FINALIZE).encode())
        self.chain.fold(decided)

    def certify(
        self, block: Block, kind: VoteKind = VoteKind.FINALIZE, signers: Sequence[int] = (0, 1, 2)
    ) -> Certificate:
        """A certificate of a quorum."""
        header = block.header
        vote = Vote(
            Epoch(header.epoch), header.view, kind, View(0), block.hash, self.validators.hash
        )
        return compute_certificate([self.vote(vote, signer) for signer in signers])

    def vote(self, vote: Vote, signer: int) -> SignedVote:
        """One validator's vote."""
        key = self.population.voter_keys(self.population.regions[signer])[0]
        return SignedVote(vote, signer, self.votes.sign(key, vote.encode()))


def change(sealed: SealedBlock, **fields: object) -> Block:
    """The same block with other fields in its header."""
    header: Header = replace(sealed.block.header, **fields)  # type: ignore[arg-type]
    block = sealed.block
    return make_block(header, block.transaction_hashes, block.parent_certificate)


def raws(sealed: SealedBlock) -> list[bytes]:
    """The transactions of a block as bytes."""
    return [item.raw for item in sealed.transactions]


def digest(number: int) -> Digest:
    """Any digest."""
    return Digest(number.to_bytes(32, "big"))


def public(number: int) -> PublicKey:
    """Any key."""
    return PublicKey(number.to_bytes(32, "big"))
