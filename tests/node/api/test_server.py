"""The API on a port: bounded connections, patience that ends, a graceful stop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest

from node.api import connections
from node.api.server import ApiServer, is_loopback
from node.errors import ConfigError
from tests.node.api.conftest import LIMITS
from tests.node.api.fake import PRICE, FakePeer


@pytest.fixture
async def server(peer: FakePeer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ApiServer]:
    monkeypatch.setattr(connections, "_SWEEP_S", 0.02)
    server = ApiServer(
        peer,
        "127.0.0.1",
        0,
        replace(LIMITS, connections=4, connections_share=1, idle_timeout_s=0.2),
    )
    await server.start()
    yield server
    await server.stop()


async def connect(server: ApiServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", server.port)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
    return head


async def test_it_answers_and_stops(server: ApiServer) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{server.port}/healthz") as response,
    ):
        assert response.status == 200
    await server.stop()
    with pytest.raises(ConnectionRefusedError):
        await connect(server)


async def test_a_connection_that_says_nothing_is_closed(server: ApiServer) -> None:
    reader, writer = await connect(server)
    writer.write(b"GET /healthz HTT")
    async with asyncio.timeout(3):
        assert await reader.read() == b""
    writer.close()


async def test_a_connection_between_requests_is_closed_later(server: ApiServer) -> None:
    reader, writer = await connect(server)
    assert b"200 OK" in await ask(reader, writer)
    assert b"200 OK" in await ask(reader, writer)
    async with asyncio.timeout(3):
        assert await reader.read() == b""
    writer.close()


async def test_one_connection_too_many_is_closed_at_once(server: ApiServer) -> None:
    held = [await connect(server) for _ in range(4)]
    for reader, writer in held:
        await ask(reader, writer)
    reader, writer = await connect(server)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await ask(reader, writer)
    for _, held_writer in [*held, (reader, writer)]:
        held_writer.close()


async def test_a_stop_ends_streams(peer: FakePeer) -> None:
    server = ApiServer(peer, "127.0.0.1", 0, replace(LIMITS, keep_alive_s=5.0))
    await server.start()
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{server.port}/v1/events") as response,
    ):
        await response.content.readany()
        async with asyncio.timeout(2):
            await server.stop()


async def test_a_slow_reader_of_events_is_cut_off(peer: FakePeer) -> None:
    server = ApiServer(peer, "127.0.0.1", 0, LIMITS)
    await server.start()
    for _ in range(20):
        peer.finalize(*(peer.make([(PRICE, n)] * 200) for n in range(10)))
    assert server._server is not None
    # Small buffers on both sides: what the reader does not take stays with the server.
    server._server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(reader, ("127.0.0.1", server.port))
        await loop.sock_sendall(reader, b"GET /v1/events?from=0 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await loop.sock_recv(reader, 15)).startswith(b"HTTP/1.1 200")
        assert server.connection_count == 1
        async with asyncio.timeout(5):
            while server.connection_count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    await server.stop()


async def test_a_port_in_use_is_the_operators_to_fix(peer: FakePeer, server: ApiServer) -> None:
    with pytest.raises(ConfigError, match="cannot listen"):
        await ApiServer(peer, "127.0.0.1", server.port).start()


async def test_off_loopback_it_wants_tls(peer: FakePeer) -> None:
    with pytest.raises(ConfigError, match="TLS"):
        ApiServer(peer, "0.0.0.0", 0)
    ApiServer(peer, "0.0.0.0", 0, allow_plain=True)
    assert [is_loopback(host) for host in ("::1", "localhost", "10.0.0.1", "peer.example")] == [
        True,
        True,
        False,
        False,
    ]
