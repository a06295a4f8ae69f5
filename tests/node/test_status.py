"""The status document of peers that run, and of peers that cannot."""

from typing import Any, ClassVar

import pytest

from devnet.simulator.kernel import SECOND
from devnet.simulator.plan import Plan
from devnet.simulator.process import Process
from devnet.simulator.simulation import Simulation
from node.diagnosis import DAY_MS, Finding, diagnose
from node.disk import DiskState
from node.expiry import compute_expiries, compute_quorum_expiry
from node.status import describe_peer
from node.worries import Worries


class NoNetwork:
    """Contacts are the network's; the replica knows who is connected."""

    contacts: ClassVar[dict[str, Any]] = {}
    connects_through_others = False

    def compute_offset_ms(self) -> int:
        return 0


def start(observers: int = 0) -> Simulation:
    simulation = Simulation(5, Plan(observers=observers))
    simulation.start_all()
    simulation.kernel.run_until(1 * SECOND)
    return simulation


def agree(simulation: Simulation, process: Process) -> None:
    raw = simulation.load.make_probe(process.replica.store.height)
    id_ = simulation.hand_in(process, raw)
    simulation.wait(lambda: simulation.is_final(id_))


def describe(process: Process, disk: DiskState | None = None) -> dict[str, Any]:
    return describe_peer(process.replica, NoNetwork(), disk)


def find(process: Process) -> dict[str, Finding]:
    return {finding.code: finding for finding in diagnose(describe(process))}


def test_a_running_network_is_well() -> None:
    simulation = start(observers=1)
    agree(simulation, simulation.processes[0])
    assert [find(process) for process in simulation.processes] == [{}] * 5
    status = describe(simulation.processes[0])
    assert status["epoch"] == "0"
    assert set(status["consensus"]["blocks_unsigned"]) == set(status["validators"])
    assert describe(simulation.processes[-1])["role"] == "observer"


def test_who_is_missing_and_since_when() -> None:
    simulation = start()
    agree(simulation, simulation.processes[0])
    first, codes = simulation.processes[0], simulation.population.regions
    before_ms = first.wall_ms()
    simulation.processes[2].crash()
    simulation.processes[3].crash()
    simulation.kernel.run_until(simulation.kernel.now_us + 40 * SECOND)
    simulation.hand_in(first, simulation.load.make_probe(first.replica.store.height))
    simulation.kernel.run_until(simulation.kernel.now_us + 10 * SECOND)
    found = find(first)
    assert list(found) == ["quorum-out-of-reach", "no-finality"]
    assert list(found["quorum-out-of-reach"].who) == [codes[2], codes[3]]
    since_ms = found["quorum-out-of-reach"].since_ms
    assert since_ms is not None and 0 <= since_ms - before_ms < 1_000
    assert set(found["no-finality"].who) >= {codes[2], codes[3]}
    assert codes[0] not in found["no-finality"].who
    for process in simulation.processes[2:]:
        process.start()
    simulation.wait(lambda: not find(first))


def test_a_validator_that_signs_nothing_is_named() -> None:
    simulation = start()
    simulation.processes[3].crash()
    for _ in range(70):
        raw = simulation.load.make_probe(simulation.processes[0].replica.store.height)
        id_ = simulation.hand_in(simulation.processes[0], raw)
        simulation.wait(lambda id_=id_: simulation.is_final(id_))
    found = find(simulation.processes[0])
    assert list(found) == ["out-of-reach", "not-signing"]
    assert list(found["not-signing"].who) == [simulation.population.regions[3]]


def test_a_restarted_validator_says_what_it_waits_for() -> None:
    simulation = start()
    agree(simulation, simulation.processes[0])
    for process in simulation.processes[1:]:
        process.crash()
    victim = simulation.processes[0]
    victim.crash()
    victim.start()
    simulation.kernel.run_until(simulation.kernel.now_us + 100_000)
    found = find(victim)
    assert list(found)[:2] == ["recovering", "quorum-out-of-reach"]
    assert "0 of 2 reports" in found["recovering"].what


def test_a_lost_journal_and_a_missing_key_are_said() -> None:
    simulation = start()
    agree(simulation, simulation.processes[0])
    lost, other = simulation.processes[1], simulation.processes[2]
    for process in (lost, other):
        process.crash()
    for key, _ in list(lost.journal_disk.scan(b"", b"\xff")):
        lost.journal_disk.write([(key, None)], sync=True)
    other.hold(simulation.population.voter_keys(other.code)[1:2])
    for process in (lost, other):
        process.start()
    simulation.kernel.run_until(simulation.kernel.now_us + 2 * SECOND)
    assert list(find(lost)) == ["key-barred"]
    assert list(find(other)) == ["key-missing"]


def test_a_peer_that_slept_through_an_epoch_says_so() -> None:
    simulation = start()
    sleeper = simulation.processes[3]
    sleeper.pause(60 * SECOND)
    raw = simulation.load.make_voter_rotation(simulation.population.regions[0], 1)
    simulation.hand_in(simulation.processes[1], raw)
    awake = simulation.processes[:3]
    simulation.wait(lambda: all(p.replica.core.status().epoch == 1 for p in awake))
    assert sleeper.replica.core.status().epoch == 0
    for process in awake[:2]:
        sleeper.replica.attendance.hear_epoch(process.code, 1)
    assert "epoch-behind" in find(sleeper)
    assert find(sleeper)["epoch-behind"].what.startswith("the others are in epoch 1")


def test_one_liar_makes_nobody_believe_in_an_epoch() -> None:
    simulation = start()
    replica = simulation.processes[0].replica
    replica.attendance.hear_epoch(simulation.population.regions[1], 1 << 40)
    replica.attendance.hear_epoch("a stranger", 1 << 40)
    assert find(simulation.processes[0]) == {}


def test_when_certificates_threaten_a_quorum() -> None:
    # Of four, three are a quorum: it ends with the second that expires.
    assert compute_quorum_expiry([40, 10, 30, 20], 3) == 20
    assert compute_quorum_expiry([7, 6, 5, 4, 3, 2, 1], 5) == 3
    assert compute_quorum_expiry([1, 2], 3) is None
    simulation = start()
    state, codes = simulation.processes[0].replica.store.state, simulation.population.regions
    expiries = compute_expiries(state, [*codes, "nobody"])
    assert sorted(expiries) == sorted(codes)
    begin_ms = simulation.processes[0].wall_ms()
    assert all(0 < at_ms - begin_ms <= 4_000 * DAY_MS for at_ms in expiries.values())


@pytest.mark.parametrize("role", ["validator", "observer"])
def test_the_same_is_in_the_metrics(role: str) -> None:
    simulation = start(observers=1)
    process = simulation.processes[0 if role == "validator" else -1]
    disk = DiskState(5_000, 10_000, 1.0, 2.0, 0.0)
    status = describe(process, disk)
    families = {metric.name: metric for metric in Worries(lambda: status).collect()}
    codes = simulation.population.regions
    missing = {sample.labels["validator"] for sample in families["suanlian_missing_vote"].samples}
    assert missing == (set(codes) if role == "validator" else set())
    assert len(families["suanlian_unsigned_blocks"].samples) == 4
    assert families["suanlian_disk_free_bytes"].samples[0].value == 5_000
    assert families["suanlian_certificates_quorum_days"].samples[0].value > 300
    days = {sample.labels["node"] for sample in families["suanlian_certificate_days"].samples}
    assert days == {*codes, process.code}
    (finding,) = families["suanlian_finding"].samples
    assert (finding.labels, finding.value) == ({"code": "disk-full"}, 1)
    assert families["suanlian_stuck"].samples[0].value == 1
    assert families["suanlian_catching_up_blocks"].samples[0].value == 0
