"""What validators say to each other, and what they keep of it."""

from consensus.certificate import Certificate
from consensus.evidence import decode_evidence, encode_evidence
from consensus.journal import decode_record, encode_record, replay
from consensus.message import decode_message, encode_message
from consensus.validators import ValidatorSet
from ledger import codec
from ledger.errors import EncodingError, FormatError
from tests.fuzz import seeds
from tests.fuzz.target import Target

_BOTH = (EncodingError, FormatError)


def read_journal(data: bytes) -> object:
    """The journal of a list of records."""
    records = codec.decode(data)
    if type(records) is not list or not all(type(record) is bytes for record in records):
        raise FormatError("not a list of records")
    return replay(records)


TARGETS = (
    Target(
        "message",
        decode_message,
        _BOTH,
        seeds.list_messages,
        (
            "consensus.message:decode_message",
            "consensus.vote:Vote.from_value",
            "consensus.vote:SignedVote.from_value",
        ),
        encode_message,
    ),
    Target(
        "certificate",
        Certificate.decode,
        _BOTH,
        lambda: (seeds.get_certificate().encode(), *seeds.list_certificates()),
        (
            "consensus.certificate:Certificate.decode",
            "consensus.certificate:Certificate.from_value",
        ),
        lambda certificate: certificate.encode(),
    ),
    Target(
        "validator set",
        ValidatorSet.decode,
        _BOTH,
        lambda: (seeds.get_stage().validators.encode(),),
        (
            "consensus.validators:ValidatorSet.decode",
            "consensus.validators:ValidatorSet.from_value",
        ),
        lambda validators: validators.encode(),
    ),
    Target(
        "evidence",
        decode_evidence,
        _BOTH,
        lambda: (bytes.fromhex(seeds.load_vector("consensus")["evidence"]),),
        ("consensus.evidence:decode_evidence",),
        lambda pair: encode_evidence(*pair),
    ),
    Target(
        "journal record",
        decode_record,
        _BOTH,
        seeds.list_records,
        ("consensus.journal:decode_record",),
        encode_record,
    ),
    Target(
        "journal",
        read_journal,
        _BOTH,
        lambda: (codec.encode(list(seeds.list_records())),),
        (),
    ),
)
