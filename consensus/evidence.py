"""Double signing: two votes that no honest validator makes both.

Exactly: two different `notarize`, two different `finalize`, or `nullify` and `finalize`, in one
epoch and view. (`notarize` and `nullify` together are honest.)

    evidence = [signed vote, signed vote]         the one with the smaller encoding first

A signature covers the hash of the validator set that it votes in, so a key accuses itself without
the set: what the ledger records needs the key alone.
"""

from collections.abc import Iterable
from typing import Final

from consensus.certificate import Certificate
from consensus.field import read_list
from consensus.validators import ValidatorSet
from consensus.vote import IsValid, SignedVote, Vote, VoteKind
from ledger.codec import decode, encode
from ledger.errors import FormatError, SignatureError
from ledger.primitives import PublicKey, View

MAX_EVIDENCE_BYTES: Final = 512


def is_double_signing(first: Vote, second: Vote) -> bool:
    """Whether one validator that says both is faulty."""
    if (first.epoch, first.view) != (second.epoch, second.view) or first == second:
        return False
    if first.validators_hash != second.validators_hash:
        return False
    if first.kind is second.kind:
        return True
    kinds = (first.kind, second.kind)
    return VoteKind.NULLIFY in kinds and VoteKind.FINALIZE in kinds


def order_evidence(first: SignedVote, second: SignedVote) -> tuple[SignedVote, SignedVote]:
    """The canonical order, so that the same two votes make the same evidence everywhere."""
    if encode(first.to_value()) <= encode(second.to_value()):
        return first, second
    return second, first


def encode_evidence(first: SignedVote, second: SignedVote) -> bytes:
    """The canonical bytes, in canonical order."""
    return encode([signed.to_value() for signed in order_evidence(first, second)])


def decode_evidence(data: bytes) -> tuple[SignedVote, SignedVote]:
    """Read canonical bytes; EncodingError or FormatError for anything else."""
    first, second = read_list(decode(data, MAX_EVIDENCE_BYTES), 2, 2, "evidence")
    pair = SignedVote.from_value(first), SignedVote.from_value(second)
    if order_evidence(*pair) != pair:
        raise FormatError("the votes of an evidence are not in order")
    return pair


def find_guilty(certificates: Iterable[Certificate]) -> dict[int, tuple[SignedVote, SignedVote]]:
    """Who contradicted itself in verified certificates of one epoch, with one evidence each.

    By the index of the signer; the votes are in canonical order.
    """
    guilty: dict[int, tuple[SignedVote, SignedVote]] = {}
    by_view: dict[View, list[Certificate]] = {}
    for certificate in certificates:
        rivals = by_view.setdefault(certificate.view, [])
        for rival in rivals:
            if is_double_signing(rival.vote, certificate.vote):
                for signer in [item for item in rival.signers if item in certificate.signers]:
                    pair = order_evidence(rival.pick(signer), certificate.pick(signer))
                    guilty.setdefault(signer, pair)
        rivals.append(certificate)
    return guilty


def verify_evidence(
    first: SignedVote, second: SignedVote, validators: ValidatorSet, is_valid: IsValid
) -> None:
    """Raise FormatError or SignatureError unless these votes prove their signer faulty."""
    _check_contradiction(first, second)
    for signed in (first, second):
        if not signed.is_valid(validators, is_valid):
            raise SignatureError("a vote of the evidence is not validly signed")


def verify_accusation(
    first: SignedVote, second: SignedVote, key: PublicKey, is_valid: IsValid
) -> None:
    """Raise FormatError or SignatureError unless these votes prove that a key signed both."""
    _check_contradiction(first, second)
    for signed in (first, second):
        if not is_valid(key, signed.signature, signed.vote.encode()):
            raise SignatureError("a vote of the evidence is not signed by the key")


def _check_contradiction(first: SignedVote, second: SignedVote) -> None:
    if first.signer != second.signer:
        raise FormatError("the votes are by different signers")
    if not is_double_signing(first.vote, second.vote):
        raise FormatError("the votes do not contradict each other")
