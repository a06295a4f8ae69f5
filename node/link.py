"""One connection to one peer: frames in, frames out, bounded both ways (docs/spec/network.md).

1. A frame is its length, four bytes big-endian, then canonical bytes; a longer one than the limit
   ends the connection before it is read.
2. What is said to a peer waits in a bounded queue. One that does not take it in time is let go: it
   catches up when it connects again.
3. Transactions wait apart from the rest, and what gathers while a batch is on its way makes the
   next batch. The rest goes first: votes never wait behind a batch.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ledger.errors import LedgerError
from node.errors import NetworkError
from node.frames import Frame, Notice, Transactions, decode_frame, encode_frame

MAX_BATCH_TRANSACTIONS = 2048
MAX_BATCH_BYTES = 512 * 1024
MAX_WAITING_TRANSACTIONS = 40_000
CLOSE_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """What one peer may cost."""

    max_frame_bytes: int
    queue_frames: int
    queue_bytes: int
    silence_s: float = 30.0


class Link:
    """A connection that is past its handshake; `code` is who the certificate names."""

    def __init__(
        self,
        code: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        limits: LinkLimits,
    ) -> None:
        self.code = code
        self.bytes_in = 0
        self.bytes_out = 0
        self.is_closed = False
        self._reader = reader
        self._writer = writer
        self._limits = limits
        self._frames: deque[bytes] = deque()
        self._frames_bytes = 0
        self._raws: deque[bytes] = deque()
        self._wake = asyncio.Event()
        writer.transport.set_write_buffer_limits(high=256 * 1024)

    async def read(self) -> Frame:
        """The next frame; raises NetworkError, LedgerError or an error of the connection."""
        async with asyncio.timeout(self._limits.silence_s):
            head = await self._reader.readexactly(4)
            size = int.from_bytes(head, "big")
            if size > self._limits.max_frame_bytes:
                raise NetworkError(f"a frame of {size} bytes is too large", "frame-too-large")
            data = await self._reader.readexactly(size)
        self.bytes_in += size + 4
        return decode_frame(data)

    def send(self, data: bytes) -> None:
        """Queue an encoded frame; a peer whose queue is full is let go."""
        if self.is_closed:
            return
        self._frames.append(len(data).to_bytes(4, "big") + data)
        self._frames_bytes += len(data) + 4
        if (
            len(self._frames) > self._limits.queue_frames
            or self._frames_bytes > self._limits.queue_bytes
        ):
            self.abort()
        self._wake.set()

    def send_transactions(self, raws: Sequence[bytes]) -> None:
        """Queue transactions; the oldest beyond the bound are left for others to fetch."""
        if self.is_closed:
            return
        self._raws.extend(raws)
        while len(self._raws) > MAX_WAITING_TRANSACTIONS:
            self._raws.popleft()
        self._wake.set()

    async def write(self) -> None:
        """Write what is queued until the connection ends."""
        while not self.is_closed:
            await self._wake.wait()
            self._wake.clear()
            while (self._frames or self._raws) and not self.is_closed:
                data = self._take_frames() if self._frames else self._take_batch()
                self.bytes_out += len(data)
                self._writer.write(data)
                await self._writer.drain()

    def _take_frames(self) -> bytes:
        taken: list[bytes] = []
        size = 0
        while self._frames and size < MAX_BATCH_BYTES:
            frame = self._frames.popleft()
            size += len(frame)
            taken.append(frame)
        self._frames_bytes -= size
        return b"".join(taken)

    def _take_batch(self) -> bytes:
        taken: list[bytes] = []
        size = 0
        while self._raws and len(taken) < MAX_BATCH_TRANSACTIONS and size < MAX_BATCH_BYTES:
            taken.append(self._raws.popleft())
            size += len(taken[-1])
        data = encode_frame(Transactions(tuple(taken)))
        return len(data).to_bytes(4, "big") + data

    async def end(self, code: str, detail: str) -> None:
        """Say why, then close; the other side may not be listening any more."""
        data = encode_frame(Notice(code, _printable(detail)))
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                self._writer.write(len(data).to_bytes(4, "big") + data)
                await self._writer.drain()
        except (OSError, TimeoutError):
            self.abort()
        await self.close()

    def abort(self) -> None:
        """End the connection at once."""
        self.is_closed = True
        self._wake.set()
        self._writer.transport.abort()

    async def close(self) -> None:
        """End the connection after what was written."""
        self.is_closed = True
        self._wake.set()
        self._writer.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self._writer.transport.abort()


def describe_garbage(error: Exception) -> tuple[str, str]:
    """The code and detail that a peer is told about what it sent."""
    if isinstance(error, (LedgerError, NetworkError)):
        return error.code, str(error)
    return "connection", str(error) or type(error).__name__


def _printable(text: str) -> str:
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in text)[:512]


Heard = Callable[[str, Frame], None]
