"""Whether a network can go on from a state when all that is on its way is lost.

The honest ones hear from each other again, and nothing from the liar. Timers fire when nothing else
happens; what is sent again, asked and answered (rule 6) has to do. Within a few views all must have
something new that is final.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

from consensus.action import Broadcast, EpochEnded, Fetch, Finalized, Judge, Propose, Send
from consensus.core import Core
from consensus.event import Event, Received, Synced, TimerFired, TimerKind
from consensus.message import CertificateMessage, Message
from devnet.model.case import Case
from devnet.model.cast import CODES, hand_over
from devnet.model.peer import LATER_MS, Peer, answer, find_timer, is_set
from devnet.model.property import LIVENESS
from devnet.model.snapshot import clone
from devnet.model.statement import find_name

ROUNDS: Final = 24  # each ends with a silence, in which all timers fire
STEPS: Final = 20_000  # of which no live network needs a tenth
ROUND_MS: Final = 60_000  # all timers are due then
_ORDER: Final = (
    TimerKind.RETRY,
    TimerKind.IDLE,
    TimerKind.HEARTBEAT,
    TimerKind.LEADER,
    TimerKind.ADVANCE,
)


def find_stop(peers: Sequence[Peer]) -> str | None:
    """What is wrong if these peers cannot finalize anything any more; None where they can."""
    return _Continuation(peers).run()


class _Continuation:
    def __init__(self, peers: Sequence[Peer]) -> None:
        self._case: Case = peers[0].case
        self._cores: dict[int, Core] = {peer.index: clone(peer.core) for peer in peers}
        self._final = {peer.index: _read_final_view(peer.core) for peer in peers}
        self._goal = max(self._final.values()) + 1
        self._ended = {peer.index: peer.stored for peer in peers if peer.core._is_over}
        self._queue: deque[tuple[int, Event]] = deque()
        self._now_ms = LATER_MS
        self._steps = 0
        for peer in peers:
            self._queue.extend((peer.index, answer(self._case, work)) for work in peer.work)

    def run(self) -> str | None:
        self._drain()
        for _ in range(ROUNDS):
            if self._is_done():
                return None
            self._fire_all()
        views = {index: core.view for index, core in self._cores.items()}
        return f"{LIVENESS}: nothing more becomes final, with the validators in views {views}"

    def _is_done(self) -> bool:
        if len(self._ended) == len(self._cores):
            return True
        return not self._ended and all(view >= self._goal for view in self._final.values())

    def _fire_all(self) -> None:
        for index, certificate in self._ended.items():
            assert certificate is not None
            self._deliver(index, CertificateMessage(certificate), None)
        self._drain()
        for kind in _ORDER:
            for index, core in self._cores.items():
                self._now_ms += ROUND_MS
                if is_set(core, kind):
                    self._queue.append((index, TimerFired(find_timer(core, kind))))
            self._drain()

    def _drain(self) -> None:
        while self._queue and self._steps < STEPS and not self._is_done():
            self._steps += 1
            index, event = self._queue.popleft()
            for action in self._cores[index].step(event, self._now_ms):
                match action:
                    case Broadcast(message):
                        self._deliver(index, message, None)
                    case Send(to, message):
                        self._deliver(index, message, CODES.index(to))
                    case Judge() | Fetch() | Propose():
                        self._queue.append((index, answer(self._case, action)))
                    case Finalized(certificate):
                        self._final[index] = max(self._final[index], certificate.view)
                        is_last = self._case.is_last(find_name(certificate.block))
                        self._queue.append((index, Synced(certificate, is_last)))
                    case EpochEnded(certificate):
                        self._ended[index] = certificate

    def _deliver(self, sender: int, message: Message, to: int | None) -> None:
        for index in self._cores:
            if index != sender and to in (None, index):
                self._queue.append((index, Received(CODES[sender], hand_over(message, index))))


def _read_final_view(core: Core) -> int:
    final = core._ancestry.final
    return 0 if final is None else final.view
