"""What is done to whom, and when: drawn from a seed before anything is started.

Kinds are dealt like cards, so that each comes once before any comes twice. Some episodes have a
link in trouble besides.
"""

import enum
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from devnet.chaos.link import WELL, Condition


class Kind(enum.StrEnum):
    """What can be done to the network."""

    KILL = "kill -9"
    KILL_ALL = "kill -9 all at once"
    RESTART = "stop (SIGTERM)"
    PAUSE = "pause (SIGSTOP)"
    PAUSE_TWO = "pause two"
    FULL_DISK = "fill the disk"
    CUT = "cut off"
    PARTITION = "cut in halves"
    SLOW = "slow links"
    STALL = "stall one way"
    HALF_OPEN = "half-open links"
    CLOCK = "step the clock"


LINK_KINDS = (Kind.CUT, Kind.PARTITION, Kind.SLOW, Kind.STALL, Kind.HALF_OPEN)
BESIDES = (Kind.SLOW, Kind.STALL)
BESIDES_SHARE = 0.4
LONG_RUN_S = 120
DELAYS_MS = (20, 100, 400)
RATES = (0, 0, 200_000, 20_000)  # bytes a second; 0 is no limit
STEPS_MS = (-10_000, -3_000, 1_500, 3_000, 10_000)


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that is done; `labels` are the peers that it is done to."""

    kind: Kind
    labels: tuple[str, ...]
    condition: Condition = WELL
    offset_ms: int = 0

    def describe(self) -> str:
        """What is done to whom."""
        text = str(self.kind)
        if self.kind is not Kind.KILL_ALL:
            text += f": {', '.join(self.labels)}"
        condition = self.condition
        if condition.delay_ms:
            text += f", {condition.delay_ms} ms each way"
        if condition.bytes_per_s:
            text += f", {condition.bytes_per_s // 1000} kB/s"
        if condition.stalls:
            text += f", {'/'.join(sorted(condition.stalls))}"
        return f"{text}, {self.offset_ms / 1000:+g} s" if self.offset_ms else text


@dataclass(frozen=True, slots=True)
class Episode:
    """What is done at a moment of the run, and for how long."""

    at_s: float
    hold_s: float
    acts: tuple[Act, ...]

    def describe(self) -> str:
        """For people."""
        return f"{'; '.join(act.describe() for act in self.acts)} ({self.hold_s:.1f} s)"


def draw_schedule(
    seed: int, seconds: float, labels: Sequence[str], voters: Sequence[str], full_label: str
) -> list[Episode]:
    """The episodes of a run of so many seconds; short runs have short ones."""
    rng = random.Random(f"schedule {seed}")  # noqa: S311
    drawer = _Drawer(rng, tuple(labels), tuple(voters), full_label)
    is_long = seconds >= LONG_RUN_S
    holds, gaps = ((2.0, 12.0), (3.0, 8.0)) if is_long else ((1.0, 3.0), (1.0, 2.0))
    episodes: list[Episode] = []
    at_s = rng.uniform(*gaps)
    for kind in _deal(rng):
        hold_s = rng.uniform(*holds)
        if at_s + hold_s > seconds:
            return episodes
        episodes.append(Episode(at_s, hold_s, drawer.draw(kind)))
        at_s += hold_s + rng.uniform(*gaps)
    raise AssertionError("kinds are dealt without end")


def _deal(rng: random.Random) -> Iterator[Kind]:
    while True:
        deck = list(Kind)
        rng.shuffle(deck)
        yield from deck


@dataclass(frozen=True, slots=True)
class _Drawer:
    rng: random.Random
    labels: tuple[str, ...]
    voters: tuple[str, ...]
    full_label: str

    def draw(self, kind: Kind) -> tuple[Act, ...]:
        """An act of this kind, and perhaps a link in trouble besides."""
        acts = [self._draw_act(kind)]
        if kind not in LINK_KINDS and self.rng.random() < BESIDES_SHARE:
            acts.append(self._draw_act(self.rng.choice(BESIDES)))
        return tuple(acts)

    def _draw_act(self, kind: Kind) -> Act:
        rng = self.rng
        act = Act(kind, (rng.choice(self.labels),))
        match kind:
            case Kind.KILL_ALL:
                return replace(act, labels=self.labels)
            case Kind.PAUSE_TWO | Kind.PARTITION:
                cut = Condition(is_cut=kind is Kind.PARTITION)
                two = tuple(sorted(rng.sample(self.voters, 2)))
                return replace(act, labels=two, condition=cut)
            case Kind.FULL_DISK:
                return replace(act, labels=(self.full_label,))
            case Kind.CUT:
                return replace(act, condition=Condition(is_cut=True))
            case Kind.HALF_OPEN:
                return replace(act, condition=Condition(is_half_open=True))
            case Kind.SLOW:
                delay_ms, rate = rng.choice(DELAYS_MS), rng.choice(RATES)
                return replace(act, condition=Condition(delay_ms=delay_ms, bytes_per_s=rate))
            case Kind.STALL:
                ways = rng.choice((("in",), ("out",), ("in", "out")))
                return replace(act, condition=Condition(stalls=frozenset(ways)))
            case Kind.CLOCK:
                return replace(act, offset_ms=rng.choice(STEPS_MS))
            case _:
                return act
