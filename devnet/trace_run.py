"""The whole of a trace in virtual time: what was placed, where, at what cost, and that it held.

The network is the simulator's: whole replicas, which agree on every block. Its clocks follow the
trace to the second, so that months pass in minutes.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from devnet.market import DAY_MS, WHOLE
from devnet.simulator.desk import RULES, Desk, Run
from devnet.simulator.exchange import Exchange
from devnet.simulator.fleet import Fleet, Machine, make_fleet
from devnet.simulator.population import make_population
from devnet.trace import Trace
from ledger.genesis import ConsensusLimits

REGIONS: Final = 4
LIMITS: Final = ConsensusLimits(heartbeat_ms=3_600_000)
LAST_MS: Final = 60_000  # after the last deletion, for the last bill
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Group:
    """What was placed of one kind: unit-seconds are of thousandths, money is micro-yuan."""

    name: str
    jobs: int
    across_regions: int
    used_unit_seconds: int
    billed_micro_yuan: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trace. `fullest` are the machines of `compute_fullest`."""

    jobs: int
    machines: int
    placed: int
    expired: int
    closed: int
    billed_micro_yuan: int
    median_wait_ms: int
    longest_wait_ms: int
    by_region: tuple[Group, ...]
    by_model: tuple[Group, ...]
    fullest: tuple[tuple[str, int, int], ...]
    checks: int
    blocks: int
    transactions: int
    due_items: int
    virtual_ms: int
    wall_s: int
    state_root: str
    digest: str

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


class TraceRun:
    """A trace on an exchange of its own."""

    def __init__(self, trace: Trace, jobs: int | None = None, seed: int = 1) -> None:
        population = make_population(REGIONS, LIMITS, tuple(RULES.items()))
        self.fleet: Fleet = make_fleet(population, trace.nodes)
        self.jobs = list(trace.jobs if jobs is None else trace.jobs[:jobs])
        self.desk = Desk(self.fleet)
        self.exchange = Exchange(population, seed, self.desk.hear)
        self.desk.open_at(self.exchange)
        self.checks = 0

    def run(self, progress: Progress) -> Outcome:
        """All of it; raises Violation. `progress` hears days done, days in all, and a word."""
        began = time.monotonic()
        progress(0, 1, "the market opens")
        self.desk.open_market()
        self._check()
        self.desk.schedule(self.jobs)
        last_ms = max(run.deleted_ms for run in self.desk.runs) + LAST_MS
        for day, end_ms in enumerate(self._list_days(last_ms)):
            self.exchange.run_until(end_ms)
            self._check()
            days = -(-(last_ms - self.desk.start_ms) // DAY_MS)
            closed = sum(run.state == "closed" for run in self.desk.runs)
            progress(day + 1, days, f"{closed:,} of {len(self.jobs):,} jobs settled")
        self.exchange.settle()
        return self._report(int(time.monotonic() - began))

    def _list_days(self, last_ms: int) -> Iterator[int]:
        at_ms = self.desk.start_ms
        while at_ms < last_ms:
            at_ms = min(at_ms + DAY_MS, last_ms)
            yield at_ms

    def _check(self) -> bytes:
        self.checks += 1
        return self.exchange.check()

    def _report(self, wall_s: int) -> Outcome:
        root = self._check()
        exchange, runs = self.exchange, self.desk.runs
        states = Counter(run.state for run in runs)
        placed = [run for run in runs if run.machine is not None]
        waits = sorted(run.activated_ms - run.begin_ms for run in placed if run.activated_ms)
        return Outcome(
            jobs=len(runs),
            machines=len(self.fleet.machines),
            placed=len(placed),
            expired=states["expired"],
            closed=states["closed"],
            billed_micro_yuan=sum(run.billed_micro_yuan for run in placed),
            median_wait_ms=waits[len(waits) // 2] if waits else 0,
            longest_wait_ms=max(waits, default=0),
            by_region=_group(placed, lambda run: _machine(run).resource[1:3]),
            by_model=_group(placed, lambda run: _machine(run).node.model or "CPU cores"),
            fullest=compute_fullest(placed),
            checks=self.checks,
            blocks=exchange.blocks,
            transactions=exchange.transactions,
            due_items=exchange.due_items,
            virtual_ms=exchange.time_ms - self.desk.start_ms,
            wall_s=wall_s,
            state_root=root.hex(),
            digest=exchange.kernel.digest,
        )


def _machine(run: Run) -> Machine:
    assert run.machine is not None
    return run.machine


def _group(runs: Sequence[Run], name: Callable[[Run], str]) -> tuple[Group, ...]:
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(name(run), []).append(run)
    return tuple(
        Group(
            key,
            len(members),
            sum(run.is_across for run in members),
            sum(run.used_unit_seconds for run in members),
            sum(run.billed_micro_yuan for run in members),
        )
        for key, members in sorted(groups.items())
    )


def compute_fullest(runs: Sequence[Run], most: int = 5) -> tuple[tuple[str, int, int], ...]:
    """The machines of which most ran at one instant: name, thousandths then, thousandths attested.

    Counted from what the leases did, apart from the ledger's calendar.
    """
    changes: dict[str, list[tuple[int, int]]] = {}
    for run in runs:
        if run.activated_ms:
            listed = changes.setdefault(_machine(run).node.name, [])
            listed += [(run.activated_ms, run.job.units), (run.ended_ms, -run.job.units)]
    units = {_machine(run).node.name: _machine(run).units for run in runs}
    peaks = []
    for name, listed in changes.items():
        reserved = peak = 0
        for _, change in sorted(listed):
            reserved += change
            peak = max(peak, reserved)
        peaks.append((name, peak, units[name]))
    peaks.sort(key=lambda item: (-item[1] * WHOLE // item[2], item[0]))
    return tuple(peaks[:most])
