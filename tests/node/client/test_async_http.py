"""The asynchronous client against a real API."""

import asyncio

import pytest

from ledger.crypto import sha256
from node.api.server import ApiServer
from node.client import (
    NO_RETRY,
    AsyncClient,
    NotFinal,
    Rejected,
    Retry,
    Signer,
    Unreachable,
    WrongChain,
)
from node.client.state import End, Head, Pairs
from node.errors import Refused
from tests.ledger.chain import REGIONS, key_of
from tests.node.api.conftest import LIMITS
from tests.node.api.fake import PRICE, FakePeer

ACTOR = Signer(REGIONS[0], key_of(f"{REGIONS[0]} identity"))
PUT = {"put": [[PRICE, 7]]}


async def test_make_sign_submit_and_wait_in_one(url: str, peer: FakePeer) -> None:
    async with AsyncClient(url) as client:
        working = asyncio.create_task(client.execute("toy.put", PUT, [ACTOR], 4.0))
        while not peer.pending:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        peer.finalize()
        assert (await working).is_ok
        assert (await client.get_record("price", "gpu"))["value"] == "7"


async def test_a_batch_waits_for_all(url: str, peer: FakePeer) -> None:
    async with AsyncClient(url) as client:
        signed = [await client.compose("toy.put", PUT, [ACTOR]) for _ in range(5)]
        working = asyncio.create_task(client.submit_many(signed, wait_s=4.0))
        while len(peer.pending) < 5:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        peer.finalize()
        assert all(outcome.is_ok for outcome in await working)


async def test_refusals_retries_and_waits(url: str, peer: FakePeer) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        peer.refusal = None

    async with AsyncClient(url, retry=Retry(attempts=2), sleep=sleep) as client:
        peer.refusal = Refused("full", "busy", retry=True)
        signed = await client.compose("toy.put", PUT, [ACTOR])
        assert (await client.submit(signed)).status == "accepted"
        assert len(waits) == 1
        with pytest.raises(NotFinal):
            await client.wait(signed.id, 0.01)
        with pytest.raises(Rejected):
            await client.submit(await client.compose("no.such", PUT, [ACTOR]))


async def test_lists_are_walked_to_their_end(url: str, peer: FakePeer) -> None:
    for n in range(9):
        peer.finalize(peer.make([(PRICE, n)]))
    async with AsyncClient(url) as client:
        blocks = [block async for block in client.iterate_blocks(page=4)]
        versions = [item async for item in client.iterate_history("price", "gpu")]
        records = [item async for item in client.iterate_records("founder", page=3)]
        block = await client.get_block("latest", transactions=True)
    assert len(blocks) == 10
    assert [item["value"] for item in versions] == [str(n) for n in range(9)]
    assert len(records) == len(REGIONS)
    assert block["transactions"][0]["code"] == "ok"


async def test_following_survives_a_restart_of_the_api(peer: FakePeer) -> None:
    first = ApiServer(peer, "127.0.0.1", 0, LIMITS)
    await first.start()
    peer.finalize(peer.make([(PRICE, 1)]))
    retry = Retry(first_s=0.01, most_s=0.02)
    async with AsyncClient(f"http://127.0.0.1:{first.port}", retry=retry) as client:
        messages = client.follow(0)
        seen = [(await anext(messages)).id for _ in range(3)]
        await first.stop()
        peer.finalize(peer.make([(PRICE, 2)]))
        second = ApiServer(peer, "127.0.0.1", first.port, LIMITS)
        await second.start()
        async with asyncio.timeout(5):
            seen += [(await anext(messages)).id for _ in range(2)]
    await second.stop()
    assert seen == ["0:0", "1:0", "1:1", "2:0", "2:1"]


async def test_another_chain_is_refused(url: str, peer: FakePeer) -> None:
    async with AsyncClient(url, genesis_hash=sha256(b"another")) as client:
        with pytest.raises(WrongChain):
            await client.get_chain()


async def test_the_peer_itself(url: str, peer: FakePeer) -> None:
    async with AsyncClient(url) as client:
        assert (await client.get_status())["code"] == peer.code
        assert await client.list_unready() == []
        peer.reasons = ("syncing",)
        assert await client.list_unready() == ["syncing"]
        peer.finalize()
        assert "anchor" in await client.get_proof("consistency", **{"from": "1"})


async def test_nobody_there() -> None:
    async with AsyncClient("http://127.0.0.1:1", retry=NO_RETRY) as client:
        with pytest.raises(Unreachable):
            await client.get_status()


async def test_a_whole_state(url: str, peer: FakePeer) -> None:
    async with AsyncClient(url) as client:
        with pytest.raises(Rejected, match="not-yet"):
            [frame async for frame in client.stream_state()]
        peer.finalize()
        frames = [frame async for frame in client.stream_state()]
        assert [type(frame) for frame in frames] == [Head, Pairs, End]
