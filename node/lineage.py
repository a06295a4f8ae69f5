"""What proves an offered snapshot: the epochs before it (docs/spec/snapshot.md, section 2).

The genesis names the first validators, and each epoch's end the next. What was proved once holds
for every later offer, whoever showed it.
"""

from dataclasses import dataclass

from ledger.block import Header
from ledger.crypto import Domain
from ledger.errors import ProofError
from ledger.genesis import Genesis
from ledger.snapshot import Manifest, verify_manifest
from ledger.store import EpochEnd
from node.client.bundle import Certified, EpochLink
from node.client.line import Line
from node.snapshot_frames import EpochEnds, Offer


@dataclass(frozen=True, slots=True)
class Offered:
    """A snapshot whose manifest leads to the roots of its own header; final or not."""

    manifest: Manifest
    finalization: bytes
    header: Header


def read_offer(offer: Offer) -> Offered | None:
    """What is offered, if anything is; raises LedgerError for a manifest that is a lie."""
    if offer.manifest is None:
        return None
    return Offered(offer.manifest, offer.finalization, verify_manifest(offer.manifest))


class Lineage:
    """The ends of epochs, from the genesis as far as they were shown."""

    def __init__(self, genesis: Genesis, domain: Domain) -> None:
        self._line = Line(genesis, genesis.hash, domain)
        self.ends: list[EpochEnd] = []

    @property
    def epoch(self) -> int:
        """The epoch whose validators are known."""
        return self._line.epoch

    def follow(self, answer: EpochEnds, header: Header) -> None:
        """Go on towards the epoch of a header; raises ProofError where nothing leads there."""
        if not answer.ends:
            raise ProofError(f"it offers a snapshot of epoch {header.epoch} and does not prove it")
        for end in answer.ends[: header.epoch - self._line.epoch]:
            link = EpochLink(end.header, end.finalization, end.next_validators)
            height = self._line.follow(link).height
            following = self._line.validators
            members = tuple(zip(following.codes, following.keys, strict=True))
            self.ends.append(EpochEnd(height, link.certificate, members))

    def prove(self, offered: Offered) -> None:
        """Raise LedgerError unless what is offered is final, in the epoch that was reached."""
        certified = Certified(offered.manifest.header, offered.finalization)
        self._line.finalize(certified, "the snapshot's header", "the snapshot's finalization")
        if offered.header.is_last_of_epoch:
            raise ProofError(
                "it offers a snapshot of an epoch's last block, with which nothing begins"
            )
