"""Running seeds: what a seed decides, what came of it, and how long it took.

The same seed is the same run, event by event, on any machine and under any PYTHONHASHSEED: the
digest over all events says so.
"""

import random
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from devnet.simulator.adversaries.cast import draw_cast
from devnet.simulator.faults import Faults, draw_faults
from devnet.simulator.kernel import MS, SECOND, OutOfEvents, Watch
from devnet.simulator.plan import Plan
from devnet.simulator.script import draw_script
from devnet.simulator.simulation import Simulation
from devnet.simulator.violation import Violation
from ledger.pruning import STEP_BLOCKS
from ledger.trail import MAX_STEPS
from node.mempool import MempoolLimits
from node.pruning import MIN_CYCLE
from node.snapshot_rules import SnapshotRules

LONG_KEEP: Final = MAX_STEPS + 1  # what a restart needs
LONG_RATE: Final = 0.002  # of seeds, on a calm network, with chains that are forgotten in part
LONG_US: Final = 180 * SECOND
LONG_BLOCKS: Final = LONG_KEEP + STEP_BLOCKS + MIN_CYCLE + 64  # bodies go by then, and states


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a seed; `violation` is empty where all is well."""

    seed: int
    validators: int
    observers: int
    faults: tuple[str, ...]
    virtual_ms: int
    settled_ms: int  # from healing until everything was settled
    wall_ms: int
    events: int
    blocks: int
    transactions: int
    due_items: int
    epochs: int
    promises: int
    votes: int
    crashes: int
    partitions: int
    disk_failures: int
    joined: int  # peers that began anew from a snapshot
    pruned: int  # honest peers that have forgotten old blocks
    liars: tuple[str, ...]  # the habits of all that lie
    lies: int
    double_signed: int  # contradictions that honest peers proved
    recorded: int  # of these, on the ledger
    over: int  # promises that expired, or whose key was rotated away
    is_real: bool
    violation: str
    digest: str

    @property
    def is_well(self) -> bool:
        """Whether nothing was violated."""
        return not self.violation

    def as_json(self) -> dict[str, Any]:
        """For programs, and a line of a campaign's log."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Report":
        """Read what `as_json` wrote."""
        return cls(**{**data, "faults": tuple(data["faults"]), "liars": tuple(data["liars"])})


def draw_plan(seed: int) -> Plan:
    """What a seed decides. Every twentieth uses real signatures, every fifth encodes its frames."""
    rng = random.Random(f"plan {seed}")  # noqa: S311
    n = rng.choices((4, 5, 7), (7, 2, 1))[0]
    observers = rng.choice((0, 1, 1, 2))
    faults = draw_faults(rng, n) if rng.random() < 0.95 else Faults()
    is_long = rng.random() < LONG_RATE
    if is_long:
        faults = faults.calm_network()
    fire_us = LONG_US if is_long else rng.randint(2, 8) * SECOND
    is_small = rng.random() < 0.15
    cast = draw_cast(rng, n)
    # With one region less f may be less by one: so must be whoever lies or has lost its votes.
    loses = bool(faults.flip_every_us or faults.loss_every_us)
    is_safe = len(cast) + loses <= (n - 2) // 3
    script = draw_script(rng, faults, n + observers, fire_us)
    pause_us = 60 * MS if is_long else rng.choice((60, 120, 300)) * MS
    rotations = rng.choice((0, 0, 1, 3))
    rules = _draw_rules(rng, is_long, observers)
    is_late = rng.random() < (0.85 if rules.may_join else 0.5)
    return Plan(
        n=n,
        observers=observers,
        faults=faults,
        fire_us=fire_us,
        fire_blocks=LONG_BLOCKS if is_long else 0,
        script=script,
        cast=cast,
        pause_us=pause_us,
        rotations=rotations,
        is_real=seed % 20 == 0,
        is_encoded=seed % 5 == 0,
        limits=MempoolLimits(40, 64 * 1024, 20) if is_small else MempoolLimits(),
        rules=rules,
        keep_blocks=LONG_KEEP if is_long else 0,
        late_us=int(fire_us * rng.uniform(0.2, 0.95)) if is_late else 0,
        ballots=n > 4 and is_safe and rng.random() < 0.7,
        anything=True,
    )


def _draw_rules(rng: random.Random, is_long: bool, observers: int) -> SnapshotRules:
    """Long runs go by the rules of real peers; short ones by such as their chains can reach.

    Observers may join more often than not: few others ever do.
    """
    if is_long:
        return SnapshotRules(may_join=True)
    far, interval = rng.choice((0, 1, 4)), rng.choice((1, 2, 4))
    return SnapshotRules(rng.random() < (0.8 if observers else 0.3), interval, far)


def run_seed(seed: int, plan: Plan | None = None, watch: Watch | None = None) -> Report:
    """Run a seed to its end, or to its first violation."""
    began = time.perf_counter()
    simulation = Simulation(seed, plan or draw_plan(seed), watch)
    violation = ""
    try:
        simulation.run()
    except (Violation, OutOfEvents) as error:
        violation = str(error)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is this seed's finding
        violation = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
    return _report(seed, simulation, violation, int((time.perf_counter() - began) * 1000))


def _report(seed: int, simulation: Simulation, violation: str, wall_ms: int) -> Report:
    chain, plan = simulation.chain, simulation.plan
    tally = simulation.mischief.tally
    last = chain.blocks.get(chain.height)
    return Report(
        seed=seed,
        validators=plan.n,
        observers=plan.observers,
        faults=plan.faults.describe(),
        virtual_ms=simulation.kernel.now_us // MS,
        settled_ms=simulation.settled_us // MS,
        wall_ms=wall_ms,
        events=simulation.kernel.events,
        blocks=chain.height,
        transactions=len(chain.places),
        due_items=sum(
            len(sealed.results) - len(sealed.transactions) for sealed in chain.blocks.values()
        ),
        epochs=0 if last is None else last.block.header.epoch + 1,
        promises=len(simulation.durability.promises),
        votes=simulation.votes.votes,
        crashes=tally.crashes,
        partitions=tally.partitions,
        disk_failures=tally.disk_failures,
        joined=len(simulation.chain.joined),
        pruned=simulation.count_pruned(),
        liars=tuple(habit for part in plan.cast for habit in part.habits),
        lies=simulation.count_lies(),
        double_signed=simulation.count_double_signed(),
        recorded=simulation.recorded,
        over=simulation.durability.count_over(chain),
        is_real=plan.is_real,
        violation=violation,
        digest=simulation.kernel.digest,
    )


@dataclass(frozen=True, slots=True)
class Summary:
    """Many reports as one."""

    seeds: int
    violations: int
    virtual_ms: int
    slowest_ms: int
    wall_ms: int
    events: int
    blocks: int
    transactions: int
    due_items: int
    promises: int
    votes: int
    epochs: int
    crashes: int
    partitions: int
    disk_failures: int
    joined: int
    pruned: int
    lies: int
    double_signed: int
    recorded: int
    over: int
    real: int
    faults: dict[str, int]
    liars: dict[str, int]

    def as_rows(self) -> list[tuple[str, str]]:
        """For a table."""
        hours = self.virtual_ms / 3_600_000
        return [
            ("seeds", f"{self.seeds:,}"),
            ("violations", f"{self.violations:,}"),
            ("virtual time", f"{hours:.2f} h"),
            ("longest recovery", f"{self.slowest_ms / 1000:.1f} s"),
            ("wall time", f"{self.wall_ms / 1000:.1f} s"),
            ("events", f"{self.events:,}"),
            ("blocks", f"{self.blocks:,}"),
            ("transactions final", f"{self.transactions:,}"),
            ("due items", f"{self.due_items:,}"),
            ("acknowledged", f"{self.promises:,}"),
            ("of these expired, or their key did", f"{self.over:,}"),
            ("votes", f"{self.votes:,}"),
            ("epochs begun", f"{self.epochs:,}"),
            ("crashes", f"{self.crashes:,}"),
            ("partitions", f"{self.partitions:,}"),
            ("failures of disks", f"{self.disk_failures:,}"),
            ("joined by a snapshot", f"{self.joined:,}"),
            ("forgot old blocks", f"{self.pruned:,}"),
            ("lies", f"{self.lies:,}"),
            ("double signing proved", f"{self.double_signed:,}"),
            ("double signing recorded", f"{self.recorded:,}"),
            ("seeds with Ed25519", f"{self.real:,}"),
            *((f"seeds with {name}", f"{count:,}") for name, count in self.faults.items()),
            *((f"seeds with {name}", f"{count:,}") for name, count in self.liars.items()),
        ]


def summarize(reports: Sequence[Report]) -> Summary:
    """The sums of many reports."""
    faults = Counter(name for report in reports for name in report.faults)
    liars = Counter(name for report in reports for name in dict.fromkeys(report.liars))
    return Summary(
        seeds=len(reports),
        violations=sum(not report.is_well for report in reports),
        virtual_ms=sum(report.virtual_ms for report in reports),
        slowest_ms=max((report.settled_ms for report in reports), default=0),
        wall_ms=sum(report.wall_ms for report in reports),
        events=sum(report.events for report in reports),
        blocks=sum(report.blocks for report in reports),
        transactions=sum(report.transactions for report in reports),
        due_items=sum(report.due_items for report in reports),
        votes=sum(report.votes for report in reports),
        promises=sum(report.promises for report in reports),
        epochs=sum(report.epochs for report in reports),
        crashes=sum(report.crashes for report in reports),
        partitions=sum(report.partitions for report in reports),
        disk_failures=sum(report.disk_failures for report in reports),
        joined=sum(report.joined for report in reports),
        pruned=sum(report.pruned for report in reports),
        lies=sum(report.lies for report in reports),
        double_signed=sum(report.double_signed for report in reports),
        recorded=sum(report.recorded for report in reports),
        over=sum(report.over for report in reports),
        real=sum(report.is_real for report in reports),
        faults=dict(sorted(faults.items())),
        liars=dict(sorted(liars.items())),
    )
