"""Says again what was said before, by itself or by others, in other views and epochs."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from devnet.simulator.adversaries.habit import Habit, Said
from node.frames import Consensus, Frame, Hello, Transactions

if TYPE_CHECKING:
    from devnet.simulator.adversaries.liar import Liar

MEMORY = 120


class Replayer(Habit):
    """Old frames, to anybody, over and over."""

    def __init__(self, liar: "Liar") -> None:
        super().__init__(liar)
        self._kept: deque[Frame] = deque(maxlen=MEMORY)

    def say(self, to: Sequence[str], frame: Frame) -> Iterable[Said]:
        """As it is, and to be kept."""
        self._keep(frame)
        return [(to, frame)]

    def hear(self, sender: str, frame: Frame) -> None:
        """What others say is worth repeating too."""
        del sender
        self._keep(frame)

    def act(self) -> None:
        """Again."""
        peers = self.liar.list_peers()
        for _ in range(self.random.randint(1, 8)):
            if self._kept and peers:
                self.liar.tell([self.random.choice(peers)], self.random.choice(self._kept))

    def _keep(self, frame: Frame) -> None:
        if isinstance(frame, Consensus | Transactions | Hello) and self.random.random() < 0.2:
            self._kept.append(frame)
