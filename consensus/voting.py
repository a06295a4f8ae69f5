"""One's own votes: what was said in each view above the pruning floor, and what may still be said.

The rules of one validator against itself, whatever else happens:

    at most one notarize, one nullify and one finalize per view
    nullify(v) never after finalize(v), finalize(v) never after nullify(v)
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from consensus.journal import OwnVote
from consensus.message import Proposal
from consensus.vote import SignedVote, Vote, VoteKind
from ledger.primitives import Signature, View


@dataclass(frozen=True, slots=True)
class Voice:
    """A validator's own vote: its index in the set, and how it signs."""

    index: int
    sign: Callable[[bytes], Signature]


@dataclass(slots=True)
class _Said:
    votes: dict[VoteKind, SignedVote] = field(default_factory=dict)
    proposal: Proposal | None = None


class Voting:
    """What this validator has said."""

    __slots__ = ("_said", "_voice")

    def __init__(self, voice: Voice | None) -> None:
        self._voice = voice
        self._said: dict[View, _Said] = {}

    def __len__(self) -> int:
        """In how many views something was said."""
        return len(self._said)

    @property
    def index(self) -> int | None:
        """One's own index in the validator set; None without a vote."""
        return None if self._voice is None else self._voice.index

    def sign(self, vote: Vote) -> SignedVote:
        """Say it: sign and remember. The caller persists it before anybody hears of it."""
        assert self._voice is not None
        assert self.may_say(vote.kind, vote.view)
        signed = SignedVote(vote, self._voice.index, self._voice.sign(vote.encode()))
        self._said.setdefault(vote.view, _Said()).votes[vote.kind] = signed
        return signed

    def restore(self, record: OwnVote) -> None:
        """Remember what the journal says."""
        said = self._said.setdefault(record.signed.vote.view, _Said())
        said.votes[record.signed.vote.kind] = record.signed
        if record.proposal is not None:
            said.proposal = record.proposal

    def keep(self, proposal: Proposal) -> None:
        """Remember one's own proposal, for as long as its view lasts."""
        self._said[proposal.signed.vote.view].proposal = proposal

    def may_say(self, kind: VoteKind, view: View) -> bool:
        """Whether one's own earlier votes allow this one."""
        said = self._said.get(view)
        if said is None:
            return True
        if kind in said.votes:
            return False
        if kind is VoteKind.NULLIFY:
            return VoteKind.FINALIZE not in said.votes
        return kind is VoteKind.NOTARIZE or VoteKind.NULLIFY not in said.votes

    def find(self, kind: VoteKind, view: View) -> SignedVote | None:
        """One's own vote of this kind in this view."""
        said = self._said.get(view)
        return None if said is None else said.votes.get(kind)

    def find_proposal(self, view: View) -> Proposal | None:
        """One's own proposal in this view."""
        said = self._said.get(view)
        return None if said is None else said.proposal

    def is_known(self, vote: Vote) -> bool:
        """Whether one has said exactly this."""
        signed = self.find(vote.kind, vote.view)
        return signed is not None and signed.vote == vote

    def list_all(self) -> list[OwnVote]:
        """All that is remembered, by view."""
        return [
            OwnVote(signed, said.proposal if kind is VoteKind.NOTARIZE else None)
            for _, said in sorted(self._said.items())
            for kind, signed in said.votes.items()
        ]

    def newest_view(self) -> View:
        """The highest view with a vote of one's own, 0 without."""
        return max(self._said, default=View(0))

    def prune(self, floor: View) -> None:
        """Forget what was said at or below `floor`."""
        for view in [view for view in self._said if view <= floor]:
            del self._said[view]
