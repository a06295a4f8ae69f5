"""Simplex BFT with pipelined views, as a pure state machine: event in, actions out.

After Chan and Pass, "Simplex Consensus" (eprint 2023/463). There are n validators of which at most
f = (n - 1) // 3 are faulty; a quorum is q = n - f. In each view v, from 1 on in every epoch, the
leader is validator v mod n. View 0 is the epoch's root. A block is known by its digest; its parent
is the block certified in the *parent view* that its votes name. "Certified in v" means that a
notarization of v is held, or that v is the last final view.

1. Propose. Upon leading the current view v, with p the newest certified view, its block executed
   and a nullification held for every view between: propose a child of that block. The proposal is
   the leader's notarize(v, p, block). It is persisted with its body before it is sent.
   1a. If that block is the epoch's last, E, propose E itself again, at once.
2. Notarize. Upon a proposal (v, p, block) of v's leader, in the current view v, with p certified
   by the certificate it carries, a nullification held for every view between, and the block judged
   valid: persist body and vote, send notarize(v, p, block). At most one per view; also after one's
   own nullify(v).
   2a. What cannot be judged yet is undecided, not invalid: it is left to the timer.
   2b. Proven wrong is nullified at once: judged invalid; not upon the last final view; a child of
       E, or a block proposed again that is not E.
3. Certify. Upon q notarize(v, p, block): notarization; enter v + 1.
   3a. For each certified view v above the last final one without an own nullify(v), as soon as the
       block is executed here: persist and send finalize(v, p, block), whichever was voted for.
   3b. A certified block that is not executed here is fetched from its signers.
   3c. A certified block whose roots differ here: this peer has diverged and stops.
4. Nullify. On a timer or by 2b: persist and send nullify(v), never after finalize(v).
   Upon q nullify(v): nullification; enter v + 1.
5. Finalize. Upon q finalize(v, p, block): finalization; the block and its ancestors are final.
   5a. A certificate that contradicts one that is held names more than f that signed twice; a
       second finalization of the last final view, of another block, stops this peer.
6. Certificates travel. A certificate is sent on to all once, when it is news here.
   6a. Upon one of view w at or above the current view: enter w + 1.
   6b. Every certificate above the last final view is kept and served.
   6c. A nullification missing between the newest certified view, or the parent view of the
       current proposal, and the current view, and a notarization missing in the ancestry of a
       certified block, are asked of all validators.
   6d. While timers run, every Δ: own votes of this view (the leader its proposal), the finalize of
       the newest certified view, the certificate that led here, the last finalization are sent.
   6e. Whoever shows itself in an earlier view is answered with the certificates that let it jump.
7. Timers. The leader timer (2Δ) runs until the leader's notarize is here, the advance timer (3Δ)
   until the view is left; either nullifies.
   7a. They run only while there is a reason: transactions are pending; the newest certified block
       is not final; f + 1 have voted in this view; the heartbeat is due. With the last reason both
       are cancelled; a new one starts them afresh.
   7b. Durations grow by 1.5 with each view that was nullified, here or by all, up to eight times,
       and fall back by one step with a finalization. Block limits halve and double alike.
   7c. While there is a reason, a leader that was not heard for n views while q validators were is
       nullified at once.
8. Idle. With nothing pending, the leader waits Δ for the newest certified block to become final,
   and proposes an empty block only if it does not. Else it proposes when its heartbeat is due.
   8a. With 16 unfinalized ancestors, only empty blocks, after the same wait.
   8b. A peer that does not vote asks for the newest finalization every heartbeat.
9. Epochs. Once E is final and stored here, the epoch has ended. A message of an older epoch,
   unless it is a finalization, is answered with that epoch's final certificate; a message of a
   newer one makes this peer ask its sender.
10. Recovery. A restarted validator begins at max(own voted view, newest certificate's view + 1)
    and sends no vote until f + 1 others reported no newer vote of its own, and every certified
    block above the last final view is executed here, with its ancestry.
    10a. A valid vote of one's own that is not in the journal: the key is used elsewhere, or the
         journal is old. No further vote in this epoch.

Deviations from the paper: views are pipelined (a certificate, not a finished height, opens the
next view); a view is left by a nullification instead of a dummy block; timers stop when nothing
waits (7a); 1a, because a set must not overlap the next; 10, because processes restart.
"""

from dataclasses import dataclass
from typing import assert_never

from consensus.action import (
    Action,
    Diverged,
    Finalized,
    Forked,
    OlderEpoch,
)
from consensus.certificate import Certificate
from consensus.conduct import Conduct
from consensus.event import (
    Event,
    Executed,
    Judged,
    PendingChanged,
    Proposed,
    Received,
    Started,
    Synced,
    Timer,
    TimerFired,
    TimerKind,
)
from consensus.journal import Held, Opened, Record, encode_record
from consensus.message import (
    MAX_PAYLOAD_BYTES,
    Ask,
    CertificateMessage,
    Inquiry,
    Message,
    Proposal,
    Report,
    VoteMessage,
)
from consensus.vote import SignedVote, VoteKind
from ledger.errors import FormatError, SignatureError
from ledger.primitives import Code, Digest, Epoch, View


@dataclass(frozen=True, slots=True)
class Status:
    """Where a core stands and what it waits for, for people (`why-stuck`) and metrics."""

    epoch: Epoch
    view: View
    leader: Code
    final_view: View
    certified_view: View
    voted: tuple[VoteKind, ...]
    voters: int
    missing_votes: tuple[Code, ...]
    reasons: tuple[str, ...]
    missing_views: tuple[View, ...]
    unexecuted: tuple[Digest, ...]
    votes: bool
    silenced: bool
    recovering: bool
    reports: int
    silent: tuple[Code, ...]
    growth: int
    limit_shift: int


class Core(Conduct):
    """The consensus of one epoch. `step` is atomic: an event that no rule admits changes nothing.

    Arguments:
        settings: times and limits of the network.
        epoch, validators: the epoch and its set.
        root: view 0.
        voice: None for a peer without a vote, which follows and finalizes but never votes.
        is_valid: checks a vote's signature (`Domain(Purpose.VOTE, genesis).is_valid`).
        journal: what `replay` made of the journal after a restart, None in an epoch entered live.
        recovering: True after every start of the process, False in an epoch entered live.
        may_vote: False where the journal is missing, damaged or from a backup; nothing is then
            written to the journal in this epoch, so that it cannot pass for a whole one later.

    Raises FormatError for a journal of another validator set.
    """

    def step(self, event: Event, now_ms: int) -> list[Action]:
        """Let `event` happen at `now_ms` of a monotonic clock; answers the actions, in order."""
        if self._is_over:
            return []
        self._now_ms = max(self._now_ms, now_ms)
        match event:
            case Received(sender, message):
                self._on_message(sender, message)
            case Judged(vote, verdict, is_last):
                self._judgement.judge(vote, verdict, is_last)
            case Proposed():
                self._on_proposed(event)
            case Executed(block, is_last, matches):
                self._on_executed(block, is_last, matches)
            case Synced(certificate, is_last):
                self._on_synced(certificate, is_last)
            case TimerFired(timer):
                self._on_timer(timer)
            case PendingChanged(pending):
                self._pending = pending
                if not pending:
                    self._request = None  # what was asked for would be empty: rule 8 decides anew
            case Started():
                self._on_started()
            case _:
                assert_never(event)
        self._settle()
        out, self._out = self._out, []
        return out

    def records(self) -> tuple[bytes, ...]:
        """All journal records that still count, to begin a new journal file with.

        They may hold votes that are yet to be persisted. Empty for a peer without a vote or a
        journal, which never persists anything.
        """
        if not self._may_vote and self._silenced is None:
            return ()
        records: list[Record] = [Opened(self._epoch, self._validators.hash)]
        records += [Held(certificate) for certificate in self._ancestry.list_all()]
        records += self._voting.list_all()
        if self._silenced is not None:
            records.append(self._silenced)
        return tuple(encode_record(record) for record in records)

    @property
    def view(self) -> View:
        """The current view."""
        return self._view

    def status(self) -> Status:
        """Where this core stands."""
        codes = self._validators.codes
        return Status(
            epoch=self._epoch,
            view=self._view,
            leader=codes[self._validators.leader(self._view)],
            final_view=self._ancestry.final_view,
            certified_view=self._ancestry.certified_view,
            voted=tuple(kind for kind in VoteKind if self._voting.find(kind, self._view)),
            voters=self._tally.count_voters(self._view),
            missing_votes=tuple(codes[index] for index in self._tally.list_missing(self._view)),
            reasons=self._list_reasons(),
            missing_views=tuple(self._list_missing()),
            unexecuted=tuple(self._list_unexecuted()),
            votes=self._is_voting,
            silenced=self._silenced is not None,
            recovering=not self._recovery.is_over,
            reports=self._recovery.count_reports(),
            silent=tuple(codes[index] for index in self._presence.list_silent(self._view)),
            growth=self._timers.growth,
            limit_shift=self._timers.limit_shift,
        )

    def _on_started(self) -> None:
        if self._may_vote and not self._is_opened:
            self._persist(Opened(self._epoch, self._validators.hash), sync=False)
        if self._ancestry.final is not None:
            self._out.append(Finalized(self._ancestry.final))
        for certificate in self._ancestry.notarizations.values():
            self._fetch(certificate)
        self._enter(self._view)
        if not self._recovery.is_over:
            self._recovery.incarnation = self._now_ms
            self._out += self._courier.inquire(self._recovery.incarnation)

    def _on_message(self, sender: Code, message: Message) -> None:
        if message.epoch != self._epoch:
            self._on_other_epoch(sender, message)
            return
        index = self._validators.find_index(sender)
        if index is not None:
            self._presence.hear(index, self._view)
        match message:
            case Proposal():
                self._on_proposal(sender, index, message)
            case VoteMessage(signed):
                self._on_vote(sender, index, signed)
            case CertificateMessage(certificate):
                self._on_certificate(sender, index, certificate)
            case Ask():
                self._out += self._courier.answer_ask(sender, message, self._now_ms)
            case Inquiry() if index is not None:
                self._out += self._courier.answer_inquiry(sender, index, message, self._now_ms)
            case Inquiry():
                pass
            case Report():
                self._on_report(index, message)
            case _:
                assert_never(message)

    def _on_other_epoch(self, sender: Code, message: Message) -> None:
        """Rule 9."""
        if message.epoch > self._epoch:
            if self._courier.may_answer("newer", sender, self._now_ms):
                self._out.append(self._courier.ask_finalization(sender))
            return
        is_final = (
            isinstance(message, CertificateMessage)
            and message.certificate.kind is VoteKind.FINALIZE
        )
        if not is_final and self._courier.may_answer("older", sender, self._now_ms):
            self._out.append(OlderEpoch(sender, message.epoch))

    def _on_vote(self, sender: Code, index: int | None, signed: SignedVote) -> None:
        vote = signed.vote
        if index is None or signed.signer != index:
            return
        if index == self._voting.index:
            self._check_own(signed)
            return
        if vote.view < self._view and vote.kind is not VoteKind.FINALIZE:
            self._out += self._courier.answer_behind(sender, self._view, self._now_ms)  # 6e
        if self._is_admitted(vote):
            self._count(signed)

    def _on_proposal(self, sender: Code, index: int | None, proposal: Proposal) -> None:
        vote = proposal.signed.vote
        if vote.view < self._view and index is not None:
            self._out += self._courier.answer_behind(sender, self._view, self._now_ms)  # 6e
        if self._ignore_proposal(index, proposal):
            return
        try:
            self._verify_proposal(proposal)
        except (FormatError, SignatureError):
            return
        parent = proposal.parent_certificate
        if parent is not None and vote.parent_view > 0:
            self._take(parent, is_shared=parent.kind is VoteKind.NOTARIZE)
        if not self._is_admitted(vote):
            return
        self._count(proposal.signed, is_verified=True)
        if vote.view >= self._view:
            self._judgement.hold(proposal)
        elif self._is_wanted_late(proposal):
            self._judge(proposal)

    def _ignore_proposal(self, index: int | None, proposal: Proposal) -> bool:
        """All reasons to ignore a proposal that need no signature check."""
        vote = proposal.signed.vote
        held = self._judgement.find(vote.view)
        return (
            index is None
            or index == self._voting.index
            or proposal.signed.signer != index
            or self._validators.leader(vote.view) != index
            or vote.validators_hash != self._validators.hash
            or vote.view <= self._ancestry.final_view
            or (held is not None and held.signed == proposal.signed)
            or (proposal.is_again and proposal.payload != b"")
            or (vote.view < self._view and not self._is_wanted_late(proposal))
            or not (self._is_admitted(vote) or self._brings_news(proposal))
        )

    def _brings_news(self, proposal: Proposal) -> bool:
        """Whether the certificate of a proposal beyond the window may let this peer jump (6a)."""
        parent = proposal.parent_certificate
        return (
            parent is not None
            and parent.epoch == self._epoch
            and self._ancestry.is_news(parent.kind, parent.view)
        )

    def _is_wanted_late(self, proposal: Proposal) -> bool:
        """Whether a proposal of a view that is over brings a certified block nearer (3b)."""
        vote = proposal.signed.vote
        notarization = self._ancestry.notarizations.get(vote.view)
        return (
            notarization is not None
            and notarization.vote == vote
            and not proposal.is_again
            and not self._judgement.is_executed(vote.block)
        )

    def _verify_proposal(self, proposal: Proposal) -> None:
        vote = proposal.signed.vote
        if not self._tally.is_verified(proposal.signed):
            raise SignatureError("the leader did not sign this proposal")
        parent = proposal.parent_certificate
        if vote.parent_view == 0:
            self._ancestry.root.verify(parent, self._is_valid)
            return
        if parent is None or parent.view != vote.parent_view or parent.kind is VoteKind.NULLIFY:
            raise FormatError("the certificate does not certify the parent")
        if parent != self._ancestry.find_certificate(vote.parent_view):
            self._tally.verify(parent)

    def _on_certificate(self, sender: Code, index: int | None, certificate: Certificate) -> None:
        if not self._ancestry.is_news(certificate.kind, certificate.view):
            is_final = certificate.kind is VoteKind.FINALIZE
            own_view = self._ancestry.final_view if is_final else self._view - 1
            if certificate.view < own_view and index is not None:
                self._out += self._courier.answer_behind(sender, self._view, self._now_ms)  # 6e
            self._on_rival(sender, certificate)
            return
        try:
            self._tally.verify(certificate)
        except (FormatError, SignatureError):
            return
        self._take(certificate)

    def _on_rival(self, sender: Code, certificate: Certificate) -> None:
        """Rule 5a, for a certificate that is no news."""
        held = self._ancestry.find_rival(certificate)
        if held is None or not self._courier.may_answer("rival", sender, self._now_ms):
            return
        try:
            self._tally.verify(certificate)
        except (FormatError, SignatureError):
            return
        self._accuse(certificate)
        if certificate.kind is VoteKind.FINALIZE:
            self._out.append(Forked(held, certificate))
            self._stop()

    def _on_report(self, index: int | None, report: Report) -> None:
        """Rule 10: a report counts if all that it holds verifies."""
        if (
            self._recovery.is_over
            or index is None
            or index == self._voting.index
            or report.incarnation != self._recovery.incarnation
        ):
            return
        news = [
            certificate
            for certificate in report.certificates
            if self._ancestry.is_news(certificate.kind, certificate.view)
        ]
        try:
            for certificate in news:
                self._tally.verify(certificate)
        except (FormatError, SignatureError):
            return
        for signed in report.votes:
            if signed.signer != self._voting.index or signed.vote.epoch != self._epoch:
                return
            if not signed.is_valid(self._validators, self._is_valid):
                return
        if any(self._check_own(signed) for signed in report.votes):
            return
        for certificate in news:
            self._take(certificate)
        self._recovery.report(index)

    def _on_proposed(self, event: Proposed) -> None:
        """Rule 1."""
        request = self._request
        if (
            request is None
            or not self._is_voting
            or (request.view, request.parent) != (event.view, event.parent)
            or request.parent_view != self._ancestry.certified_view
            or not self._voting.may_say(VoteKind.NOTARIZE, self._view)
        ):
            return
        assert request.view == self._view
        assert len(event.payload) <= MAX_PAYLOAD_BYTES
        self._judgement.execute(event.block, event.is_last)
        self._propose_block(event.block, event.payload, request.parent_certificate)

    def _on_executed(self, block: Digest, is_last: bool, matches: bool) -> None:
        if not self._ancestry.is_certified(block):
            return
        if matches:
            self._judgement.execute(block, is_last)
            return
        for certificate in (*self._ancestry.notarizations.values(), self._ancestry.final):
            if certificate is not None and certificate.block == block:
                self._out.append(Diverged(block, certificate))  # 3c
                self._stop()
                return

    def _on_synced(self, certificate: Certificate, is_last: bool) -> None:
        if certificate.epoch != self._epoch or certificate.kind is not VoteKind.FINALIZE:
            return
        if certificate.vote.validators_hash != self._validators.hash:
            return
        self._take(certificate)
        if certificate.block == self._ancestry.final_block:
            self._judgement.execute(certificate.block, is_last)
            self._stored_view = self._ancestry.final_view

    def _on_timer(self, timer: Timer) -> None:
        if not self._timers.take(timer):
            return
        match timer.kind:
            case TimerKind.LEADER | TimerKind.ADVANCE:
                self._nullify()  # 4
            case TimerKind.IDLE:
                self._timers.idle_due = True
            case TimerKind.HEARTBEAT:
                self._on_heartbeat()
            case TimerKind.RETRY:
                self._on_retry()
            case _:
                assert_never(timer.kind)

    def _on_heartbeat(self) -> None:
        self._timers.heartbeat_due = True
        if not self._may_vote:  # 8b
            self._out.append(self._courier.ask_finalization(None))
            self._start_heartbeat()

    def _on_retry(self) -> None:
        if not self._recovery.is_over:
            self._out += self._courier.inquire(self._recovery.incarnation)
        elif self._timers.running:
            self._out += self._courier.send_again(self._view)  # 6d
