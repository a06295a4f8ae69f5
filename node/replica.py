"""A peer without its shell: consensus, execution, mempool, store and sync, behind ports.

    frames, submissions, timers  -->  Replica  -->  Ports (network, clock, disk, processor)

1. Everything happens on one queue of events: no method is entered while another runs.
2. What consensus says passes the outbox: it leaves behind what had to be written before it.
3. A block is final for the world when the store has it: only then are clients answered, the state
   is folded and bodies are forgotten.
4. Members of the running epoch vote. All others follow by block sync and offer what they accepted
   to the validators they are connected to.
5. A peer that joins by a snapshot has no chain yet: until it has, it does nothing else
   (`node.joiner`).
"""

import logging
from collections.abc import Callable, Sequence

from consensus import journal as core_journal
from consensus.certificate import Certificate
from consensus.core import Core
from consensus.event import Received, Synced
from consensus.message import CertificateMessage, decode_message
from consensus.settings import Settings
from consensus.validators import ValidatorSet
from ledger.block import Block, decode_header
from ledger.crypto import Domain, Purpose
from ledger.genesis import Genesis
from ledger.keyvalue import KeyValue
from ledger.primitives import Code, Digest, Epoch, PublicKey
from ledger.sealed import SealedBlock
from ledger.state import Reader
from ledger.store import Store
from node.attendance import Attendance
from node.chain import Chain
from node.conductor import Conductor
from node.counters import Counters
from node.epochs import Silence, compute_epoch, find_root, find_silence, find_voice
from node.errors import Diverged, Fork, Refused
from node.execution import compute_validator_set
from node.fetch import Fetch
from node.frames import (
    REPLACED,
    BlockBody,
    Consensus,
    Frame,
    Hello,
    Notice,
    Range,
    Transactions,
    WantBlock,
    WantRange,
    WantTransactions,
)
from node.identity import Identity
from node.intake import Answer, Intake
from node.joiner import Joiner
from node.journal import Journal
from node.judge import Judge
from node.limits import BlockLimits, limits_of_genesis
from node.mempool import Mempool, MempoolLimits, Pending
from node.offers import Answer as Piece
from node.offers import Offers, Want
from node.outbox import Outbox
from node.ports import Ports
from node.propose import Proposer
from node.reminder import Reminder
from node.reporter import Reporter
from node.scout import Scout
from node.serving import Serving
from node.snapshot_frames import EpochEnds, Offer, WantEpochs, WantPart, WantSnapshot
from node.snapshot_rules import ALONE, SnapshotRules
from node.sync import Sync, block_of_body
from node.trail import load_trail

_log = logging.getLogger("suanlian.replica")
SYNC_GRACE_MS = 250  # a validator's missing block is on its way by itself as a rule


class Replica:
    """One peer of the network, driven by whoever provides its ports."""

    _core_class: type[Core] = Core  # the simulator's liars have one without shame

    def __init__(
        self,
        identity: Identity,
        genesis: Genesis,
        store: Store,
        journal: Journal,
        ports: Ports,
        limits: MempoolLimits,
        on_final: Callable[[Sequence[SealedBlock]], None] = lambda _: None,
        domain: Domain | None = None,
        rules: SnapshotRules = ALONE,
        installing: KeyValue | None = None,
    ) -> None:
        """`installing` is the disk that a snapshot goes to, beside a store that has the genesis
        only."""
        self.identity = identity
        self.genesis = genesis
        self.store = store
        self.counters = Counters()
        self.final_at_ms = ports.monotonic_ms()
        self.attendance = Attendance(self.final_at_ms)
        self._journal = journal
        self._ports = ports
        self._on_final = on_final
        self.domain = domain or Domain(Purpose.VOTE, genesis.hash)
        self._commits: list[tuple[list[SealedBlock], Certificate]] = []
        self._is_committing = False
        self._unreached: Certificate | None = None
        self._recovered: core_journal.Journal | None = None
        self.voter_key: PublicKey | None = None  # of this epoch, where this peer holds it
        self.silence: Silence | None = None  # why this validator has no vote in this epoch
        self.has_stopped = False
        self.chain = Chain(store, load_trail(store, genesis))
        self.mempool = Mempool(limits)
        self.outbox = Outbox(ports.write_journal)
        self.offers = Offers(store, ports.monotonic_ms, rules)
        self.joiner: Joiner | None = None
        if installing is not None:
            self.joiner = Joiner(genesis, store, installing, ports, self.domain, self.stop)
        self.scout = Scout(genesis, ports, self.domain, self.chain, self.stop, rules)
        self.serving = Serving(store, self.chain, self.mempool, journal, ports)
        block_limits = limits_of_genesis(genesis)
        self.judge = self._make_judge(block_limits)
        self.fetch = Fetch(self.judge, ports, lambda hash_: self.intake.is_checking(hash_))
        self.intake = self._make_intake(block_limits)
        self.proposer = Proposer(
            identity.code, self.chain, self.mempool, ports, block_limits, self.domain
        )
        self.reporter = Reporter(
            identity.code,
            identity.voter_keys,
            genesis.chain,
            block_limits.window,
            self.domain.of(Purpose.TRANSACTION),
            store,
            self.intake,
        )
        self.sync = self._make_sync()
        self.conductor = Conductor(self, ports, journal)
        self._settings = Settings(
            delta_ms=genesis.consensus.delta_ms, heartbeat_ms=genesis.consensus.heartbeat_ms
        )
        self.reminder = Reminder(self, ports)
        self.validators: ValidatorSet
        self.core: Core
        self._enter_epoch_of_store()

    def _make_judge(self, limits: BlockLimits) -> Judge:
        return Judge(
            self.chain,
            self.mempool,
            self._ports,
            limits,
            self.genesis.chain,
            self.domain,
            self._executed,
            lambda hash_: self.intake.is_checking(hash_),
        )

    def _make_intake(self, limits: BlockLimits) -> Intake:
        return Intake(
            self.genesis.chain,
            limits.window,
            self.store,
            self._journal,
            self.mempool,
            self._ports,
            self._best_state,
            self._added,
        )

    def _make_sync(self) -> Sync:
        return Sync(
            self.store,
            self.judge,
            self._ports,
            self.domain,
            self._synced,
            lambda block, reason: self.diverge(block.hash, reason),
            lambda: (self.chain.decided_height, self.chain.decided_hash),
            lambda: self._unreached is not None,
        )

    # --- epochs

    def _enter_epoch_of_store(self) -> None:
        self._recovered = core_journal.replay(self._journal.list_records())
        self._enter_epoch(compute_epoch(self.store), recovering=True)

    def _enter_epoch(self, epoch: Epoch, recovering: bool) -> None:
        recovered = self._recovered
        # A store that is older than its journal says nothing of epochs in which this peer voted: it
        # is silent, and leaves the journal alone, until it has come back to where it was.
        is_behind = recovered is not None and recovered.epoch > epoch
        if recovered is not None and recovered.epoch == epoch:
            recovering, self._recovered = True, None
        else:
            recovered = None
        root, members = find_root(self.store, self.genesis, epoch)
        self.validators = members
        self.judge.validators = members
        self.sync.epoch, self.sync.validators = epoch, members
        found = find_voice(self.identity.code, self.identity.voter_keys, members, self.domain)
        if found is None and self.is_validator:
            _log.error("this validator does not hold its key of epoch %d: it cannot vote", epoch)
        self.voter_key = None if found is None else found[1]
        is_barred = found is not None and self._journal.is_barred(found[1])
        if is_barred:
            _log.error("this validator key is barred here: no votes under it any more")
        self.silence = find_silence(self.is_validator, found is not None, is_barred, is_behind)
        self.core = self._core_class(
            self._settings,
            epoch,
            members,
            root,
            None if found is None else found[0],
            self.domain.is_valid,
            None if is_barred else recovered,
            recovering,
            not is_barred and not is_behind,
        )

    @property
    def voters(self) -> Sequence[str]:
        """The validators of the running epoch."""
        return self.validators.codes

    def serve(self, want: WantRange | Want) -> Range | Piece:
        """Final blocks, or snapshots, for whoever asks."""
        if isinstance(want, WantRange):
            return self.serving.compose_range(want)
        return self.offers.answer(want)

    @property
    def is_validator(self) -> bool:
        """Whether this peer is of the running epoch's set."""
        return self.validators.find_index(Code(self.identity.code)) is not None

    # --- life

    def start(self) -> None:
        """Begin: consensus first, then what the store says is final, then what was accepted."""
        if self.joiner is not None:
            self.joiner.start()
            return
        self.offers.take()
        self.conductor.start()
        last = self.store.get_last_finalization()
        if last is not None:
            self._tell_stored(Certificate.decode(last[1]))
        self.intake.restore()
        self.conductor.update_pending()
        self.reminder.start()

    def connected(self, peer: str, height: int) -> None:
        """A connection to a peer stands; it is at this final height."""
        if self.joiner is not None:
            self.joiner.hear_height(peer, height)
            return
        self._hear_height(peer, height)
        self.attendance.arrive(peer)
        if self.validators.find_index(Code(peer)) is not None:
            self.reminder.offer([peer])

    def disconnected(self, peer: str) -> None:
        """A connection ended."""
        if self.joiner is not None:
            self.joiner.forget(peer)
        self.sync.forget(peer)
        self.scout.forget(peer)
        self.attendance.leave(peer, self._ports.monotonic_ms())

    def diverge(self, block: Digest, reason: str) -> None:
        """A quorum agreed on what executes differently here: stop before harm is done."""
        self.stop(
            Diverged(
                f"block {block.hex()} is certified, but this peer computed "
                f"{reason or 'other roots'}; it stops. "
                "Compare versions with other operators before starting it again."
            )
        )

    def stop(self, error: Exception) -> None:
        """End this peer for good."""
        if not self.has_stopped:
            self.has_stopped = True
            self._ports.stop(error)

    # --- what comes in

    def submit(self, raws: Sequence[bytes], done: Callable[[list[Answer]], None]) -> None:
        """Transactions from clients; see `Intake.submit`."""
        if self.joiner is not None:
            refused = Refused("this peer is joining by a snapshot", "not-ready", retry=True)
            done([refused] * len(raws))
            return
        self.intake.submit(raws, done)

    def receive(self, sender: str, frame: Frame) -> None:
        """A frame from a connected peer; raises LedgerError where it is garbage."""
        if self.has_stopped:
            return
        name = type(frame).__name__
        self.counters.frames[name] = self.counters.frames.get(name, 0) + 1
        if self.joiner is not None:
            self.joiner.receive(sender, frame)
            return
        try:
            match frame:
                case Consensus(data):
                    message = decode_message(data)
                    self.attendance.hear_epoch(sender, message.epoch)
                    self.conductor.step(Received(Code(sender), message))
                case Transactions(raws):
                    self._receive_transactions(sender, raws)
                case WantTransactions(hashes):
                    self.serving.send_transactions(sender, hashes)
                case WantBlock(hash_):
                    self.serving.send_block(sender, hash_)
                case BlockBody():
                    self._receive_body(sender, frame)
                case WantRange() | WantSnapshot() | WantEpochs() | WantPart():
                    self._ports.send([sender], self.serve(frame))
                case Range():
                    self.sync.receive(sender, frame)
                case Offer() | EpochEnds():
                    self.scout.receive(sender, frame)
                case Hello():
                    self._hear_height(sender, frame.height)
                case Notice(code, detail):
                    _log.warning("%s says: %s: %s", sender, code, detail)
                    if code == REPLACED:
                        self.conductor.hear_replaced(sender)
        except Fork as error:
            self.stop(error)

    def _hear_height(self, peer: str, height: int) -> None:
        self.sync.hear_height(peer, height)
        self.scout.hear_height(peer, height)

    def _receive_transactions(self, sender: str, raws: Sequence[bytes]) -> None:
        self.intake.receive(raws, sender)
        if self.judge.is_wanting:
            self.judge.take(raws)

    def _receive_body(self, sender: str, body: BlockBody) -> None:
        block = block_of_body(body)
        if self.fetch.wants(block.hash):
            if self._unreached is not None and self._unreached.block == block.hash:
                self.chain.check_final(block)
            self.conductor.park_certified(block, body.raws, sender)

    # --- transactions

    def _added(self, added: Sequence[Pending], sender: str | None) -> None:
        """Transactions entered the mempool: offer on what a client or an observer brought."""
        if len(self.judge):
            self.judge.notice(item.transaction for item in added)
        if sender is None or self.validators.find_index(Code(sender)) is None:
            raws = [item.transaction.raw for item in added]
            targets = [code for code in self.list_voters() if code != sender]
            self._ports.send_transactions(targets, raws)
        self.conductor.update_pending()

    def list_voters(self) -> list[str]:
        """The connected validators of the running epoch, but this peer."""
        find = self.validators.find_index
        return [code for code in self._ports.list_connected() if find(Code(code)) is not None]

    def _best_state(self) -> Reader:
        return self.conductor.best_state()

    # --- blocks

    def _executed(self, sealed: SealedBlock) -> None:
        if sealed.transactions:
            self.proposer.last_block_ms = self._ports.monotonic_ms()
        hash_ = sealed.block.hash
        self.fetch.got(hash_)
        if self._unreached is not None and self._unreached.block == hash_:
            self.finalize(self._unreached)
        self.judge.advance_children(hash_)

    def finalize(self, certificate: Certificate) -> bool:
        """A block is final: write it with its ancestors, or sync what is missing of them. Whether
        there was something to write."""
        if self.chain.get(certificate.block) is None:
            if self.store.find_height(certificate.block) is None:
                self._unreached = certificate
                self.sync.want(SYNC_GRACE_MS if self.is_validator else 0)
                self.conductor.seek(certificate)
            else:
                self._tell_stored(certificate)
            return False
        try:
            blocks = self.chain.decide(certificate.block)
        except Fork as error:
            self.stop(error)
            return False
        if blocks:
            self._commits.append((blocks, certificate))
            self._commit_next()
        if self._unreached is not None and self._unreached.block == certificate.block:
            self._unreached = None
        return bool(blocks)

    def _tell_stored(self, certificate: Certificate) -> None:
        """A final block is stored; the core may know it by its certificate only."""
        if certificate.epoch == self.core.status().epoch:
            height = self.store.find_height(certificate.block)
            header = None if height is None else self.store.get_header_bytes(height)
            assert header is not None
            is_last = decode_header(header).is_last_of_epoch
            self.conductor.step(Synced(certificate, is_last))

    def _commit_next(self) -> None:
        if self._is_committing or not self._commits:
            return
        self._is_committing = True
        blocks, certificate = self._commits.pop(0)
        last = blocks[-1]
        following: list[tuple[str, bytes]] = []
        if last.block.header.is_last_of_epoch:
            members = compute_validator_set(last.layer)
            following = list(zip(members.codes, members.keys, strict=True))
        self._ports.commit(
            blocks, certificate.encode(), following, lambda: self._committed(blocks, certificate)
        )

    def _committed(self, blocks: list[SealedBlock], certificate: Certificate) -> None:
        """The store has the blocks: the world may know."""
        self._is_committing = False
        self.chain.fold(blocks)
        self.offers.grew()
        self._tell_stored(certificate)
        self.judge.prune(self.store.height)
        self.final_at_ms = self._ports.monotonic_ms()
        self.counters.count(blocks)
        self.intake.fold(blocks)
        self.conductor.look_for_twin(blocks)
        self._drop_rotated()
        self.conductor.forget_bodies()
        unreached = self._unreached
        if unreached is not None and self.store.find_height(unreached.block) is not None:
            self._unreached = None
        if blocks[-1].block.header.is_last_of_epoch:
            self._end_epoch()
        self._announce(certificate)
        self._on_final(blocks)
        self.conductor.update_pending()
        self.sync.resume()
        self._commit_next()

    def _drop_rotated(self) -> None:
        stale, self.proposer.stale = self.proposer.stale, {}
        self.intake.reject_rotated(stale.values())

    def _announce(self, certificate: Certificate) -> None:
        """Tell those without a vote, who are not sent the rest of consensus."""
        if self.is_validator:
            find = self.validators.find_index
            others = [code for code in self._ports.list_connected() if find(Code(code)) is None]
            if others:
                message = CertificateMessage(certificate)
                self._ports.send(others, self.conductor.frame_of(message))

    def _end_epoch(self) -> None:
        epoch = Epoch(self.store.header.epoch + 1)
        _log.info("epoch %d begins", epoch)
        # Who was not voting when the old epoch ended may have been in the next before, and lost it.
        was_voting = self.core.status().votes
        self.counters.epoch_changes += 1
        self.fetch.clear()
        self._enter_epoch(epoch, recovering=not was_voting)
        self.conductor.enter_epoch()

    def _synced(self, certificate: Certificate, block: Block) -> None:
        """A range was executed up to this final block."""
        self.finalize(certificate)
        if not self.has_stopped and certificate.epoch == self.core.status().epoch:
            self.conductor.step(Synced(certificate, block.header.is_last_of_epoch))

    def wall_ms(self) -> int:
        """What this peer's clock of the wall shows."""
        return self._ports.wall_ms()

    def elapsed_ms(self, since_ms: int) -> int:
        """How long ago a moment of the monotonic clock is."""
        return self._ports.monotonic_ms() - since_ms

    def quiet_ms(self) -> int:
        """For how long no block has become final here."""
        return self.elapsed_ms(self.final_at_ms)

    def view_ms(self) -> int:
        """For how long this peer has been in its view."""
        return self.elapsed_ms(self.conductor.view_at_ms)
