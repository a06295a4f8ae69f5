"""A small network that ran: real contracts, votes, epochs and signatures, in virtual time."""

from devnet.simulator.faults import Faults
from devnet.simulator.kernel import MS, SECOND
from devnet.simulator.simulation import Plan, Simulation
from node.mempool import MempoolLimits


def run_network(seed: int = 7) -> Simulation:
    """Four validators and one observer, with real signatures and two changes of keys."""
    plan = Plan(
        n=4,
        observers=1,
        faults=Faults(),
        fire_us=2 * SECOND,
        pause_us=200 * MS,
        rotations=2,
        is_real=True,
        is_encoded=False,
        limits=MempoolLimits(),
    )
    simulation = Simulation(seed, plan)
    simulation.run()
    return simulation


def run_market(seed: int = 7) -> Simulation:
    """Four validators without faults, long enough for leases to be metered and to end."""
    plan = Plan(
        n=4,
        observers=0,
        faults=Faults(),
        fire_us=8 * SECOND,
        pause_us=100 * MS,
        rotations=0,
        is_real=False,
        is_encoded=False,
        limits=MempoolLimits(),
    )
    simulation = Simulation(seed, plan)
    simulation.run()
    return simulation
