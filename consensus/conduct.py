"""What a validator does when the rules allow it: the numbered rules of `consensus.core`."""

from consensus.action import (
    Broadcast,
    EpochEnded,
    Judge,
    Propose,
    Recovered,
)
from consensus.certificate import Certificate
from consensus.event import (
    TimerKind,
    Verdict,
)
from consensus.journal import OwnVote
from consensus.message import (
    Proposal,
)
from consensus.state import State
from consensus.vote import VoteKind
from ledger.primitives import ZERO_DIGEST, Digest, View


class Conduct(State):
    """Propose, notarize, nullify, finalize, recover, end the epoch, and mind the clock."""

    def _settle(self) -> None:
        """Do what the rules now allow, until nothing more follows; then mind the clock."""
        while not self._is_over and (
            self._end_epoch() or self._recover() or self._finalize() or self._act()
        ):
            pass
        if not self._is_over:
            missing = self._list_missing()
            self._out += self._courier.ask(missing, self._now_ms)  # 6c
            self._keep_time(is_missing=bool(missing))
        self._out += self._timers.drain()

    def _end_epoch(self) -> bool:
        """Rule 9."""
        final = self._ancestry.final
        if final is None or final.view != self._stored_view:
            return False
        if not self._judgement.find_last(final.block):
            return False
        self._out.append(EpochEnded(final))
        self._stop()
        return True

    def _recover(self) -> bool:
        """Rule 10."""
        if self._recovery.is_over or not self._recovery.has_reports():
            return False
        if self._list_unexecuted() or self._ancestry.find_missing_parents():
            return False
        self._recovery.is_over = True
        self._out.append(Recovered(self._view))
        self._out += self._courier.send_again(self._view)
        return True

    def _finalize(self) -> bool:
        """Rule 3a, for one view."""
        if not self._is_voting:
            return False
        for view, certificate in self._ancestry.notarizations.items():
            if self._voting.may_say(VoteKind.FINALIZE, view) and self._judgement.is_executed(
                certificate.block
            ):
                self._say(VoteKind.FINALIZE, view, certificate.vote.parent_view, certificate.block)
                return True
        return False

    def _act(self) -> bool:
        """Rules 1, 2 and 7c in the current view."""
        proposal = self._judgement.find(self._view)
        if proposal is not None:
            self._judge(proposal)
        if not self._is_voting:
            return False
        leader = self._validators.leader(self._view)
        if leader == self._voting.index:
            return self._propose()
        if proposal is not None and self._notarize(proposal):
            return True
        return (
            self._presence.is_silent(leader, self._view)
            and self._has_reason()
            and self._nullify()  # 7c
        )

    def _judge(self, proposal: Proposal) -> None:
        """Ask the replica once; a block proposed again needs no judgement but that of E itself."""
        if not proposal.is_again and self._judgement.ask(proposal.signed.vote):
            self._out.append(Judge(proposal))

    def _propose(self) -> bool:
        """Rules 1 and 8."""
        parent_view = self._ancestry.certified_view
        parent = self._ancestry.find_block(parent_view)
        assert parent is not None
        is_last = self._judgement.find_last(parent)
        if (
            is_last is None
            or not self._voting.may_say(VoteKind.NOTARIZE, self._view)
            or self._ancestry.find_gaps(parent_view, self._view)
        ):
            return False
        if is_last:
            again = self._ancestry.find_certificate(parent_view)
            self._propose_block(parent, b"", again)  # 1a
            return True
        if self._request is not None and self._request.parent_view == parent_view:
            return False
        is_crowded = self._ancestry.count_unfinalized() >= self._settings.max_unfinalized
        is_empty = is_crowded or not self._pending
        if is_empty and not self._may_propose_empty():
            return False
        self._request = Propose(
            self._view,
            parent_view,
            parent,
            self._ancestry.find_certificate(parent_view),
            is_crowded or (is_empty and self._is_unfinalized()),
            self._timers.limit_shift,
        )
        self._out.append(self._request)
        return False

    def _may_propose_empty(self) -> bool:
        """Rules 8 and 8a: whether the time for an empty block has come."""
        if not self._is_unfinalized():
            return self._timers.heartbeat_due
        if not self._timers.idle_due:
            self._start_idle()
        return self._timers.idle_due

    def _propose_block(
        self, block: Digest, payload: bytes, parent_certificate: Certificate | None
    ) -> None:
        """The proposal is the leader's notarize; its header names this very certificate."""
        parent_view = self._ancestry.certified_view
        vote = self._make_vote(VoteKind.NOTARIZE, self._view, parent_view, block)
        signed = self._voting.sign(vote)
        proposal = Proposal(signed, parent_certificate, payload)
        self._voting.keep(proposal)
        self._persist(OwnVote(signed, proposal), True, self._judgement.persist(block))
        self._out.append(Broadcast(proposal))
        self._count(signed, is_verified=True)

    def _notarize(self, proposal: Proposal) -> bool:
        """Rule 2."""
        vote = proposal.signed.vote
        if not self._voting.may_say(VoteKind.NOTARIZE, vote.view):
            return False
        match self._assess(proposal):
            case Verdict.VALID:
                self._say(VoteKind.NOTARIZE, vote.view, vote.parent_view, vote.block)
                return True
            case Verdict.INVALID:
                return self._nullify()  # 2b
            case None:
                return False  # 2a

    def _assess(self, proposal: Proposal) -> Verdict | None:
        """What is known about the proposal of the current view; None while undecided."""
        vote = proposal.signed.vote
        if vote.parent_view < self._ancestry.final_view:
            return Verdict.INVALID  # a nullification of the final view cannot exist
        claimed = proposal.parent_certificate
        parent = self._ancestry.find_block(vote.parent_view)
        if parent is None or (claimed is not None and claimed.block != parent):
            return None
        is_last = self._judgement.find_last(parent)
        verdict = self._judgement.find_verdict(vote)
        if verdict is Verdict.INVALID or (is_last is not None and is_last != proposal.is_again):
            return Verdict.INVALID
        if is_last is None or self._ancestry.find_gaps(vote.parent_view, vote.view):
            return None
        return Verdict.VALID if proposal.is_again else verdict

    def _nullify(self) -> bool:
        """Rule 4."""
        if not self._is_voting or not self._voting.may_say(VoteKind.NULLIFY, self._view):
            return False
        self._timers.grow()  # 7b
        self._say(VoteKind.NULLIFY, self._view, View(0), ZERO_DIGEST)
        return True

    def _keep_time(self, is_missing: bool) -> None:
        """Rule 7a: run the timers exactly while there is a reason."""
        timers = self._timers
        running = self._is_voting and self._has_reason()
        if running and not timers.running:
            self._start_view_timers()
        elif timers.running and not running:
            timers.cancel(TimerKind.LEADER, TimerKind.ADVANCE)
        timers.running = running
        leader = self._validators.leader(self._view)
        if timers.is_set(TimerKind.LEADER) and self._tally.has_notarized(self._view, leader):
            timers.cancel(TimerKind.LEADER)
        if self._request is not None or not self._is_unfinalized():
            timers.cancel(TimerKind.IDLE)
        is_retrying = running or is_missing or not self._recovery.is_over
        if not is_retrying:
            timers.cancel(TimerKind.RETRY)
        elif not timers.is_set(TimerKind.RETRY):
            timers.start(TimerKind.RETRY, self._now_ms + self._settings.delta_ms)

    def _start_view_timers(self) -> None:
        if not self._voting.may_say(VoteKind.NULLIFY, self._view):
            return
        settings, timers, now = self._settings, self._timers, self._now_ms
        if not self._tally.has_notarized(self._view, self._validators.leader(self._view)):
            leader_ms = timers.compute_duration(settings.leader_timeout_ms)
            timers.start(TimerKind.LEADER, now + leader_ms)
        advance_ms = timers.compute_duration(settings.advance_timeout_ms)
        timers.start(TimerKind.ADVANCE, now + advance_ms)

    def _start_idle(self) -> None:
        if not self._timers.is_set(TimerKind.IDLE):
            self._timers.start(TimerKind.IDLE, self._now_ms + self._settings.delta_ms)

    def _has_reason(self) -> bool:
        return (
            self._pending
            or self._timers.heartbeat_due
            or self._is_unfinalized()
            or self._tally.count_voters(self._view) > self._validators.f
        )

    def _list_reasons(self) -> tuple[str, ...]:
        reasons = {
            "transactions are pending": self._pending,
            "the heartbeat is due": self._timers.heartbeat_due,
            "the newest certified block is not final": self._is_unfinalized(),
            "f + 1 have voted in this view": self._tally.count_voters(self._view)
            > self._validators.f,
        }
        return tuple(reason for reason, holds in reasons.items() if holds)
