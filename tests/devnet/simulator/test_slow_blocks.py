"""A block that takes longer to check than the timers of a view run."""

from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from consensus import state
from consensus.message import CertificateMessage, Proposal
from consensus.timers import Timers
from consensus.vote import VoteKind
from devnet.simulator import ports
from devnet.simulator.kernel import MS
from devnet.simulator.simulation import LIMITS, Simulation
from ledger.codec import decode
from ledger.primitives import Digest, View
from ledger.transaction import decode_transaction
from node.frames import Frame, Transactions
from tests.devnet.simulator.censor import Censor, read
from tests.devnet.simulator.test_cases import agree, start


@dataclass
class Passage:
    """The transactions of the block first proposed in each view, and which views have what."""

    blocks: dict[View, set[Digest]] = field(default_factory=dict)
    certified: dict[VoteKind, set[View]] = field(default_factory=lambda: defaultdict(set))

    def __call__(self, _: str, frame: Frame) -> None:
        message = read(frame)
        if isinstance(message, Proposal) and message.payload:
            _, hashes = decode(message.payload)
            self.blocks.setdefault(message.signed.vote.view, set(hashes))
        elif isinstance(message, CertificateMessage):
            self.certified[message.certificate.kind].add(message.certificate.view)

    def find_first(self, kind: VoteKind) -> View | None:
        """The first view with such a certificate and a block that is not empty."""
        views = (view for view in self.certified[kind] if self.blocks.get(view))
        return min(views, default=None)

    def list_before(self, view: View) -> set[Digest]:
        """What was proposed in earlier views."""
        return set().union(*(hashes for at, hashes in self.blocks.items() if at < view))


def slow_down(monkeypatch: pytest.MonkeyPatch, simulation: Simulation) -> list[Digest]:
    """From now on forty transactions take 1.6 s to check, and the timers run for 0.9 s at first.

    Each peer is handed its own, which nobody else knows before they stand in a block: so all have
    a reason to let their timers run. The ids of all.
    """
    monkeypatch.setattr(ports, "CHECK_US", 40 * MS)
    censor = Censor(simulation)
    censor.drops = lambda _, __, frame: isinstance(frame, Transactions) and len(frame.raws) > 40
    chain = simulation.population.genesis.chain
    ids = []
    for process in simulation.processes:
        raws = [simulation.load.make_probe(1) for _ in range(45)]
        process.replica.submit(raws, lambda _: None)
        ids += [decode_transaction(raw, chain).id for raw in raws]
    return ids


@pytest.mark.parametrize("growing", ["both", "timers", "blocks", "neither"])
def test_a_block_that_takes_longer_than_the_timers(
    monkeypatch: pytest.MonkeyPatch, growing: str
) -> None:
    """Timers grow and blocks shrink until they fit, and either would do.

    With neither no block passes of which a transaction is new to the others. It takes a whole round
    of leaders: what was checked too late for one view need not be checked again in a later one.
    """
    simulation = start()
    if growing in ("timers", "neither"):
        monkeypatch.setattr(state, "MAX_LIMIT_SHIFT", 0)
    if growing in ("blocks", "neither"):
        monkeypatch.setattr(Timers, "compute_duration", lambda _, base_ms: base_ms)
    passage = Passage()
    simulation.listeners.append(passage)
    ids = slow_down(monkeypatch, simulation)
    simulation.wait(lambda: passage.find_first(VoteKind.FINALIZE) is not None)
    failed, passed = map(passage.find_first, (VoteKind.NULLIFY, VoteKind.FINALIZE))
    assert failed is not None
    assert passed is not None
    assert failed < passed
    most = LIMITS.max_block_transactions
    assert len(passage.blocks[failed]) == most
    statuses = [process.replica.core.status() for process in simulation.processes]
    assert all(status.growth > 0 for status in statuses)
    if growing in ("both", "blocks"):
        assert all(status.limit_shift > 0 for status in statuses)
        assert 0 < len(passage.blocks[passed]) < most
    else:
        assert len(passage.blocks[passed]) == most
    if growing == "neither":
        assert passage.blocks[passed] <= passage.list_before(passed)
    else:
        assert not passage.blocks[passed] & passage.list_before(passed)
    simulation.wait(lambda: all(map(simulation.is_final, ids)))
    monkeypatch.undo()
    agree(simulation, simulation.processes[0])
    simulation.audit()
