"""More than f: two of four sign for two histories. The fork is detected, and it names them."""

from collections.abc import Sequence

import pytest

from devnet.simulator.adversaries.cast import Part
from devnet.simulator.adversaries.twin import Twin
from devnet.simulator.kernel import SECOND
from devnet.simulator.process import Process
from devnet.simulator.simulation import Plan, Simulation
from ledger.sealed import SealedBlock
from node.errors import Fork
from node.fork import Kept, compare_stores
from node.journal import Journal


class Split(Simulation):
    """A network in which two histories may be final; who stops is remembered."""

    def __init__(self, seed: int) -> None:
        self.stopped: dict[str, Exception] = {}
        super().__init__(seed, Plan(cast=(Part(0, ("Twin",)), Part(1, ("Twin",)))))

    def committed(self, process: Process, blocks: Sequence[SealedBlock]) -> None:
        """There is no one chain to hold them against."""

    def gave_up(self, process: Process, error: Exception) -> None:
        """Somebody stopped."""
        self.stopped[process.code] = error


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_f_and_one_more_fork_the_chain_are_found_out_and_named(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(Twin, "_turn", lambda _: None)  # nobody changes sides
    simulation = Split(seed)
    *twins, one, other = simulation.processes
    assert all(isinstance(twin, Twin) for twin in twins)
    for twin in twins:
        assert isinstance(twin, Twin)
        twin.others[other.code] = None
    simulation.links.block([(one.code, other.code), (other.code, one.code)], is_noticed=False)
    simulation.start_all()
    heights = [0, 0]
    while min(heights) < 2:  # the second halves hear each other through `other` only: it is slow
        assert simulation.kernel.now_us < 300 * SECOND
        for process in (one, other):
            process.submit([simulation.load.make_probe(1)], lambda _: None)
        simulation.kernel.run_until(simulation.kernel.now_us + 2 * SECOND)
        heights = [process.replica.store.height for process in (one, other)]
    blocks = [process.replica.store.get_header_hash(min(heights)) for process in (one, other)]
    assert blocks[0] != blocks[1]
    assert not simulation.stopped.keys() - simulation.liars
    simulation.links.unblock()
    simulation.kernel.run_until(simulation.kernel.now_us + 20 * SECOND)
    # An honest peer that hears of the other history stops, and says why.
    stopped = {
        code: error for code, error in simulation.stopped.items() if code not in simulation.liars
    }
    assert stopped
    assert all(isinstance(error, Fork) for error in stopped.values())
    # What the two folders hold names the culprits, and nobody else.
    kept = [Kept(item.replica.store, Journal(item.journal_disk)) for item in (one, other)]
    genesis = simulation.population.genesis
    proof = compare_stores(kept[0], kept[1], genesis, one.replica.domain)
    assert {convict.code for convict in proof.convicts} == simulation.liars
    assert set(proof.both) >= simulation.liars
