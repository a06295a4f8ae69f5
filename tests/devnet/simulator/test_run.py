"""A seed is a run: the same one every time, with the faults it says, and it finds what is wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from devnet.cli import app
from devnet.errors import DevnetError
from devnet.simulator.adversaries.cast import NAMES
from devnet.simulator.adversaries.part import Part
from devnet.simulator.campaign import compute_code_digest, read_log, run_campaign
from devnet.simulator.case import load_case
from devnet.simulator.faults import Faults, draw_faults
from devnet.simulator.kernel import MS, SECOND
from devnet.simulator.plan import Plan
from devnet.simulator.process import Process
from devnet.simulator.run import draw_plan, run_seed, summarize
from devnet.simulator.sabotage import BUGS, find_bug, sabotage
from devnet.simulator.script import DeedKind
from devnet.simulator.shrink import name_checker, shrink
from devnet.simulator.simulation import Simulation
from devnet.simulator.violation import Violation
from ledger.sealed import SealedBlock

SEED = 15  # crashes, lost and reordered messages, skewed clocks, observers, epochs
QUICKLY_FOUND = ("finalize-all", "no-promise", "no-last-block", "any-certificate", "no-report")
_DIGEST = "from devnet.simulator.run import run_seed; print(run_seed(%d).digest)"


def test_a_seed_replays_exactly_whatever_the_hash_seed() -> None:
    digests = {run_seed(SEED).digest, run_seed(SEED).digest}
    for hash_seed in ("0", "4711"):
        done = subprocess.run(
            [sys.executable, "-c", _DIGEST % SEED],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout.strip())
    assert len(digests) == 1
    assert run_seed(SEED + 1).digest not in digests


def test_seeds_cover_every_fault() -> None:
    drawn = [draw_plan(seed) for seed in range(200)]
    names = {name for plan in drawn for name in plan.faults.describe()}
    assert len(names) == 23
    assert {habit for plan in drawn for part in plan.cast for habit in part.habits} == set(NAMES)
    assert all(len(plan.cast) <= (plan.n - 1) // 3 for plan in drawn)
    assert {deed.kind for plan in drawn for deed in plan.script} == set(DeedKind)
    assert any(not plan.faults.describe() for plan in drawn)
    assert {plan.n for plan in drawn} == {4, 5, 7}
    assert {plan.observers for plan in drawn} == {0, 1, 2}
    assert sum(plan.is_real for plan in drawn) == 10


def test_faults_are_those_of_the_seed() -> None:
    assert draw_plan(3).faults == draw_plan(3).faults
    weather = Faults(loss=0.5, busy_us=7).make_weather()
    assert weather.loss == 0.5
    weather.heal()
    assert (weather.loss, weather.busy_us) == (0.0, 0)
    assert draw_faults.__doc__


class Forgetful(Simulation):
    """A network one of whose stores has a gap."""

    def committed(self, process: Process, blocks: Sequence[SealedBlock]) -> None:
        """Do not hear of the first process's second block."""
        if process is not self.processes[0] or blocks[0].height != 2:
            super().committed(process, blocks)


def test_a_lost_block_is_found() -> None:
    with pytest.raises(Violation, match="PrefixOrder"):
        Forgetful(1, Plan()).run()


def test_a_broken_promise_is_found() -> None:
    simulation = Simulation(2, Plan(fire_us=2 * SECOND))
    simulation.run()
    promise = next(iter(simulation.durability.promises.values()))
    del simulation.chain.places[promise.id]
    with pytest.raises(Violation, match="Durability"):
        simulation.audit()


def test_a_changed_record_is_found() -> None:
    simulation = Simulation(2, Plan(fire_us=2 * SECOND))
    simulation.run()
    disk = simulation.processes[1].store_disk
    key, value = next(disk.scan(b"v", b"w"))
    disk.write([(key, value + b"\x00")], sync=True)
    with pytest.raises(Violation, match="StateRoots"):
        simulation.audit()


@pytest.mark.parametrize("name", QUICKLY_FOUND)
def test_what_is_broken_on_purpose_is_found(name: str) -> None:
    found = find_bug(name, range(40), lambda _: None)
    assert found.report is not None
    assert run_seed(found.report.seed).is_well


def test_every_bug_breaks_something_that_is_there() -> None:
    assert len(BUGS) >= 10
    for bug in BUGS.values():
        assert bug.name in vars(bug.owner)
        assert vars(bug.owner)[bug.name] is not bug.wrong


@pytest.mark.parametrize("name", NAMES)
def test_each_habit_lies_and_nobody_honest_is_harmed(name: str) -> None:
    faults = Faults(delay_us=(200, 50 * MS))
    plan = Plan(cast=(Part(2, (name,)),), faults=faults, fire_us=5 * SECOND)
    report = run_seed(3, plan)
    assert report.is_well, report.violation
    assert report.lies > 2
    if name in ("Equivocator", "Nullifier", "Flooder"):
        assert report.double_signed > 0
        assert report.recorded > 0
    elif name != "Twin":
        assert report.recorded == 0


def test_an_honest_validator_on_record_is_found() -> None:
    simulation = Simulation(3, Plan(cast=(Part(2, ("Nullifier",)),), fire_us=4 * SECOND))
    simulation.run()
    assert simulation.recorded > 0
    simulation.liars = frozenset()
    with pytest.raises(Violation, match="Evidence"):
        simulation.audit()


def test_a_failing_seed_is_made_small_and_fails_again(tmp_path: Path) -> None:
    with sabotage("speak-first"):
        found = find_bug("speak-first", range(40), lambda _: None)
        assert found.report is not None
        seed, told = found.report.seed, []
        plan = draw_plan(seed)
        case = shrink(seed, plan, found.report.violation, lambda trials, _: told.append(trials))
        assert told == sorted(told)
        assert len(case.plan.script) < max(2, len(plan.script))
        path = tmp_path / "case.json"
        case.save(path)
        assert load_case(path) == case
        first, second = (run_seed(seed, load_case(path).plan) for _ in range(2))
    assert first.digest == second.digest
    assert first.violation == second.violation
    assert name_checker(first.violation) == name_checker(found.report.violation)
    assert run_seed(seed, case.plan).is_well


def test_a_case_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    for text in ("", "[]", "{}", '{"format": 9}'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(DevnetError):
            load_case(path)


def test_a_campaign_goes_on_where_it_was(tmp_path: Path) -> None:
    log = tmp_path / "campaign.jsonl"
    first = list(run_campaign(range(8, 10), 1, log))
    log.write_bytes(log.read_bytes() + b'{"seed": 10, "cut')
    again = list(run_campaign(range(8, 11), 2, log))
    assert again[:2] == first
    assert [report.seed for report in again] == [8, 9, 10]
    code = compute_code_digest()
    assert list(read_log(log, code).values()) == again
    with pytest.raises(DevnetError, match="another state of the code"):
        read_log(log, "0" * 16)
    log.write_bytes(b"{}\n")
    with pytest.raises(DevnetError, match="not a campaign's log"):
        read_log(log, code)


def test_reports_add_up() -> None:
    reports = [run_seed(seed, Plan(fire_us=1 * SECOND)) for seed in (1, 2)]
    summary = summarize(reports)
    assert summary.seeds == 2
    assert summary.blocks == sum(report.blocks for report in reports) > 0
    assert ("violations", "0") in summary.as_rows()


def test_the_command_prints_figures_and_traces() -> None:
    runner = CliRunner()
    table = runner.invoke(app, ["sim", "--seeds", "2", "--first", "8", "--jobs", "1"])
    assert table.exit_code == 0, table.output
    assert "violations" in table.output
    machine = runner.invoke(app, ["sim", "--seed", "9", "--json"])
    (report,) = json.loads(machine.stdout)["seeds"]
    assert (report["seed"], report["violation"]) == (9, "")
    trace = runner.invoke(app, ["sim", "--seed", "9", "--trace"])
    assert "Consensus" in trace.stdout
    assert runner.invoke(app, ["sim", "--trace"]).exit_code == 2
