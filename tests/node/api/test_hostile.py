"""Clients that want too much: what is dear is bounded, and never keeps others from their turn."""

import asyncio
import json
import logging
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import TCPConnector
from aiohttp.test_utils import TestClient, TestServer

from ledger.record import make_key
from node import prover
from node.api import blocks, history, records
from node.api.app import make_application
from node.api.connections import CONNECTIONS
from node.api.context import CONTEXT, METRICS
from node.api.limits import Limits
from node.api.server import ApiServer
from tests.node.api.conftest import LIMITS
from tests.node.api.fake import PRICE, FakePeer
from tests.node.api.web import Web, check_problem

DEAR = (
    "/v1/records/price?prefix=true&limit=500",
    "/v1/proofs/records/price?prefix=true",
    "/v1/proofs/records/price/gpu-1",
    "/v1/blocks/1?transactions=true",
    "/v1/blocks?limit=500",
    "/v1/history/price/gpu-1?limit=500",
)
COUNTED = (
    (records, "show_record"),
    (history, "show_record"),
    (blocks, "show_transaction"),
    (blocks, "_show_header"),
)
PAGES = tuple(path for path in DEAR if "proofs" not in path)


@pytest.fixture
def rich(peer: FakePeer) -> FakePeer:
    """A peer with records, a block of many transactions and a record of many versions."""
    puts = [(make_key("price", f"gpu-{n}"), n) for n in range(90)]
    peer.finalize(*(peer.make([put]) for put in puts), *(peer.make([put]) for put in puts))
    for n in range(40):
        peer.finalize(peer.make([(puts[1][0], f"later {n}")]))
    return peer


@asynccontextmanager
async def serve(peer: FakePeer, limits: Limits) -> AsyncIterator[tuple[Web, Any]]:
    app = make_application(peer, limits)
    server = TestServer(app, auto_decompress=False)
    async with TestClient(server, connector=TCPConnector(limit=0)) as client:
        yield Web(client), app[CONTEXT]


async def test_dear_requests_have_few_places(rich: FakePeer) -> None:
    async with serve(rich, Limits()) as (web, context):
        answers = await asyncio.gather(*(web.get(path) for path in DEAR for _ in range(34)))
        statuses = Counter(answer.status for answer in answers)
        assert statuses.keys() == {200, 429}
        assert statuses[429] > statuses[200] > 0
        for answer in answers:
            if answer.status == 429:
                assert float(check_problem(answer, 429, "too-many-open")["retry_after_s"]) > 0
                assert int(answer.headers["Retry-After"]) >= 1
        assert context.reads.taken == context.unwritten.taken == 0


@pytest.mark.parametrize("path", PAGES)
async def test_long_answers_are_made_in_many_turns(
    rich: FakePeer, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two turns of a probe on the same loop no more than one piece of work is done."""
    async with serve(rich, Limits()) as (web, _):
        await web.get(path)  # what is made once is made
        work = most = 0

        def count(original: Any) -> Any:
            def counted(*args: Any, **how: Any) -> Any:
                nonlocal work
                work += 1
                return original(*args, **how)

            return counted

        for module, name in COUNTED:
            monkeypatch.setattr(module, name, count(getattr(module, name)))
        done = asyncio.Event()

        async def probe() -> None:
            nonlocal most
            before = 0
            while not done.is_set():
                most = max(most, work - before)
                before = work
                await asyncio.sleep(0)

        probing = asyncio.create_task(probe())
        answers = await asyncio.gather(*(web.get(path) for _ in range(200)))
        done.set()
        await probing
        assert {answer.status for answer in answers} == {200, 429}
        # Two places of one address, each with one piece in a turn.
        assert work > 32
        assert most <= 2 * 33


async def test_a_prefix_of_many_records_is_not_proved_at_once(rich: FakePeer, web: Web) -> None:
    assert prover.MAX_RECORDS <= 100
    assert (await web.get("/v1/proofs/records/price?prefix=true")).status == 200
    rich.finalize(rich.make([(make_key("price", f"more-{n}"), n) for n in range(20)]))
    problem = check_problem(await web.get("/v1/proofs/records/price?prefix=true"), 400, "too-many")
    assert "100" in problem["detail"]


async def test_what_was_read_is_charged(rich: FakePeer) -> None:
    limits = replace(Limits(), read_cost_per_s=0.1, read_cost_burst=100)
    async with serve(rich, limits) as (web, _):
        path = "/v1/records/price?prefix=true&limit=90"
        assert [(await web.get(path)).status for _ in range(2)] == [200, 200]
        problem = check_problem(await web.get(path), 429, "too-many-requests")
        assert float(problem["retry_after_s"]) > 100  # the second was made on credit
        assert (await web.get("/v1/status")).status == 200


@asynccontextmanager
async def listen(peer: FakePeer, limits: Limits) -> AsyncIterator[ApiServer]:
    server = ApiServer(peer, "127.0.0.1", 0, limits)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def send(server: ApiServer, data: bytes) -> socket.socket:
    """A connection with small buffers that was sent something and reads nothing."""
    loop = asyncio.get_running_loop()
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.setblocking(False)
    await loop.sock_connect(reader, ("127.0.0.1", server.port))
    await loop.sock_sendall(reader, data)
    return reader


def make_small_buffers(server: ApiServer) -> None:
    assert server._server is not None
    server._server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)


async def reach(condition: Callable[[], bool]) -> None:
    """Let the server run until it has come to something."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_who_does_not_read_keeps_its_place_and_is_cut_off(peer: FakePeer) -> None:
    peer.finalize(*(peer.make([(PRICE, "x" * 20_000)]) for _ in range(40)))
    async with listen(peer, replace(LIMITS, send_timeout_s=0.5)) as server:
        make_small_buffers(server)
        context = server.application[CONTEXT]
        ask = b"GET /v1/blocks/1?transactions=true HTTP/1.1\r\nHost: x\r\n\r\n"
        readers = [await send(server, ask) for _ in range(30)]
        most = 0
        loop = asyncio.get_running_loop()
        # Two bodies of 20 kB in 40 transactions, each twice (data and raw): no more is in memory.
        async with asyncio.timeout(20):
            while most <= 1_000_000:
                await asyncio.sleep(0)
                most = max(most, context.unwritten.taken)
                assert context.reads.taken <= 2
        assert most < 2 * 2_500_000
        answers = [await loop.sock_recv(reader, 12) for reader in readers]
        assert Counter(answers) == {b"HTTP/1.1 429": 28, b"HTTP/1.1 200": 2}
        async with asyncio.timeout(60):
            while context.reads.taken or context.unwritten.taken:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        for reader in readers:
            reader.close()


async def test_bytes_that_nobody_reads_are_bounded(peer: FakePeer) -> None:
    """Answers without a slot count too: their bytes are bounded by address and in all."""
    peer.finalize(peer.make([(PRICE, "\n" * 50_000)]))
    limits = replace(
        LIMITS, unwritten_bytes=800_000, unwritten_bytes_per_client=400_000, send_timeout_s=5.0
    )
    async with listen(peer, limits) as server:
        make_small_buffers(server)
        context = server.application[CONTEXT]
        ask = b"GET /v1/records/price/gpu HTTP/1.1\r\nHost: x\r\n\r\n"
        readers = [await send(server, ask) for _ in range(20)]
        await reach(lambda: context.unwritten.taken > 100_000)
        assert context.unwritten.taken <= 400_000
        loop = asyncio.get_running_loop()
        answers = Counter([await loop.sock_recv(reader, 12) for reader in readers])
        assert answers == {b"HTTP/1.1 200": 3, b"HTTP/1.1 429": 17}
        for reader in readers:
            reader.close()


MALFORMED = (
    b"GET / HTTP/1.1\r\nBad Header\r\n\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(100)) + b"\r\n",
    b"G@T / HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
)


@pytest.mark.parametrize("data", MALFORMED)
async def test_what_is_no_http_is_a_problem_and_fills_no_log(
    peer: FakePeer, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with listen(peer, LIMITS) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(data)
        async with asyncio.timeout(3):
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        assert b" 400 " in head.split(b"\r\n")[0]
        assert b"application/problem+json" in head
        assert json.loads(body)["code"] == "bad-request"
        assert b"suanlian_http_malformed_total 1.0" in server.application[METRICS].render()
    assert not caplog.records


@pytest.mark.parametrize(
    "end", [b"Content-Length: 1000\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"]
)
async def test_an_upload_that_breaks_off_fills_no_log(
    peer: FakePeer, end: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with listen(peer, LIMITS) as server:
        for _ in range(3):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            head = (
                b"POST /v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            )
            writer.write(head + end)
            await writer.drain()
            await reach(lambda: server.connection_count == 1)
            writer.close()
            await reach(lambda: server.connection_count == 0)
    assert not caplog.records


async def test_our_own_fault_is_logged_once(
    peer: FakePeer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakePeer, "describe", lambda _: 1 / 0)
    async with listen(peer, LIMITS) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b" 500 " in await reader.readline()
        writer.close()
    assert [record.exc_info is not None for record in caplog.records] == [True]


async def test_one_address_has_a_share_of_the_connections(peer: FakePeer) -> None:
    async with listen(peer, replace(LIMITS, connections=8)) as server:
        held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(6)]
        other = await asyncio.open_connection("127.0.0.1", server.port, local_addr=("127.0.0.2", 0))
        await reach(lambda: server.connection_count == 3)
        for _, writer in [*held, other]:
            writer.close()
        await reach(lambda: server.connection_count == 0)
        again = await asyncio.open_connection("127.0.0.1", server.port)
        await reach(lambda: len(server.application[CONNECTIONS]) == 1)
        again[1].close()


async def test_a_page_of_large_records_ends_early(peer: FakePeer, web: Web) -> None:
    keys = [make_key("price", f"gpu-{n}") for n in range(9)]
    peer.finalize(*(peer.make([(key, "\n" * 60_000)]) for key in keys))
    for n in range(9):
        peer.finalize(peer.make([(keys[0], f"{n}" + "\0" * 60_000)]))
    for path in ("/v1/records/price?prefix=true&limit=10", "/v1/history/price/gpu-0?limit=10"):
        sizes, cursor = [], ""
        while cursor is not None:
            page = await web.get_json(f"{path}&cursor={cursor}" if cursor else path)
            sizes.append(len(page["items"]))
            cursor = page["next"]
        assert sum(sizes) in (9, 10)
        assert len(sizes) > 1
