"""What may go wrong in a run, drawn by its seed (swarm testing: each seed has faults of its own).

`Faults` are what a seed has; the `Weather` is how things are now, which healing makes calm.
"""

import random
from dataclasses import dataclass, fields, replace
from typing import Final

from devnet.simulator.kernel import MS, SECOND

CALM_DELAY_US: Final = (200, 2 * MS)
CALM_FSYNC_US: Final = (1 * MS, 3 * MS)


@dataclass(slots=True)
class Weather:
    """The conditions of the moment; rates are per message, or per event of a process.

    `busy_us` is how long a batch of signatures may wait for the processor.
    """

    delay_us: tuple[int, int] = CALM_DELAY_US
    jitter_us: int = 0
    slow_rate: float = 0.0
    slow_us: int = 0
    loss: float = 0.0
    duplication: float = 0.0
    is_ordered: bool = True
    fsync_us: tuple[int, int] = CALM_FSYNC_US
    busy_us: int = 0

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        calm = Weather()
        for item in fields(Weather):
            setattr(self, item.name, getattr(calm, item.name))


@dataclass(frozen=True, slots=True)
class Faults:
    """What a seed has in store. Intervals are means between two faults of a kind; 0 is never."""

    delay_us: tuple[int, int] = CALM_DELAY_US
    jitter_us: int = 0
    slow_rate: float = 0.0
    slow_us: int = 0
    loss: float = 0.0
    duplication: float = 0.0
    is_ordered: bool = True
    fsync_us: tuple[int, int] = CALM_FSYNC_US
    busy_us: int = 0
    crash_rate: float = 0.0
    crash_every_us: int = 0
    blackout_every_us: int = 0
    partition_every_us: int = 0
    one_way: bool = False
    pause_every_us: int = 0
    skew_ms: int = 0
    drift: float = 0.0
    step_every_us: int = 0
    bad_sync_every_us: int = 0
    full_every_us: int = 0
    power_every_us: int = 0
    loss_every_us: int = 0
    flip_every_us: int = 0
    max_down: int = 1

    def make_weather(self) -> Weather:
        """The weather that these faults make."""
        return Weather(**{item.name: getattr(self, item.name) for item in fields(Weather)})

    def calm_network(self) -> "Faults":
        """The same, but messages and processors are quick, so that chains grow."""
        quick = {item.name: getattr(Faults(), item.name) for item in fields(Weather)}
        return replace(self, **{**quick, "fsync_us": self.fsync_us})

    def describe(self) -> tuple[str, ...]:
        """The names of the faults that this seed has."""
        there = {
            "delay": self.delay_us[1] > CALM_DELAY_US[1],
            "jitter": self.jitter_us > 0,
            "slow messages": self.slow_rate > 0,
            "loss": self.loss > 0,
            "duplication": self.duplication > 0,
            "reordering": not self.is_ordered,
            "busy processors": self.busy_us > 0,
            "slow fsync": self.fsync_us != CALM_FSYNC_US,
            "crash at any event": self.crash_rate > 0,
            "crashes": self.crash_every_us > 0,
            "blackouts": self.blackout_every_us > 0,
            "partitions": self.partition_every_us > 0,
            "one-way partitions": self.partition_every_us > 0 and self.one_way,
            "pauses": self.pause_every_us > 0,
            "skewed clocks": self.skew_ms > 0,
            "drifting clocks": self.drift > 0,
            "stepping clocks": self.step_every_us > 0,
            "failed fsync": self.bad_sync_every_us > 0,
            "full disks": self.full_every_us > 0,
            "power failures at a write": self.power_every_us > 0,
            "lost journals": self.loss_every_us > 0,
            "damaged disks": self.flip_every_us > 0,
            "more than f down": self.max_down > 1 and self.has_crashes,
        }
        return tuple(name for name, is_there in there.items() if is_there)

    @property
    def has_crashes(self) -> bool:
        """Whether processes crash one by one."""
        return self.crash_rate > 0 or self.crash_every_us > 0


def draw_faults(rng: random.Random, n: int) -> Faults:
    """The faults of a seed: each is there or not, and mild or strong."""
    f = (n - 1) // 3

    def maybe(chance: float) -> bool:
        return rng.random() < chance

    def strength(*choices: int) -> int:
        return rng.choice(choices)

    is_ordered = not maybe(0.4)
    return Faults(
        delay_us=(200, strength(2, 10, 50) * MS),
        jitter_us=strength(5, 50, 300) * MS if maybe(0.4) else 0,
        slow_rate=rng.choice((0.005, 0.05)) if maybe(0.3) else 0.0,
        slow_us=strength(500, 2_000) * MS,
        loss=rng.choice((0.01, 0.05, 0.2)) if maybe(0.4) else 0.0,
        duplication=rng.choice((0.01, 0.1)) if maybe(0.3) and not is_ordered else 0.0,
        is_ordered=is_ordered,
        fsync_us=(1 * MS, strength(20, 100, 400) * MS) if maybe(0.5) else CALM_FSYNC_US,
        busy_us=strength(5, 60, 300) * MS if maybe(0.4) else 0,
        crash_rate=rng.choice((0.0002, 0.001, 0.004)) if maybe(0.3) else 0.0,
        crash_every_us=strength(2, 6, 15) * SECOND if maybe(0.5) else 0,
        blackout_every_us=strength(2, 6, 15) * SECOND if maybe(0.2) else 0,
        partition_every_us=strength(2, 5, 10) * SECOND if maybe(0.4) else 0,
        one_way=maybe(0.4),
        pause_every_us=strength(2, 6) * SECOND if maybe(0.3) else 0,
        skew_ms=strength(100, 1_500, 4_000) if maybe(0.4) else 0,
        drift=rng.choice((0.001, 0.05)) if maybe(0.2) else 0.0,
        step_every_us=strength(3, 10) * SECOND if maybe(0.15) else 0,
        bad_sync_every_us=strength(3, 10) * SECOND if maybe(0.15) else 0,
        full_every_us=strength(4, 10) * SECOND if maybe(0.15) else 0,
        power_every_us=strength(1, 4) * SECOND if maybe(0.2) else 0,
        loss_every_us=strength(6, 20) * SECOND if maybe(0.1) else 0,
        flip_every_us=strength(6, 20) * SECOND if maybe(0.1) else 0,
        max_down=rng.choices((f, f + 1, n), (8, 1, 1))[0],
    )
