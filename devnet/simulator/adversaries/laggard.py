"""Says everything late; some things, above all votes, it hoards and releases all at once."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from consensus.message import CertificateMessage, VoteMessage
from devnet.simulator.adversaries.habit import Habit, Said, read_consensus
from devnet.simulator.kernel import MS, SECOND
from node.frames import Frame

if TYPE_CHECKING:
    from devnet.simulator.adversaries.liar import Liar

LATE_US = (50 * MS, 4 * SECOND)
MOST = 400


class Laggard(Habit):
    """Late by up to seconds; hoarded votes and certificates leave with the habit."""

    def __init__(self, liar: "Liar") -> None:
        super().__init__(liar)
        self._hoard: list[Said] = []
        self._is_hoarding = self.random.random() < 0.5

    def say(self, to: Sequence[str], frame: Frame) -> Iterable[Said]:
        """Later, or much later."""
        message = read_consensus(frame)
        if self._is_hoarding and isinstance(message, VoteMessage | CertificateMessage):
            self._hoard.append((to, frame))
            del self._hoard[:-MOST]
        else:
            late_us = self.random.randint(*LATE_US)
            self.liar.later(late_us, "late", partial(self.liar.tell, list(to), frame))
        return []

    def act(self) -> None:
        """Now and then everything leaves."""
        if self.random.random() < 0.03:
            self.leave()

    def leave(self) -> None:
        """Release the hoard."""
        hoard, self._hoard = self._hoard, []
        for to, frame in hoard:
            self.liar.tell(to, frame)
        self._is_hoarding = self.random.random() < 0.5
