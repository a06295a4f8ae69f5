"""`suanlian identity status`: valid and unrevoked, at a height, proved."""

from pathlib import Path
from typing import Any

from ledger.code import compose_code
from tests.node.cli.conftest import Suanlian
from tests.node.cli.test_invariants import HASH, PEER, url

__all__ = ["url"]  # the fixture
REGION = PEER.genesis.founders[0].code
NOBODY = compose_code("U", "110100", "0A777", "I")


def find_newcomer() -> tuple[str, int]:
    """Somebody who was registered while the network ran, and where."""
    for key, record in PEER.store.state.scan(b"identity\x00"):
        if record.created > 0 and record.value["status"] == "active":
            return key.split(b"\x00")[1].decode(), record.created
    raise AssertionError("nobody came")


def test_a_founder_stands_from_the_start(ask: Any, url: str) -> None:
    for more in ((), ("--at", 0), ("--at", PEER.store.height)):
        shown = ask("identity", "status", REGION, *more, "--peer", url, "--genesis", HASH)
        assert (shown["standing"], shown["valid"]) == ("active", True)
        assert shown["reason"] == "founded"
    assert shown["at_height"] == str(PEER.store.height)


def test_before_and_after_a_registration(
    ask: Any,
    suanlian: Suanlian,
    url: str,
    tmp_path: Path,
) -> None:
    code, height = find_newcomer()
    shown = ask("identity", "status", code, "--at", height, "--peer", url)
    assert (shown["standing"], shown["version"]) == ("active", "1")
    kept = tmp_path / "kept.json"
    before = ("identity", "status", code, "--at", height - 1, "--json")
    answer = suanlian(*before, "--peer", url, "--genesis", HASH, "--out", kept)
    assert (answer.code, answer.json["standing"]) == (1, "unregistered")
    # What was kept says the same without any peer.
    offline = suanlian(*before, "--bundle", kept, "--genesis", HASH)
    assert (offline.code, offline.json) == (1, answer.json)
    answer = suanlian(*before, "--bundle", kept)
    assert (answer.code, "--genesis" in answer.err) == (1, True)


def test_who_was_never_registered(suanlian: Suanlian, url: str) -> None:
    answer = suanlian("identity", "status", NOBODY, "--peer", url)
    assert answer.code == 1
    assert "Not valid" in answer.out
    assert "unregistered" in answer.out
