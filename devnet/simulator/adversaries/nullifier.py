"""Gives up on every view, also on those in which it voted for a block."""

from collections.abc import Iterable, Sequence

from consensus.message import VoteMessage
from consensus.vote import VoteKind
from devnet.simulator.adversaries.habit import Habit, Said, make_frame, read_consensus
from ledger.primitives import ZERO_DIGEST
from node.frames import Frame

AHEAD = 3


class Nullifier(Habit):
    """Nullifies its view and those to come; its finalizes leave all the same."""

    def say(self, to: Sequence[str], frame: Frame) -> Iterable[Said]:
        """No notarize."""
        message = read_consensus(frame)
        if isinstance(message, VoteMessage) and message.signed.vote.kind is VoteKind.NOTARIZE:
            return self._nullify(to, message.signed.vote.view)
        return [(to, frame)]

    def act(self) -> None:
        """Give up on what has not begun."""
        view = self.liar.replica.core.view
        for ahead in range(self.random.randint(1, AHEAD)):
            for to, frame in self._nullify(self.liar.list_peers(), view + ahead):
                self.liar.tell(to, frame)

    def _nullify(self, to: Sequence[str], view: int) -> list[Said]:
        signed = self.liar.make_vote(VoteKind.NULLIFY, view, 0, ZERO_DIGEST)
        return [] if signed is None else [(to, make_frame(VoteMessage(signed)))]
