"""The journal: what a validator must not forget, as opaque records.

    record = [0, 1, epoch, validators_hash]          an epoch begins (0: its tag, 1: format version)
           | [1, signed vote, proposal or nil]       a vote of one's own; the proposal that it leads
           | [2, certificate]
           | [3, signed vote]                        one's own vote from elsewhere: vote no more

The driver appends the records of `Persist` in order, frames and checks them against torn writes,
and hands the surviving prefix to `replay` after a restart. Records of ended epochs no longer count.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from consensus.certificate import Certificate
from consensus.field import read_digest, read_epoch, read_int, read_list
from consensus.message import (
    MAX_MESSAGE_BYTES,
    Proposal,
    message_from_value,
    message_to_value,
)
from consensus.vote import SignedVote
from ledger.codec import decode, encode
from ledger.errors import FormatError
from ledger.primitives import Digest, Epoch

JOURNAL_VERSION: Final = 1
MAX_RECORD_BYTES: Final = MAX_MESSAGE_BYTES + 1024
_OPENED: Final = 0
_VOTE: Final = 1
_CERTIFICATE: Final = 2
_SILENCED: Final = 3


@dataclass(frozen=True, slots=True)
class Opened:
    """An epoch begins; all records before no longer count."""

    epoch: Epoch
    validators_hash: Digest


@dataclass(frozen=True, slots=True)
class OwnVote:
    """A vote of one's own, written before it is sent; `proposal` where it leads a view."""

    signed: SignedVote
    proposal: Proposal | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate that was verified."""

    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Silenced:
    """A valid vote of one's own that this journal did not hold: no more votes in this epoch."""

    evidence: SignedVote


Record = Opened | OwnVote | Held | Silenced


@dataclass(frozen=True, slots=True)
class Journal:
    """What the surviving records of the newest epoch say, in their order."""

    epoch: Epoch
    validators_hash: Digest
    votes: tuple[OwnVote, ...]
    certificates: tuple[Certificate, ...]
    silenced: Silenced | None = None


def encode_record(record: Record) -> bytes:
    """The canonical bytes of a record."""
    match record:
        case Opened(epoch, validators_hash):
            return encode([_OPENED, JOURNAL_VERSION, epoch, validators_hash])
        case OwnVote(signed, proposal):
            value = None if proposal is None else message_to_value(proposal)
            return encode([_VOTE, signed.to_value(), value])
        case Held(certificate):
            return encode([_CERTIFICATE, certificate.to_value()])
        case Silenced(evidence):
            return encode([_SILENCED, evidence.to_value()])


def decode_record(data: bytes) -> Record:
    """The record of canonical bytes; EncodingError or FormatError for anything else."""
    tag, *rest = read_list(decode(data, MAX_RECORD_BYTES), 2, 4, "a record")
    match read_int(tag, _OPENED, _SILENCED, "tag of a record"), rest:
        case 0, [version, epoch, validators_hash]:
            if type(version) is not int or version != JOURNAL_VERSION:
                raise FormatError(f"the journal has version {version}, not {JOURNAL_VERSION}")
            return Opened(read_epoch(epoch), read_digest(validators_hash, "validators_hash"))
        case 1, [signed, value]:
            proposal = None if value is None else message_from_value(value)
            if proposal is not None and not isinstance(proposal, Proposal):
                raise FormatError("a vote's record holds something else than a proposal")
            return OwnVote(SignedVote.from_value(signed), proposal)
        case 2, [certificate]:
            return Held(Certificate.from_value(certificate))
        case 3, [evidence]:
            return Silenced(SignedVote.from_value(evidence))
        case _:
            raise FormatError("a record has the wrong number of fields")


def replay(records: Iterable[bytes]) -> Journal | None:
    """What the journal says of its newest epoch; None where it never opened one.

    Raises EncodingError or FormatError for a damaged record: then there is no journal, and this
    validator does not vote before the next epoch.
    """
    opened: Opened | None = None
    votes: list[OwnVote] = []
    certificates: list[Certificate] = []
    silenced: Silenced | None = None
    for data in records:
        match decode_record(data):
            case Opened() as opened:
                votes, certificates, silenced = [], [], None
            case _ if opened is None:
                raise FormatError("the journal does not begin with an epoch")
            case OwnVote() as vote:
                votes.append(vote)
            case Held(certificate):
                certificates.append(certificate)
            case Silenced() as silenced:
                pass
    if opened is None:
        return None
    return Journal(
        opened.epoch, opened.validators_hash, tuple(votes), tuple(certificates), silenced
    )
