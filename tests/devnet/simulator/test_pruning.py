"""Peers that forget old blocks, in a whole network."""

import pytest

from devnet.simulator.kernel import MS, SECOND
from devnet.simulator.plan import Plan
from devnet.simulator.simulation import Simulation
from ledger.trail import MAX_STEPS
from node.check.store import check_store
from tests.devnet.simulator.test_cases import agree

KEEP = MAX_STEPS + 1  # what a restart needs


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    """Three validators of four forget what is older than they need; a newcomer is not up yet."""
    simulation = Simulation(9, Plan(observers=1))
    *_, archive, late = simulation.processes
    for process in simulation.processes[:3]:
        process.keep_blocks = KEEP
    for process in simulation.processes:
        if process is not late:
            process.start()
    while archive.replica.store.height < KEEP + 80:
        simulation.load.submit_some(simulation.processes[:3])
        simulation.kernel.run_until(simulation.kernel.now_us + 100 * MS)
    return simulation


def test_they_forget_go_on_and_start_again(simulation: Simulation) -> None:
    first = simulation.processes[0]
    store = first.replica.store
    assert store.floor.body == 65
    assert store.get_block(64) is None
    assert store.get_block(65) is not None
    first.crash()
    first.start()
    agree(simulation, first)
    assert first.replica.store.floor.body >= 65
    agree(simulation, simulation.processes[1])
    genesis, disk = first.replica.genesis, first.store_disk
    votes = first.replica.domain
    checked = check_store(
        disk, genesis, simulation.population.first, lambda *_: None, first.journal_disk, votes
    )
    assert checked.findings == ()
    assert "bodies are here from block 65 on" in checked.facts[0]


def test_a_newcomer_finds_the_one_that_has_the_beginning(simulation: Simulation) -> None:
    """Most peers that it asks have nothing for it: it goes on to the next."""
    late, others = simulation.processes[-1], simulation.processes[:-1]
    late.start()
    simulation.wait(
        lambda: late.replica.store.height >= others[0].replica.store.height, 120 * SECOND
    )
    agree(simulation, late)
    assert late.replica.store.floor.body == 1
    assert late.replica.store.get_block(1) is not None
    simulation.audit()
