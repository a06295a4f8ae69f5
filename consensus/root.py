"""View 0 of an epoch: what the epoch begins from."""

from dataclasses import dataclass

from consensus.certificate import Certificate, check_certificate, verify_signatures
from consensus.validators import ValidatorSet
from consensus.vote import IsValid, VoteKind
from ledger.errors import FormatError
from ledger.primitives import Digest


@dataclass(frozen=True, slots=True)
class Root:
    """The last block of the epoch before, with its finalization and the set that signed it.

    The genesis has neither certificate nor set.
    """

    block: Digest
    certificate: Certificate | None = None
    validators: ValidatorSet | None = None

    def verify(self, certificate: Certificate | None, is_valid: IsValid) -> None:
        """Raise FormatError or SignatureError unless this certificate makes `block` final.

        Peers may hold different ones: other signers, or another view of the same last block.
        """
        if certificate == self.certificate:
            return
        if certificate is None or self.certificate is None or self.validators is None:
            raise FormatError("the genesis has no certificate, any other block has one")
        if certificate.kind is not VoteKind.FINALIZE or certificate.block != self.block:
            raise FormatError("the certificate does not finalize the last block")
        check_certificate(certificate, self.validators, self.certificate.epoch)
        verify_signatures(certificate, self.validators, is_valid)
