"""`suanlian audit evidence` against the API of a peer on whose ledger somebody signed twice."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from node.cli.evidence import _describe
from tests.node.api.fake import StorePeer
from tests.node.cli.conftest import Suanlian
from tests.node.cli.serving import serve
from tests.node.court import Court

Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def court() -> Court:
    court = Court(is_real=True)
    court.view = court.lie([2])
    court.simulation.wait(lambda: court.is_recorded(court.view))
    return court


@pytest.fixture(scope="module")
def where(court: Court) -> Iterator[tuple[str, ...]]:
    genesis = court.simulation.population.genesis
    with serve(StorePeer(genesis, court.processes[0].replica.store, court.regions[0])) as url:
        yield "--peer", url, "--genesis", genesis.hash.hex()


def test_a_double_signing_is_listed_and_proven(
    court: Court, where: tuple[str, ...], ask: Ask
) -> None:
    (row,) = ask("audit", "evidence", *where)
    assert (row["node"], row["epoch"], row["view"]) == (court.liar, "0", str(court.view))
    assert row["kinds"] == ["notarize", "notarize"]
    assert row["reporter"] == court.regions[2]
    assert row["proven"] is True
    assert ask("audit", "evidence", court.regions[0], *where) == []


def test_what_a_peer_makes_up_is_not_proven(
    court: Court, where: tuple[str, ...], suanlian: Suanlian, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tamper(item: dict[str, Any], read: Any) -> dict[str, Any]:
        value = {**item["value"], "key": court.validators.keys[0].hex()}
        return _describe({**item, "value": value}, read)

    monkeypatch.setattr("node.cli.evidence._describe", tamper)
    answer = suanlian("audit", "evidence", *where)
    assert answer.code == 1
    assert "no" in answer.out
