"""Plays a schedule on a network, and waits after each episode until it is whole again.

Liveness: within a bound from the end of an episode every validator votes again, every peer is where
the furthest one was, and a block that is new since has become final.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from devnet.chaos.faults import Faults
from devnet.chaos.network import ChaosNetwork
from devnet.chaos.pulse import Pulse
from devnet.chaos.schedule import Episode
from devnet.launcher import Progress, ignore
from devnet.simulator.violation import Violation

WHOLE_S = 120.0
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Played:
    """An episode that is over: when it began, how many blocks became final while it lasted, and
    how long after its end the next one did and the network was whole again."""

    episode: Episode
    began_s: float
    blocks: int
    block_s: float
    whole_s: float


class Director:
    """Does one episode after the other."""

    def __init__(self, network: ChaosNetwork, faults: Faults, pulse: Pulse) -> None:
        self._network = network
        self._faults = faults
        self._pulse = pulse
        self._started = 0.0

    def start(self) -> None:
        """The run begins now."""
        self._started = time.monotonic()

    def play(self, episode: Episode, progress: Progress = ignore) -> Played:
        """Wait for its time, do it, hold it, undo it, wait until all is well; raises Violation."""
        self.wait(self._started + episode.at_s, progress)
        began, height = time.monotonic(), self._pulse.height
        for act in episode.acts:
            self._faults.begin(act)
        self.wait(time.monotonic() + episode.hold_s, progress)
        blocks = self._pulse.height - height
        for act in reversed(episode.acts):
            self._faults.end(act)
        ended, above = time.monotonic(), self._pulse.height
        self.wait_whole(ended, progress)
        grown = self._pulse.find_growth(above, ended)
        assert grown is not None
        whole_s = time.monotonic() - ended
        return Played(episode, began - self._started, blocks, grown - ended, whole_s)

    def wait(self, until_s: float, progress: Progress = ignore) -> None:
        """Let time pass, and see to it that nobody ends by himself."""
        while time.monotonic() < until_s:
            self._look(progress)

    def wait_whole(self, since_s: float, progress: Progress = ignore) -> None:
        """Wait until nothing is left of what was done; raises Violation."""
        goal = self._pulse.height
        self.wait_for(lambda: self._list_missing(goal, since_s), WHOLE_S, progress)

    def wait_for(
        self, missing: Callable[[], Sequence[str]], seconds: float, progress: Progress = ignore
    ) -> None:
        """Wait until nothing is missing; raises Violation."""
        deadline = time.monotonic() + seconds
        while left := missing():
            if time.monotonic() > deadline:
                raise Violation("Liveness", f"after {seconds:g} s: {'; '.join(left)}")
            self._look(progress)

    def _list_missing(self, goal: int, since_s: float) -> list[str]:
        """What is still to come of a network that has been left in peace since a moment."""
        pulse = self._pulse
        missing = []
        for label in self._network.labels:
            sight = pulse.sights.get(label)
            if sight is None or sight.at_s < since_s:
                missing.append(f"{label} does not answer")
            elif sight.height < goal:
                missing.append(f"{label} is at block {sight.height} of {goal}")
            elif not sight.is_whole:
                missing.append(f"{label} does not vote")
        if pulse.find_growth(goal, since_s) is None:
            missing.append(f"no block above {goal} became final")
        return missing

    def _look(self, progress: Progress) -> None:
        self._faults.check_running()
        if self._pulse.wrong:
            raise Violation("PrefixOrder", "; ".join(self._pulse.wrong[:3]))
        waits = [label for label in self._network.labels if label not in self._pulse.sights]
        silent = f", no answer from {', '.join(waits)}" if waits else ""
        rate = self._pulse.compute_rate(2.0)
        progress(f"block {self._pulse.height}, {rate:.0f} a second{silent}")
        time.sleep(POLL_S)
