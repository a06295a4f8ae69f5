"""What the checker of promises asks of a peer that lost its journal."""

import pytest

from devnet.simulator.process import Process
from devnet.simulator.simulation import Simulation
from devnet.simulator.violation import Violation
from ledger.primitives import Digest
from tests.devnet.simulator.censor import Censor
from tests.devnet.simulator.test_cases import agree, start


def promise() -> tuple[Simulation, Process, Censor, Digest]:
    """An observer has acknowledged what is final on all others, and hears nothing of it."""
    simulation = start(observers=1)
    observer = simulation.processes[4]
    censor = Censor(simulation)
    censor.drops = lambda _, code, __: code == observer.code
    id_ = simulation.hand_in(observer, simulation.load.make_probe(observer.replica.store.height))
    simulation.wait(lambda: simulation.is_final(id_, simulation.processes[:4]))
    return simulation, observer, censor, id_


def test_a_promise_that_is_final_elsewhere_may_go_with_a_journal() -> None:
    """Until the peer has its block: then it knows again."""
    simulation, observer, censor, id_ = promise()
    assert observer.replica.store.find_transaction(id_) is None
    observer.crash()
    observer.lose_journal()
    observer.start()
    simulation.wait(lambda: observer.is_running)
    assert observer.replica.intake.get_status(id_) is None
    censor.drops = None
    agree(simulation, observer)
    observer.crash()
    observer.start()
    simulation.wait(lambda: observer.is_running)
    assert observer.replica.intake.get_status(id_) is not None
    simulation.audit()


def test_a_promise_that_is_forgotten_with_a_whole_journal_is_found() -> None:
    simulation, observer, *_ = promise()
    observer.replica.intake._accepted.clear()
    with pytest.raises(Violation, match=r"Durability: .* forgot"):
        simulation.durability.check_start(observer, simulation.chain)
