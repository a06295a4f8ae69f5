"""Frames: what is written is read, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import codec
from ledger.block import MAX_BLOCK_TRANSACTIONS
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


WIDE = b"\xdd\x00\x40\x00\x00" + b"\x90" * (4 << 20)


@pytest.mark.parametrize(
    "data",
    [
        WIDE,
        b"\x92\x03" + WIDE[:5] + bytes(4 << 20),
        b"\x93\x08" + WIDE + b"\xc4\x00",
        b"\x92\x03\xdc\x10\x00" + (b"\xdc\x03\xe7" + b"\x90" * 999) * 4096,
        b"\x94\x06\xc4\x00" + WIDE + b"\xc4\x00",
        b"\x92\x04\xdc\x10\x00" + b"\xc4\x20" + bytes(32) * 5000,
        b"\x92\x02\xc6\x00\x10\x00\x05\xdd\x00\x10\x00\x00" + b"\x90" * (1 << 20),
        b"\x92\x02\xc6\x00\x30\x00\x00" + bytes(3 << 20),
        b"\x96\x01\x01\xc5\x08\x00" + bytes(2048) + b"\xa0\x00\x00",
        b"\x93\x09\xda\x08\x00" + b"x" * 2048 + b"\xa1x",
    ],
    ids=["no-tag", "ints", "range", "nested", "body", "hashes", "message", "consensus", "hello",
         "notice"],
)  # fmt: skip
def test_bombs_are_refused_before_they_are_decoded(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []

    def decode(data: bytes, most: int) -> Value:
        decoded.append(len(data))
        return real(data, most)

    real = codec.decode
    monkeypatch.setattr(codec, "decode", decode)
    with pytest.raises((EncodingError, FormatError)):
        decode_frame(data)
    assert not decoded or data[1] == 2  # of a consensus frame its one blob, not what that holds


def test_the_largest_frames_of_honest_peers_fit() -> None:
    hashes = tuple(digest(number) for number in range(frames.MAX_BATCH))
    batch = tuple(number.to_bytes(1000, "big") for number in range(frames.MAX_BATCH))
    body = BlockBody(b"header", (b"small",) * MAX_BLOCK_TRANSACTIONS, bytes(8192))
    full = BlockBody(b"header", (bytes(128),) * 128, b"certificate")
    blocks = (full,) * frames.MAX_RANGE
    large = Range(blocks, bytes(8192), (bytes(200),) * frames.MAX_RANGE)
    hello = Hello(1, digest(1), "R1100000000010000000014P", 1 << 40, 1 << 60)
    every: list[Frame] = [WantTransactions(hashes), Transactions(batch), body, large, hello]
    for frame in [*every, Consensus(codec.encode([1, bytes(2 << 20)[:-9]]))]:
        assert decode_frame(encode_frame(frame)) == frame
