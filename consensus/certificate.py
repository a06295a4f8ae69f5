"""Certificates: a quorum's signatures under one vote.

A *notarization* certifies a block, a *nullification* ends a view without one, a *finalization*
makes a block and all its ancestors final. This module stands alone: offline verifiers and block
sync use it without the state machine.

    certificate = [vote, [signer, ...], [signature, ...]]       signers strictly ascending
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from consensus.field import read_bytes, read_int, read_list
from consensus.validators import MAX_VALIDATORS, ValidatorSet
from consensus.vote import IsValid, SignedVote, Vote, VoteKind
from ledger.codec import Value, decode, encode
from ledger.crypto import Domain, Purpose, sha256
from ledger.errors import FormatError, SignatureError
from ledger.primitives import SIGNATURE_BYTES, Digest, Epoch, Signature, View

MAX_CERTIFICATE_BYTES: Final = 256 + MAX_VALIDATORS * (SIGNATURE_BYTES + 4)


@dataclass(frozen=True, slots=True)
class Certificate:
    """One vote with the signatures of a quorum; `signers` are indices into the epoch's set."""

    vote: Vote
    signers: tuple[int, ...]
    signatures: tuple[Signature, ...]

    @property
    def epoch(self) -> Epoch:
        """The epoch in which it was voted."""
        return self.vote.epoch

    @property
    def view(self) -> View:
        """The view in which it was voted."""
        return self.vote.view

    @property
    def kind(self) -> VoteKind:
        """NOTARIZE for a notarization, NULLIFY for a nullification, FINALIZE for a finalization."""
        return self.vote.kind

    @property
    def block(self) -> Digest:
        """The certified block; zeroes in a nullification."""
        return self.vote.block

    @property
    def hash(self) -> Digest:
        """SHA-256 of the canonical bytes, which a header commits to as its parent's."""
        return sha256(self.encode())

    def pick(self, signer: int) -> SignedVote:
        """The vote of one of its signers."""
        return SignedVote(self.vote, signer, self.signatures[self.signers.index(signer)])

    def to_value(self) -> Value:
        """[vote, [signer, ...], [signature, ...]]"""
        return [self.vote.to_value(), list(self.signers), list(self.signatures)]

    def encode(self) -> bytes:
        """The canonical bytes."""
        return encode(self.to_value())

    @classmethod
    def from_value(cls, value: Value) -> "Certificate":
        """Read a decoded value; signatures and quorum are not checked here."""
        vote, signers, signatures = read_list(value, 3, 3, "a certificate")
        indices = tuple(
            read_int(signer, 0, MAX_VALIDATORS - 1, "signer")
            for signer in read_list(signers, 1, MAX_VALIDATORS, "signers")
        )
        if any(a >= b for a, b in itertools.pairwise(indices)):
            raise FormatError("the signers of a certificate do not ascend")
        bare = read_list(signatures, len(indices), len(indices), "signatures")
        return cls(
            Vote.from_value(vote),
            indices,
            tuple(
                Signature(read_bytes(item, SIGNATURE_BYTES, SIGNATURE_BYTES, "signature"))
                for item in bare
            ),
        )

    @classmethod
    def decode(cls, data: bytes) -> "Certificate":
        """Read canonical bytes; EncodingError or FormatError for anything else."""
        return cls.from_value(decode(data, MAX_CERTIFICATE_BYTES))

    def __repr__(self) -> str:
        return f"Certificate({self.vote!r}, by {list(self.signers)})"


def compute_certificate(votes: Sequence[SignedVote]) -> Certificate:
    """Put signed votes for one and the same statement together, by distinct signers."""
    ordered = sorted(votes, key=lambda signed: signed.signer)
    return Certificate(
        ordered[0].vote,
        tuple(signed.signer for signed in ordered),
        tuple(signed.signature for signed in ordered),
    )


def verify_certificate(
    certificate: Certificate, validators: ValidatorSet, domain: Domain, epoch: Epoch | None = None
) -> None:
    """Raise FormatError or SignatureError unless a quorum of `validators` signed this certificate.

    `domain` is that of the purpose *vote* on the verifier's chain. `epoch` is checked where given.
    A finalization proves its block final; a notarization alone does not: it can still lose.
    """
    assert domain.purpose is Purpose.VOTE, "certificates consist of votes"
    check_certificate(certificate, validators, epoch)
    verify_signatures(certificate, validators, domain.is_valid)


def check_certificate(
    certificate: Certificate, validators: ValidatorSet, epoch: Epoch | None = None
) -> None:
    """All that needs no signature check: the right set and epoch, distinct members, a quorum."""
    if certificate.vote.validators_hash != validators.hash:
        raise FormatError("the certificate is by another validator set")
    if epoch is not None and certificate.epoch != epoch:
        raise FormatError(f"the certificate is of epoch {certificate.epoch}, not {epoch}")
    signers = certificate.signers
    if any(a >= b for a, b in itertools.pairwise(signers)):
        raise FormatError("the signers of a certificate do not ascend")
    if not signers or signers[0] < 0 or signers[-1] >= validators.n:
        raise FormatError("a signer of the certificate is not in the validator set")
    if len(signers) < validators.quorum or len(signers) != len(certificate.signatures):
        raise FormatError(f"{len(signers)} signatures where {validators.quorum} are a quorum")


def verify_signatures(
    certificate: Certificate, validators: ValidatorSet, is_valid: IsValid
) -> None:
    """Check every signature; SignatureError names the first that is wrong."""
    message = certificate.vote.encode()
    for signer, signature in zip(certificate.signers, certificate.signatures, strict=True):
        if not is_valid(validators.keys[signer], signature, message):
            raise SignatureError(f"the signature of {validators.codes[signer]} is wrong")
