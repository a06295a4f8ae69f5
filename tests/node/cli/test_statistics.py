"""`suanlian statistics` and `audit statistic` against a peer that has publications."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.registry import CALLS
from contracts.views import QUERIES
from ledger.transaction import decode_transaction
from node.cli import statistics
from node.client.statistic import compute_result_digest
from node.keys import Role, save_key
from node.past import read_past
from node.statistics import compute_statistic
from tests.ledger import chain
from tests.ledger.chain import REGIONS, key_of
from tests.node.api.fake import make_chain
from tests.node.cli.conftest import Suanlian
from tests.node.cli.serving import serve
from tests.node.cli.test_tx import QuickPeer, execute
from tests.node.publication import QUERY, make_publication

PUBLICATION = make_publication()
PEER = PUBLICATION.peer
HASH = PEER.genesis.hash.hex()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(PEER) as url:
        yield url


def test_queries_are_listed(ask: Callable[..., Any], url: str, suanlian: Suanlian) -> None:
    assert [item["query"] for item in ask("statistics", "list", "--peer", url)] == list(QUERIES)
    assert "capacity-1" in suanlian("statistics", "list", "--peer", url).out


def test_a_result_is_shown(ask: Callable[..., Any], url: str, suanlian: Suanlian) -> None:
    shown = ask("statistics", "show", QUERY, "--at", 1, "--peer", url, "--genesis", HASH)
    assert shown["rows"][0]["entries"] == "1"
    assert compute_result_digest(shown) == shown["result_sha256"]
    answer = suanlian("statistics", "show", QUERY, "--peer", url)
    assert "after block 3" in answer.out
    assert "open cases" in answer.out
    assert "SHA-256" in answer.err


def test_publications_are_listed(ask: Callable[..., Any], url: str) -> None:
    rows = ask("statistics", "published", "--peer", url)
    assert {row["id"] for row in rows} == {PUBLICATION.right, PUBLICATION.wrong}
    nobody = PUBLICATION.stage.population.regions[1]
    assert ask("statistics", "published", "--node", nobody, "--peer", url) == []


def test_what_was_published_matches(suanlian: Suanlian, url: str) -> None:
    answer = suanlian("audit", "statistic", PUBLICATION.right, "--peer", url, "--json")
    assert answer.code == 0, answer.err
    assert answer.json["matches"] is True
    assert answer.json["computed_sha256"] == answer.json["published_sha256"]
    assert (answer.json["height"], answer.json["published_by"]) == ("1", PUBLICATION.node)


def test_what_is_wrong_does_not(suanlian: Suanlian, url: str) -> None:
    answer = suanlian("audit", "statistic", PUBLICATION.wrong, "--peer", url)
    assert answer.code == 1
    assert "mismatch" in answer.out


def test_a_peer_whose_rows_are_not_those_of_its_digest_is_caught(
    suanlian: Suanlian, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "compute_result_digest", lambda _: "00" * 32)
    answer = suanlian("statistics", "show", QUERY, "--peer", url)
    assert answer.code == 1
    assert "ask another" in answer.err


def test_it_is_computed_here_from_a_store(
    suanlian: Suanlian, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Opened:
        def __init__(self, *_: object) -> None: ...
        def __enter__(self) -> Any:
            return PEER.store, PEER.genesis

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(statistics, "open_stopped", Opened)
    where = ("--config", tmp_path / "peer.toml")
    for name, code in ((PUBLICATION.right, 0), (PUBLICATION.wrong, 1)):
        answer = suanlian("audit", "statistic", name, *where, "--json")
        assert (answer.code, answer.json["computed_by"]) == (code, "this command")
    unknown = suanlian("audit", "statistic", "statistic-0", *where)
    assert (unknown.code, "is no statistic" in unknown.err) == (1, True)


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[QuickPeer, str]]:
    """A peer that takes whatever is signed, and where it is found."""
    monkeypatch.setattr(chain, "_execute", execute)
    peer = QuickPeer(make_chain(tmp_path))
    with serve(peer) as url:
        yield peer, url
    peer.store.close()


def test_a_node_publishes_what_the_peer_computed(
    suanlian: Suanlian, quick: tuple[QuickPeer, str], tmp_path: Path
) -> None:
    peer, url = quick
    code = REGIONS[0]
    save_key(tmp_path / "node.key", Role.IDENTITY, key_of(f"{code} identity"), code)
    answer = suanlian(
        *("statistics", "publish", QUERY, "--title", "Service", "--at", 0, "--peer", url),
        *("--figure", "entries=0", "--signer", tmp_path / "node.key"),
    )
    assert answer.code == 0, answer.err
    (raw,) = peer.submitted
    transaction = decode_transaction(raw, peer.genesis.chain)
    CALLS["statistics.publish"].parse(transaction.data)
    computed = compute_statistic(read_past(peer.store, 0), QUERIES[QUERY])
    assert transaction.data["result_sha256"] == computed.digest
    assert (transaction.data["height"], transaction.data["figures"]) == (0, {"entries": 0})
    wrong = suanlian(
        *("statistics", "publish", QUERY, "--title", "Service", "--peer", url),
        *("--figure", "entries", "--signer", tmp_path / "node.key"),
    )
    assert (wrong.code, "NAME=INTEGER" in wrong.err) == (1, True)


def test_unknown_ones_are_said(suanlian: Suanlian, url: str) -> None:
    answer = suanlian("audit", "statistic", "statistic-0", "--peer", url)
    assert (answer.code, "is no statistic" in answer.err) == (1, True)
    assert suanlian("statistics", "show", "weather-1", "--peer", url).code == 1
    assert suanlian("audit", "statistic", "x", "--data", "folder").code == 1
