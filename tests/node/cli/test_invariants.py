"""`suanlian audit invariants` against the API of a peer whose network ran."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from aiohttp import web

from ledger import codec
from node.api.app import make_application
from node.api.limits import Limits
from tests.node.api.fake import FakePeer
from tests.node.cli.conftest import Suanlian
from tests.node.network import run_network


class NetworkPeer(FakePeer):
    """A peer that has the store of a network."""

    def __init__(self) -> None:
        network = run_network()
        process = network.processes[0]
        self.genesis = network.population.genesis
        self.code = process.code
        self.store = process.replica.store
        self.disk = process.store_disk
        self.pending, self.invalid = {}, {}
        self.reasons = ()


PEER = NetworkPeer()
HASH = PEER.genesis.hash.hex()


@pytest.fixture
def url() -> Iterator[str]:
    """The API on a thread, because the command line waits for each answer."""
    loop, ready = asyncio.new_event_loop(), threading.Event()
    runner = web.AppRunner(make_application(PEER, Limits()))
    found: list[str] = []

    async def start() -> None:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        found.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        ready.set()

    def serve() -> None:
        loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(10)
    yield found[0]
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


def test_all_holds(suanlian: Suanlian, url: str) -> None:
    answer = suanlian("audit", "invariants", "--peer", url, "--genesis", HASH, "--json")
    assert answer.code == 0, answer.err
    assert answer.json["holds"] is True
    assert answer.json["height"] == str(PEER.store.height)
    assert answer.json["state_root"] == PEER.store.header.state_root.hex()
    assert len(answer.json["certified_by"]) >= 3
    assert all(check["wrong"] == [] for check in answer.json["checks"])


def test_a_table_for_people(suanlian: Suanlian, url: str) -> None:
    answer = suanlian("audit", "invariants", "--peer", url)
    assert answer.code == 0
    assert "money is conserved" in answer.out
    assert "holds" in answer.out
    assert "taken on trust" in answer.err


def test_what_does_not_hold_is_said(suanlian: Suanlian, url: str) -> None:
    PEER.disk.write([(b"ddue\x00x", codec.encode(b""))], sync=True)
    PEER.store.state._view = PEER.disk.snapshot()
    answer = suanlian("audit", "invariants", "--peer", url, "--genesis", HASH, "--json")
    PEER.disk.write([(b"ddue\x00x", None)], sync=True)
    PEER.store.state._view = PEER.disk.snapshot()
    assert answer.code == 1
    assert answer.json["holds"] is False
    assert "due" in answer.json["checks"][-1]["wrong"][0]


def test_another_chain_is_refused(suanlian: Suanlian, url: str) -> None:
    answer = suanlian("audit", "invariants", "--peer", url, "--genesis", "00" * 32)
    assert answer.code == 1
    assert "genesis" in answer.err


def test_data_needs_a_configuration(suanlian: Suanlian) -> None:
    answer = suanlian("audit", "invariants", "--data", "somewhere")
    assert answer.code == 1
    assert "--config" in answer.err
