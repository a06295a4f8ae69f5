"""A validator whose store comes out of an old backup, and whose journal is lost."""

from devnet.simulator.disk import SimulatedDisk
from devnet.simulator.kernel import SECOND
from devnet.simulator.process import Process
from devnet.simulator.simulation import Simulation
from ledger.store import Store
from tests.devnet.simulator.test_cases import agree, list_reasons, rotate, start


def restore(simulation: Simulation, victim: Process, backup: SimulatedDisk) -> None:
    """Start a peer from an old store, without a journal, and with the key that it had."""
    victim.crash()
    victim.hold(simulation.population.voter_keys(victim.code)[:1])
    victim.store_disk, victim.journal_disk = backup, SimulatedDisk()
    simulation.chain.heights[victim.code] = Store(backup.copy(), simulation.population.first).height
    victim.start()


def test_it_catches_up_does_not_vote_and_says_so_until_it_has_a_new_key() -> None:
    """VoteConsistency hears every vote that leaves a peer, and the audit compares all stores."""
    simulation = start()
    victim, *others = simulation.processes
    for _ in range(3):
        agree(simulation, victim)
    backup, height = victim.store_disk.copy(), victim.replica.store.height
    for _ in range(5):
        agree(simulation, others[0])
    rotate(simulation, others[0])
    agree(simulation, others[0])
    restore(simulation, victim, backup)
    assert victim.replica.store.height == height
    simulation.wait(lambda: victim.replica.store.height >= others[0].replica.store.height)
    agree(simulation, others[1])
    simulation.kernel.run_until(simulation.kernel.now_us + 5 * SECOND)
    assert victim.replica.core.status().epoch == 1
    assert not victim.replica.core.status().votes
    assert any("does not vote (its journal was lost" in reason for reason in list_reasons(victim))
    victim.crash()
    victim.hold(simulation.population.voter_keys(victim.code))  # the next key is added
    victim.start()
    mine = simulation.load.make_voter_rotation(victim.code, victim.replica.store.height)
    simulation.hand_in(others[0], mine)
    simulation.wait(lambda: victim.replica.core.status().votes)
    others[2].crash()
    agree(simulation, others[0])  # its vote is needed now
    others[2].start()
    agree(simulation, others[2])
    simulation.audit()


def test_without_it_the_others_are_a_quorum_all_the_while() -> None:
    """All that the victim does, from an empty view of the world on, delays nobody."""
    simulation = start()
    victim, *others = simulation.processes
    backup = victim.store_disk.copy()
    for _ in range(3):
        agree(simulation, others[0])
    restore(simulation, victim, backup)
    for process in others:
        began_us = simulation.kernel.now_us
        agree(simulation, process)
        assert simulation.kernel.now_us - began_us < 10 * SECOND
    simulation.audit()
