"""The jobs of a trace, played on the ledger: in batches, in the order of the trace.

What is due is done in rounds, each a batch that is final before the next: leases that end, jobs
that are created (demands), jobs that are scheduled (taken, dispatched, activated), then receipts of
meter epochs that are over. A job's own events never change places.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.billing import compute_cost
from devnet.cluster import GENERAL, INTELLIGENT, Cluster, Machine
from devnet.errors import StepFailed
from devnet.launcher import Progress
from devnet.market import compute_bills, make_demand, make_take, make_usage
from devnet.outage import wait_for
from devnet.parties import Party
from devnet.placement import Book, compute_ceiling
from devnet.scene import Order, Scene, make_object_id, require
from devnet.timeline import Event, Stage, Timeline
from devnet.trace import TraceJob
from devnet.trade import Trade

DEMAND_MS = 3_600_000  # for which a demand that will be met stands
SPARE_S = 300  # beyond the end of the run, for which a lease is taken
LEAST_DEMAND_MS = 5_000  # so that it is not over before a busy machine has recorded it
PAUSE_S = 0.02
EXPIRY_S = 60.0
REASONS = {"Failed": "unsatisfied"}


@dataclass(slots=True)
class JobRun:
    """A job on its machine."""

    job: TraceJob
    machine: Machine
    trade: Trade
    next_receipt_ms: int = 0
    billed_micro_yuan: int = 0
    used_unit_seconds: int = 0

    @property
    def is_across(self) -> bool:
        """Whether consumer and machine are of different regions."""
        return self.trade.consumer.spec.region != self.machine.provider.spec.region

    @property
    def operators(self) -> tuple[str, ...]:
        """The regional nodes that dispatch it."""
        own = self.machine.provider.spec.region
        return (own, self.trade.consumer.spec.region) if self.is_across else (own,)


@dataclass(slots=True)
class Breakage:
    """A validator that is killed and started again while the trace runs."""

    scene: Scene
    victim: str
    witness: str
    begin_ms: int
    end_ms: int
    notes: list[str] = field(default_factory=list)

    def advance(self, now_ms: int) -> None:
        """Do what is due."""
        if not self.notes and now_ms >= self.begin_ms:
            self.scene.launcher.kill(self.victim)
            self._note("killed")
        elif len(self.notes) == 1 and now_ms >= self.end_ms:
            self._note("restarted")
            self.scene.launcher.start([self.victim])

    def _note(self, what: str) -> None:
        height = self.scene.client(self.witness).get_height()
        self.notes.append(f"{self.victim} {what} at block {height}")


class Replay:
    """Plays a timeline; `finished`, `expired` and `unplaced` are what became of the jobs."""

    def __init__(
        self,
        scene: Scene,
        at: str,
        cluster: Cluster,
        book: Book,
        consumers: Sequence[Party],
        rules: Mapping[str, int],
    ) -> None:
        self.scene = scene
        self.at = at
        self.cluster = cluster
        self.book = book
        self.consumers = consumers
        self.rules = rules
        self.demands: dict[str, tuple[str, Party]] = {}
        self.running: dict[str, JobRun] = {}
        self.finished: list[JobRun] = []
        self.expired: list[TraceJob] = []
        self.unplaced: list[TraceJob] = []
        self._created = 0
        self._lifetimes_ms: dict[str, int] = {}
        self._lease_s = 0

    def run(self, timeline: Timeline, breakage: Breakage, progress: Progress) -> None:
        """Play all events, at their times as far as the machine allows; raises StepFailed."""
        self._plan(timeline)
        events, begun = deque(timeline.events), time.monotonic()
        while events:
            now_ms = int((time.monotonic() - begun) * 1000)
            breakage.advance(now_ms)
            due: list[Event] = []
            while events and events[0].at_ms <= now_ms:
                due.append(events.popleft())
            if due:
                self._play(due)
            self._meter()
            progress(
                f"{timeline.events[len(timeline.events) - len(events) - 1].at_ms // 1000} of "
                f"{timeline.duration_ms // 1000} s, {len(self.running)} leases run, "
                f"{len(self.finished)} settled"
            )
            time.sleep(PAUSE_S)
        self._await_expiry()

    def _plan(self, timeline: Timeline) -> None:
        created = {e.job.name: e.at_ms for e in timeline.events if e.stage is Stage.CREATED}
        self._lifetimes_ms = {
            event.job.name: event.at_ms - created[event.job.name]
            for event in timeline.events
            if event.stage is Stage.DELETED
        }
        self._lease_s = timeline.duration_ms // 1000 + SPARE_S

    def _play(self, due: Sequence[Event]) -> None:
        ended = [event.job for event in due if event.stage is Stage.DELETED]
        self._close([job for job in ended if job.name in self.running])
        self._demand([event.job for event in due if event.stage is Stage.CREATED])
        self._start([event.job for event in due if event.stage is Stage.SCHEDULED])
        self._close([job for job in ended if job.name in self.running])

    # --- demands

    def _demand(self, jobs: Sequence[TraceJob]) -> None:
        orders, owners = [], []
        for job in jobs:
            consumer = self.consumers[self._created % len(self.consumers)]
            self._created += 1
            orders.append(self._make_demand(job, consumer))
            owners.append((job, consumer))
        outcomes = self.scene.execute_many(self.at, orders)
        for (job, consumer), outcome in zip(owners, outcomes, strict=True):
            self.demands[job.name] = make_object_id("demand", outcome), consumer
            if job.scheduled_s is None:
                self.expired.append(job)

    def _make_demand(self, job: TraceJob, consumer: Party) -> Order:
        lifetime_ms = DEMAND_MS
        if job.scheduled_s is None:
            lifetime_ms = max(LEAST_DEMAND_MS, self._lifetimes_ms[job.name])
        now_ms = read_clock()
        return make_demand(
            consumer.signer,
            INTELLIGENT if job.gpus else GENERAL,
            job.units,
            self._lease_s,
            compute_ceiling(job) * self.cluster.scale,
            (now_ms - DEMAND_MS, now_ms + lifetime_ms),
        )

    def _await_expiry(self) -> None:
        """The demands of jobs that were never scheduled end by themselves."""
        for job in self.expired:
            demand, consumer = self.demands[job.name]
            wait_for(
                f"the demand of {job.name} has expired",
                lambda c=consumer, d=demand: self._is_expired(c, d),  # type: ignore[misc]
                EXPIRY_S,
            )

    def _is_expired(self, consumer: Party, demand: str) -> bool:
        return bool(self.scene.read(self.at, "demand", consumer.code, demand)["state"] == "expired")

    # --- leases

    def _start(self, jobs: Sequence[TraceJob]) -> None:
        runs = [run for run in map(self._place, jobs) if run is not None]
        outcomes = self.scene.execute_many(self.at, [self._make_take(run) for run in runs])
        for run, outcome in zip(runs, outcomes, strict=True):
            run.trade.lease = make_object_id("lease", outcome)
        self.scene.execute_many(self.at, [self._make_dispatch(run) for run in runs])
        self.scene.execute_many(
            self.at,
            [
                Order("lease.activate", {"lease": run.trade.lease}, (run.machine.provider.signer,))
                for run in runs
            ],
        )
        for run in runs:
            run.next_receipt_ms = read_clock() + self.rules["meter_epoch_ms"]
            self.running[run.job.name] = run

    def _place(self, job: TraceJob) -> JobRun | None:
        node = self.book.place(job)
        if node is None:
            self.unplaced.append(job)
            return None
        machine = self.cluster.machines[node.name]
        consumer = self.demands[job.name][1]
        trade = Trade(
            self.scene,
            self.at,
            machine.provider,
            consumer,
            self.rules,
            machine.price_micro_yuan,
            job.units,
        )
        return JobRun(job, machine, trade)

    def _make_take(self, run: JobRun) -> Order:
        demand, consumer = self.demands[run.job.name]
        hold = compute_cost(run.job.units, run.machine.price_micro_yuan, self._lease_s * 1000)
        return make_take(
            consumer.signer, run.machine.offer, run.job.units, self._lease_s, hold, demand
        )

    def _make_dispatch(self, run: JobRun) -> Order:
        signers = tuple(self.scene.operator(label) for label in run.operators)
        return Order(
            "lease.dispatch", {"lease": run.trade.lease, "reference": run.job.name}, signers
        )

    # --- meters and ends

    def _meter(self) -> None:
        """Receipts of all epochs that are over."""
        now_ms = read_clock()
        due = [run for run in self.running.values() if run.next_receipt_ms <= now_ms]
        if not due:
            return
        time_ms = int(self.scene.status(self.at)["time_ms"])
        epoch_ms = self.rules["meter_epoch_ms"]
        ready = []
        for run in due:
            record = run.trade.record
            if int(record["metered_ms"]) + epoch_ms <= time_ms:
                ready.append((run, record, epoch_ms))
                run.next_receipt_ms = int(record["metered_ms"]) + 2 * epoch_ms
        self._agree(ready)

    def _close(self, jobs: Sequence[TraceJob]) -> None:
        """End leases, and settle all their time."""
        runs = [self.running.pop(job.name) for job in jobs]
        self.scene.execute_many(self.at, [_make_close(run) for run in runs])
        settling = list(runs)
        while settling:
            pending = [(run, run.trade.record) for run in settling]
            settling = [run for run, record in pending if record["state"] == "settling"]
            self._agree(
                [
                    (run, record, self._compute_left_ms(record))
                    for run, record in pending
                    if record["state"] == "settling"
                ]
            )
        for run in runs:
            self._check_end(run)
            self.book.release(run.job)
            self.finished.append(run)

    def _compute_left_ms(self, record: Mapping[str, Any]) -> int:
        left_ms = int(record["ended_ms"]) - int(record["metered_ms"])
        return min(left_ms, self.rules["meter_epoch_ms"])

    def _agree(self, due: Sequence[tuple[JobRun, Mapping[str, Any], int]]) -> None:
        """One receipt for each, signed by both sides."""
        orders = []
        for run, record, duration_ms in due:
            epoch = int(record["epoch"])
            samples = run.trade.measure(epoch, duration_ms)
            used, count = samples.used_unit_seconds, len(samples.lines)
            usage = make_usage(run.trade.lease, epoch, used, samples.root, count)
            signers = (run.machine.provider.signer, run.trade.consumer.signer)
            orders.append(Order("metering.receipt", usage, signers))
            run.trade.receipts.append((used, usage["availability_bp"]))
            run.used_unit_seconds += used
        self.scene.execute_many(self.at, orders)

    def _check_end(self, run: JobRun) -> None:
        """The bill of a closed lease is what the rules say of its receipts, exactly."""
        record = run.trade.check_closed()
        funded = int(record["funded_micro_yuan"])
        bills = compute_bills(self.rules, run.trade.price_micro_yuan, run.trade.receipts, funded)
        run.billed_micro_yuan = int(record["billed_micro_yuan"])
        if run.billed_micro_yuan != sum(bills):
            raise StepFailed(
                f"{run.job.name} was billed {run.billed_micro_yuan}, and the rules say {sum(bills)}"
            )
        used = int(record["used_unit_seconds"])
        require(used == run.used_unit_seconds, f"{run.job.name} is metered other than was signed")


def read_clock() -> int:
    """The wall clock in milliseconds."""
    return time.time_ns() // 1_000_000


def _make_close(run: JobRun) -> Order:
    reason = REASONS.get(run.job.phase, "finished")
    data = {"lease": run.trade.lease, "note": run.job.phase, "reason": reason}
    return Order("lease.close", data, (run.trade.consumer.signer,))
