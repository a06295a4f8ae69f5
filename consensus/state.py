"""What one core holds, and the elementary deeds: say, count, take, enter, persist.

The rules that the comments cite are those of `consensus.core`.
"""

from dataclasses import dataclass

from consensus.action import (
    Action,
    Broadcast,
    Certified,
    DoubleSigned,
    Fetch,
    Finalized,
    KeyElsewhere,
    Persist,
    Propose,
)
from consensus.ancestry import Ancestry
from consensus.certificate import Certificate
from consensus.courier import Courier
from consensus.event import (
    TimerKind,
)
from consensus.journal import Held, Journal, OwnVote, Record, Silenced, encode_record
from consensus.judgement import Judgement
from consensus.message import (
    CertificateMessage,
    VoteMessage,
)
from consensus.presence import Presence
from consensus.recovery import Recovery
from consensus.root import Root
from consensus.settings import Settings
from consensus.tally import Tally
from consensus.timers import MAX_LIMIT_SHIFT, Timers
from consensus.validators import ValidatorSet
from consensus.vote import IsValid, SignedVote, Vote, VoteKind
from consensus.voting import Voice, Voting
from ledger.errors import FormatError
from ledger.primitives import Digest, Epoch, View


@dataclass(frozen=True, slots=True)
class Kept:
    """How much a core keeps, for whoever holds it to its bounds.

    `views` are those above the last final one, up to the current; what must be kept of each of them
    (rule 6b) grows with their number, and nobody makes one of them without a quorum.
    """

    views: int
    vote_views: int  # tally.MAX_VIEWS and one of each validator
    votes: int  # in each of these, tally.STATEMENTS_PER_SIGNER of each validator
    certificates: int  # two of each view, and the last finalization
    own_views: int  # `views`
    proposals: int  # of the current view and tally.VIEWS_AHEAD
    judgements: int  # judgement.JUDGEMENTS_PER_VIEW of each view
    blocks: int  # these, the certified and the own one of each view, the last final one, the root
    answered: int  # limiter.MAX_PEERS
    reports: int  # one of each validator


class State:
    """Certificates, votes, verdicts and timers of one epoch, and the actions that are due."""

    def __init__(
        self,
        settings: Settings,
        epoch: Epoch,
        validators: ValidatorSet,
        root: Root,
        voice: Voice | None,
        is_valid: IsValid,
        journal: Journal | None = None,
        recovering: bool = False,
        may_vote: bool = True,
    ) -> None:
        assert voice is None or 0 <= voice.index < validators.n
        self._settings = settings
        self._epoch = epoch
        self._validators = validators
        self._is_valid = is_valid
        self._may_vote = may_vote and voice is not None
        self._ancestry = Ancestry(root)
        self._tally = Tally(epoch, validators, is_valid)
        self._voting = Voting(voice)
        self._judgement = Judgement(root.block)
        self._timers = Timers(epoch)
        self._courier = Courier(
            settings, epoch, validators, self._ancestry, self._tally, self._voting
        )
        self._view = View(1)
        self._now_ms = 0
        self._stored_view = View(0)
        self._silenced: Silenced | None = None
        self._pending = False
        self._is_over = False
        self._request: Propose | None = None
        self._out: list[Action] = []
        self._is_opened = self._restore(journal)
        self._presence = Presence(validators, self._voting.index, self._view)
        self._recovery = Recovery(validators, is_over=not (recovering and self._may_vote))

    def _restore(self, journal: Journal | None) -> bool:
        """Take up what the journal says of this epoch; whether it says anything."""
        if journal is None or not self._may_vote or journal.epoch != self._epoch:
            return False
        if journal.validators_hash != self._validators.hash:
            raise FormatError("the journal is of another validator set")
        for certificate in journal.certificates:
            if self._ancestry.is_news(certificate.kind, certificate.view):
                self._ancestry.add(certificate)
                self._view = max(self._view, View(certificate.view + 1))
        for record in journal.votes:
            vote = record.signed.vote
            if vote.view > self._ancestry.final_view:
                self._voting.restore(record)
                self._tally.add(record.signed, is_wanted=False, is_verified=True)
                self._view = max(self._view, vote.view)
        self._silenced = journal.silenced
        self._may_vote = journal.silenced is None
        return True

    def measure(self) -> Kept:
        """How much is kept just now."""
        return Kept(
            views=self._view - self._ancestry.final_view,
            vote_views=len(self._tally),
            votes=self._tally.count_votes(),
            certificates=len(self._ancestry),
            own_views=len(self._voting),
            proposals=len(self._judgement),
            judgements=self._judgement.count_asked(),
            blocks=self._judgement.count_blocks(),
            answered=self._courier.answered,
            reports=self._recovery.count_reports(),
        )

    @property
    def _is_voting(self) -> bool:
        return self._may_vote and self._recovery.is_over

    def _is_unfinalized(self) -> bool:
        return self._ancestry.certified_view > self._ancestry.final_view

    def _list_missing(self) -> list[View]:
        """Rule 6c."""
        if not self._may_vote:
            return []
        ancestry = self._ancestry
        low = ancestry.certified_view
        gaps = ancestry.find_gaps(low, self._view)
        proposal = self._judgement.find(self._view)
        if proposal is not None and proposal.signed.vote.parent_view < low:
            gaps = ancestry.find_gaps(proposal.signed.vote.parent_view, self._view)
        parents = ancestry.find_missing_parents()
        if not parents:
            return gaps
        return sorted(dict.fromkeys(gaps + parents))

    def _list_unexecuted(self) -> list[Digest]:
        return [
            certificate.block
            for certificate in self._ancestry.notarizations.values()
            if not self._judgement.is_executed(certificate.block)
        ]

    def _say(self, kind: VoteKind, view: View, parent_view: View, block: Digest) -> None:
        """Persist before you speak."""
        signed = self._voting.sign(self._make_vote(kind, view, parent_view, block))
        body = None if kind is VoteKind.NULLIFY else self._judgement.persist(block)
        self._persist(OwnVote(signed), True, body)
        self._out.append(Broadcast(VoteMessage(signed)))
        self._count(signed, is_verified=True)

    def _is_admitted(self, vote: Vote) -> bool:
        return self._tally.is_admitted(vote, self._ancestry.final_view, self._view)

    def _count(self, signed: SignedVote, is_verified: bool = False) -> None:
        """Rules 3, 4 and 5: a vote may complete a certificate."""
        vote = signed.vote
        is_wanted = self._ancestry.is_news(vote.kind, vote.view)
        added = self._tally.add(signed, is_wanted, is_verified)
        if added.evidence is not None:
            self._out.append(DoubleSigned(*added.evidence))
        if added.certificate is not None:
            self._take(added.certificate)

    def _take(self, certificate: Certificate, is_shared: bool = False) -> None:
        """Rules 3 to 6, for a verified certificate; `is_shared` says that all have it anyway."""
        kind, view = certificate.kind, certificate.view
        if not self._ancestry.is_news(kind, view):
            return
        self._check_twin(certificate)
        self._accuse(certificate)
        self._persist(Held(certificate), sync=False)
        self._ancestry.add(certificate)
        if self._voting.index is not None and not is_shared:
            self._out.append(Broadcast(CertificateMessage(certificate)))
        match kind:
            case VoteKind.NOTARIZE:
                self._out.append(Certified(certificate))
                self._fetch(certificate)
            case VoteKind.NULLIFY:
                if self._voting.find(VoteKind.NULLIFY, view) is None:
                    self._timers.grow()  # 7b
                self._timers.limit_shift = min(self._timers.limit_shift + 1, MAX_LIMIT_SHIFT)
            case VoteKind.FINALIZE:
                self._out.append(Finalized(certificate))
                self._timers.fall_back()  # 7b
                self._timers.limit_shift = max(self._timers.limit_shift - 1, 0)
                self._prune()
        if view >= self._view:
            self._enter(View(view + 1))  # 6a

    def _accuse(self, certificate: Certificate) -> None:
        """Whose vote in a verified certificate contradicts another one that was seen here."""
        for pair in self._tally.take(certificate):
            if pair[0].signer != self._voting.index:
                self._out.append(DoubleSigned(*pair))

    def _fetch(self, certificate: Certificate) -> None:
        """Rule 3b."""
        if self._judgement.is_executed(certificate.block):
            return
        me = self._voting.index
        signers = [self._validators.codes[index] for index in certificate.signers if index != me]
        self._out.append(Fetch(certificate.block, certificate, tuple(signers)))

    def _enter(self, view: View) -> None:
        self._view = view
        self._request = None
        self._judgement.leave(view)
        self._timers.enter(0)
        self._start_heartbeat()

    def _prune(self) -> None:
        floor = self._ancestry.final_view
        self._tally.prune(floor)
        self._voting.prune(floor)
        certified = [held.block for held in self._ancestry.notarizations.values()]
        self._judgement.prune(floor, self._ancestry.final_block, certified)

    def _stop(self) -> None:
        self._is_over = True
        self._timers.cancel(*TimerKind)

    def _start_heartbeat(self) -> None:
        delay_ms = self._settings.heartbeat_ms
        if self._may_vote and self._validators.leader(self._view) != self._voting.index:
            delay_ms += delay_ms // 2
        self._timers.start(TimerKind.HEARTBEAT, self._now_ms + delay_ms)

    def _check_own(self, signed: SignedVote) -> bool:
        """Rule 10a, for a vote under one's own key; whether it comes from elsewhere."""
        if (
            not self._may_vote
            or signed.vote.epoch != self._epoch
            or signed.vote.view <= self._ancestry.final_view
            or self._voting.is_known(signed.vote)
            or not signed.is_valid(self._validators, self._is_valid)
        ):
            return False
        self._silenced = Silenced(signed)
        self._persist(self._silenced, sync=True)
        self._out.append(KeyElsewhere(signed))
        self._may_vote = False
        self._recovery.is_over = True
        return True

    def _check_twin(self, certificate: Certificate) -> None:
        """Rule 10a, for a certificate that holds one's own vote."""
        me = self._voting.index
        if me is not None and me in certificate.signers:
            signature = certificate.signatures[certificate.signers.index(me)]
            self._check_own(SignedVote(certificate.vote, me, signature))

    def _make_vote(self, kind: VoteKind, view: View, parent_view: View, block: Digest) -> Vote:
        return Vote(self._epoch, view, kind, parent_view, block, self._validators.hash)

    def _persist(self, record: Record, sync: bool, body: Digest | None = None) -> None:
        if self._may_vote:
            self._out.append(Persist((encode_record(record),), body, sync))
