"""Messages: round trips, bounds, and a decoder that never does anything but accept or refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vectors import EPOCH, certify, sign

from consensus.field import MAX_EPOCH, MAX_VIEW
from consensus.message import (
    MAX_ASK_VIEWS,
    MAX_INCARNATION,
    MAX_PAYLOAD_BYTES,
    MAX_REPORT_CERTIFICATES,
    MAX_REPORT_VOTES,
    Ask,
    CertificateMessage,
    Inquiry,
    Message,
    Proposal,
    Report,
    VoteMessage,
    decode_message,
    encode_message,
    message_to_value,
)
from consensus.vote import VoteKind
from ledger.codec import encode
from ledger.errors import FormatError, LedgerError
from ledger.primitives import Epoch, View

PARENT = certify(VoteKind.NOTARIZE, 5, 4)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-10, 1 << 50)
    | st.binary(max_size=70)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=6),
    max_leaves=30,
)


@given(
    st.one_of(
        st.builds(
            Proposal,
            st.just(sign(VoteKind.NOTARIZE, 3)),
            st.sampled_from([None, PARENT]),
            st.binary(max_size=300),
        ),
        st.builds(VoteMessage, st.sampled_from([sign(kind, 1) for kind in VoteKind])),
        st.builds(CertificateMessage, st.sampled_from([certify(kind) for kind in VoteKind])),
        st.builds(
            Ask,
            st.integers(0, MAX_EPOCH),
            st.booleans(),
            st.lists(st.integers(1, MAX_VIEW), max_size=MAX_ASK_VIEWS).map(tuple),
        ),
        st.builds(Inquiry, st.integers(0, MAX_EPOCH), st.integers(0, MAX_INCARNATION)),
        st.builds(
            Report,
            st.just(EPOCH),
            st.integers(0, MAX_INCARNATION),
            st.lists(
                st.sampled_from([sign(kind, 1) for kind in VoteKind]), max_size=MAX_REPORT_VOTES
            ).map(tuple),
            st.lists(st.just(PARENT), max_size=4).map(tuple),
        ),
    )
)
def test_round_trip(message: Message) -> None:
    assert decode_message(encode_message(message)) == message


@given(VALUES)
def test_any_other_value_is_refused_with_an_error_of_ours(value: object) -> None:
    with pytest.raises(LedgerError):
        decode_message(encode(value))


@given(st.sampled_from(range(1, 7)), st.lists(VALUES, max_size=5))
def test_any_other_fields_are_refused_with_an_error_of_ours(tag: int, fields: list[object]) -> None:
    try:
        message = decode_message(encode([tag, *fields]))
    except LedgerError:
        return
    assert isinstance(message, Ask | Inquiry | Report)


@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused_with_an_error_of_ours(data: bytes) -> None:
    with pytest.raises(LedgerError):
        decode_message(data)


@pytest.mark.parametrize(
    "message",
    [
        Proposal(sign(VoteKind.FINALIZE, 3), PARENT, b""),
        Proposal(sign(VoteKind.NOTARIZE, 3), PARENT, bytes(MAX_PAYLOAD_BYTES + 1)),
        Ask(EPOCH, True, tuple(View(view) for view in range(1, MAX_ASK_VIEWS + 2))),
        Ask(EPOCH, True, (View(0),)),
        Inquiry(EPOCH, MAX_INCARNATION + 1),
        Report(EPOCH, 0, (sign(VoteKind.NULLIFY, 1),) * (MAX_REPORT_VOTES + 1), ()),
        Report(EPOCH, 0, (), (PARENT,) * (MAX_REPORT_CERTIFICATES + 1)),
        Inquiry(Epoch(MAX_EPOCH + 1), 0),
        VoteMessage(sign(VoteKind.NOTARIZE, 1, view=5, parent=5)),
        VoteMessage(sign(VoteKind.NOTARIZE, 1, view=0, parent=0)),
    ],
)
def test_bounds(message: Message) -> None:
    with pytest.raises(FormatError):
        decode_message(encode_message(message))


def test_a_nullify_names_no_block() -> None:
    value = message_to_value(VoteMessage(sign(VoteKind.NULLIFY, 1)))
    value[1][0][4] = bytes(31) + b"1"
    with pytest.raises(FormatError, match="names no block"):
        decode_message(encode(value))


def test_a_proposal_knows_whether_its_block_is_its_own_parent() -> None:
    assert Proposal(sign(VoteKind.NOTARIZE, 3), PARENT, b"").is_again
    other = sign(VoteKind.NOTARIZE, 3, block=PARENT.hash)
    assert not Proposal(other, PARENT, b"").is_again
    assert not Proposal(sign(VoteKind.NOTARIZE, 3, parent=0), None, b"").is_again
