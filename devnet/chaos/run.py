"""A run of chaos from the founding to the verdict.

Found and start; register who pays and deals; play the schedule under load; measure recoveries;
settle; compare over HTTP; stop everybody; read stores and journals. A violation ends it at once,
and the folder stays as evidence.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devnet.chaos import checkers
from devnet.chaos.background import Background
from devnet.chaos.director import Director, Played
from devnet.chaos.faults import Faults
from devnet.chaos.load import Load
from devnet.chaos.logs import Logs
from devnet.chaos.network import ChaosNetwork
from devnet.chaos.people import make_people
from devnet.chaos.pulse import Pulse
from devnet.chaos.recovery import Recovery, Surgeon
from devnet.chaos.schedule import Episode, draw_schedule
from devnet.chaos.votes import Votes
from devnet.scene import Scene
from devnet.stage import Stage

SETTLE_S = 120.0
ANSWERS_S = 120.0


@dataclass(frozen=True, slots=True)
class ChaosSpec:
    """How long, what seed, how many payments a second, how many rounds of recoveries, and how long
    two are paused in them."""

    seconds: float
    seed: int
    rate: float
    rounds: int
    pause_s: float


@dataclass(frozen=True, slots=True)
class ChaosReport:
    """What came of a run in which nothing was violated."""

    seed: int
    seconds: float
    disk: str
    played: tuple[Played, ...]
    recoveries: tuple[Recovery, ...]
    blocks: int
    state_root: str
    transactions: int
    sent: int
    acknowledged: int
    expired: int
    told: int
    repeated: int
    unanswered: int
    refused: dict[str, int]
    held_back: int
    votes: int
    journals: int

    @property
    def acts(self) -> Counter[str]:
        """How often each thing was done."""
        return Counter(act.kind.value for item in self.played for act in item.episode.acts)


class ChaosRun:
    """One run; what it does is shown on a stage."""

    def __init__(
        self, spec: ChaosSpec, network: ChaosNetwork, background: Background, stage: Stage
    ) -> None:
        self._spec = spec
        self._network = network
        self._background = background
        self._stage = stage
        self._scene = Scene(network.launcher)
        self._logs = Logs(network.folder)
        self._votes = Votes(network.folder)
        self._faults = Faults(network, self._votes, self._logs)
        self._pulse = Pulse(network.folder)
        self._director = Director(network, self._faults, self._pulse)

    def run(self, schedule: list[Episode]) -> ChaosReport:
        """All of it; raises Violation or DevnetError."""
        with contextlib.closing(self._scene):
            load = self._begin()
            with self._background.during(self._pulse.run()):
                with self._loading(load):
                    played = self._play(schedule)
                    recoveries = self._measure(load)
                self._settle()
                with self._stage.step("compare all peers over HTTP") as step:
                    checkers.check_refusals(load.promises)
                    height, state_root = checkers.check_running(self._scene)
                    step.note(f"the same blocks 0 to {height} on all peers, all invariants hold")
        return self._examine(load, played, recoveries, state_root)

    def _begin(self) -> Load:
        spec, network = self._spec, self._network
        with self._stage.step("found and start the network") as step:
            network.start(step.progress)
            step.note(f"the disk of {network.full_label} is {network.disk.kind}")
        with self._stage.step("register who pays and deals"):
            people = make_people(self._scene, network.voters[0])
            chain = self._scene.client(network.voters[0]).get_chain()
        self._director.start()
        return Load(network.folder, chain, people, self._pulse, spec.seed, spec.rate)

    @contextlib.contextmanager
    def _loading(self, load: Load) -> Iterator[None]:
        """Under load; an error of the clients' own is not lost."""
        try:
            with self._background.during(load.run()):
                yield
        finally:
            self._background.run(load.drain(), ANSWERS_S)

    def _play(self, schedule: list[Episode]) -> tuple[Played, ...]:
        played = []
        for episode in schedule:
            with self._stage.step(f"at {episode.at_s:5.1f} s  {episode.describe()}") as step:
                done = self._director.play(episode, step.progress)
                step.note(
                    f"{done.blocks} blocks meanwhile, the next {done.block_s:.2f} s after its end, "
                    f"whole after {done.whole_s:.1f} s"
                )
                played.append(done)
        return tuple(played)

    def _measure(self, load: Load) -> tuple[Recovery, ...]:
        spec = self._spec
        if not spec.rounds:
            return ()
        surgeon = Surgeon(
            self._network, self._faults, self._director, self._pulse, load, self._background
        )
        with self._stage.step(f"measure recoveries, {spec.rounds} times each") as step:
            return tuple(surgeon.measure_all(spec.rounds, spec.pause_s, spec.seed, step.progress))

    def _settle(self) -> None:
        with self._stage.step("wait until all that was acknowledged is settled") as step:
            self._director.wait_whole(time.monotonic(), step.progress)
            self._director.wait_for(self._list_unsettled, SETTLE_S, step.progress)

    def _list_unsettled(self) -> list[str]:
        sights = dict(self._pulse.sights)
        labels = [label for label in self._network.labels if label not in sights]
        missing = [f"{label} does not answer" for label in labels]
        for label, sight in sights.items():
            if sight.status["pending"] != "0":
                missing.append(f"{sight.status['pending']} transactions wait on {label}")
        if len({sight.height for sight in sights.values()}) > 1:
            missing.append("peers are at different blocks")
        return missing

    def _examine(
        self, load: Load, played: tuple[Played, ...], recoveries: tuple[Recovery, ...], root: str
    ) -> ChaosReport:
        promises = load.promises
        with self._stage.step("stop all peers"):
            checkers.stop_all(self._network, self._logs)
        with self._stage.step("read all stores and journals") as step:
            chain = checkers.check_stores(self._network, promises, self._votes, step.progress)
            votes = self._votes
            step.note(f"{votes.count} votes of {votes.journals} journals and all certificates")
        return ChaosReport(
            seed=self._spec.seed,
            seconds=self._spec.seconds,
            disk=self._network.disk.kind,
            played=played,
            recoveries=recoveries,
            blocks=chain.height,
            state_root=root,
            transactions=len(chain.places),
            sent=load.sent,
            acknowledged=len(promises.made),
            expired=sum(id_ not in chain.places for id_ in promises.made),
            told=len(promises.told),
            repeated=promises.repeated,
            unanswered=promises.unanswered,
            refused=dict(promises.refused),
            held_back=load.held_back,
            votes=self._votes.count,
            journals=self._votes.journals,
        )


def run_chaos(path: Path, spec: ChaosSpec, stage: Stage) -> ChaosReport:
    """A run in a folder that is not there yet; raises Violation or DevnetError."""
    with Background() as background:
        network = ChaosNetwork(path, background, spec.seed)
        try:
            schedule = draw_schedule(
                spec.seed, spec.seconds, network.labels, network.voters, network.full_label
            )
            stage.say(f"seed {spec.seed}, {len(schedule)} episodes in {spec.seconds:g} s:")
            for episode in schedule:
                stage.say(f"  {episode.at_s:6.1f} s  {episode.describe()}")
            return ChaosRun(spec, network, background, stage).run(schedule)
        finally:
            network.close()
