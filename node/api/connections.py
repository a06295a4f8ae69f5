"""Open connections: how many there may be, and how long one may be silent.

aiohttp bounds neither, so a peer would keep every connection that sends its header a byte a minute.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Final, cast

from aiohttp import web

from node.api.limits import Limits
from node.api.rates import client_of

_SWEEP_S: Final = 1.0
_BUFFER: Final = 16 * 1024  # bytes written ahead of a reader before its answer waits


class Connections:
    """Every open connection with the moment at which its patience ends."""

    __slots__ = (
        "_clients",
        "_clock",
        "_counts",
        "_deadlines",
        "_limits",
        "_sweeper",
        "refused_count",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._clock = asyncio.get_running_loop().time
        self._deadlines: dict[asyncio.BaseTransport, float | None] = {}  # None: in a request
        self._clients: dict[asyncio.BaseTransport, str] = {}
        self._counts: Counter[str] = Counter()
        self._sweeper: asyncio.Task[None] | None = None
        self.refused_count = 0

    def __len__(self) -> int:
        return len(self._deadlines)

    def start(self) -> None:
        """Begin to look for silent connections."""
        self._sweeper = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """End the look-out."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper

    def open(self, transport: asyncio.Transport) -> bool:
        """Count a new connection; False where it is one too many and was closed."""
        client = _client_of(transport)
        full = len(self._deadlines) >= self._limits.connections
        if full or self._counts[client] >= self._limits.connections_per_client:
            self.refused_count += 1
            transport.abort()
            return False
        self._deadlines[transport] = self._clock() + self._limits.head_timeout_s
        self._clients[transport] = client
        self._counts[client] += 1
        transport.set_write_buffer_limits(high=_BUFFER)
        return True

    def close(self, transport: asyncio.BaseTransport) -> None:
        """Forget a connection."""
        self._deadlines.pop(transport, None)
        client = self._clients.pop(transport, None)
        if client is not None:
            self._counts[client] -= 1
            if not self._counts[client]:
                del self._counts[client]

    def begin(self, request: web.Request) -> None:
        """A request's header is here."""
        if request.transport in self._deadlines:
            self._deadlines[request.transport] = None

    def end(self, request: web.Request) -> None:
        """A request was answered; the next may take a while."""
        if request.transport in self._deadlines:
            self._deadlines[request.transport] = self._clock() + self._limits.idle_timeout_s

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            now = self._clock()
            for transport, deadline in list(self._deadlines.items()):
                if deadline is not None and deadline < now:
                    self.close(transport)
                    cast(asyncio.Transport, transport).abort()


def _client_of(transport: asyncio.BaseTransport) -> str:
    name = transport.get_extra_info("peername")
    return client_of(str(name[0])) if name else ""


CONNECTIONS: Final = web.AppKey("connections", Connections)


class Counted(asyncio.Protocol):
    """aiohttp's protocol of one connection, counted."""

    __slots__ = ("_connections", "_inner", "_transport")

    def __init__(
        self, connections: Connections, make_inner: Callable[[], asyncio.Protocol]
    ) -> None:
        self._connections = connections
        self._inner = make_inner()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the connection on, unless it is one too many."""
        # uvloop's transports are not asyncio's by class, only by what they do.
        connected = cast(asyncio.Transport, transport)
        if self._connections.open(connected):
            self._transport = connected
            self._inner.connection_made(connected)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._transport is not None:
            self._connections.close(self._transport)
            self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hand the bytes on."""
        if self._transport is not None:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Hand the end on."""
        return self._inner.eof_received() if self._transport is not None else None

    def pause_writing(self) -> None:
        """The other side does not take what is written."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """The other side takes it again."""
        self._inner.resume_writing()
