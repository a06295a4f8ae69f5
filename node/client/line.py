"""The line of validator sets from the genesis on: each proves the next (docs/spec/proof.md).

Whoever knows the genesis knows the first validators. An epoch's last block has a finalization by
them and commits the set of the next epoch. Proof bundles and snapshots are both judged by it.
"""

from dataclasses import dataclass

from consensus.certificate import Certificate, verify_certificate
from consensus.validators import ValidatorSet
from consensus.vote import VoteKind
from ledger.block import Header, compute_header_hash, decode_header
from ledger.crypto import Domain, Purpose
from ledger.errors import LedgerError
from ledger.genesis import Genesis
from ledger.primitives import Digest
from node.client.bundle import BundleError, Certified, EpochLink
from node.client.verified import ReliedOn


@dataclass(slots=True)
class _Epoch:
    number: int
    validators: ValidatorSet


class Line:
    """The line of validator sets, as far as it was followed; each step raises BundleError."""

    def __init__(
        self, genesis: Genesis, genesis_hash: Digest, domain: Domain | None = None
    ) -> None:
        self._chain = genesis.chain
        self._domain = domain or Domain(Purpose.VOTE, genesis_hash)
        self._epoch = _Epoch(0, ValidatorSet(genesis.validators))
        self.relied_on: list[ReliedOn] = []

    @property
    def epoch(self) -> int:
        """The epoch to which it leads."""
        return self._epoch.number

    @property
    def validators(self) -> ValidatorSet:
        """The validators of that epoch."""
        return self._epoch.validators

    def follow(self, link: EpochLink) -> Header:
        """Go on to the epoch after one that has ended; the header of its last block."""
        number = self._epoch.number
        part = f"epoch {number}"
        certified = Certified(link.header, link.certificate)
        header = self.finalize(certified, part, f"certificate of epoch {number}")
        try:
            following = ValidatorSet.decode(link.next_validators)
        except LedgerError as error:
            raise BundleError(f"validators of epoch {number + 1}", str(error)) from None
        if not header.is_last_of_epoch:
            raise BundleError(part, f"block {header.height} does not end the epoch")
        if following.hash != header.next_validators_hash:
            raise BundleError(
                f"validators of epoch {number + 1}", f"not those that block {header.height} commits"
            )
        self._epoch = _Epoch(number + 1, following)
        return header

    def finalize(self, certified: Certified, part: str, certificate_part: str) -> Header:
        """The header, if the validators of the running epoch made it final."""
        header, validators = read_header(certified.header, part), self._epoch.validators
        check_chain(header, self._chain, part)
        if header.height == 0:
            raise BundleError(part, "the genesis has no certificate")
        if header.epoch != self._epoch.number or header.validators_hash != validators.hash:
            raise BundleError(
                part,
                f"block {header.height} is not of epoch {self._epoch.number}, to which the bundle "
                "leads, or not of its validators",
            )
        certificate = self._verify(certified, header, certificate_part)
        self.relied_on.append(
            ReliedOn(
                self._epoch.number,
                validators.codes,
                tuple(validators.codes[signer] for signer in certificate.signers),
                header.height,
            )
        )
        return header

    def _verify(self, certified: Certified, header: Header, part: str) -> Certificate:
        try:
            certificate = Certificate.decode(certified.certificate)
        except LedgerError as error:
            raise BundleError(part, str(error)) from None
        if certificate.kind is not VoteKind.FINALIZE:
            raise BundleError(part, "not a finalization; a block that has no more can still lose")
        if certificate.block != compute_header_hash(certified.header):
            raise BundleError(part, f"not of this block {header.height}, but of another")
        try:
            verify_certificate(certificate, self._epoch.validators, self._domain, header.epoch)
        except LedgerError as error:
            raise BundleError(part, str(error)) from None
        return certificate


def read_header(data: bytes, part: str) -> Header:
    """The header of its bytes; raises BundleError."""
    try:
        return decode_header(data)
    except LedgerError as error:
        raise BundleError(part, f"not a header: {error}") from None


def check_chain(header: Header, chain: str, part: str) -> None:
    """Raise BundleError unless a header is of a chain."""
    if header.chain != chain:
        raise BundleError(part, f"of chain {header.chain}, not {chain}")
