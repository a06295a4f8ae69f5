"""What goes wrong in a run, deed by deed: drawn by the seed before anything happens.

A script is a plain list, so that a failing run can be shrunk to the few deeds that matter, written
down, and run again exactly (`devnet.simulator.shrink`).
"""

import math
import random
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from devnet.simulator.faults import Faults
from devnet.simulator.kernel import MS, SECOND

DOWN_US: Final = (50 * MS, 6 * SECOND)
MAX_EVENTS: Final = 20_000  # of one process under fire


class DeedKind(StrEnum):
    """What can be done to peers and links."""

    CRASH = "crash"  # the power of one fails
    CRASH_AT = "crash at event"  # the same, before its n-th event
    CRASH_SEND = "crash at a send"  # the same, when it has told so many others one thing or more
    BLACKOUT = "blackout"  # the power of nearly all fails
    CUT = "cut"  # the victims are cut off from the others, in both directions
    CUT_OUT = "cut out"  # nothing that the victims say arrives
    CUT_IN = "cut in"  # nothing arrives at the victims
    PAUSE = "pause"  # one stands still
    STEP = "clock step"
    BAD_SYNC = "failed fsync"  # the next synced write fails, and the process with it
    FULL = "full disk"  # for a while every write fails
    POWER = "power failure at a write"  # the amount is how many writes there are before it
    LOSS = "lost journal"  # of a process that goes down: its keys vote no more
    FLIP = "flipped bit"  # a read finds a damaged block: the operator begins with an empty folder


CUTS: Final = (DeedKind.CUT, DeedKind.CUT_OUT, DeedKind.CUT_IN)


@dataclass(frozen=True, slots=True)
class Deed:
    """One fault. `victims` are places among the processes; `amount` is the number of an event, of
    writes or sends before it, or the milliseconds of a clock's step; `duration_us` is how long it
    lasts, or the victim is down.
    """

    at_us: int
    kind: DeedKind
    victims: tuple[int, ...]
    duration_us: int = 0
    amount: int = 0
    is_noticed: bool = False

    def describe(self) -> str:
        """For people."""
        moment = f"event {self.amount}" if self.kind is DeedKind.CRASH_AT else f"{self.at_us} us"
        who = ", ".join(map(str, self.victims))
        parts = [f"{moment}: {self.kind.value} of {who}"]
        if self.duration_us:
            parts.append(f"for {self.duration_us // MS} ms")
        if self.kind is DeedKind.STEP:
            parts.append(f"by {self.amount} ms")
        if self.kind in CUTS and self.is_noticed:
            parts.append("noticed by the connections")
        return " ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Deed":
        """Read what `as_json` wrote."""
        fields = {**data, "kind": DeedKind(data["kind"]), "victims": tuple(data["victims"])}
        return cls(**fields)


def draw_script(rng: random.Random, faults: Faults, peers: int, until_us: int) -> tuple[Deed, ...]:
    """The deeds of a run with these faults, by time; those at events come first."""
    deeds = _draw_event_crashes(rng, faults.crash_rate, peers)
    for kind, mean_us in (
        (DeedKind.CRASH, faults.crash_every_us),
        (DeedKind.BLACKOUT, faults.blackout_every_us),
        (DeedKind.CUT, faults.partition_every_us),
        (DeedKind.PAUSE, faults.pause_every_us),
        (DeedKind.STEP, faults.step_every_us),
        (DeedKind.BAD_SYNC, faults.bad_sync_every_us),
        (DeedKind.FULL, faults.full_every_us),
        (DeedKind.POWER, faults.power_every_us),
        (DeedKind.LOSS, faults.loss_every_us),
        (DeedKind.FLIP, faults.flip_every_us),
    ):
        at_us = 0
        while mean_us:
            at_us += 1 + int(rng.expovariate(1 / mean_us))
            if at_us >= until_us:
                break
            deeds.append(_draw_deed(rng, kind, faults, at_us, peers))
    return tuple(sorted(deeds, key=lambda deed: deed.at_us))


def _draw_event_crashes(rng: random.Random, rate: float, peers: int) -> list[Deed]:
    deeds: list[Deed] = []
    for place in range(peers if rate else 0):
        event = 0
        while True:
            event += 1 + int(math.log(1 - rng.random()) / math.log(1 - rate))
            if event > MAX_EVENTS:
                break
            down_us = rng.randint(*DOWN_US)
            deeds.append(Deed(0, DeedKind.CRASH_AT, (place,), down_us, event))
    return deeds


def _draw_deed(rng: random.Random, kind: DeedKind, faults: Faults, at_us: int, peers: int) -> Deed:
    one = (rng.randrange(peers),)
    match kind:
        case DeedKind.CUT:
            victims = tuple(rng.sample(range(peers), rng.randint(1, peers // 2)))
            way = rng.choice(CUTS) if faults.one_way else DeedKind.CUT
            lasts_us = rng.randint(200 * MS, 8 * SECOND)
            return Deed(at_us, way, victims, lasts_us, is_noticed=rng.random() < 0.5)
        case DeedKind.BLACKOUT:
            spared = rng.choice((0.0, 0.1))
            victims = tuple(place for place in range(peers) if rng.random() >= spared)
            return Deed(at_us, kind, victims, rng.randint(*DOWN_US))
        case DeedKind.PAUSE:
            return Deed(at_us, kind, one, rng.randint(10 * MS, 4 * SECOND))
        case DeedKind.STEP:
            return Deed(at_us, kind, one, amount=rng.randint(-2_000, 2_000))
        case DeedKind.CRASH if rng.random() < 0.5:
            return Deed(at_us, DeedKind.CRASH_SEND, one, rng.randint(*DOWN_US), rng.randrange(12))
        case DeedKind.POWER:
            return Deed(at_us, kind, one, rng.randint(*DOWN_US), rng.randrange(6))
        case _:
            return Deed(at_us, kind, one, rng.randint(*DOWN_US))
