"""The API on a port: started, bounded and stopped."""

import asyncio
import ipaddress
import ssl
from typing import Final

from aiohttp import web

from node.api.app import make_application
from node.api.connections import CONNECTIONS, Connections, Counted
from node.api.context import METRICS
from node.api.limits import Limits
from node.api.protocol import Protocol
from node.errors import ConfigError
from node.port import Peer

_BACKLOG: Final = 512
_HANDSHAKE_TIMEOUT_S: Final = 10.0
_MAX_HEADERS: Final = 64
_MAX_LINE: Final = 8190


class ApiServer:
    """One peer's API on one address.

    Off loopback it speaks TLS, unless `allow_plain` says that something before it does.
    """

    def __init__(
        self,
        peer: Peer,
        host: str,
        port: int,
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
        allow_plain: bool = False,
    ) -> None:
        if tls is None and not allow_plain and not is_loopback(host):
            raise ConfigError(
                f"the API would answer on {host} without TLS: configure a certificate, listen on "
                "127.0.0.1, or say that a proxy before it speaks TLS"
            )
        self._host = host
        self._wanted_port = port
        self._limits = limits or Limits()
        self._tls = tls
        self._runner: web.AppRunner | None = None
        self._connections: Connections | None = None
        self._server: asyncio.Server | None = None
        self.application: web.Application = make_application(peer, self._limits)
        self.port = 0

    @property
    def connection_count(self) -> int:
        """How many connections are open."""
        return 0 if self._connections is None else len(self._connections)

    async def start(self) -> None:
        """Listen; `port` is then the one that was given, or the one that was free."""
        app = self.application
        connections = self._connections = app[CONNECTIONS] = Connections(self._limits)
        runner = self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=self._limits.send_timeout_s,
        )
        await runner.setup()
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: Counted(connections, self._make_protocol),
                self._host,
                self._wanted_port,
                ssl=self._tls,
                backlog=_BACKLOG,
                ssl_handshake_timeout=None if self._tls is None else _HANDSHAKE_TIMEOUT_S,
            )
        except OSError as error:
            await runner.cleanup()
            raise ConfigError(
                f"cannot listen on {self._host}:{self._wanted_port}: {error.strerror}"
            ) from None
        connections.start()
        self.port = self._server.sockets[0].getsockname()[1]

    def _make_protocol(self) -> Protocol:
        """aiohttp's side of a new connection."""
        assert self._runner is not None
        server = self._runner.server
        assert server is not None
        return Protocol(
            server,
            self.application[METRICS],
            loop=asyncio.get_running_loop(),
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=self._limits.idle_timeout_s,
            max_headers=_MAX_HEADERS,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
            lingering_time=1.0,
        )

    async def stop(self) -> None:
        """Take nothing new, end streams, let running requests finish, close."""
        if self._server is not None:
            self._server.close()
        if self._connections is not None:
            await self._connections.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        self._server = self._connections = self._runner = None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
