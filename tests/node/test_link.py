"""A link: frames in, frames out, bounds on both."""

import asyncio
from typing import Any

import pytest

from ledger.errors import FormatError
from node import link as module
from node.errors import NetworkError
from node.frames import (
    MAX_TALK_BYTES,
    Frame,
    Notice,
    Transactions,
    WantBlock,
    WantRange,
    decode_frame,
    encode_frame,
)
from node.link import Link, LinkLimits, Traffic
from tests.node.stage import digest

LIMITS = LinkLimits(1 << 20, 16, 1 << 20)


class FakeWriter:
    """A writer whose other side takes nothing until told."""

    def __init__(self) -> None:
        self.transport = self
        self.written = bytearray()
        self.takes = asyncio.Event()
        self.takes.set()
        self.closed = asyncio.Event()
        self.grown = asyncio.Event()
        self.is_aborted = False

    def set_write_buffer_limits(self, high: int) -> None:
        assert high > 0

    def write(self, data: bytes) -> None:
        self.written += data
        self.grown.set()

    async def wait_for(self, size: int) -> None:
        async with asyncio.timeout(10):
            while len(self.written) < size:
                self.grown.clear()
                await self.grown.wait()

    async def drain(self) -> None:
        await self.takes.wait()
        await asyncio.sleep(0)

    def close(self) -> None:
        self.closed.set()

    async def wait_closed(self) -> None:
        await self.closed.wait()

    def abort(self) -> None:
        self.is_aborted = True

    def frames(self) -> list[Frame]:
        found, at = [], 0
        while at < len(self.written):
            size = int.from_bytes(self.written[at : at + 4], "big")
            found.append(decode_frame(bytes(self.written[at + 4 : at + 4 + size])))
            at += size + 4
        return found


def make_link(limits: LinkLimits = LIMITS) -> tuple[Link, asyncio.StreamReader, FakeWriter]:
    reader, writer = asyncio.StreamReader(limit=1 << 20), FakeWriter()
    anything: Any = writer
    return Link("peer", reader, anything, limits, Traffic()), reader, writer


def feed(reader: asyncio.StreamReader, *frames: Frame) -> None:
    for frame in frames:
        data = encode_frame(frame)
        reader.feed_data(len(data).to_bytes(4, "big") + data)


async def test_frames_are_read() -> None:
    link, reader, _ = make_link()
    feed(reader, WantRange(1, 2), WantBlock(digest(1)))
    assert await link.read() == WantRange(1, 2)
    assert await link.read(MAX_TALK_BYTES) == WantBlock(digest(1))


async def test_a_frame_beyond_the_limit_ends_the_connection_before_it_is_read() -> None:
    link, reader, _ = make_link()
    reader.feed_data((LIMITS.max_frame_bytes + 1).to_bytes(4, "big"))
    with pytest.raises(NetworkError, match="too large"):
        await link.read()
    reader.feed_data((MAX_TALK_BYTES + 1).to_bytes(4, "big"))
    with pytest.raises(NetworkError, match="too large") as raised:
        await link.read(MAX_TALK_BYTES)
    assert raised.value.code == "frame-too-large"


async def test_a_large_frame_is_read_past_where_small_ones_are_heard() -> None:
    link, reader, _ = make_link()
    feed(reader, Transactions((bytes(2000),) * 100), WantRange(1, 2))
    assert await link.read_small(MAX_TALK_BYTES) is None
    assert await link.read_small(MAX_TALK_BYTES) == WantRange(1, 2)
    reader.feed_data((100_000).to_bytes(4, "big") + bytes(10))
    reader.feed_eof()
    with pytest.raises(EOFError):
        await link.read_small(MAX_TALK_BYTES)


async def test_waiting_transactions_are_bounded_by_bytes() -> None:
    link, _, writer = make_link()
    large = 64 * 1024
    for number in range(1000):
        link.send_transactions([number.to_bytes(large, "big")])
    held = module.MAX_WAITING_BYTES // large
    writing = asyncio.create_task(link.write())
    await asyncio.sleep(0)
    await writer.wait_for(held * large)
    sent = [raw for frame in writer.frames() for raw in getattr(frame, "raws", ())]
    assert [int.from_bytes(raw, "big") for raw in sent] == list(range(1000 - held, 1000))
    link.send_transactions([b"one more"])
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert writer.frames()[-1] == Transactions((b"one more",))
    link.abort()
    await writing


async def test_waiting_transactions_are_bounded_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING_TRANSACTIONS", 3)
    link, _, writer = make_link()
    link.send_transactions([b"1", b"2", b"3", b"4"])
    writing = asyncio.create_task(link.write())
    await asyncio.sleep(0)
    assert writer.frames() == [Transactions((b"2", b"3", b"4"))]
    link.abort()
    await writing


async def test_who_hangs_up_says_why_first() -> None:
    link, reader, writer = make_link()
    feed(reader, WantRange(1, 2))
    link.send(b"never sent")
    link.hang_up("misbehaviour", "wrong\nsignatures")
    link.hang_up("other", "too late")
    assert link.is_closed
    await link.wait_closed()
    assert writer.frames() == [Notice("misbehaviour", "wrong?signatures")]
    assert writer.closed.is_set()
    link.send(b"nothing more")
    link.send_transactions([b"nothing more"])
    await link.write()
    assert len(writer.frames()) == 1


async def test_who_does_not_listen_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLOSE_TIMEOUT_S", 0.01)
    link, _, writer = make_link()
    writer.takes.clear()
    link.hang_up("misbehaviour", "wrong signatures")
    async with asyncio.timeout(10):
        await link.wait_closed()
    assert writer.is_aborted


async def test_no_bytes_raise_anything_but_what_is_the_peers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def decode(_: bytes) -> Frame:
        raise RecursionError("deep")

    monkeypatch.setattr(module, "decode_frame", decode)
    link, reader, _ = make_link()
    feed(reader, WantRange(1, 2))
    with pytest.raises(FormatError):
        await link.read()
    assert "RecursionError" in caplog.text
