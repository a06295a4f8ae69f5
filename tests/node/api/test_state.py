"""The whole state over HTTP: one block throughout, few at a time, and nobody waits for a reader."""

import asyncio

import pytest
from aiohttp.test_utils import TestClient, TestServer

from ledger.record import decode_record
from node.api import state
from node.api.app import make_application
from node.api.context import CONTEXT
from node.api.limits import Limits
from node.client.state import End, Frame, Head, Pairs, StateParser
from node.client.verify import verify_bundle
from tests.node.api.fake import PRICE, FakePeer
from tests.node.api.web import Web, check_problem


def parse(body: bytes) -> list[Frame]:
    parser = StateParser()
    frames = parser.feed(body)
    parser.finish()
    return frames


async def test_a_stream_is_of_one_block(web: Web, peer: FakePeer) -> None:
    peer.finalize(peer.make([(PRICE, 1)]))
    answer = await web.get("/v1/state")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/msgpack")
    head, records, end = parse(answer.body)
    assert isinstance(head, Head)
    assert isinstance(records, Pairs)
    assert verify_bundle(head.bundle, peer.genesis.hash).height == 1
    found = {key: decode_record(value).value for key, value in records.pairs}
    assert list(found) == [b"", *(key for key, _ in peer.store.state.scan(b""))]
    assert found[PRICE] == 1
    assert end == End(len(found), 0)


async def test_what_becomes_final_meanwhile_is_not_in_it(
    web: Web, peer: FakePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer.finalize(peer.make([(PRICE, 1)]))
    real = state._read

    async def read(frames: object) -> bytes | None:
        if peer.store.height == 1:
            peer.finalize(peer.make([(PRICE, 2)]))
        return await real(frames)  # type: ignore[arg-type]

    monkeypatch.setattr(state, "_read", read)
    head, records, _ = parse((await web.get("/v1/state")).body)
    assert isinstance(head, Head)
    assert isinstance(records, Pairs)
    assert verify_bundle(head.bundle, peer.genesis.hash).height == 1
    assert decode_record(dict(records.pairs)[PRICE]).value == 1


async def test_a_genesis_alone_has_no_proof(web: Web) -> None:
    check_problem(await web.get("/v1/state"), 503, "not-yet")


async def test_few_go_at_a_time_and_end_with_the_peer(peer: FakePeer) -> None:
    peer.finalize(*(peer.make([(b"x%d\x00" % n, bytes(60_000))]) for n in range(20)))
    app = make_application(peer, Limits(state_bytes_per_s=1.0))
    async with TestClient(TestServer(app)) as client, client.get("/v1/state") as response:
        await response.content.read(1)
        check_problem(await Web(client).get("/v1/state"), 429, "too-many-open")
        assert app[CONTEXT].states.taken == 1
    assert app[CONTEXT].states.taken == 0
    assert not app[CONTEXT].readers


async def test_who_takes_too_long_is_cut_off(peer: FakePeer) -> None:
    peer.finalize(*(peer.make([(b"x%d\x00" % n, bytes(60_000))]) for n in range(20)))
    app = make_application(peer, Limits(state_bytes_per_s=1e6, state_timeout_s=0.05))
    async with TestClient(TestServer(app)) as client, client.get("/v1/state") as response:
        with pytest.raises(Exception, match=r"payload|disconnected|closed|reset"):
            await asyncio.wait_for(response.read(), 5)
    assert app[CONTEXT].states.taken == 0
