"""Builds beside what is certified: children of an older block, as if what came between had lost."""

from collections.abc import Iterable, Sequence

from consensus.certificate import Certificate
from consensus.message import Proposal
from devnet.simulator.adversaries.habit import Habit, Said, make_frame, read_consensus
from node.frames import Frame


class Forker(Habit):
    """Its proposals skip the newest certified block, without the nullifications that it takes."""

    def say(self, to: Sequence[str], frame: Frame) -> Iterable[Said]:
        """A proposal on the parent of the parent."""
        message = read_consensus(frame)
        if not isinstance(message, Proposal) or message.is_again:
            return [(to, frame)]
        fork = self._make_fork(message)
        return [(to, frame if fork is None else make_frame(fork))]

    def _make_fork(self, proposal: Proposal) -> Proposal | None:
        chain = self.liar.replica.chain
        sealed = chain.get(proposal.signed.vote.block)
        parent = None if sealed is None else chain.get(sealed.block.header.parent)
        if sealed is None or parent is None or not parent.block.parent_certificate:
            return None
        certificate = Certificate.decode(parent.block.parent_certificate)
        return self.liar.make_proposal(sealed, parent.block.header.parent, certificate)
