"""The journal: records that survive, and what they say together."""

import pytest
from vectors import EPOCH, VALIDATORS, certify, sign

from consensus.journal import (
    Held,
    Journal,
    Opened,
    OwnVote,
    Record,
    Silenced,
    decode_record,
    encode_record,
    replay,
)
from consensus.message import Inquiry, Proposal, message_to_value
from consensus.vote import VoteKind
from ledger.codec import encode
from ledger.errors import FormatError, LedgerError
from ledger.primitives import Epoch

PARENT = certify(VoteKind.NOTARIZE, 5, 4)
PROPOSAL = Proposal(sign(VoteKind.NOTARIZE, 3), PARENT, b"payload")
RECORDS: list[Record] = [
    Opened(EPOCH, VALIDATORS.hash),
    OwnVote(PROPOSAL.signed, PROPOSAL),
    OwnVote(sign(VoteKind.NULLIFY, 3)),
    Held(PARENT),
    Silenced(sign(VoteKind.FINALIZE, 3)),
]


@pytest.mark.parametrize("record", RECORDS)
def test_round_trip(record: Record) -> None:
    assert decode_record(encode_record(record)) == record


def test_replay_gathers_the_newest_epoch() -> None:
    old = Opened(Epoch(2), VALIDATORS.hash)
    records = [encode_record(record) for record in (old, OwnVote(PROPOSAL.signed), *RECORDS)]
    journal = replay(records)
    assert journal == Journal(
        EPOCH,
        VALIDATORS.hash,
        (OwnVote(PROPOSAL.signed, PROPOSAL), OwnVote(sign(VoteKind.NULLIFY, 3))),
        (PARENT,),
        Silenced(sign(VoteKind.FINALIZE, 3)),
    )
    assert replay([]) is None


def test_an_epoch_that_begins_forgets_the_one_before() -> None:
    records = [encode_record(record) for record in (*RECORDS, Opened(Epoch(4), VALIDATORS.hash))]
    assert replay(records) == Journal(Epoch(4), VALIDATORS.hash, (), ())


def test_a_journal_without_a_beginning_is_damaged() -> None:
    with pytest.raises(FormatError, match="begin"):
        replay([encode_record(Held(PARENT))])


@pytest.mark.parametrize(
    "value",
    [
        [9, 1],
        [0, 2, EPOCH, VALIDATORS.hash],
        [0, 1, EPOCH],
        [1, sign(VoteKind.NULLIFY, 3).to_value(), message_to_value(Inquiry(EPOCH, 1))],
        [2, None],
        None,
    ],
)
def test_what_is_no_record_is_refused(value: object) -> None:
    with pytest.raises(LedgerError):
        decode_record(encode(value))


def test_an_unknown_version_is_named() -> None:
    with pytest.raises(FormatError, match="version 2"):
        replay([encode([0, 2, EPOCH, VALIDATORS.hash])])
