"""Payments without number, all of them valid: nobody else is kept out for long."""

import pytest

from devnet.simulator.adversaries.flooder import MOST_PAYMENTS
from devnet.simulator.adversaries.part import Part
from devnet.simulator.kernel import SECOND
from devnet.simulator.plan import Plan
from devnet.simulator.simulation import Simulation
from node.mempool import MempoolLimits

SMALL = MempoolLimits(40, 64 * 1024, 20)


@pytest.mark.parametrize("limits", [SMALL, MempoolLimits()])
def test_a_flood_of_payments_takes_its_share_and_no_more(limits: MempoolLimits) -> None:
    cast = (Part(3, ("Flooder",)),)
    simulation = Simulation(3, Plan(cast=cast, limits=limits, fire_us=5 * SECOND))
    flooder = simulation.processes[3].code
    waiting: list[int] = []

    def sample(_: str, __: object) -> None:
        for process in simulation.honest:
            if process.is_running:
                waiting.append(process.replica.mempool._by_actor.get(flooder, 0))

    simulation.listeners.append(sample)
    simulation.run()
    blocks = simulation.chain.blocks.values()
    paid = [
        item
        for block in blocks
        for item in block.transactions
        if (item.actor, item.kind) == (flooder, "settlement.pay")
    ]
    assert 20 < len(paid) <= MOST_PAYMENTS + 50  # and those of its region's clients
    assert max(waiting) >= SMALL.per_actor
    assert max(waiting) <= limits.per_actor
