"""Evidence of double signing, between the two that never meet: consensus, which knows what votes
contradict each other, and contracts, which record what is proven.
"""

from consensus.evidence import decode_evidence, verify_accusation
from contracts.context import Contradiction, ReadEvidence
from ledger.crypto import Domain
from ledger.errors import LedgerError
from ledger.primitives import PublicKey


def make_reader(domain: Domain) -> ReadEvidence:
    """What executes a block reads evidence with; `domain` is that of votes on its chain."""

    def read(key: bytes, evidence: bytes) -> Contradiction | None:
        try:
            first, second = decode_evidence(evidence)
            verify_accusation(first, second, PublicKey(key), domain.is_valid)
        except LedgerError:
            return None
        vote = first.vote
        kinds = (vote.kind.name.lower(), second.vote.kind.name.lower())
        return Contradiction(vote.epoch, vote.view, kinds)

    return read
