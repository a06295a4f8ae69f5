"""Proposes what nobody can fetch, and keeps to itself what it was handed."""

from collections.abc import Iterable, Sequence

from consensus.message import Proposal
from devnet.simulator.adversaries.habit import Habit, Said, read_consensus
from node.frames import BlockBody, Frame, Range, Transactions


class Withholder(Habit):
    """Its blocks hold transactions that it alone has; it tells one fewer than would be enough."""

    def say(self, to: Sequence[str], frame: Frame) -> Iterable[Said]:
        """No bodies, no transactions, and proposals for some only."""
        if isinstance(frame, BlockBody | Transactions | Range):
            return []
        if isinstance(read_consensus(frame), Proposal):
            most = max(1, self.liar.replica.validators.quorum - 1)
            return [(self.random.sample(list(to), min(most, len(to))), frame)]
        return [(to, frame)]
