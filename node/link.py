"""One connection to one peer: frames in, frames out, bounded both ways (docs/spec/network.md).

1. A frame is its length, four bytes big-endian, then canonical bytes; a longer one than the limit
   ends the connection before it is read; of a peer that has not shown what it is, the limit is
   `frames.MAX_TALK_BYTES`.
2. What is said to a peer waits in a bounded queue. One that does not take it in time is let go: it
   catches up when it connects again.
3. Transactions wait apart from the rest, and what gathers while a batch is on its way makes the
   next batch. The rest goes first: votes never wait behind a batch. Of those that wait the newest
   are kept, by number and by bytes; the others are left for the peer to fetch.
4. Who hangs up says why first, and hears nothing more from then on.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.errors import FormatError, LedgerError
from node.errors import NetworkError
from node.frames import Frame, Notice, Transactions, decode_frame, encode_frame

_log = logging.getLogger("suanlian.link")

MAX_BATCH_TRANSACTIONS = 2048
MAX_BATCH_BYTES = 512 * 1024
MAX_WAITING_TRANSACTIONS = 40_000
MAX_WAITING_BYTES = 32 * 1024 * 1024
CLOSE_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """What one peer may cost."""

    max_frame_bytes: int
    queue_frames: int
    queue_bytes: int
    silence_s: float = 30.0


@dataclass(slots=True)
class Traffic:
    """Bytes of frames over all connections of a peer."""

    received: int = 0
    sent: int = 0


class Link:
    """A connection that is past its handshake; `code` is who the certificate names."""

    def __init__(
        self,
        code: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        limits: LinkLimits,
        traffic: Traffic,
    ) -> None:
        self.code = code
        self._traffic = traffic
        self.is_closed = False
        self._reader = reader
        self._writer = writer
        self._limits = limits
        self._frames: deque[bytes] = deque()
        self._frames_bytes = 0
        self._raws: deque[bytes] = deque()
        self._raws_bytes = 0
        self._ending: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        writer.transport.set_write_buffer_limits(high=256 * 1024)

    async def read(self, most: int | None = None) -> Frame:
        """The next frame, of at most `most` bytes; raises NetworkError, LedgerError or an error of
        the connection."""
        limit = self._limits.max_frame_bytes if most is None else most
        async with asyncio.timeout(self._limits.silence_s):
            size = await self._read_size(limit)
            data = await self._reader.readexactly(size)
        self._traffic.received += size + 4
        return _decode(data)

    async def read_small(self, most: int) -> Frame | None:
        """The next frame, None for one of more than `most` bytes, which is read past."""
        async with asyncio.timeout(self._limits.silence_s):
            size = await self._read_size(self._limits.max_frame_bytes)
            self._traffic.received += size + 4
            if size <= most:
                return _decode(await self._reader.readexactly(size))
            while size:
                passed = await self._reader.read(min(size, 1 << 16))
                if not passed:
                    raise EOFError("the connection ended within a frame")
                size -= len(passed)
            return None

    async def _read_size(self, most: int) -> int:
        size = int.from_bytes(await self._reader.readexactly(4), "big")
        if size > most:
            raise NetworkError(f"a frame of {size} bytes is too large", "frame-too-large")
        return size

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
        self._raws_bytes += sum(map(len, raws))
        while len(self._raws) > MAX_WAITING_TRANSACTIONS or self._raws_bytes > MAX_WAITING_BYTES:
            self._raws_bytes -= len(self._raws.popleft())
        self._wake.set()

    async def write(self) -> None:
        """Write what is queued until the connection ends."""
        while not self.is_closed:
            await self._wake.wait()
            self._wake.clear()
            while (self._frames or self._raws) and not self.is_closed:
                data = self._take_frames() if self._frames else self._take_batch()
                self._traffic.sent += len(data)
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
        self._raws_bytes -= size
        data = encode_frame(Transactions(tuple(taken)))
        return len(data).to_bytes(4, "big") + data

    def hang_up(self, code: str, detail: str) -> None:
        """Hear nothing more, say why, and close; the other side may not be listening any more."""
        if self.is_closed:
            return
        self._close_queues()
        data = encode_frame(Notice(code, _printable(detail)))
        self._writer.write(len(data).to_bytes(4, "big") + data)
        self._ending = asyncio.create_task(self._close(), name=f"hang up on {self.code}")

    def abort(self) -> None:
        """End the connection at once."""
        self._close_queues()
        self._writer.transport.abort()

    async def wait_closed(self) -> None:
        """Wait for whoever hangs up to be done; end the connection at once if nobody does."""
        if self._ending is None:
            self.abort()
        else:
            await asyncio.wait([self._ending])

    def _close_queues(self) -> None:
        self.is_closed = True
        self._frames.clear()
        self._raws.clear()
        self._frames_bytes = self._raws_bytes = 0
        self._wake.set()

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._writer.drain()
                self._writer.close()
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            pass
        finally:
            self._writer.transport.abort()


def _decode(data: bytes) -> Frame:
    """The frame of its bytes. Whatever else goes wrong has changed nothing here, and is garbage as
    well: no bytes may stop a peer."""
    try:
        return decode_frame(data)
    except LedgerError:
        raise
    except Exception as error:
        _log.exception("a frame that cannot be decoded")
        raise FormatError("a frame that cannot be decoded") from error


def describe_garbage(error: Exception) -> tuple[str, str]:
    """The code and detail that a peer is told about what it sent."""
    if isinstance(error, (LedgerError, NetworkError)):
        return error.code, str(error)
    return "connection", str(error) or type(error).__name__


def _printable(text: str) -> str:
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in text)[:512]
