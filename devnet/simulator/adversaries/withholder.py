"""Proposes what nobody can fetch, and keeps to itself what it was handed."""

from collections.abc import Iterable, Sequence

from consensus.message import Proposal
from devnet.simulator.adversaries.habit import Habit, Said, read_consensus
from node.frames import BlockBody, Frame, Range, Transactions


class Withholder(Habit):
    """Its blocks hold transactions that it alone has; it tells a quorum of them, or one fewer."""

    def say(self, to: Sequence[str], frame: Frame) -> Iterable[Said]:
        """No bodies, no transactions, and proposals for some only."""
        if isinstance(frame, BlockBody | Transactions | Range):
            return []
        if isinstance(read_consensus(frame), Proposal):
            # Its proposal is its own vote: with it, these are one fewer than a quorum, or just one.
            most = max(1, self.liar.replica.validators.quorum - self.random.randint(1, 2))
            return [(self.random.sample(list(to), min(most, len(to))), frame)]
        return [(to, frame)]
