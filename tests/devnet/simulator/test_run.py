"""A seed is a run: the same one every time, with the faults it says, and it finds what is wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence

import pytest
from typer.testing import CliRunner

from consensus.vote import VoteKind
from consensus.voting import Voting
from devnet.cli import app
from devnet.simulator.faults import Faults, draw_faults
from devnet.simulator.kernel import MS, SECOND
from devnet.simulator.process import Process
from devnet.simulator.run import draw_plan, run_seed, summarize
from devnet.simulator.simulation import Plan, Simulation
from devnet.simulator.violation import Violation
from ledger.primitives import View
from ledger.sealed import SealedBlock
from node.journal import Journal
from node.outbox import Outbox

SEED = 15  # crashes, lost and reordered messages, skewed clocks, observers, epochs
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
    assert len(names) == 18
    assert any(not plan.faults.describe() for plan in drawn)
    assert {plan.n for plan in drawn} == {4, 5, 7}
    assert {plan.observers for plan in drawn} == {0, 1, 2}
    assert sum(plan.is_real for plan in drawn) == 20


def test_faults_are_those_of_the_seed() -> None:
    assert draw_plan(3).faults == draw_plan(3).faults
    weather = Faults(loss=0.5, crash_rate=0.1).make_weather()
    assert weather.loss == 0.5
    weather.heal()
    assert (weather.loss, weather.crash_rate) == (0.0, 0.0)
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


def speak_at_once(patch: pytest.MonkeyPatch) -> None:
    """Votes leave before they are on the disk."""
    patch.setattr(Outbox, "say", lambda _, speak: speak())


def vote_both_ways(patch: pytest.MonkeyPatch) -> None:
    """A finalize after one's own nullify."""

    def may_say(self: Voting, kind: VoteKind, view: View) -> bool:
        return self.find(kind, view) is None

    patch.setattr(Voting, "may_say", may_say)


def forget_promises(patch: pytest.MonkeyPatch) -> None:
    """Accepted transactions are not written."""
    patch.setattr(Journal, "compose_accepted", lambda *_: (b"nothing", b""))


def forget_votes(patch: pytest.MonkeyPatch) -> None:
    """A restarted validator does not read its journal."""
    patch.setattr(Journal, "list_records", lambda _: [])


@pytest.mark.parametrize("break_it", [speak_at_once, vote_both_ways, forget_promises, forget_votes])
def test_what_is_broken_on_purpose_is_found(
    break_it: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    break_it(monkeypatch)
    rough = Faults(
        delay_us=(200, 20 * MS),
        fsync_us=(1 * MS, 100 * MS),
        crash_rate=0.004,
        crash_every_us=1 * SECOND,
        max_down=4,
    )
    plan = Plan(faults=rough, fire_us=5 * SECOND)
    assert any(not run_seed(seed, plan).is_well for seed in range(40))


def test_reports_add_up() -> None:
    reports = [run_seed(seed, Plan(fire_us=1 * SECOND)) for seed in (1, 2)]
    summary = summarize(reports)
    assert summary.seeds == 2
    assert summary.blocks == sum(report.blocks for report in reports) > 0
    assert ("violations", "0") in summary.as_rows()


def test_the_command_prints_figures_and_traces() -> None:
    runner = CliRunner()
    table = runner.invoke(app, ["sim", "--seeds", "2", "--first", "8"])
    assert table.exit_code == 0, table.output
    assert "violations" in table.output
    machine = runner.invoke(app, ["sim", "--seed", "9", "--json"])
    (report,) = json.loads(machine.stdout)["seeds"]
    assert (report["seed"], report["violation"]) == (9, "")
    trace = runner.invoke(app, ["sim", "--seed", "9", "--trace"])
    assert "Consensus" in trace.stdout
    assert runner.invoke(app, ["sim", "--trace"]).exit_code == 2
