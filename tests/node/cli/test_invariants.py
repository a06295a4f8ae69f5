"""`suanlian audit invariants` against the API of a peer whose network ran."""

from collections.abc import Iterator

import pytest

from ledger import codec
from tests.node.api.fake import StorePeer
from tests.node.cli.conftest import Suanlian
from tests.node.cli.serving import serve
from tests.node.network import run_network


class NetworkPeer(StorePeer):
    """A peer that has the store of a network."""

    def __init__(self) -> None:
        network = run_network()
        process = network.processes[0]
        super().__init__(network.population.genesis, process.replica.store, process.code)
        self.disk = process.store_disk


PEER = NetworkPeer()
HASH = PEER.genesis.hash.hex()


@pytest.fixture
def url() -> Iterator[str]:
    with serve(PEER) as url:
        yield url


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
