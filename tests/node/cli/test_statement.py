"""`suanlian audit statement` for people and for programs."""

from typing import Any

import pytest

from node.cli.statement import show_yuan
from node.client.errors import Unexpected
from node.client.http import Client
from tests.contracts.trade import CONSUMER
from tests.node.cli.conftest import Suanlian

MOVEMENT = {
    "id": "00" * 32,
    "kind": "market.take",
    "signers": [CONSUMER],
    "height": "7",
    "index": "0",
    "time_ms": "1775059200000",
    "events": ["lease.matched"],
    "objects": ["lease-1"],
    "epoch": None,
    "reference": "job 7",
    "changes": {"balances": "-1500001"},
    "after": {"balances": "8499999"},
    "postings": [],
}
STATEMENT = {
    "first_height": "1",
    "last_height": "9",
    "opening": {"balances": "10000000"},
    "closing": {"balances": "8499999"},
    "items": [MOVEMENT],
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    asked: list[Any] = []

    def get_statement(_self: Client, *how: Any) -> Any:
        asked.append(how)
        return STATEMENT

    monkeypatch.setattr(Client, "get_statement", get_statement)
    return asked


def test_a_table_for_people(suanlian: Suanlian, asked: list[Any]) -> None:
    answer = suanlian("audit", "statement", CONSUMER, "--from", "2026-04-01T16:00")
    assert answer.code == 0, answer.err
    assert asked == [(CONSUMER, 1_775_059_200_000, None)]
    for text in ("lease.matched", "own holds", "job 7", "-1.500001", "8.499999", "10.000000"):
        assert text in answer.out


def test_json_for_programs(suanlian: Suanlian, asked: list[Any]) -> None:
    answer = suanlian("audit", "statement", CONSUMER, "--json")
    assert answer.json == STATEMENT
    assert asked == [(CONSUMER, None, None)]


def test_what_does_not_add_up_is_said(suanlian: Suanlian, monkeypatch: pytest.MonkeyPatch) -> None:
    def get_statement(_self: Client, *_: Any) -> Any:
        raise Unexpected("the peer's statement does not close with what its movements leave")

    monkeypatch.setattr(Client, "get_statement", get_statement)
    answer = suanlian("audit", "statement", CONSUMER)
    assert answer.code == 1
    assert "does not close" in answer.err


def test_yuan() -> None:
    assert show_yuan(0) == "0.000000"
    assert show_yuan(-1) == "-0.000001"
    assert show_yuan(1_234_567_890, "+") == "+1,234.567890"
