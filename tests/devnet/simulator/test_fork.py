"""More than f: they sign for two histories. The fork is detected, and it names them."""

from collections.abc import Sequence

import pytest

from consensus.message import CertificateMessage
from consensus.vote import VoteKind
from devnet.simulator.adversaries.habit import make_frame
from devnet.simulator.adversaries.part import Part
from devnet.simulator.adversaries.twin import Twin
from devnet.simulator.kernel import SECOND
from devnet.simulator.plan import Plan
from devnet.simulator.process import Process
from devnet.simulator.simulation import Simulation
from ledger.sealed import SealedBlock
from node.errors import Fork
from node.fork import Kept, compare_stores
from node.frames import Consensus, Frame
from node.journal import Journal
from tests.devnet.simulator.censor import Censor, read


class Split(Simulation):
    """Twins, and halves of the others in which two histories may be final; who stops is kept."""

    def __init__(self, seed: int, n: int, twins: int) -> None:
        self.stopped: dict[str, Exception] = {}
        super().__init__(seed, Plan(n=n, cast=tuple(Part(at, ("Twin",)) for at in range(twins))))
        middle = len(self.honest) // 2
        self.halves = self.honest[:middle], self.honest[middle:]
        for twin in self.processes[:twins]:
            assert isinstance(twin, Twin)
            twin.others.update((other.code, None) for other in self.halves[1])

    def part(self) -> None:
        """The halves do not hear each other, and do not know."""
        one, other = ([process.code for process in half] for half in self.halves)
        pairs = [(here, there) for here in one for there in other]
        self.links.block(pairs + [(there, here) for here, there in pairs], is_noticed=False)

    def grow(self, height: int) -> None:
        """Both histories are so high."""
        while any(process.replica.store.height < height for process in self.honest):
            assert self.kernel.now_us < 300 * SECOND
            for process in self.honest:
                process.submit([self.load.make_probe(1)], lambda _: None)
            self.kernel.run_until(self.kernel.now_us + 2 * SECOND)

    def committed(self, process: Process, blocks: Sequence[SealedBlock]) -> None:
        """There is no one chain to hold them against."""

    def gave_up(self, process: Process, error: Exception) -> None:
        """Somebody stopped."""
        if process.code not in self.liars:
            self.stopped[process.code] = error


class Overheard:
    """Who was told by the other half of a finalization, one that is news there or an older one."""

    def __init__(self, simulation: Split) -> None:
        self.news: set[str] = set()
        self.old: set[str] = set()
        self._honest = {process.code: process for process in simulation.honest}
        self._one = {process.code for process in simulation.halves[0]}
        Censor(simulation).drops = self._listen

    def _listen(self, sender: str, code: str, frame: Frame) -> bool:
        message = read(frame)
        if not {sender, code} <= self._honest.keys() or not isinstance(message, CertificateMessage):
            return False
        is_final = message.certificate.kind is VoteKind.FINALIZE
        if is_final and (sender in self._one) != (code in self._one):
            final_view = self._honest[code].replica.core.status().final_view
            (self.news if message.certificate.view > final_view else self.old).add(code)
        return False


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("n", "twins"), [(4, 2), (7, 3)])
def test_f_and_one_more_fork_the_chain_are_found_out_and_named(
    monkeypatch: pytest.MonkeyPatch, n: int, twins: int, seed: int
) -> None:
    monkeypatch.setattr(Twin, "_turn", lambda _: None)  # nobody changes sides
    simulation = Split(seed, n, twins)
    simulation.part()
    simulation.start_all()
    simulation.grow(2)  # the second ones hear each other through one half only: it is slow
    one, other = (half[0] for half in simulation.halves)
    height = min(process.replica.store.height for process in simulation.honest)
    for half in simulation.halves:
        assert len({process.replica.store.get_header_hash(height) for process in half}) == 1
    assert one.replica.store.get_header_hash(height) != other.replica.store.get_header_hash(height)
    assert not simulation.stopped
    overheard = Overheard(simulation)
    simulation.links.unblock()
    simulation.kernel.run_until(simulation.kernel.now_us + 20 * SECOND)
    # Whoever hears of a finalization of the other history that is later than its own last one
    # stops, and says why. Who is ahead does not look at older ones, and goes on.
    assert overheard.news
    assert overheard.old - overheard.news
    assert simulation.stopped.keys() == overheard.news
    assert all(isinstance(error, Fork) for error in simulation.stopped.values())
    # What the folders hold names the culprits, and nobody else.
    genesis = simulation.population.genesis
    for here in simulation.halves[0]:
        for there in simulation.halves[1]:
            kept = [Kept(it.replica.store, Journal(it.journal_disk)) for it in (here, there)]
            proof = compare_stores(kept[0], kept[1], genesis, here.replica.domain)
            assert {convict.code for convict in proof.convicts} == simulation.liars
            assert set(proof.both) >= simulation.liars


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_later_finalization_of_a_lower_block_is_a_fork(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """No range of blocks shows it, since none is asked for that is not above one's own last one."""
    monkeypatch.setattr(Twin, "_turn", lambda _: None)
    simulation = Split(seed, 4, 2)
    simulation.part()
    simulation.start_all()
    simulation.grow(2)
    one, other = simulation.honest
    final = other.replica.core._ancestry.final
    assert final is not None
    assert final.view > one.replica.core.status().final_view
    assert other.replica.store.height < one.replica.store.height
    # What the higher one says of its own history, nobody hears.
    Censor(simulation).drops = lambda sender, _, frame: (
        sender == one.code and isinstance(frame, Consensus)
    )
    simulation.links.unblock()
    one.deliver(other.code, make_frame(CertificateMessage(final)))
    simulation.wait(lambda: one.code in simulation.stopped, 5 * SECOND)
    error = simulation.stopped[one.code]
    assert isinstance(error, Fork)
    assert final.block.hex() in str(error)
