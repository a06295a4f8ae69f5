"""Says two things: two proposals for a view, two votes in it; one to each half, or both to all."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from consensus.message import Proposal, VoteMessage
from consensus.vote import SignedVote, VoteKind
from devnet.simulator.adversaries.habit import Habit, Said, make_frame, read_consensus
from ledger.primitives import ZERO_DIGEST, Digest
from node.frames import Frame

if TYPE_CHECKING:
    from devnet.simulator.adversaries.liar import Liar

MEMORY = 64


class Equivocator(Habit):
    """A rival for every block that it proposes, a rival vote for every vote."""

    def __init__(self, liar: "Liar") -> None:
        super().__init__(liar)
        self._rivals: dict[Digest, Digest] = {}
        self._seen: dict[int, tuple[int, Digest]] = {}  # by view: parent view, block

    def hear(self, sender: str, frame: Frame) -> None:
        """Remember what could be finalized."""
        del sender
        message = read_consensus(frame)
        if isinstance(message, Proposal | VoteMessage):
            vote = message.signed.vote
            if vote.kind is VoteKind.NOTARIZE:
                self._seen[vote.view] = (vote.parent_view, vote.block)
                self._seen = dict(list(self._seen.items())[-MEMORY:])

    def say(self, to: Sequence[str], frame: Frame) -> Iterable[Said]:
        """Half hear the truth, half something else; or everybody hears both."""
        message = read_consensus(frame)
        other: SignedVote | None = None
        if isinstance(message, Proposal) and not message.is_again:
            rival = self._make_rival(message)
            said = None if rival is None else make_frame(rival)
        elif isinstance(message, VoteMessage):
            other = self._contradict(message.signed)
            said = None if other is None else make_frame(VoteMessage(other))
        else:
            said = None
        if said is None:
            return [(to, frame)]
        if self.random.random() < 0.3:
            return [(to, frame), (to, said)]
        half, rest = self.liar.split(to)
        return [(half, frame), (rest, said)]

    def _make_rival(self, proposal: Proposal) -> Proposal | None:
        """Another valid block on the same parent."""
        sealed = self.liar.replica.chain.get(proposal.signed.vote.block)
        if sealed is None:
            return None
        parent = sealed.block.header.parent
        rival = self.liar.make_proposal(sealed, parent, proposal.parent_certificate)
        if rival is not None:
            one, other = sealed.block.hash, rival.signed.vote.block
            self._rivals[one], self._rivals[other] = other, one
        return rival

    def _contradict(self, signed: SignedVote) -> SignedVote | None:
        vote = signed.vote
        match vote.kind:
            case VoteKind.NOTARIZE:
                block = self._rivals.get(vote.block, Digest(bytes(reversed(vote.block))))
                return self.liar.make_vote(vote.kind, vote.view, vote.parent_view, block)
            case VoteKind.FINALIZE:
                return self.liar.make_vote(VoteKind.NULLIFY, vote.view, 0, ZERO_DIGEST)
            case VoteKind.NULLIFY:
                seen = self._seen.get(vote.view)
                if seen is None:
                    return None
                return self.liar.make_vote(VoteKind.FINALIZE, vote.view, *seen)
