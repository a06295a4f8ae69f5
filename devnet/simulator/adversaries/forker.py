"""Builds beside what is certified: on an older block, as if what came between had lost."""

from collections.abc import Iterable, Sequence

from consensus.certificate import Certificate
from consensus.message import Proposal
from consensus.vote import VoteKind
from devnet.simulator.adversaries.habit import Habit, Said, make_frame, read_consensus
from ledger.sealed import SealedBlock
from node.frames import Frame


class Forker(Habit):
    """Its proposals skip the newest certified block, without the nullifications that it takes.

    Where that block is not final yet, they are true children of the one before; where it is, they
    only claim to be.
    """

    def say(self, to: Sequence[str], frame: Frame) -> Iterable[Said]:
        """A proposal on the parent of the parent."""
        message = read_consensus(frame)
        if not isinstance(message, Proposal) or message.is_again:
            return [(to, frame)]
        fork = self._make_fork(message)
        return [(to, frame if fork is None else make_frame(fork))]

    def _make_fork(self, proposal: Proposal) -> Proposal | None:
        replica = self.liar.replica
        sealed = replica.chain.get(proposal.signed.vote.block)
        if sealed is None:
            return None
        parent = replica.chain.get(sealed.block.header.parent)
        if parent is None:
            return self._claim(proposal, sealed) if self.random.random() < 0.5 else None
        if not parent.block.parent_certificate:
            return None
        certificate = Certificate.decode(parent.block.parent_certificate)
        return self.liar.make_proposal(sealed, parent.block.header.parent, certificate)

    def _claim(self, proposal: Proposal, sealed: SealedBlock) -> Proposal | None:
        """The same block, with the certificate of what its parent stands on."""
        store = self.liar.replica.store
        height = store.find_height(sealed.block.header.parent)
        stored = None if height is None else store.get_block(height)
        if stored is None or not stored.parent_certificate:
            return None
        certificate = Certificate.decode(stored.parent_certificate)
        vote = proposal.signed.vote
        if certificate.epoch != vote.epoch:
            return None
        signed = self.liar.make_vote(VoteKind.NOTARIZE, vote.view, certificate.view, vote.block)
        return None if signed is None else Proposal(signed, certificate, proposal.payload)
