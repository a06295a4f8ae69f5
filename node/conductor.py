"""Performing what consensus decides: from the core's actions to ports, judge, fetch and chain.

The core is pure and knows digests only. Here its proposals become blocks, its votes leave through
the outbox, its certificates finalize. No decision is taken here that the core did not take.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from consensus import action as acts
from consensus.certificate import Certificate
from consensus.event import (
    Event,
    Executed,
    Judged,
    PendingChanged,
    Proposed,
    Started,
    TimerFired,
    TimerKind,
    Verdict,
)
from consensus.message import (
    CertificateMessage,
    Message,
    Proposal,
    VoteMessage,
    encode_message,
)
from consensus.settings import Settings
from consensus.vote import SignedVote, VoteKind
from contracts import machine
from ledger import codec, shape
from ledger.block import (
    MAX_BLOCK_TRANSACTIONS,
    MAX_HEADER_BYTES,
    Block,
    Header,
    compute_header_hash,
    decode_header,
    make_block_of_parts,
)
from ledger.errors import FormatError, LedgerError
from ledger.primitives import Code, Digest, View
from ledger.sealed import SealedBlock
from ledger.state import Reader
from node.errors import KeyInUse, make_fork
from node.frames import Consensus
from node.journal import Journal
from node.judge import Outcome
from node.ports import Ports
from node.sync import block_of_body, compose_payload
from node.twin import TwinWatch

if TYPE_CHECKING:
    from node.replica import Replica

_log = logging.getLogger("suanlian.consensus")
MAX_SOUGHT = 2 * Settings().max_unfinalized  # blocks above the stored one whose bodies are sought


class Conductor:
    """Feeds events to the core and performs its actions in order."""

    def __init__(self, replica: Replica, ports: Ports, journal: Journal) -> None:
        self._replica = replica
        self._ports = ports
        self._journal = journal
        self._certified: Digest = replica.store.hash
        self._is_pending = False
        self._events: deque[Event] = deque()
        self._is_stepping = False
        self._view = View(0)
        self._nullified = View(0)
        self.view_at_ms = ports.monotonic_ms()
        self._twin = TwinWatch(replica.identity.code, ports.wall_ms(), replica.store.header)
        self._bodies: dict[Digest, int] = dict(journal.list_bodies())

    def frame_of(self, message: Message) -> Consensus:
        """A message of consensus as a frame."""
        return Consensus(encode_message(message))

    def step(self, event: Event) -> None:
        """Let an event happen; events that arise meanwhile follow in order."""
        self._events.append(event)
        if self._is_stepping:
            return
        self._is_stepping = True
        try:
            while self._events and not self._replica.has_stopped:
                core = self._replica.core
                actions = core.step(self._events.popleft(), self._ports.monotonic_ms())
                for action in actions:
                    self._perform(action)
                if core.view != self._view:
                    self._view = core.view
                    self.view_at_ms = self._ports.monotonic_ms()
                    self._replica.judge.leave(core.view)
        finally:
            self._is_stepping = False

    def enter_epoch(self) -> None:
        """A new core stands: what was set for the old one no longer counts."""
        self._events.clear()
        self._certified = self._replica.store.hash
        self._is_pending = False
        self._view = self._nullified = View(0)
        for kind in TimerKind:
            self._ports.cancel_timer(f"core {kind.value}")
        self._ports.cancel_timer("propose")
        self.step(Started())

    def best_state(self) -> Reader:
        """The state after the newest certified block that is executed here."""
        sealed = self._replica.chain.get(self._certified)
        return self._replica.store.state if sealed is None else sealed.layer

    def update_pending(self) -> None:
        """Tell the core whether transactions wait that no certified block holds, or work is due."""
        mempool = self._replica.mempool
        waiting = len(mempool)
        if waiting:
            branch = self._replica.chain.list_branch_ids(self._certified)
            if len(branch) >= waiting:
                waiting -= sum(mempool.has_id(id_) for id_ in branch)
        is_pending = waiting > 0 or self._is_work_due()
        if is_pending != self._is_pending:
            self._is_pending = is_pending
            self.step(PendingChanged(is_pending))

    def _is_work_due(self) -> bool:
        """Whether the next block would do due work now; if later, a timer asks again then."""
        self._ports.cancel_timer("due")
        sealed = self._replica.chain.get(self._certified)
        header = self._replica.store.header if sealed is None else sealed.block.header
        now_ms = max(header.time_ms + 1, self._ports.wall_ms())
        due_ms = machine.find_due_ms(self.best_state(), header.time_ms, now_ms)
        if due_ms is not None and due_ms > now_ms:
            at_ms = self._ports.monotonic_ms() + due_ms - now_ms
            self._ports.set_timer("due", at_ms, self.update_pending)
        return due_ms is not None and due_ms <= now_ms

    # --- actions

    def _perform(self, action: acts.Action) -> None:
        match action:
            case acts.Persist(records, body, sync):
                self._persist(records, body, sync)
            case acts.Broadcast(message):
                self._broadcast(message)
            case acts.Send(to, message):
                frame = self.frame_of(message)
                self._replica.outbox.say(lambda: self._ports.send([to], frame))
            case acts.Judge(proposal):
                self._judge(proposal)
            case acts.Fetch(block, certificate, signers):
                self._fetch(block, signers, certificate.view)
            case acts.Propose():
                self._propose(action)
            case acts.SetTimer():
                self._set_timer(action)
            case acts.CancelTimer(kind):
                self._ports.cancel_timer(f"core {kind.value}")
            case _:
                self._announce(action)

    def _announce(self, action: acts.Action) -> None:
        """What the core says about the chain, rather than asks for."""
        match action:
            case acts.Certified(certificate):
                self._certified = certificate.block
                self.update_pending()
            case acts.Finalized(certificate) | acts.EpochEnded(certificate):
                replica = self._replica
                replica.fetch.prune(certificate.view)
                if replica.finalize(certificate) and not replica.sync.is_running:
                    replica.scout.stay()  # it took part: no range brought this block
            case acts.OlderEpoch(to, epoch):
                self._send_epoch_end(to, epoch)
            case acts.Diverged(block, _):
                self._replica.diverge(block, "")
            case acts.Forked(held, rival):
                self._replica.stop(make_fork(rival.block, held.block))
            case acts.DoubleSigned(first, second):
                validators = self._replica.validators
                code = validators.codes[first.signer]
                self._replica.counters.double_signed[code] += 1
                _log.error("double signing: %r and %r by %s", first.vote, second.vote, code)
                self._replica.reporter.saw(first, second, validators)
            case acts.KeyElsewhere(evidence):
                self._bar(evidence)
            case acts.Recovered(view):
                _log.info("voting again from view %d", view)
            case _:
                raise AssertionError(f"an action that nobody performs: {action!r}")

    def _bar(self, evidence: SignedVote) -> None:
        """A vote of this peer's key that is not its own: it never votes with it here again."""
        vote = evidence.vote
        header = self._find_header(vote.block)
        self._bar_key()
        if header is not None and self._twin.is_fresh(header):
            self._stop_for_twin(_describe_vote(header))
            return
        _log.error(
            "this validator's key signed %r, which is not in this journal: the journal is old or "
            "was lost, or the key runs elsewhere. This peer goes on without a vote. Make a new key "
            "and register it (identity.rotate_validator).",
            vote,
        )

    def look_for_twin(self, blocks: Sequence[SealedBlock]) -> None:
        """Blocks are final: somebody else may have voted for them in this peer's name."""
        replica = self._replica
        is_voting, has_key = replica.core.status().votes, replica.voter_key is not None
        foreign = self._twin.find_foreign(blocks, is_voting, has_key, self._ports.wall_ms())
        if foreign is not None:
            self._bar_key()
            self._stop_for_twin(_describe_vote(foreign))

    def hear_replaced(self, sender: str) -> None:
        """Another peer with this one's code and peer key took its connection to a validator."""
        replica = self._replica
        f, is_voting = replica.validators.f, replica.core.status().votes
        if is_voting or replica.voter_key is None or sender not in replica.voters:
            return
        if self._twin.hear_replaced(sender, f, self._ports.monotonic_ms()):
            # Whoever has the peer key alone can bring this about: the validator key is not barred.
            self._stop_for_twin(
                "f + 1 validators have another connection with its code and peer key, and this "
                "peer does not vote"
            )

    def _stop_for_twin(self, why: str) -> None:
        """Two peers with one key are one too many."""
        replica = self._replica
        assert replica.voter_key is not None
        replica.stop(KeyInUse(replica.identity.code, replica.voter_key, why))

    def _find_header(self, hash_: Digest) -> Header | None:
        """The header of a block that is executed here, or waits to be."""
        parked = self._replica.judge.get(hash_)
        return self._find_executed(hash_) if parked is None else parked.block.header

    def _bar_key(self) -> None:
        """Never vote with this epoch's key again, whatever becomes of this process."""
        key = self._replica.voter_key
        if key is not None:
            self._replica.outbox.persist([self._journal.compose_bar(key)], True)

    def _persist(self, records: Sequence[bytes], body: Digest | None, sync: bool) -> None:
        if self._journal.is_long:
            changes = self._journal.compose_rewrite(self._replica.core.records())
        else:
            changes = self._journal.compose_records(records)
        if body is not None and body not in self._bodies:
            kept = self._replica.serving.find_body(body)
            assert kept is not None, "a vote for a block without a body"
            changes.append(self._journal.compose_body(body, kept))
            sealed = self._replica.chain.get(body)
            self._bodies[body] = sealed.height if sealed else 0
        self._replica.outbox.persist(changes, sync)

    def forget_bodies(self) -> None:
        """Bodies at or below the final height are in the store or lost."""
        height = self._replica.store.height
        gone = [hash_ for hash_, at in self._bodies.items() if at <= height]
        if gone:
            for hash_ in gone:
                del self._bodies[hash_]
            changes = [self._journal.forget_body(hash_) for hash_ in gone]
            self._replica.outbox.persist(changes, False)

    def _count_nullify(self, message: Message) -> None:
        """A view that this peer gives up, counted once however often it says so."""
        if isinstance(message, VoteMessage) and message.signed.vote.kind is VoteKind.NULLIFY:
            view = message.signed.vote.view
            if view > self._nullified:
                self._nullified = view
                self._replica.counters.nullifications += 1

    def _broadcast(self, message: Message) -> None:
        self._count_nullify(message)
        frame = self.frame_of(message)
        is_for_all = (
            isinstance(message, CertificateMessage)
            and message.certificate.kind is VoteKind.FINALIZE
        )

        def speak() -> None:
            replica = self._replica
            to = self._ports.list_connected() if is_for_all else replica.list_voters()
            self._ports.send(to, frame)

        self._replica.outbox.say(speak)

    def _set_timer(self, action: acts.SetTimer) -> None:
        timer = action.timer
        self._ports.set_timer(
            f"core {timer.kind.value}", action.deadline_ms, lambda: self.step(TimerFired(timer))
        )

    def _send_epoch_end(self, to: Code, epoch: int) -> None:
        end = self._replica.store.get_epoch_end(epoch)
        if end is not None:
            message = CertificateMessage(Certificate.decode(end.finalization))
            self._ports.send([to], self.frame_of(message))

    # --- proposals

    def _propose(self, request: acts.Propose) -> None:
        wait_ms = self._replica.proposer.compute_wait_ms(request)
        if wait_ms:
            at_ms = self._ports.monotonic_ms() + wait_ms
            self._ports.set_timer("propose", at_ms, lambda: self._make(request))
        else:
            self._make(request)

    def _make(self, request: acts.Propose) -> None:
        replica = self._replica
        epoch = replica.core.status().epoch
        sealed = replica.proposer.propose(request, epoch, replica.validators)
        if sealed is None:
            return
        replica.chain.add(sealed)
        block = sealed.block
        self.step(
            Proposed(
                request.view,
                request.parent,
                block.hash,
                compose_payload(block),
                block.header.is_last_of_epoch,
            )
        )

    def _judge(self, proposal: Proposal) -> None:
        vote = proposal.signed.vote
        try:
            block = self._read_proposal(proposal)
        except LedgerError as error:
            _log.warning("a proposal is wrong: %s", error)
            self.step(Judged(vote, Verdict.INVALID))
            return

        def heard(outcome: Outcome, reason: str) -> None:
            if outcome is Outcome.INVALID:
                _log.warning("block %s is invalid: %s", block.hash.hex()[:16], reason)
                self.step(Judged(vote, Verdict.INVALID))
            else:
                self.step(Judged(vote, Verdict.VALID, block.header.is_last_of_epoch))

        proposer = self._replica.validators.codes[proposal.signed.signer]
        self._park(block, (), proposer, heard, is_certified=False)

    def _read_proposal(self, proposal: Proposal) -> Block:
        """The block of a proposal; raises LedgerError where it is not what the vote claims."""
        vote = proposal.signed.vote
        header_bytes, hashes = shape.check_tuple(codec.decode(proposal.payload), "a payload", 2)
        certificate = proposal.parent_certificate
        block = make_block_of_parts(
            decode_header(shape.check_blob(header_bytes, "header", MAX_HEADER_BYTES)),
            header_bytes,
            [
                shape.check_digest(item, "a hash")
                for item in shape.check_list(hashes, "hashes", MAX_BLOCK_TRANSACTIONS)
            ],
            b"" if certificate is None else certificate.encode(),
        )
        header = block.header
        leader = self._replica.validators.codes[proposal.signed.signer]
        if certificate is None:
            parent = self._replica.store.genesis_block_hash
        else:
            parent = certificate.block
        if block.hash != vote.block or header.parent != parent:
            raise FormatError("the vote is for another block than the proposal carries")
        if (header.epoch, header.view, header.proposer) != (vote.epoch, vote.view, leader):
            raise FormatError("epoch, view or proposer is not the vote's")
        return block

    def _fetch(self, hash_: Digest, signers: Sequence[Code], view: int) -> None:
        if not self._replica.is_validator:
            return  # those without a vote follow by block sync
        header = self._find_executed(hash_)
        if header is not None:
            self.step(Executed(hash_, header.is_last_of_epoch))
            return
        waiting = self._replica.judge.get(hash_)
        kept = self._journal.get_body(hash_)
        if kept is not None:
            self.park_certified(block_of_body(kept), kept.raws, "")
        elif waiting is not None:
            # Who signed has persisted the body: any of them can give what is missing of it.
            known = waiting.sources
            known += [code for code in signers if code not in known]
            self._replica.judge.park(
                waiting.block, (), "", self._hear_certified(waiting.block), is_certified=True
            )
        self._replica.counters.fetches += 1
        if self._replica.chain.get(hash_) is None:
            self._replica.fetch.want_block(hash_, signers, view)

    def _find_executed(self, hash_: Digest) -> Header | None:
        """The header of a block that is executed here, final or not."""
        sealed = self._replica.chain.get(hash_)
        if sealed is not None:
            return sealed.block.header
        store = self._replica.store
        height = store.find_height(hash_)
        data = None if height is None else store.get_header_bytes(height)
        return None if data is None else decode_header(data)

    def park_certified(self, block: Block, raws: Sequence[bytes], source: str) -> None:
        """The body of a certified block came."""
        self._replica.fetch.got(block.hash)
        self._park(block, raws, source, self._hear_certified(block), is_certified=True)
        self._seek_parent(block)

    def start(self) -> None:
        """Execute what was voted for and is not stored, the lowest first, since what is final of it
        may be in no store at all; then begin."""
        replica = self._replica
        kept = [(height, hash_) for hash_, height in self._bodies.items()]
        for height, hash_ in sorted(kept):
            body = self._journal.get_body(hash_)
            if height > replica.store.height and body is not None:
                replica.judge.park(block_of_body(body), body.raws, "", _ignore, is_certified=True)
        self.step(Started())

    def seek(self, certificate: Certificate) -> None:
        """The body of a final block, from those who voted for it: when the power failed everywhere
        before anybody had stored it, it is in journals only. What is asked for already comes."""
        if self._replica.fetch.wants(certificate.block):
            return
        codes = self._replica.validators.codes
        signers = [codes[index] for index in certificate.signers]
        others = [code for code in signers if code != self._replica.identity.code]
        self._fetch(certificate.block, others, certificate.view)

    def _seek_parent(self, block: Block) -> None:
        """So may what it stands on be, up to the last stored block."""
        header, replica = block.header, self._replica
        depth = header.height - replica.store.height
        if not 1 < depth <= MAX_SOUGHT or replica.chain.has(header.parent):
            return
        if header.parent not in replica.judge:
            self.seek(Certificate.decode(block.parent_certificate))

    def _hear_certified(self, block: Block) -> Callable[[Outcome, str], None]:
        def heard(outcome: Outcome, _: str) -> None:
            matches = outcome is Outcome.EXECUTED
            self.step(Executed(block.hash, block.header.is_last_of_epoch, matches))

        return heard

    def _park(
        self,
        block: Block,
        raws: Sequence[bytes],
        source: str,
        heard: Callable[[Outcome, str], None],
        is_certified: bool,
    ) -> None:
        judge = self._replica.judge
        judge.park(block, raws, source, heard, is_certified)
        parked = judge.get(block.hash)
        if parked is not None and parked.missing:
            self._replica.fetch.want_transactions()


def _ignore(_outcome: Outcome, _reason: str) -> None:
    """Whether it was right shows when it is certified."""


def _describe_vote(block: Header) -> str:
    hash_ = compute_header_hash(block.encode())
    return (
        f"it voted for block {hash_.hex()}, which is younger than this process, and which this "
        "peer did not vote for"
    )
