"""Epochs that somebody slept through: followed certificate by certificate, from the genesis on."""

from contracts.account import ACCOUNTS
from devnet.simulator.kernel import SECOND
from devnet.simulator.plan import Plan
from devnet.simulator.simulation import Simulation
from node.client.verify import verify_bundle
from node.prover import prove_current
from tests.devnet.simulator.test_cases import agree, rotate

EPOCHS = 4


def test_a_peer_that_slept_through_epochs_and_a_light_verifier_follow_the_same_line() -> None:
    simulation = Simulation(6, Plan(observers=1, is_real=True))
    sleeper, awake = simulation.processes[3], simulation.processes[0]
    late = simulation.processes[4]
    for process in simulation.processes:
        if process is not late:
            process.start()
    simulation.kernel.run_until(1 * SECOND)
    agree(simulation, sleeper)
    sleeper.crash()
    for turn in range(EPOCHS):
        simulation.load.submit_some(simulation.processes[:3])
        rotate(simulation, simulation.processes[1 + turn % 2])
        agree(simulation, awake)
    # The one that slept, and one that begins from nothing.
    sleeper.start()
    late.start()
    simulation.wait(lambda: sleeper.is_running and late.is_running)
    for process in (sleeper, late):
        simulation.wait(lambda process=process: process.replica.core.status().epoch == EPOCHS)
    simulation.wait(lambda: sleeper.replica.core.status().votes)
    # Its vote is needed now: another one goes.
    simulation.processes[2].crash()
    agree(simulation, sleeper)
    simulation.processes[2].start()
    agree(simulation, late)
    # What it proves, whoever has only the genesis hash verifies along the same sets.
    store, genesis = sleeper.replica.store, simulation.population.genesis
    key = ACCOUNTS.make_key(simulation.population.regions[0])
    verified = verify_bundle(prove_current(store, genesis, key).encode(), genesis.hash)
    assert [relied.epoch for relied in verified.relied_on] == list(range(EPOCHS + 1))
    assert verified.block == store.hash
    simulation.audit()
