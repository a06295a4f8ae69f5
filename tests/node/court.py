"""A calm network of whole replicas, and a validator that says two things in one view."""

from collections.abc import Sequence
from typing import Any

from consensus.message import VoteMessage, encode_message
from consensus.validators import ValidatorSet
from consensus.vote import SignedVote, Vote, VoteKind
from contracts.evidence import make_evidence_key
from devnet.simulator.kernel import MS, SECOND
from devnet.simulator.plan import Plan
from devnet.simulator.process import Process
from devnet.simulator.simulation import Simulation
from ledger.crypto import SigningKey, sha256
from ledger.primitives import Digest, Epoch, View
from node.frames import Consensus
from node.reporter import KIND

LIAR = 1  # the region whose key signs twice
Say = tuple[VoteKind, Digest]
TWO_BLOCKS: tuple[Say, Say] = (
    (VoteKind.NOTARIZE, sha256(b"one")),
    (VoteKind.NOTARIZE, sha256(b"two")),
)


class Court:
    """A calm network, and somebody who says two things."""

    def __init__(self, is_real: bool = False) -> None:
        self.simulation = Simulation(3, Plan(is_real=is_real))
        self.simulation.start_all()
        self.run(1 * SECOND)
        consensus = self.simulation.population.genesis.consensus
        self.heartbeat_us = consensus.heartbeat_ms * MS
        self.regions = self.simulation.population.regions
        self.processes = self.simulation.processes
        self.liar = self.regions[LIAR]
        self.validators = ValidatorSet(self.simulation.population.genesis.validators)
        self.domain = self.processes[0].replica.domain
        self.view = View(0)

    def run(self, duration_us: int) -> None:
        self.simulation.kernel.run_until(self.simulation.kernel.now_us + duration_us)

    def sign(self, key: SigningKey, view: View, kind: VoteKind, block: Digest) -> SignedVote:
        vote = Vote(Epoch(0), view, kind, View(0), block, self.validators.hash)
        return SignedVote(vote, LIAR, self.domain.sign(key, vote.encode()))

    def lie(self, hearers: Sequence[int], pair: Sequence[Say] = TWO_BLOCKS, ahead: int = 2) -> View:
        """Both votes reach some peers; the view that they are of."""
        key = self.simulation.population.voter_keys(self.liar)[0]
        view = View(self.processes[hearers[0]].replica.core.view + ahead)
        for hearer in hearers:
            for kind, block in pair:
                message = VoteMessage(self.sign(key, view, kind, block))
                self.processes[hearer].deliver(self.liar, Consensus(encode_message(message)))
        return view

    def find(self, process: Process, view: View) -> Any:
        record = process.replica.store.state.get(make_evidence_key(self.liar, 0, view))
        return None if record is None else record.value

    def is_recorded(self, view: View) -> bool:
        return all(self.find(process, view) is not None for process in self.processes)

    def count_reports(self) -> list[str]:
        """The codes of all reports that are final."""
        store = self.processes[0].replica.store
        codes = []
        for height in range(1, store.height + 1):
            block, results = store.get_block(height), store.get_results(height)
            assert block is not None and results is not None
            codes += [
                result.code
                for raw, result in zip(block.transactions, results, strict=False)
                if KIND.encode() in raw
            ]
        return codes
