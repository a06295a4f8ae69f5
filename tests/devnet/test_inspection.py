"""The inspector goes from peer to peer, passes over who is down, and forgets nothing wrong."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from devnet import inspection
from devnet.errors import StepFailed
from devnet.inspection import Inspector
from ledger.crypto import sha256
from node.client.errors import Unreachable
from node.invariants import StateError

LABELS = ["one", "two", "three"]


def make_folder() -> Any:
    nodes = [SimpleNamespace(label=label, http=f"http://{label}") for label in LABELS]
    by_label = {node.label: node for node in nodes}
    return SimpleNamespace(nodes=nodes, find=by_label.__getitem__, genesis_hash=sha256(b""))


def examined(height: int, *wrong: str) -> Any:
    return SimpleNamespace(height=height, wrong=list(wrong))


def test_all_are_examined_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def examine(url: str, _: Any) -> Any:
        asked.append(url)
        return examined(len(asked))

    monkeypatch.setattr(inspection, "examine_peer", examine)
    with Inspector(make_folder) as inspector:
        assert inspector.examine_all(LABELS).height == 3
    assert asked == ["http://one", "http://two", "http://three"]


def test_who_is_down_is_passed_over_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    enough = threading.Event()
    asked: list[str] = []

    def examine(url: str, _: Any) -> Any:
        asked.append(url)
        if len(asked) == 4:
            enough.set()
        if url == "http://two":
            raise Unreachable("down")
        return examined(7)

    monkeypatch.setattr(inspection, "examine_peer", examine)
    monkeypatch.setattr(inspection, "INTERVAL_S", 0.001)
    with Inspector(make_folder) as inspector:
        assert enough.wait(10)
    assert asked[:4] == ["http://one", "http://two", "http://three", "http://one"]
    assert inspector.wrong == []
    with pytest.raises(StepFailed, match="two does not give"):
        inspector.examine_all(LABELS)


@pytest.mark.parametrize("error", [StateError("another root"), None])
def test_what_was_ever_wrong_is_said(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    first = threading.Event()

    def examine(_: str, __: Any) -> Any:
        if first.is_set():
            return examined(2)
        first.set()
        if error is not None:
            raise error
        return examined(1, "money was made")

    monkeypatch.setattr(inspection, "examine_peer", examine)
    monkeypatch.setattr(inspection, "INTERVAL_S", 0.001)
    with Inspector(make_folder) as inspector:
        assert first.wait(10)
        with pytest.raises(StepFailed, match=r"one: another root|one at block 1: money was made"):
            inspector.examine_all(LABELS)
