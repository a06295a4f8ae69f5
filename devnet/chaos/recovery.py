"""How long the network takes to go on: each case several times, each time counted from its moment.

leader killed    nothing is under way; the leader of the view is killed, and a payment handed in
one killed       any validator, under load
two paused       for a while, under load; counted from their return
all killed       at once, under load; counted from the moment when all are started again
clock steps      of one validator by ten seconds, forward and back, under load

Measured are the next final block that anybody has, the answer to a payment handed in at the moment
itself that it is final, and the longest time without a new block until the network is whole.
"""

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from devnet.chaos.background import Background
from devnet.chaos.director import Director
from devnet.chaos.faults import Faults
from devnet.chaos.load import Load
from devnet.chaos.network import ChaosNetwork
from devnet.chaos.pulse import Pulse
from devnet.chaos.schedule import Act, Kind
from devnet.launcher import Progress
from devnet.simulator.violation import Violation

INTERVAL_S = 0.02  # between two looks at each peer
QUIET_S = 1.0
AFTER_S = 5.0
PROBE_S = 60.0
STEP_MS = 10_000


@dataclass(frozen=True, slots=True)
class Measure:
    """One recovery, in seconds."""

    block_s: float
    final_s: float
    pause_s: float
    whole_s: float


@dataclass(frozen=True, slots=True)
class Recovery:
    """All recoveries of one case."""

    name: str
    since: str
    measures: tuple[Measure, ...]

    def compute(self, read: Callable[[Measure], float]) -> tuple[float, float]:
        """The median and the worst of a figure."""
        values = [read(measure) for measure in self.measures]
        return statistics.median(values), max(values)


class Surgeon:
    """Makes the cases, one at a time, on a network that is whole in between."""

    def __init__(
        self,
        network: ChaosNetwork,
        faults: Faults,
        director: Director,
        pulse: Pulse,
        load: Load,
        background: Background,
    ) -> None:
        self._network = network
        self._faults = faults
        self._director = director
        self._pulse = pulse
        self._load = load
        self._background = background

    def measure_all(
        self, rounds: int, pause_s: float, seed: int, progress: Progress
    ) -> list[Recovery]:
        """Every case so many times; raises Violation."""
        rng = random.Random(f"recovery {seed}")  # noqa: S311
        voters = self._network.voters

        def one() -> tuple[str, ...]:
            return (rng.choice(voters),)

        def two() -> tuple[str, ...]:
            return tuple(sorted(rng.sample(voters, 2)))

        cases: list[tuple[str, str, Callable[[], Measure]]] = [
            ("leader killed, nothing under way", "the kill", self._kill_leader),
            ("one killed", "the kill", lambda: self._strike(Act(Kind.KILL, one()))),
            (
                f"two paused for {pause_s:g} s",
                "their return",
                lambda: self._outlast(Act(Kind.PAUSE_TWO, two()), pause_s),
            ),
            (
                "all killed at once",
                "the start of all",
                lambda: self._outlast(Act(Kind.KILL_ALL, self._network.labels), 0.0),
            ),
            (
                "one clock steps 10 s forward",
                "the step",
                lambda: self._strike(Act(Kind.CLOCK, one(), offset_ms=STEP_MS)),
            ),
            (
                "one clock steps 10 s back",
                "the step",
                lambda: self._strike(Act(Kind.CLOCK, one(), offset_ms=-STEP_MS)),
            ),
        ]
        self._pulse.interval_s = INTERVAL_S
        found = []
        for name, since, measure in cases:
            measures = []
            for number in range(rounds):
                progress(f"{name}, {number + 1} of {rounds}")
                measures.append(measure())
            found.append(Recovery(name, since, tuple(measures)))
        return found

    # --- cases

    def _kill_leader(self) -> Measure:
        """Quiet, so that the view stands still and its leader is known."""
        self._load.is_paused = True
        return self._strike(Act(Kind.KILL, (self._find_leader(),)))

    def _strike(self, act: Act) -> Measure:
        """Count from the fault, which lasts until well after, under load."""
        above, since_s = self._pulse.height, time.monotonic()
        self._faults.begin(act)
        final_s = self._probe(act)
        self._load.is_paused = False
        self._director.wait(time.monotonic() + AFTER_S)
        measure = self._take(above, since_s, final_s)
        self._faults.end(act)
        self._director.wait_whole(time.monotonic())
        return measure

    def _outlast(self, act: Act, seconds: float) -> Measure:
        """Count from the end of the fault."""
        self._faults.begin(act)
        self._director.wait(time.monotonic() + seconds)
        above = self._pulse.height
        self._faults.end(act)
        since_s = time.monotonic()
        final_s = self._probe(act)
        self._director.wait_whole(since_s)
        return self._take(above, since_s, final_s)

    def _take(self, above: int, since_s: float, final_s: float) -> Measure:
        now_s = time.monotonic()
        grown = self._pulse.find_growth(above, since_s)
        if grown is None:
            raise Violation("Liveness", f"no block above {above} after {now_s - since_s:.1f} s")
        pause_s = self._pulse.compute_pause(since_s, now_s)
        return Measure(grown - since_s, final_s, pause_s, now_s - since_s)

    def _probe(self, act: Act) -> float:
        """Hand in a payment at a peer that is there, until one says that it is final; seconds.
        Raises Violation."""
        begun = time.monotonic()
        labels = [label for label in self._network.voters if label not in act.labels]
        self._background.run(self._load.probe(labels or self._network.voters, PROBE_S))
        return time.monotonic() - begun

    def _find_leader(self) -> str:
        """Whom all validators name as the leader of one view for a while."""
        seen: tuple[str, ...] = ()
        since_s = time.monotonic()

        def list_missing() -> Sequence[str]:
            nonlocal seen, since_s
            said = [self._pulse.sights.get(label) for label in self._network.voters]
            views = {(s.status["view"], s.status["leader"]) for s in said if s is not None}
            now = next(iter(views)) if None not in said and len(views) == 1 else ()
            if now != seen:
                seen, since_s = now, time.monotonic()
            is_quiet = bool(seen) and time.monotonic() - since_s >= QUIET_S
            return [] if is_quiet else ["the view does not stand still"]

        self._director.wait_for(list_missing, PROBE_S)
        return self._network.folder.find(seen[1]).label
