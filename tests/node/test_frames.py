"""Frames: what is written is read, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import codec
from ledger.block import MAX_BLOCK_TRANSACTIONS
from ledger.codec import Value
from ledger.errors import EncodingError, FormatError, LedgerError
from ledger.snapshot import (
    CHUNK_HEADERS,
    CHUNK_SLOTS,
    DIGEST,
    MAX_CHUNKS,
    MAX_PART,
    Body,
    BodyPart,
    HeaderPart,
    Manifest,
    ResultPart,
    StatePart,
)
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
from node.snapshot_frames import (
    MAX_EPOCHS,
    Ended,
    EpochEnds,
    Offer,
    PartKind,
    WantEpochs,
    WantPart,
    WantSnapshot,
)
from tests.node import vectors
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
    WantSnapshot(),
    Offer(None),
    Offer(Manifest(b"header", 300, bytes(64), bytes(32)), b"finalization"),
    WantEpochs(0),
    EpochEnds(3, (Ended(b"header", b"finalization", b"validators"),)),
    EpochEnds(3, ()),
    WantPart(64, PartKind.STATE, 1, 1, 17),
    WantPart(64, PartKind.BODIES, 33, 64),
    StatePart(64, 1, bytes(32), ((b"key", b"envelope"), (b"", b"other")), bytes(64)),
    StatePart(64, 1, b"", (), b""),
    HeaderPart(64, 0, (b"one", b"two")),
    ResultPart(64, 3, b"", ((b"one", b"two"), (), (b"three",)), b""),
    BodyPart(64, 3, (Body((b"one", b"two"), b"certificate"), Body((), b""))),
)


@pytest.mark.parametrize("frame", ALL, ids=lambda frame: type(frame).__name__)
def test_what_is_written_is_read(frame: Frame) -> None:
    data = encode_frame(frame)
    assert decode_frame(data) == frame
    assert encode_frame(decode_frame(data)) == data


def test_the_format_of_frames_is_pinned() -> None:
    assert vectors.compute_frames(ALL) == vectors.load("frames")


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


@given(st.integers(-1, 19), st.lists(VALUES, max_size=6))
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
        [19, b""],
        [10, b""],
        [11, b"", b"", 1, b"", b""],
        [11, b"", b"finalization", 0, b"", b""],
        [11, b"header", b"", -1, b"", b""],
        [11, b"header", b"", 1, b""],
        [12, -1],
        [13, 0, [[b"header", b"finalization"]]],
        [13, 0, [[b"", b"", b""]] * 33],
        [14, 0, 1, 0, 0, 0],
        [14, 1, 0, 0, 0, 0],
        [14, 1, 5, 0, 0, 0],
        [14, 1, True, 0, 0, 0],
        [14, 1, 1, 5, 4, 0],
        [14, 1, 1, 0, 0, -1],
        [15, 1, 0, b"", [[b"key"]], b""],
        [15, 1, 0, b"", [[b"k" * 257, b""]], b""],
        [15, 1, 0, b"", [[b"", b""]] * 257, b""],
        [15, 0, 0, b"", [], b""],
        [16, 1, 0, [b"h" * 2049]],
        [16, 1, 0, [b""] * 257],
        [17, 1, 1, b"", [b"leaf"], b""],
        [17, 1, 1, b"", [[1]], b""],
        [18, 1, 1, [[[b"raw"]]]],
        [18, 1, 1, [[[b"raw"], b"c" * 8193]]],
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
    records = tuple((b"k" * 200, bytes(4_000)) for _ in range(CHUNK_SLOTS))
    leaves = tuple(number.to_bytes(41, "big") for number in range(MAX_PART // 41))
    roots = bytes(MAX_CHUNKS * DIGEST)
    ends = (Ended(bytes(2048), bytes(8192), bytes(19_000)),) * MAX_EPOCHS
    last = (1 << 48) - 1
    every: list[Frame] = [
        WantTransactions(hashes),
        Transactions(batch),
        body,
        large,
        hello,
        Offer(Manifest(bytes(2048), last, roots, roots), bytes(8192)),
        EpochEnds(last, ends),
        WantPart(last, PartKind.BODIES, last, last, 8192),
        StatePart(last, last, bytes(8192 - 32), records, b""),
        HeaderPart(last, last, (bytes(2048),) * CHUNK_HEADERS),
        ResultPart(last, last, b"", (leaves[:8192], leaves[8192:16384], leaves[16384:24576]), b""),
        BodyPart(last, last, (Body((b"small",) * 100, bytes(8192)),) * CHUNK_HEADERS),
    ]
    for frame in [*every, Consensus(codec.encode([1, bytes(2 << 20)[:-9]]))]:
        assert decode_frame(encode_frame(frame)) == frame
