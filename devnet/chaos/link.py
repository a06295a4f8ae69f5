"""A link between two peers that can be cut, slowed, stalled and half lost: a TCP proxy.

The dialling peer is told this proxy's address instead of the other's. What happens to a link is
what happens to connections on the way:

cut        connections are reset on both sides, and new ones are refused
slow       each direction takes so long, and carries so many bytes a second
stall      one direction, or both, is not carried; what was sent arrives when the stall is over
half-open  the dialled side sees its connections reset; the dialling side sees nothing, and what it
           sends is lost, until the end of it tells it

Each direction holds a bounded number of chunks; then its sender has to wait, as with TCP.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass

CHUNK_BYTES = 64 * 1024
MAX_CHUNKS = 256
_ENDINGS = (OSError, EOFError)


@dataclass(frozen=True, slots=True)
class Condition:
    """How a link is; `stalls` are the directions that are not carried: "out" of the dialling
    side, "in" to it."""

    is_cut: bool = False
    is_half_open: bool = False
    delay_ms: int = 0
    bytes_per_s: int = 0
    stalls: frozenset[str] = frozenset()


WELL = Condition()


class Link:
    """One proxy; everything but `port` and `name` belongs to its event loop."""

    def __init__(self, name: str, listener: socket.socket) -> None:
        self.name = name
        self.port: int = listener.getsockname()[1]
        self._listener = listener
        self._target = ("", 0)
        self._condition = WELL
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    async def start(self, target: tuple[str, int]) -> None:
        """Carry connections to this address."""
        self._target = target
        self._server = await asyncio.start_server(self._accept, sock=self._listener)

    async def stop(self) -> None:
        """End everything."""
        if self._server is None:
            self._listener.close()
            return
        self._server.close()
        self._reset()
        await asyncio.gather(*(connection.task for connection in self._connections))

    def set(self, condition: Condition) -> None:
        """The link is so from now on."""
        was, self._condition = self._condition, condition
        if condition.is_cut or was.is_half_open:
            self._reset()
        elif condition.is_half_open:
            for connection in self._connections:
                connection.lose_dialled()
        self._changed.set()
        self._changed = asyncio.Event()

    def _reset(self) -> None:
        for connection in self._connections:
            connection.reset()

    async def wait_open(self, direction: str) -> Condition:
        """Wait while a direction is stalled; how the link is then."""
        while direction in self._condition.stalls:
            await self._changed.wait()
        return self._condition

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._condition.is_cut or self._condition.is_half_open:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        connection = _Connection(self, task, reader, writer)
        self._connections.add(connection)
        try:
            with contextlib.suppress(*_ENDINGS):
                await connection.run(*self._target)
        finally:
            self._connections.discard(connection)
            connection.reset()


class _Connection:
    """Both sides of one connection, and what is between them."""

    def __init__(
        self,
        link: Link,
        task: "asyncio.Task[None]",
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.task = task
        self._link = link
        self._reader = reader
        self._writer = writer
        self._dialled: asyncio.StreamWriter | None = None
        self._is_lost = False
        self._over = asyncio.Event()

    async def run(self, host: str, port: int) -> None:
        """Carry until either side ends, or the link ends it."""
        reader, self._dialled = await asyncio.open_connection(host, port)
        carriers = [
            asyncio.create_task(self._carry("out", self._reader, self._dialled)),
            asyncio.create_task(self._carry("in", reader, self._writer)),
        ]
        over = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait([*carriers, over], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*carriers, over):
                task.cancel()
            await asyncio.gather(*carriers, over, return_exceptions=True)
        if self._is_lost:
            await self._swallow()

    def reset(self) -> None:
        """End it on both sides."""
        self._is_lost = False
        self._over.set()
        self._writer.transport.abort()
        if self._dialled is not None:
            self._dialled.transport.abort()

    def lose_dialled(self) -> None:
        """End it on the dialled side; the dialling side hears nothing of it."""
        self._is_lost = True
        self._over.set()
        if self._dialled is not None:
            self._dialled.transport.abort()

    async def _swallow(self) -> None:
        """What the dialling side sends is lost, until it gives up or the connection is reset."""
        with contextlib.suppress(*_ENDINGS):
            while await self._reader.read(CHUNK_BYTES):
                pass

    async def _carry(
        self, direction: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One direction: what was read is written after the delay, at the rate of the link."""
        clock = asyncio.get_running_loop().time
        chunks: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(MAX_CHUNKS)

        async def read() -> None:
            with contextlib.suppress(*_ENDINGS):
                while data := await reader.read(CHUNK_BYTES):
                    condition = await self._link.wait_open(direction)
                    await chunks.put((clock() + condition.delay_ms / 1000, data))
            await chunks.put((clock(), b""))

        reading = asyncio.create_task(read())
        try:
            while (chunk := await chunks.get())[1]:
                due, data = chunk
                if due > clock():
                    await asyncio.sleep(due - clock())
                condition = await self._link.wait_open(direction)
                if condition.bytes_per_s:
                    await asyncio.sleep(len(data) / condition.bytes_per_s)
                writer.write(data)
                await writer.drain()
        except OSError:
            return
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


def open_listeners(ports: list[int]) -> Iterator[socket.socket]:
    """Sockets that listen on these ports of the loopback from now on."""
    for port in ports:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
        yield listener
