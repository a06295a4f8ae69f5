"""The timers of a view: which are set, why they run, and how they grow (rule 7)."""

from typing import Final

from consensus.action import Action, CancelTimer, SetTimer
from consensus.event import Timer, TimerKind
from ledger.primitives import Epoch

MAX_GROWTH: Final = 6  # 1.5 ** 6 > 8
MAX_FACTOR: Final = 8
MAX_LIMIT_SHIFT: Final = 10


class Timers:
    """Which timers are set; `growth` steps of 1.5 lengthen those of a view.

    `running` says that the leader and advance timers run (or have fired) in this view;
    `heartbeat_due` and `idle_due` that their timers have fired in it.
    """

    __slots__ = (
        "_changed",
        "_epoch",
        "_number",
        "_set",
        "growth",
        "heartbeat_due",
        "idle_due",
        "limit_shift",
        "running",
    )

    def __init__(self, epoch: Epoch) -> None:
        self._epoch = epoch
        self._set: dict[TimerKind, Timer] = {}
        self._changed: dict[TimerKind, Action] = {}
        self._number = 0
        self.growth = 0
        self.limit_shift = 0
        self.running = False
        self.heartbeat_due = False
        self.idle_due = False

    def enter(self, heartbeat_deadline_ms: int) -> None:
        """A view begins: all timers of the one before are off."""
        self.running = self.heartbeat_due = self.idle_due = False
        self.cancel(TimerKind.LEADER, TimerKind.ADVANCE, TimerKind.IDLE, TimerKind.RETRY)
        self.start(TimerKind.HEARTBEAT, heartbeat_deadline_ms)

    def start(self, kind: TimerKind, deadline_ms: int) -> None:
        """Set a timer, in the place of one of its kind."""
        self._number += 1
        timer = Timer(kind, self._epoch, self._number)
        self._set[kind] = timer
        self._changed[kind] = SetTimer(timer, deadline_ms)

    def cancel(self, *kinds: TimerKind) -> None:
        """Cancel those that are set."""
        for kind in kinds:
            if self._set.pop(kind, None) is not None:
                self._changed[kind] = CancelTimer(kind)

    def is_set(self, kind: TimerKind) -> bool:
        """Whether a timer of this kind is set."""
        return kind in self._set

    def take(self, timer: Timer) -> bool:
        """Whether a timer that fired is one that is set; it no longer is."""
        if self._set.get(timer.kind) != timer:
            return False
        del self._set[timer.kind]
        return True

    def drain(self) -> list[Action]:
        """What changed since the last time, one action per kind."""
        if not self._changed:
            return []
        out = list(self._changed.values())
        self._changed.clear()
        return out

    def compute_duration(self, base_ms: int) -> int:
        """`base_ms` times 1.5 for each step of growth, at most eight times."""
        grown = base_ms
        for _ in range(self.growth):
            grown += grown // 2
        return min(grown, base_ms * MAX_FACTOR)

    def grow(self) -> None:
        """A view was nullified, here or by all."""
        self.growth = min(self.growth + 1, MAX_GROWTH)

    def fall_back(self) -> None:
        """A block became final. One step, so that a network slower than Δ does not begin anew with
        timers too short after each block; under load six steps are over in less than a second."""
        self.growth = max(self.growth - 1, 0)
