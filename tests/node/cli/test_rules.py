"""`suanlian rules`: what is in force, and what other rules would have changed."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ledger.keyvalue import LevelDb
from node.cli import stopped as stopped_peer
from tests.node.cli.conftest import Suanlian
from tests.node.cli.test_invariants import PEER, url

__all__ = ["url"]  # the fixture


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of a peer that has stopped."""
    disk = LevelDb(tmp_path / "store")
    disk.write(list(PEER.disk.scan(b"", b"\xff")), sync=True)
    disk.close()
    monkeypatch.setattr(stopped_peer, "load_config", lambda _: SimpleNamespace(data_dir=tmp_path))
    monkeypatch.setattr(stopped_peer, "load_genesis", lambda _: PEER.genesis)
    return tmp_path


def find_code(tried: Any) -> dict[str, Any]:
    """How many deposits the banks' limit would have stopped."""
    found: dict[str, Any] = next(
        item for item in tried["codes"] if item["would_be"] == "issued-limit"
    )
    return found


def test_rules_are_tried_on_the_last_blocks(ask: Any, stopped: Path) -> None:
    last = PEER.store.height
    tried = ask("rules", "try", "--change", "issued_limit_micro_yuan=1_0", "--last", last)
    assert (tried["first"], tried["last"]) == ("1", str(last))
    assert tried["changes"]["issued_limit_micro_yuan"]["would_be"] == "10"
    assert find_code(tried)["was"] == "ok"
    first = tried["otherwise"][0]
    assert (first["kind"], first["was"], first["why"]) == ("settlement.deposit", "ok", "code")
    assert int(tried["balances"][0]["difference_micro_yuan"]) != 0


def test_tables_for_people(suanlian: Suanlian, stopped: Path) -> None:
    change = ("--change", "issued_limit_micro_yuan=10")
    answer = suanlian("rules", "try", *change, "--last", 10_000, "--most", 2)
    assert answer.code == 0, answer.err
    assert "would have ended otherwise" in answer.out
    assert "issued-limit" in answer.out
    assert "the first 2 of" in answer.out
    answer = suanlian("rules", "try", "--change", "hold_epochs=2", "--data", stopped)
    assert answer.code == 0, answer.err
    assert "issued-limit" not in answer.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--change", "hold_epochs"), "is no change of a rule"),
        (("--change", "hold_epochs=many"), "is no change of a rule"),
        (("--change", "hold_epochs=_3"), "is no change of a rule"),
        (("--change", "printing_press=1"), "is no rule"),
        (("--ballot", "ballot-" + "0" * 32 + "-0"), "is no ballot about rules"),
        ((), "nothing is changed"),
        (("--change", "hold_epochs=3", "--data", "nowhere"), "no store is in"),
    ],
)
def test_what_cannot_be_tried(
    suanlian: Suanlian, stopped: Path, arguments: tuple[str, ...], message: str
) -> None:
    answer = suanlian("rules", "try", *arguments)
    assert answer.code == 1
    assert message in answer.err


def test_the_rules_in_force(suanlian: Suanlian, ask: Any, url: str) -> None:
    shown = ask("rules", "show", "--peer", url)
    assert shown["height"] == str(PEER.store.height)
    assert shown["waiting"] == []
    assert shown["current"]["integers"]["hold_epochs"] == str(PEER.genesis.rules["hold_epochs"])
    answer = suanlian("rules", "show", "--peer", url)
    assert "Rules of version 1" in answer.out
    assert "meter_epoch_ms" in answer.out


def test_a_running_peer_tries_them_too(
    ask: Any, suanlian: Suanlian, url: str, stopped: Path
) -> None:
    change = ("--change", "issued_limit_micro_yuan=10", "--last", PEER.store.height)
    assert ask("rules", "try", *change, "--peer", url) == ask("rules", "try", *change)
    answer = suanlian("rules", "try", *change, "--peer", url, "--most", 1)
    assert answer.code == 0, answer.err
    assert "the first 1 of" in answer.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--change", "printing_press=1"), "is no rule"),
        (("--change", "hold_epochs=3", "--last", 10_001), "last: from 1 to 10000"),
        (("--ballot", "ballot-" + "0" * 32 + "-0"), "no record has this key"),
    ],
)
def test_what_a_running_peer_refuses(
    suanlian: Suanlian, url: str, arguments: tuple[str, ...], message: str
) -> None:
    answer = suanlian("rules", "try", *arguments, "--peer", url)
    assert answer.code == 1
    assert message in answer.err
