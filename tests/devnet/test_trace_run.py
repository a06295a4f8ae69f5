"""A trace in virtual time: everything is placed, billed and settled, and again the same."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from devnet.simulator.desk import Run
from devnet.simulator.fleet import CONSUMERS
from devnet.simulator.violation import Violation
from devnet.trace import Trace, TraceJob, TraceNode, load_trace
from devnet.trace_run import REGIONS, Outcome, TraceRun, compute_fullest

DAY_S = 86_400
NODES = tuple(
    TraceNode(f"node-{number}", 32_000, 262_144, gpus, model)
    for number, (gpus, model) in enumerate([(0, ""), (2, "T4"), (8, "G2"), (2, "T4"), (1, "P100")])
)


def make_job(name: str, gpus: int, milli: int, created_s: int, deleted_s: int) -> TraceJob:
    return TraceJob(
        name, 4_000, 8_192, gpus, milli, (), "BE", "Succeeded", created_s, deleted_s, None
    )


JOBS = (
    make_job("long", 2, 1000, 0, 2 * DAY_S + 70),
    make_job("cores", 0, 0, 10, 400),
    make_job("half", 1, 500, 60, 500),
    make_job("other-half", 1, 500, 60, 3_600),
    make_job("short", 1, 1000, 90, 90),
    make_job("machine", 8, 1000, 100, 300),
    make_job("too-large", 16, 1000, 200, 400),
    make_job("machine-again", 8, 1000, 300, 900),
)


def play(trace: Trace) -> tuple[TraceRun, Outcome]:
    run = TraceRun(trace)
    return run, run.run(lambda done, total, word: None)


def test_jobs_are_placed_metered_and_settled() -> None:
    run, outcome = play(Trace(NODES, JOBS))
    states = {item.job.name: item.state for item in run.desk.runs}
    assert states.pop("too-large") == "expired"
    assert set(states.values()) == {"closed"}
    assert (outcome.jobs, outcome.placed, outcome.expired) == (8, 7, 1)
    by_name = {item.job.name: item for item in run.desk.runs}
    long = by_name["long"]
    # Metered day by day, each second of it, and billed at the price of the machine.
    assert long.epoch == 3
    assert long.used_unit_seconds == 2_000 * (long.ended_ms - long.activated_ms) // 1000
    exact = long.used_unit_seconds * long.price_micro_yuan // (1000 * 3600)
    assert abs(long.billed_micro_yuan - exact) <= 1
    assert outcome.billed_micro_yuan == sum(item.billed_micro_yuan for item in run.desk.runs)
    assert all(peak <= units for _, peak, units in outcome.fullest)
    assert ("node-2", 8_000, 8_000) in outcome.fullest
    assert outcome.median_wait_ms < 1_000
    consumers = run.fleet.consumers
    assert len(consumers) == CONSUMERS * REGIONS


def test_a_run_repeated_ends_in_the_same_state() -> None:
    first, again = (play(Trace(NODES, JOBS[1:5]))[1] for _ in range(2))
    assert replace(first, wall_s=0) == replace(again, wall_s=0)
    assert len(first.state_root) == 64


def test_what_fails_is_not_passed_over() -> None:
    run = TraceRun(Trace(NODES, JOBS[:1]))
    run.desk.open_market()
    trader = run.fleet.consumers[0]
    data = {"amount_micro_yuan": 10**15, "reference": "", "to": run.fleet.providers[0].code}
    run.exchange.submit("settlement.pay", data, [(trader.code, trader.key)])
    with pytest.raises(Violation, match="insufficient-balance"):
        run.exchange.settle()
    run.exchange.submit("settlement.pay", {**data, "to": "nobody"}, [(trader.code, trader.key)])
    with pytest.raises(Violation, match="refused"):
        run.exchange.settle()


def test_the_fullest_machines_are_counted_from_what_ran() -> None:
    fleet = TraceRun(Trace(NODES, JOBS[:1])).fleet
    runs = []
    for begin, end in ((0, 10), (5, 15), (10, 20)):
        run = Run(make_job("j", 1, 500, 0, 1), fleet.consumers[0], 0, 0)
        run.machine, run.activated_ms, run.ended_ms = fleet.machines[1], 1 + begin, 1 + end
        runs.append(run)
    assert compute_fullest(runs) == (("node-1", 1_000, 2_000),)


@pytest.mark.skipif("SUANLIAN_TRACE" not in os.environ, reason="needs the cluster trace")
def test_a_busy_hour_of_the_real_trace() -> None:
    trace = load_trace(Path(os.environ["SUANLIAN_TRACE"]))
    busy = [job for job in trace.jobs if job.created_s >= 116 * DAY_S]
    chosen = [job for job in busy if job.deleted_s - job.created_s < 7_200][:40]
    _, outcome = play(Trace(trace.nodes[::25], tuple(chosen)))
    assert (outcome.placed, outcome.closed) == (40, 40)
    assert outcome.billed_micro_yuan > 0
