"""The stream of events: what it tells, from where, to whom, and how it ends."""

import asyncio
from typing import Any

import pytest

from ledger.record import make_key
from node.client.stream import Message, StreamParser
from tests.ledger.chain import REGIONS
from tests.node.api.fake import PRICE, FakePeer
from tests.node.api.web import Web, check_problem


class Reader:
    """Reads a stream until it has what a test waits for."""

    def __init__(self, response: Any) -> None:
        self.response = response
        self.parser = StreamParser()
        self.messages: list[Message] = []

    async def read(self, count: int) -> list[Message]:
        async with asyncio.timeout(5):
            while len(self.messages) < count:
                self.messages += self.parser.feed(await self.response.content.readany())
        return self.messages[:count]

    async def read_id(self, id_: str) -> None:
        async with asyncio.timeout(5):
            while self.parser.last_id != id_:
                self.messages += self.parser.feed(await self.response.content.readany())


async def read_some(web: Web, path: str, count: int, last_id: str = "") -> list[Message]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with web.client.get(path, headers=headers) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream"
        return await Reader(response).read(count)


def ids(messages: list[Message]) -> list[str]:
    return [message.id for message in messages]


async def test_a_stream_tells_the_past_and_goes_on(web: Web, peer: FakePeer) -> None:
    first = peer.make([(PRICE, 1)])
    peer.finalize(first, peer.make())
    async with web.client.get("/v1/events?from=1") as response:
        reader = Reader(response)
        one, two, block = await reader.read(3)
        assert (one.id, one.type, one.data["id"]) == ("1:0", "result", first.id.hex())
        assert one.data["kind"] == "toy.put"
        assert one.data["events"] == [{"about": ["price-gpu"], "data": {}, "type": "put"}]
        assert one.data["time_ms"] == str(peer.store.header.time_ms)
        assert (two.id, two.data["code"]) == ("1:1", "refused")
        assert (block.id, block.type, block.data["height"]) == ("1:2", "block", "1")
        peer.finalize(peer.make([(PRICE, 2)]))
        assert ids(await reader.read(5)) == ["1:0", "1:1", "1:2", "2:0", "2:1"]


async def test_a_stream_begins_with_the_next_block(web: Web, peer: FakePeer) -> None:
    peer.finalize(peer.make([(PRICE, 1)]))
    async with web.client.get("/v1/events") as response:
        peer.finalize(peer.make([(PRICE, 2)]))
        assert ids(await Reader(response).read(2)) == ["2:0", "2:1"]


async def test_a_stream_resumes_after_any_id(web: Web, peer: FakePeer) -> None:
    for n in range(3):
        peer.finalize(*(peer.make([(PRICE, 10 * n + m)]) for m in range(2)))
    everything = ids(await read_some(web, "/v1/events?from=0", 10))
    assert everything == ["0:0", "1:0", "1:1", "1:2", "2:0", "2:1", "2:2", "3:0", "3:1", "3:2"]
    for at, id_ in enumerate(everything[:-1]):
        rest = everything[at + 1 :]
        assert ids(await read_some(web, "/v1/events", len(rest), id_)) == rest


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"subject={REGIONS[1]}", ["1:1", "2:1"]),
        ("subject=price-b", ["1:1", "2:0"]),
        ("kind=toy.other", ["2:0"]),
        ("kind=due", ["2:2"]),
        ("type=put", ["1:0", "1:1", "2:0", "2:2"]),
        (f"subject={REGIONS[1]}&type=put", ["1:1"]),
        (f"subject={REGIONS[0]}&kind=toy.other", ["2:0"]),
    ],
)
async def test_a_stream_can_be_filtered(
    web: Web, peer: FakePeer, query: str, expected: list[str]
) -> None:
    a, b = make_key("price", "a"), make_key("price", "b")
    peer.finalize(peer.make([(a, 1)]), peer.make([(b, 2)], signers=[REGIONS[1]]))
    peer.finalize(
        peer.make([(b, 3)], kind="toy.other"),
        peer.make(signers=[REGIONS[1]]),
        due=[(a, 4)],
    )
    path = f"/v1/events?from=0&{query}"
    assert ids(await read_some(web, path, len(expected))) == expected
    if len(expected) > 1:
        assert ids(await read_some(web, path, len(expected) - 1, expected[0])) == expected[1:]


async def test_a_silent_stream_moves_on(web: Web, peer: FakePeer) -> None:
    peer.finalize(peer.make([(PRICE, 1)]))
    async with web.client.get("/v1/events?from=1&kind=no.such") as response:
        reader = Reader(response)
        await reader.read_id("1:4294967295")
        peer.finalize()
        await reader.read_id("2:4294967295")
        assert reader.messages == []
    assert ids(await read_some(web, "/v1/events?from=0", 1, "0:4294967295")) == ["1:0"]


async def test_a_stream_waits_for_a_height_to_come(web: Web, peer: FakePeer) -> None:
    async with web.client.get("/v1/events?from=2") as response:
        peer.finalize(peer.make([(PRICE, 1)]))
        peer.finalize(peer.make([(PRICE, 2)]))
        assert ids(await Reader(response).read(1)) == ["2:0"]


@pytest.mark.parametrize("last_id", ["7", "x:1", "1:x", "-1:0", "1:4294967296", "1:2:3"])
async def test_a_bad_last_id_is_refused(web: Web, last_id: str) -> None:
    answer = await web.get("/v1/events", headers={"Last-Event-ID": last_id})
    check_problem(answer, 400, "bad-parameter")


@pytest.mark.parametrize("query", ["from=-1", "from=1e3", "subject=", "type=%0A", "from=1&from=2"])
async def test_bad_parameters_are_refused(web: Web, query: str) -> None:
    check_problem(await web.get(f"/v1/events?{query}"), 400, "bad-parameter")


async def test_head_is_no_stream(web: Web) -> None:
    async with web.client.head("/v1/events") as response:
        assert response.status == 405
