"""A small network that ran: real contracts, votes, epochs and signatures, in virtual time."""

from devnet.simulator.kernel import MS, SECOND
from devnet.simulator.plan import Plan
from devnet.simulator.simulation import Simulation


def run_network(seed: int = 7, observers: int = 1, rotations: int = 2) -> Simulation:
    """Four validators, and observers, with real signatures and some changes of keys."""
    plan = Plan(
        observers=observers,
        fire_us=2 * SECOND,
        pause_us=200 * MS,
        rotations=rotations,
        is_real=True,
    )
    return _run(seed, plan)


def run_market(seed: int = 7) -> Simulation:
    """Four validators without faults, long enough for leases to be metered and to end."""
    return _run(seed, Plan(fire_us=8 * SECOND))


def _run(seed: int, plan: Plan) -> Simulation:
    simulation = Simulation(seed, plan)
    simulation.run()
    return simulation
