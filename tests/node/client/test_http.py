"""The waiting client, in a thread of its own, against a real API."""

import asyncio
from collections.abc import Callable
from itertools import islice
from typing import Any, TypeVar

import pytest

from ledger.crypto import sha256
from node.client import (
    NO_RETRY,
    Client,
    NotFinal,
    Rejected,
    Retry,
    Signer,
    Unexpected,
    Unreachable,
    WrongChain,
    calls,
)
from node.client.state import End, Head, Pairs
from node.errors import Refused
from tests.ledger.chain import REGIONS, key_of
from tests.node.api.fake import PRICE, FakePeer

T = TypeVar("T")
ACTOR = Signer(REGIONS[0], key_of(f"{REGIONS[0]} identity"))
PUT = {"put": [[PRICE, 7]]}


async def run(url: str, use: Callable[[Client], T], **how: Any) -> T:
    """Use a client in a thread."""

    def work() -> T:
        with Client(url, retry=how.pop("retry", NO_RETRY), **how) as client:
            return use(client)

    return await asyncio.to_thread(work)


async def finalize_when_pending(peer: FakePeer) -> None:
    while not peer.pending:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    peer.finalize()


async def test_make_sign_submit_and_wait_in_one(url: str, peer: FakePeer) -> None:
    finalizing = asyncio.create_task(finalize_when_pending(peer))
    outcome = await run(url, lambda client: client.execute("toy.put", PUT, [ACTOR], 4.0))
    await finalizing
    assert outcome.is_ok
    assert (outcome.status, outcome.height, outcome.index) == ("final", 1, 0)
    record = await run(url, lambda client: client.get_record("price", "gpu"))
    assert record["value"] == "7"


async def test_a_batch_is_answered_in_its_order(url: str, peer: FakePeer) -> None:
    def work(client: Client) -> Any:
        signed = [client.compose("toy.put", PUT, [ACTOR]) for _ in range(3)]
        stranger = client.compose("no.such", PUT, [ACTOR])
        return signed, client.submit_many([*signed, stranger])

    signed, outcomes = await run(url, work)
    assert [outcome.id for outcome in outcomes[:3]] == [item.id for item in signed]
    assert [outcome.status for outcome in outcomes] == ["accepted"] * 3 + ["refused"]
    assert outcomes[3].code == "unknown-kind"
    assert outcomes[3].problem is not None


async def test_until_follows_the_height(url: str, peer: FakePeer) -> None:
    peer.finalize()
    signed = await run(url, lambda client: client.compose("toy.put", PUT, [ACTOR]))
    await run(url, lambda client: client.submit(signed))
    (pending,) = peer.pending.values()
    assert pending.until == 1 + peer.genesis.consensus.transaction_window // 2


async def test_a_refusal_says_what_to_do(url: str, peer: FakePeer) -> None:
    with pytest.raises(Rejected) as caught:
        await run(url, lambda client: client.submit(client.compose("no.such", PUT, [ACTOR])))
    assert (caught.value.code, caught.value.status) == ("unknown-kind", 422)
    assert not caught.value.retry


async def test_what_may_succeed_later_is_tried_again(url: str, peer: FakePeer) -> None:
    waits: list[float] = []
    peer.refusal = Refused("full", "busy", retry=True)
    with pytest.raises(Rejected):
        await run(
            url,
            lambda client: client.submit(client.compose("toy.put", PUT, [ACTOR])),
            retry=Retry(attempts=3),
            sleep=waits.append,
        )
    assert len(peer.submitted) == 3
    assert len(set(peer.submitted)) == 1
    assert len(waits) == 2


async def test_waiting_ends(url: str, peer: FakePeer) -> None:
    def work(client: Client) -> None:
        signed = client.compose("toy.put", PUT, [ACTOR])
        client.submit(signed)
        client.wait(signed.id, 0.01)

    with pytest.raises(NotFinal):
        await run(url, work)


async def test_lists_are_walked_to_their_end(url: str, peer: FakePeer) -> None:
    for n in range(12):
        peer.finalize(peer.make([(PRICE, n)]))
    blocks = await run(url, lambda client: list(client.iterate_blocks(page=5)))
    assert [block["header"]["height"] for block in blocks] == [str(n) for n in range(12, -1, -1)]
    versions = await run(url, lambda client: list(client.iterate_history("price", "gpu")))
    assert [item["version"] for item in versions] == [str(n) for n in range(1, 13)]
    records = await run(url, lambda client: list(client.iterate_records("founder", page=1)))
    assert [item["key"] for item in records] == [["founder", code] for code in sorted(REGIONS)]
    block = await run(url, lambda client: client.get_block(3, transactions=True))
    assert block["transactions"][0]["code"] == "ok"


async def test_events_are_followed(url: str, peer: FakePeer) -> None:
    for n in range(3):
        peer.finalize(peer.make([(PRICE, n)]))
    found = await run(url, lambda client: list(islice(client.follow(1, kind="toy.put"), 3)))
    assert [message.id for message in found] == ["1:0", "2:0", "3:0"]
    rest = await run(url, lambda client: list(islice(client.follow(last_id="2:0"), 2)))
    assert [message.id for message in rest] == ["2:1", "3:0"]


async def test_a_bad_filter_ends_following(url: str) -> None:
    with pytest.raises(Rejected) as caught:
        await run(url, lambda client: list(client.follow(colour="red")))
    assert caught.value.code == "unknown-parameter"


async def test_another_chain_is_refused(url: str, peer: FakePeer) -> None:
    chain = await run(url, Client.get_chain, genesis_hash=peer.genesis.hash)
    assert chain.name == peer.genesis.chain
    with pytest.raises(WrongChain):
        await run(url, Client.get_chain, genesis_hash=sha256(b"another"))


async def test_the_peer_itself(url: str, peer: FakePeer) -> None:
    assert (await run(url, Client.get_status))["code"] == peer.code
    assert await run(url, Client.list_unready) == []
    peer.reasons = ("syncing",)
    assert await run(url, Client.list_unready) == ["syncing"]
    peer.finalize()
    bundle = await run(url, lambda client: client.get_proof("records", "founder", REGIONS[0]))
    assert "anchor" in bundle


async def test_nobody_there() -> None:
    with pytest.raises(Unreachable):
        await run("http://127.0.0.1:1", Client.get_status)


async def test_an_address_that_is_no_peer(url: str) -> None:
    with pytest.raises(Unexpected, match="is this the address of a peer"):
        await run(url, lambda client: client.call(calls.get_document("/metrics")))


async def test_a_whole_state(url: str, peer: FakePeer) -> None:
    with pytest.raises(Rejected, match="not-yet"):
        await run(url, lambda client: list(client.stream_state()))
    peer.finalize()
    frames = await run(url, lambda client: list(client.stream_state()))
    assert [type(frame) for frame in frames] == [Head, Pairs, End]
