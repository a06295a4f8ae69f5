"""The validators of a model, with signatures that cost a hash, and their messages made real.

Which quorum signed a certificate matters to nobody but those who fetch bodies from its signers, and
to a signer that does not know its own vote. So the model knows a certificate by what it says, and
hands it to each validator as signed by the other three.
"""

from functools import cache
from hashlib import sha512
from typing import Final

from consensus.certificate import Certificate, compute_certificate
from consensus.message import (
    CertificateMessage,
    Inquiry,
    Message,
    Proposal,
    Report,
    VoteMessage,
)
from consensus.root import Root
from consensus.validators import ValidatorSet
from consensus.vote import SignedVote, Vote
from consensus.voting import Voice
from devnet.model.statement import (
    NOTHING,
    ROOT,
    Said,
    SaidInquiry,
    SaidProposal,
    SaidReport,
    SaidVote,
    Statement,
    make_digest,
    read_statement,
)
from ledger.crypto import sha256
from ledger.primitives import ZERO_DIGEST, Code, Epoch, PublicKey, Signature, View

VALIDATORS: Final = 4
QUORUM: Final = 3  # said here once more, so that a core with another one is found out
EPOCH: Final = Epoch(0)
CODES: Final = tuple(Code(f"validator-{index}") for index in range(VALIDATORS))
KEYS: Final = tuple(PublicKey(sha256(code.encode())) for code in CODES)
ROOT_VIEW: Final = Root(make_digest(ROOT))


def make_set() -> ValidatorSet:
    """The validator set."""
    return ValidatorSet(zip(CODES, KEYS, strict=True))


SET: Final = make_set()


def is_valid(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether a signature is the one that the key makes."""
    return sha512(key + message).digest() == signature


def make_voice(index: int) -> Voice:
    """How a validator signs."""
    return Voice(index, lambda message: Signature(sha512(KEYS[index] + message).digest()))


@cache
def make_vote(statement: Statement) -> Vote:
    """The vote that says so."""
    kind, view, parent_view, block = statement
    digest = ZERO_DIGEST if block == NOTHING else make_digest(block)
    return Vote(EPOCH, View(view), kind, View(parent_view), digest, SET.hash)


@cache
def sign(signer: int, statement: Statement) -> SignedVote:
    """The vote of a validator."""
    vote = make_vote(statement)
    return SignedVote(vote, signer, make_voice(signer).sign(vote.encode()))


@cache
def certify(statement: Statement, reader: int) -> Certificate:
    """The certificate that says so, as `reader` gets it: by all but itself."""
    return compute_certificate(
        [sign(signer, statement) for signer in range(VALIDATORS) if signer != reader]
    )


@cache
def make_message(said: Said, reader: int) -> Message:
    """The message that says so, as `reader` gets it."""
    match said:
        case SaidVote(signer, statement):
            return VoteMessage(sign(signer, statement))
        case SaidProposal(signer, statement, parent):
            certificate = None if parent is None else certify(parent, reader)
            is_again = parent is not None and parent.block == statement.block
            return Proposal(sign(signer, statement), certificate, b"" if is_again else b"payload")
        case SaidInquiry(_, incarnation):
            return Inquiry(EPOCH, incarnation)
        case SaidReport(_, asker, incarnation, votes, certificates):
            return Report(
                EPOCH,
                incarnation,
                tuple(sign(asker, statement) for statement in sorted(votes)),
                tuple(
                    certify(statement, reader)
                    for statement in sorted(certificates, key=lambda s: (-s.kind, -s.view))
                ),
            )
        case _:
            raise AssertionError(f"{said} is not a message")


@cache
def make_certificate_message(statement: Statement, reader: int) -> Message:
    """A certificate by itself."""
    return CertificateMessage(certify(statement, reader))


def hand_over(message: Message, reader: int) -> Message:
    """A message as `reader` gets it."""
    match message:
        case CertificateMessage(certificate):
            return make_certificate_message(read_statement(certificate.vote), reader)
        case Proposal(signed, parent, payload):
            return Proposal(signed, _hand_over(parent, reader), payload)
        case Report(epoch, incarnation, _, certificates):
            held = tuple(certify(read_statement(item.vote), reader) for item in certificates)
            return Report(epoch, incarnation, (), held)
        case _:
            return message


def _hand_over(certificate: Certificate | None, reader: int) -> Certificate | None:
    return None if certificate is None else certify(read_statement(certificate.vote), reader)
