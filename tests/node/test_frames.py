"""Frames: what is written is read, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import codec
from ledger.codec import Value
from ledger.errors import EncodingError, FormatError, LedgerError
from node import frames
from node.frames import (
    BlockBody,
    Consensus,
    Frame,
    Hello,
    Notice,
    Range,
    Transactions,
    WantBlock,
    WantRange,
    WantTransactions,
    decode_frame,
    encode_frame,
)
from tests.node.stage import digest

BODY = BlockBody(b"header", (b"one", b"two"), b"certificate")
ALL: tuple[Frame, ...] = (
    Hello(1, digest(1), "R1100000000010000000014P", 7, 1_775_059_200_000),
    Consensus(b"message"),
    Transactions((b"one", b"two")),
    Transactions(()),
    WantTransactions((digest(1), digest(2))),
    WantBlock(digest(3)),
    BODY,
    WantRange(1, 256),
    Range((BODY, BODY), b"finalization"),
    Range((), b""),
    Notice("code", "a sentence"),
)


@pytest.mark.parametrize("frame", ALL, ids=lambda frame: type(frame).__name__)
def test_what_is_written_is_read(frame: Frame) -> None:
    data = encode_frame(frame)
    assert decode_frame(data) == frame
    assert encode_frame(decode_frame(data)) == data


@given(st.binary(max_size=200))
def test_garbage_is_refused(data: bytes) -> None:
    try:
        frame = decode_frame(data)
    except LedgerError:
        return
    assert encode_frame(frame) == data


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 1 << 63)
    | st.text(max_size=3)
    | st.binary(max_size=33),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=12,
)


@given(st.integers(-1, 11), st.lists(VALUES, max_size=6))
def test_shapes_are_checked(tag: int, fields: list[Value]) -> None:
    data = codec.encode([tag, *fields])
    try:
        frame = decode_frame(data)
    except (FormatError, EncodingError):
        return
    assert encode_frame(frame) == data


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        [0],
        [10, b""],
        [True, b"message"],
        [2, "message"],
        [2, b"message", b"more"],
        [3, [b"x"] * (frames.MAX_BATCH + 1)],
        [3, [b""], []],
        [4, [b"short"]],
        [7, 0, 5],
        [7, 5, 4],
        [7, 1, -1],
        [6, b"header", [1], b""],
        [8, [[b"header", []]], b""],
        [1, 1, bytes(32), "x" * 25, 0, 0],
        [9, "c" * 65, ""],
    ],
)
def test_wrong_frames(value: Value) -> None:
    with pytest.raises((FormatError, EncodingError)):
        decode_frame(codec.encode(value))


def test_a_frame_has_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_FRAME_BYTES", 100)
    decode_frame(encode_frame(Consensus(bytes(80))))
    with pytest.raises(EncodingError):
        decode_frame(encode_frame(Consensus(bytes(120))))
