"""What validators send each other, and its bytes.

    message = [1, signed vote, parent certificate or nil, payload]       Proposal
            | [2, signed vote]                                           VoteMessage
            | [3, certificate]                                           CertificateMessage
            | [4, epoch, newest finalization?, [view, ...]]              Ask
            | [5, epoch, incarnation]                                    Inquiry
            | [6, epoch, incarnation, [signed vote, ...], [certificate, ...]]    Report

The transport authenticates the sender. A proposal and a vote count only from the validator that
signed them; a certificate proves itself, whoever passes it on.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from consensus.certificate import Certificate
from consensus.field import (
    read_bool,
    read_bytes,
    read_epoch,
    read_int,
    read_list,
    read_view,
)
from consensus.vote import SignedVote, VoteKind
from ledger.codec import Value, decode, encode
from ledger.errors import FormatError
from ledger.primitives import Epoch, View

MAX_PAYLOAD_BYTES: Final = 1024 * 1024  # a header and the hashes of a block's transactions
MAX_ASK_VIEWS: Final = 64
MAX_REPORT_VOTES: Final = 8
MAX_REPORT_CERTIFICATES: Final = 32
MAX_MESSAGE_BYTES: Final = MAX_PAYLOAD_BYTES + 256 * 1024
MAX_INCARNATION: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Proposal:
    """A leader's notarize with what it is about.

    `parent_certificate` is the notarization or finalization of the parent, for parent view 0 the
    finalization that ended the epoch before, and None on the genesis. `payload` is opaque here
    (header and transaction hashes); it is empty where an epoch's last block is proposed again,
    because that block is certified and can be fetched from those who signed.
    """

    signed: SignedVote
    parent_certificate: Certificate | None
    payload: bytes

    @property
    def epoch(self) -> Epoch:
        """The epoch that it belongs to."""
        return self.signed.vote.epoch

    @property
    def is_again(self) -> bool:
        """Whether its block is its own parent: an epoch's last block, proposed again."""
        parent = self.parent_certificate
        vote = self.signed.vote
        return (
            parent is not None
            and parent.epoch == vote.epoch
            and parent.block == vote.block
            and vote.parent_view > 0
        )


@dataclass(frozen=True, slots=True)
class VoteMessage:
    """One vote, from its signer."""

    signed: SignedVote

    @property
    def epoch(self) -> Epoch:
        """The epoch that it belongs to."""
        return self.signed.vote.epoch


@dataclass(frozen=True, slots=True)
class CertificateMessage:
    """A certificate, from anybody."""

    certificate: Certificate

    @property
    def epoch(self) -> Epoch:
        """The epoch that it belongs to."""
        return self.certificate.epoch


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for the certificates of `views`, and for the newest finalization if so said.

    An Ask whose epoch has ended is answered with that epoch's final certificate.
    """

    epoch: Epoch
    finalization: bool
    views: tuple[View, ...]


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A restarted validator asks what others know of its own votes; `incarnation` tells one
    restart from another."""

    epoch: Epoch
    incarnation: int


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to an Inquiry: the asker's newest votes that were seen here, the newest
    finalization, and the notarizations above it, newest first."""

    epoch: Epoch
    incarnation: int
    votes: tuple[SignedVote, ...]
    certificates: tuple[Certificate, ...]


Message: TypeAlias = Proposal | VoteMessage | CertificateMessage | Ask | Inquiry | Report


def encode_message(message: Message) -> bytes:
    """The canonical bytes of a message."""
    return encode(message_to_value(message))


def decode_message(data: bytes) -> Message:
    """The message of canonical bytes; EncodingError or FormatError for anything else."""
    return message_from_value(decode(data, MAX_MESSAGE_BYTES))


def message_to_value(message: Message) -> Value:
    """The value that is encoded, tag first."""
    match message:
        case Proposal(signed, parent, payload):
            return [1, signed.to_value(), None if parent is None else parent.to_value(), payload]
        case VoteMessage(signed):
            return [2, signed.to_value()]
        case CertificateMessage(certificate):
            return [3, certificate.to_value()]
        case Ask(epoch, finalization, views):
            return [4, epoch, finalization, list(views)]
        case Inquiry(epoch, incarnation):
            return [5, epoch, incarnation]
        case Report(epoch, incarnation, votes, certificates):
            return [
                6,
                epoch,
                incarnation,
                [signed.to_value() for signed in votes],
                [certificate.to_value() for certificate in certificates],
            ]
        case _:
            assert_never(message)


def message_from_value(value: Value) -> Message:
    """Read a decoded value; signatures are not checked here."""
    tag, *rest = read_list(value, 2, 5, "a message")
    match read_int(tag, 1, 6, "tag of a message"), rest:
        case 1, [signed, parent, payload]:
            return _read_proposal(signed, parent, payload)
        case 2, [signed]:
            return VoteMessage(SignedVote.from_value(signed))
        case 3, [certificate]:
            return CertificateMessage(Certificate.from_value(certificate))
        case 4, [epoch, finalization, views]:
            return Ask(
                read_epoch(epoch),
                read_bool(finalization, "finalization"),
                tuple(read_view(view, 1) for view in read_list(views, 0, MAX_ASK_VIEWS, "views")),
            )
        case 5, [epoch, incarnation]:
            return Inquiry(read_epoch(epoch), _read_incarnation(incarnation))
        case 6, [epoch, incarnation, votes, certificates]:
            return _read_report(epoch, incarnation, votes, certificates)
        case _:
            raise FormatError("a message has the wrong number of fields")


def _read_proposal(signed: Value, parent: Value, payload: Value) -> Proposal:
    proposal = Proposal(
        SignedVote.from_value(signed),
        None if parent is None else Certificate.from_value(parent),
        read_bytes(payload, 0, MAX_PAYLOAD_BYTES, "payload"),
    )
    if proposal.signed.vote.kind is not VoteKind.NOTARIZE:
        raise FormatError("a proposal is its leader's notarize")
    return proposal


def _read_report(epoch: Value, incarnation: Value, votes: Value, certificates: Value) -> Report:
    return Report(
        read_epoch(epoch),
        _read_incarnation(incarnation),
        tuple(
            SignedVote.from_value(item) for item in read_list(votes, 0, MAX_REPORT_VOTES, "votes")
        ),
        tuple(
            Certificate.from_value(item)
            for item in read_list(certificates, 0, MAX_REPORT_CERTIFICATES, "certificates")
        ),
    )


def _read_incarnation(value: Value) -> int:
    return read_int(value, 0, MAX_INCARNATION, "incarnation")
