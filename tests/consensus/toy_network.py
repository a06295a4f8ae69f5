"""A whole network of cores in one process: virtual time, seeded faults, shared checkers.

Each `Peer` is a core with the smallest replica that honours the contract of `consensus.action`:
actions leave in order, a synced `Persist` holds back everything behind it for the time of its
fsync, and a crash in between loses what was not synced (the journal keeps a random prefix of it).
"""

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from toy_chain import (
    EPOCH_CHANGE,
    GENESIS,
    Block,
    FakeSigner,
    Stored,
    choose_members,
    hash_certificate,
    make_code,
    make_set,
)

from consensus.action import (
    Action,
    Broadcast,
    CancelTimer,
    Certified,
    Diverged,
    DoubleSigned,
    EpochEnded,
    Fetch,
    Finalized,
    Forked,
    Judge,
    KeyElsewhere,
    OlderEpoch,
    Persist,
    Propose,
    Recovered,
    Send,
    SetTimer,
)
from consensus.certificate import Certificate, check_certificate, verify_signatures
from consensus.core import Core
from consensus.event import (
    Event,
    Executed,
    Judged,
    PendingChanged,
    Proposed,
    Received,
    Started,
    Synced,
    TimerFired,
    TimerKind,
    Verdict,
)
from consensus.evidence import is_double_signing
from consensus.journal import replay
from consensus.message import (
    CertificateMessage,
    Message,
    Proposal,
    VoteMessage,
    decode_message,
    encode_message,
)
from consensus.root import Root
from consensus.settings import Settings
from consensus.validators import ValidatorSet
from consensus.vote import Vote, VoteKind
from consensus.voting import Voice
from ledger.errors import EncodingError
from ledger.primitives import Code, Digest, Epoch

BLOCK_LIMIT = 8
SYNC_BLOCKS = 40
OFFER_MS = 20


class Violation(AssertionError):
    """A property that must always hold did not."""


@dataclass
class Faults:
    """What goes wrong; times in milliseconds, rates in 0 to 1."""

    delay_ms: tuple[int, int] = (1, 20)
    slow_rate: float = 0.0  # of messages that take up to slow_ms
    slow_ms: int = 2000
    loss: float = 0.0
    duplication: float = 0.0
    fsync_ms: tuple[int, int] = (1, 5)
    execute_ms: tuple[int, int] = (0, 10)
    undecided: float = 0.0  # of proposals whose body does not come by itself


CALM = Faults()


@dataclass
class Counters:
    """What happened, for the tests that count."""

    blocks: int = 0
    empty_blocks: int = 0
    nullifies: int = 0
    messages: int = 0
    steps: int = 0
    double_signed: list[DoubleSigned] = field(default_factory=list)
    key_elsewhere: list[Code] = field(default_factory=list)
    recovered: list[Code] = field(default_factory=list)
    epochs: int = 0


class World:
    """Time, links, and what all honest peers agree on."""

    def __init__(
        self,
        seed: int,
        n: int = 4,
        pool: int | None = None,
        byzantine: Iterable[int] = (),
        faults: Faults = CALM,
        settings: Settings | None = None,
        encoded: bool = False,
        make_signer: Callable[[int], Any] | None = None,
        is_valid: Any = FakeSigner.is_valid,
        peer_type: Any = None,
        byzantine_type: Any = None,
        dead: Iterable[int] = (),
        prepare: "Callable[[Peer], None] | None" = None,
    ) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.now = 0
        self.n = n
        self.settings = settings or Settings()
        self.faults = faults
        self.encoded = encoded
        self.is_valid = is_valid
        self.count = Counters()
        self.initial = list(range(n))
        self._heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = 0
        self.side: dict[int, int] = {}
        self.cut: Callable[[int, int, object], bool] = lambda sender, to, message: False
        total = n if pool is None else pool
        make_signer = make_signer or (lambda number: FakeSigner(f"{seed}/{number}"))
        self.signers = {number: make_signer(number) for number in range(total)}
        self.keys = {number: signer.public for number, signer in self.signers.items()}
        self.byzantine = tuple(byzantine)
        self.agreed: dict[int, Digest] = {}
        self.said: dict[tuple[Code, int, int], list[Vote]] = {}
        self.final_ms: dict[int, int] = {}
        self.peers: list[Peer] = []
        for number in range(total):
            kind = (byzantine_type or Peer) if number in self.byzantine else (peer_type or Peer)
            self.peers.append(kind(self, number))
        for peer in self.peers:
            if prepare is not None:
                prepare(peer)
            if peer.number not in tuple(dead):
                peer.start()

    @property
    def honest(self) -> "list[Peer]":
        return [peer for peer in self.peers if peer.number not in self.byzantine]

    def set_of(self, numbers: list[int]) -> ValidatorSet:
        return make_set(numbers, self.keys)

    # ---- time ----

    def at(self, delay_ms: int, function: Callable[..., None], *arguments: Any) -> None:
        self._number += 1
        heapq.heappush(self._heap, (self.now + delay_ms, self._number, function, arguments))

    def run(self, until_ms: int, stop: Callable[[], bool] | None = None) -> bool:
        """Run to a time, or until `stop` holds (asked every 50 ms of virtual time)."""
        next_check = self.now
        while self._heap and self._heap[0][0] <= until_ms:
            due, _, function, arguments = heapq.heappop(self._heap)
            self.now = max(self.now, due)
            function(*arguments)
            if stop is not None and self.now >= next_check:
                next_check = self.now + 50
                if stop():
                    return True
        self.now = max(self.now, until_ms)
        return stop is not None and stop()

    def run_for(self, span_ms: int, stop: Callable[[], bool] | None = None) -> bool:
        return self.run(self.now + span_ms, stop)

    # ---- links ----

    def transmit(self, sender: int, to: int, message: object) -> None:
        """Put a message on a link, with the faults of the hour."""
        if sender == to or self.side.get(sender, 0) != self.side.get(to, 0):
            return
        if self.cut(sender, to, message):
            return
        faults, rng = self.faults, self.rng
        if faults.loss and rng.random() < faults.loss:
            return
        copies = 2 if faults.duplication and rng.random() < faults.duplication else 1
        for _ in range(copies):
            delay = rng.randint(*faults.delay_ms)
            if faults.slow_rate and rng.random() < faults.slow_rate:
                delay = rng.randint(delay, faults.slow_ms)
            self.at(delay, self._arrive, sender, to, message)

    def _arrive(self, sender: int, to: int, message: object) -> None:
        if self.side.get(sender, 0) != self.side.get(to, 0):
            return
        self.count.messages += 1
        self.peers[to].receive(self.peers[sender], message)

    # ---- faults of the day ----

    def heal(self, faults: Faults = CALM) -> None:
        self.side = {}
        self.cut = lambda sender, to, message: False
        self.faults = faults
        for peer in self.peers:
            if not peer.alive:
                peer.start()

    def crash(self, *numbers: int) -> None:
        for number in numbers:
            self.peers[number].crash()

    def submit(self, transaction: int, to: int | None = None) -> None:
        number = self.rng.choice([p.number for p in self.honest]) if to is None else to
        peer = self.peers[number]
        peer.accept([transaction])
        if peer.alive:
            peer.offer()

    # ---- checkers ----

    def check_vote(self, code: Code, vote: Vote) -> None:
        """Self-consistency: no honest validator ever contradicts itself, restarts included."""
        said = self.said.setdefault((code, vote.epoch, vote.view), [])
        if vote in said:
            return
        if any(is_double_signing(other, vote) for other in said):
            raise Violation(f"seed {self.seed}: {code} said {said} and {vote}")
        said.append(vote)
        self.count.nullifies += vote.kind is VoteKind.NULLIFY

    def check_final(self, peer: "Peer", block: Block) -> None:
        """Agreement: one block per height."""
        known = self.agreed.setdefault(block.height, block.digest)
        if known != block.digest:
            raise Violation(f"seed {self.seed}: {peer.code} forks at height {block.height}")

    def are_final(self, transactions: Iterable[int]) -> bool:
        """Liveness: these are final at all honest peers that live."""
        wanted = list(transactions)
        living = [peer for peer in self.honest if peer.alive]
        return all(tx in peer.finals_of for peer in living for tx in wanted)


class Peer:
    """One core, its disk, and a replica."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.number = number
        self.code = make_code(number)
        self.signer = world.signers[number]
        self.alive = False
        self.life = 0
        # the disk
        self.journal: list[bytes] = []
        self.synced = 0
        self.has_journal = True
        self.bodies: dict[Digest, Stored] = {}
        self.chain: list[Stored] = []
        self.certificates: list[Certificate | None] = []
        self.final_height: dict[Digest, int] = {GENESIS: 0}
        self.finals_of: dict[int, int] = {}  # transaction -> height
        self.epoch_certificates: dict[int, Certificate] = {}
        self.mempool: dict[int, None] = {}
        self.members = list(world.initial)
        self.epoch = 0
        self.root = Root(GENESIS)

    # ---- life ----

    def start(self) -> None:
        assert not self.alive
        self.alive = True
        self.life += 1
        self.known: dict[Digest, Stored] = dict(self.bodies)
        self.executed: dict[Digest, Block] = {}
        self.judging: dict[Digest, list[Vote]] = {}
        self.stuck: dict[Digest, None] = {}
        self.fetching: dict[Digest, tuple[Code, ...]] = {}
        self.running: dict[Digest, None] = {}
        self.waiting: dict[Digest, list[Digest]] = {}
        self.queue: deque[tuple[int, Action]] = deque()
        self.blocked = False
        self.pumping = False
        self.certified = self.tip
        self.pending = False
        self.sync_target: Digest | None = None
        self.offered_ms = -10_000
        self.serial = 0
        self.make_core(recovering=True)

    def crash(self) -> None:
        """Lose the memory and what was not synced; a torn tail of the journal may survive."""
        assert self.alive
        self.alive = False
        self.life += 1
        torn = self.world.rng.randint(self.synced, len(self.journal))
        del self.journal[torn:]
        self.synced = len(self.journal)

    def make_core(self, recovering: bool) -> None:
        self.serial += 1
        self.timers: dict[TimerKind, SetTimer] = {}
        self.validators = self.world.set_of(self.members)
        index = self.validators.find_index(self.code)
        self.core = self.make_engine(index, recovering)
        self.feed(Started())
        if self.chain and self.chain[-1].block.epoch == self.epoch:
            certificate = self.certificates[-1]
            assert certificate is not None
            self.feed(Synced(certificate, False))
        self.pending = False
        self.update_pending()

    def make_engine(self, index: int | None, recovering: bool) -> Core:
        voice = None if index is None else Voice(index, self.signer.sign)
        journal = replay(self.journal) if recovering and self.has_journal else None
        return Core(
            self.world.settings,
            Epoch(self.epoch),
            self.validators,
            self.root,
            voice,
            self.world.is_valid,
            journal,
            recovering,
            may_vote=self.has_journal,
        )

    @property
    def tip(self) -> Digest:
        return self.chain[-1].block.digest if self.chain else GENESIS

    @property
    def height(self) -> int:
        return len(self.chain)

    # ---- the driver ----

    def feed(self, event: Event) -> None:
        self.world.count.steps += 1
        actions = self.core.step(event, self.world.now)
        for action in actions:
            self.queue.append((self.serial, action))
        self.pump()

    def pump(self) -> None:
        if self.pumping:
            return
        self.pumping = True
        while self.queue and not self.blocked and self.alive:
            serial, action = self.queue.popleft()
            self.perform(serial, action)
        self.pumping = False

    def perform(self, serial: int, action: Action) -> None:
        world = self.world
        match action:
            case Persist(records, body, sync):
                self.journal += records
                if sync:
                    self.blocked = True
                    delay = world.rng.randint(*world.faults.fsync_ms)
                    world.at(delay, self.on_synced, self.life, len(self.journal), body)
            case Broadcast(message):
                for number in range(len(world.peers)):
                    self.send(number, message)
            case Send(to, message):
                self.send(int(to[-2:]), message)
            case SetTimer(timer, deadline_ms):
                if serial == self.serial:
                    self.timers[timer.kind] = action
                    delay = max(0, deadline_ms - world.now)
                    world.at(delay, self.on_timer, self.life, serial, action)
                if timer.kind in (TimerKind.LEADER, TimerKind.RETRY, TimerKind.HEARTBEAT):
                    self.offer()
            case CancelTimer(kind):
                if serial == self.serial:
                    self.timers.pop(kind, None)
            case _ if serial == self.serial:
                self.perform_work(action)
            case OlderEpoch() | DoubleSigned():
                self.perform_work(action)

    def perform_work(self, action: Action) -> None:
        world = self.world
        match action:
            case Judge(proposal):
                self.judge(proposal)
            case Fetch(block, _, signers):
                self.fetch(block, signers)
            case Propose():
                low, high = world.faults.execute_ms
                delay = world.rng.randint(low, high)
                world.at(delay, self.propose, self.life, self.serial, action)
            case Certified(certificate):
                self.certified = certificate.block
                self.update_pending()
            case Finalized(certificate):
                self.commit(certificate)
            case EpochEnded(certificate):
                self.end_epoch(certificate)
            case OlderEpoch(to, epoch):
                if epoch in self.epoch_certificates:
                    message = CertificateMessage(self.epoch_certificates[epoch])
                    self.send(int(to[-2:]), message)
            case Diverged(block, _):
                raise Violation(f"seed {world.seed}: {self.code} diverged at {block.hex()[:8]}")
            case Forked(held, rival):
                raise Violation(f"seed {world.seed}: {self.code} holds {held} and hears {rival}")
            case DoubleSigned():
                self.on_double_signed(action)
            case KeyElsewhere():
                world.count.key_elsewhere.append(self.code)
            case Recovered():
                world.count.recovered.append(self.code)

    def on_double_signed(self, action: DoubleSigned) -> None:
        epoch_set = self.world.count.double_signed
        epoch_set.append(action)
        culprit = int(self.validators.codes[action.first.signer][-2:])
        if action.first.vote.epoch == self.epoch and culprit not in self.world.byzantine:
            raise Violation(f"seed {self.world.seed}: evidence against honest {culprit}")

    def on_synced(self, life: int, length: int, body: Digest | None) -> None:
        if life != self.life:
            return
        self.synced = max(self.synced, length)
        if body is not None and body in self.known:
            self.bodies[body] = self.known[body]
        self.blocked = False
        self.pump()

    def on_timer(self, life: int, serial: int, action: SetTimer) -> None:
        if (life, serial) != (self.life, self.serial):
            return
        if self.timers.get(action.timer.kind) == action:
            del self.timers[action.timer.kind]
            self.feed(TimerFired(action.timer))

    def send(self, to: int, message: Message) -> None:
        if to == self.number:
            return
        match message:
            case VoteMessage(signed) | Proposal(signed):
                self.check_own(signed.vote)
        self.put(to, encode_message(message) if self.world.encoded else message)

    def check_own(self, vote: Vote) -> None:
        self.world.check_vote(self.code, vote)

    def put(self, to: int, message: object) -> None:
        self.world.transmit(self.number, to, message)

    # ---- the replica ----

    def receive(self, sender: "Peer", message: object) -> None:
        if not self.alive:
            return
        if isinstance(message, bytes):
            message = decode_message(message)
        match message:
            case ("tx", transactions):
                self.accept(transactions)
            case ("fetch", block):
                if block in self.known:
                    self.put(sender.number, ("body", self.known[block]))
                elif block in self.final_height:
                    self.put(sender.number, ("body", self.chain[self.final_height[block] - 1]))
            case ("body", stored):
                self.on_body(stored)
            case ("sync", height):
                self.serve_sync(sender.number, height)
            case ("blocks", blocks):
                self.on_blocks(blocks)
            case _:
                self.feed(Received(sender.code, message))  # type: ignore[arg-type]

    def accept(self, transactions: list[int]) -> None:
        for transaction in transactions:
            if transaction not in self.finals_of:
                self.mempool[transaction] = None
        if self.alive:
            self.update_pending()

    def offer(self) -> None:
        if self.mempool and self.world.now - self.offered_ms >= OFFER_MS:
            self.offered_ms = self.world.now
            for number in range(len(self.world.peers)):
                if number != self.number:
                    self.put(number, ("tx", list(self.mempool)))

    def update_pending(self) -> None:
        used = self.list_unfinal(self.certified) or ()
        pending = any(tx not in used for tx in self.mempool)
        if pending != self.pending:
            self.pending = pending
            self.feed(PendingChanged(pending))

    def find(self, digest: Digest) -> Block | None:
        if digest in self.executed:
            return self.executed[digest]
        height = self.final_height.get(digest, 0)
        return self.chain[height - 1].block if height else None

    def is_executed(self, digest: Digest) -> bool:
        return digest in self.executed or digest in self.final_height

    def list_unfinal(self, digest: Digest) -> dict[int, None] | None:
        """Transactions between the tip and a block; None where it is no executed descendant."""
        used: dict[int, None] = {}
        while digest != self.tip:
            block = self.executed.get(digest)
            if block is None:
                return None
            used.update(dict.fromkeys(block.transactions))
            digest = block.parent
        return used

    def propose(self, life: int, serial: int, request: Propose) -> None:
        if life != self.life or serial != self.serial:
            return
        used = self.list_unfinal(request.parent)
        if used is None:
            return
        parent = self.find(request.parent)
        limit = 0 if request.empty_only else max(1, BLOCK_LIMIT >> request.limit_shift)
        chosen: list[int] = []
        for transaction in self.mempool:
            if len(chosen) < limit and transaction not in used:
                if transaction >= EPOCH_CHANGE:
                    if not any(tx >= EPOCH_CHANGE for tx in used):
                        chosen.append(transaction)
                        break
                    continue
                chosen.append(transaction)
        block = Block(
            self.epoch,
            request.view,
            1 + (parent.height if parent else 0),
            request.parent,
            hash_certificate(request.parent_certificate),
            tuple(chosen),
        )
        self.known[block.digest] = Stored(block, request.parent_certificate)
        self.executed[block.digest] = block
        self.feed(
            Proposed(request.view, request.parent, block.digest, block.payload, block.is_last)
        )

    def judge(self, proposal: Proposal) -> None:
        vote, parent = proposal.signed.vote, proposal.parent_certificate
        try:
            block = Block.from_payload(proposal.payload)
        except EncodingError:
            self.feed(Judged(vote, Verdict.INVALID))
            return
        claimed = self.root.block if parent is None else parent.block
        if (
            block.digest != vote.block
            or (block.epoch, block.view) != (vote.epoch, vote.view)
            or block.parent != claimed
            or block.parent_certificate_hash != hash_certificate(parent)
        ):
            self.feed(Judged(vote, Verdict.INVALID))
            return
        self.judging.setdefault(block.digest, []).append(vote)
        self.known.setdefault(block.digest, Stored(block, parent))
        if self.world.rng.random() < self.world.faults.undecided:
            self.stuck[block.digest] = None
        self.execute(block.digest)

    def fetch(self, digest: Digest, signers: tuple[Code, ...]) -> None:
        self.stuck.pop(digest, None)
        is_new = digest not in self.fetching
        self.fetching[digest] = signers
        if self.is_executed(digest):
            self.answer(digest)
        elif digest in self.known:
            self.execute(digest)
        if is_new:
            self.poll_body(self.life, digest)

    def poll_body(self, life: int, digest: Digest) -> None:
        if life != self.life or self.is_executed(digest) or digest not in self.fetching:
            return
        if digest not in self.known:
            signers = [int(code[-2:]) for code in self.fetching[digest]]
            if signers:
                self.put(self.world.rng.choice(signers), ("fetch", digest))
        self.world.at(150, self.poll_body, life, digest)

    def on_body(self, stored: Stored) -> None:
        digest = stored.block.digest
        if digest not in self.known:
            self.known[digest] = stored
        parent = stored.parent_certificate
        if parent is not None and parent.epoch == self.epoch:
            self.feed(Received(self.code, CertificateMessage(parent)))
        self.execute(digest)

    def execute(self, digest: Digest) -> None:
        if digest in self.running or digest in self.stuck:
            return
        if self.is_executed(digest):
            self.answer(digest)
            return
        parent = self.known[digest].block.parent
        if not self.is_executed(parent):
            self.waiting.setdefault(parent, []).append(digest)
            return
        self.running[digest] = None
        delay = self.world.rng.randint(*self.world.faults.execute_ms)
        self.world.at(delay, self.on_executed, self.life, digest)

    def on_executed(self, life: int, digest: Digest) -> None:
        if life != self.life:
            return
        self.running.pop(digest, None)
        block = self.known[digest].block
        if self.is_executed(digest):
            self.answer(digest)
            return
        used = self.list_unfinal(block.parent)
        if used is None:
            return  # beside the final chain by now
        parent = self.find(block.parent)
        repeated = any(tx in used or tx in self.finals_of for tx in block.transactions)
        height = 1 + (parent.height if parent else 0)
        if not block.truth or block.height != height or repeated:
            for vote in self.judging.pop(digest, []):
                self.feed(Judged(vote, Verdict.INVALID))
            if digest in self.fetching:
                self.feed(Executed(digest, block.is_last, matches=False))
            return
        self.executed[digest] = block
        self.answer(digest)
        for child in self.waiting.pop(digest, []):
            self.execute(child)
        if digest == self.sync_target:
            self.commit(self.sync_certificate)
        self.update_pending()

    def answer(self, digest: Digest) -> None:
        block = self.find(digest)
        is_last = block is not None and block.is_last
        for vote in self.judging.pop(digest, []):
            self.feed(Judged(vote, Verdict.VALID, is_last))
        if self.fetching.pop(digest, None) is not None:
            self.feed(Executed(digest, is_last))

    def commit(self, certificate: Certificate) -> None:
        if certificate.block in self.final_height:
            if certificate.block == self.tip:
                self.feed(Synced(certificate, self.chain[-1].block.is_last))
            return
        path: list[Digest] = []
        digest = certificate.block
        while digest != self.tip:
            if digest not in self.executed or digest not in self.known:
                self.sync_target = certificate.block
                self.sync_certificate = certificate
                self.poll_sync(self.life, certificate.block)
                return
            path.append(digest)
            digest = self.executed[digest].parent
        for digest in reversed(path):
            last = digest == certificate.block
            self.append(self.known[digest], certificate if last else None)
        self.feed(Synced(certificate, self.chain[-1].block.is_last))
        self.update_pending()

    def append(self, stored: Stored, certificate: Certificate | None) -> None:
        block = stored.block
        self.chain.append(stored)
        self.certificates.append(certificate)
        digest = block.digest
        self.final_height[digest] = block.height
        assert block.height == len(self.chain)
        if self.number not in self.world.byzantine:
            self.world.check_final(self, block)
        for transaction in block.transactions:
            assert transaction not in self.finals_of
            self.finals_of[transaction] = block.height
            self.mempool.pop(transaction, None)
            self.world.final_ms.setdefault(transaction, self.world.now)
        self.executed.pop(digest, None)
        self.bodies.pop(digest, None)
        if self.number == self.world.honest[0].number:
            self.world.count.blocks += 1
            self.world.count.empty_blocks += not block.transactions
        for child in self.waiting.pop(digest, []):
            self.execute(child)

    def poll_sync(self, life: int, target: Digest) -> None:
        if life != self.life or target in self.final_height or self.sync_target != target:
            return
        others = [peer.number for peer in self.world.peers if peer is not self]
        if others:
            self.put(self.world.rng.choice(others), ("sync", self.height))
        self.world.at(200, self.poll_sync, life, target)

    def serve_sync(self, to: int, height: int) -> None:
        end = min(height + SYNC_BLOCKS, len(self.chain))
        while end > height and self.certificates[end - 1] is None:
            end -= 1
        if end > height:
            pairs = list(zip(self.chain[height:end], self.certificates[height:end], strict=True))
            self.put(to, ("blocks", pairs))

    def on_blocks(self, pairs: list[tuple[Stored, Certificate | None]]) -> None:
        if not pairs or pairs[0][0].block.parent != self.tip:
            return
        is_new_epoch = False
        for stored, certificate in pairs:
            assert stored.block.parent == self.tip
            if certificate is not None:
                validators = self.world.set_of(self.members)
                check_certificate(certificate, validators, Epoch(self.epoch))
                verify_signatures(certificate, validators, self.world.is_valid)
            self.append(stored, certificate)
            if stored.block.is_last:
                assert certificate is not None
                self.enter_epoch(certificate)
                is_new_epoch = True
        certificate = pairs[-1][1]
        assert certificate is not None
        if is_new_epoch:
            self.make_core(recovering=False)
        else:
            self.feed(Synced(certificate, pairs[-1][0].block.is_last))
        self.update_pending()

    def end_epoch(self, certificate: Certificate) -> None:
        if certificate.block != self.tip:
            raise Violation(f"seed {self.world.seed}: epoch ended before its block was stored")
        self.certificates[-1] = certificate
        self.enter_epoch(certificate)
        self.make_core(recovering=False)

    def enter_epoch(self, certificate: Certificate) -> None:
        self.epoch_certificates[self.epoch] = certificate
        self.root = Root(certificate.block, certificate, self.world.set_of(self.members))
        change = next(tx for tx in self.chain[-1].block.transactions if tx >= EPOCH_CHANGE)
        self.members = choose_members(change, len(self.world.peers), len(self.members))
        self.epoch += 1
        self.certified = self.tip
        if self.number == self.world.honest[0].number:
            self.world.count.epochs += 1
