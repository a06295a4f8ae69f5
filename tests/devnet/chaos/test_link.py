"""Links that can be cut, slowed, stalled and half lost."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from devnet.chaos.link import WELL, Condition, Link, open_listeners
from devnet.ports import find_ports

Side = tuple[asyncio.StreamReader, asyncio.StreamWriter]
SECONDS = 5.0


class Wire:
    """A link to a server, and both sides of connections over it."""

    def __init__(self, link: Link, accepted: "asyncio.Queue[Side]") -> None:
        self.link = link
        self._accepted = accepted
        self._near: list[asyncio.StreamWriter] = []

    async def dial(self) -> tuple[Side, Side]:
        """The dialling side of a new connection, and the dialled one."""
        near = await self.begin()
        return near, await asyncio.wait_for(self._accepted.get(), SECONDS)

    async def begin(self) -> Side:
        """The dialling side of a connection that may come to nothing."""
        near = await asyncio.open_connection("127.0.0.1", self.link.port)
        self._near.append(near[1])
        return near

    def close(self) -> None:
        for writer in self._near:
            writer.transport.abort()


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    accepted: asyncio.Queue[Side] = asyncio.Queue()
    over = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.put_nowait((reader, writer))
        await over.wait()
        writer.transport.abort()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    (listener,) = open_listeners(find_ports(1))
    link = Link("test", listener)
    await link.start(server.sockets[0].getsockname()[:2])
    wire = Wire(link, accepted)
    yield wire
    wire.close()
    over.set()
    await link.stop()
    server.close()


async def say(data: bytes, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> None:
    writer.write(data)
    assert await asyncio.wait_for(reader.readexactly(len(data)), SECONDS) == data


async def is_over(reader: asyncio.StreamReader) -> bool:
    """Whether a side sees the end of its connection."""
    try:
        return await asyncio.wait_for(reader.read(1), SECONDS) == b""
    except ConnectionError:
        return True


async def is_silent(reader: asyncio.StreamReader) -> bool:
    """Whether nothing comes, not even an end."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            await reader.read(1)
            return False
    return True


async def test_both_directions_are_carried(wire: Wire) -> None:
    near, far = await wire.dial()
    await say(b"there" * 50_000, near[1], far[0])
    await say(b"back", far[1], near[0])
    near[1].close()
    assert await is_over(far[0])


async def test_a_cut_resets_what_is_there_and_refuses_what_comes(wire: Wire) -> None:
    near, far = await wire.dial()
    await say(b"before", near[1], far[0])
    wire.link.set(Condition(is_cut=True))
    assert await is_over(near[0])
    assert await is_over(far[0])
    refused = await wire.begin()
    assert await is_over(refused[0])
    wire.link.set(WELL)
    near, far = await wire.dial()
    await say(b"after", near[1], far[0])


async def test_a_stall_holds_one_way_and_loses_nothing(wire: Wire) -> None:
    near, far = await wire.dial()
    await say(b"before", near[1], far[0])
    wire.link.set(Condition(stalls=frozenset({"out"})))
    near[1].write(b"held")
    assert await is_silent(far[0])
    await say(b"back", far[1], near[0])
    wire.link.set(WELL)
    assert await asyncio.wait_for(far[0].readexactly(4), SECONDS) == b"held"


async def test_a_slow_link_delays_and_limits(wire: Wire) -> None:
    near, far = await wire.dial()
    await say(b"before", near[1], far[0])
    wire.link.set(Condition(delay_ms=100, bytes_per_s=100_000))
    begun = time.monotonic()
    await say(bytes(20_000), near[1], far[0])
    assert time.monotonic() - begun >= 0.3


async def test_of_a_half_open_link_only_the_dialled_side_knows(wire: Wire) -> None:
    near, far = await wire.dial()
    await say(b"before", near[1], far[0])
    wire.link.set(Condition(is_half_open=True))
    assert await is_over(far[0])
    near[1].write(b"lost")
    await near[1].drain()
    assert await is_silent(near[0])
    wire.link.set(WELL)
    assert await is_over(near[0])
