"""`suanlian why-stuck` on peers that are well, stuck, or only worth a warning."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.node.api.fake import StorePeer
from tests.node.cli.conftest import Suanlian
from tests.node.cli.serving import serve
from tests.node.publication import make_publication
from tests.node.test_diagnosis import CASES, WELL, change


class SpokenPeer(StorePeer):
    """A peer that says of itself what a test wants."""

    status: dict[str, Any] = WELL

    def describe(self) -> dict[str, Any]:
        return self.status


@pytest.fixture(scope="module")
def spoken() -> SpokenPeer:
    stage = make_publication().stage
    return SpokenPeer(stage.genesis, stage.store, stage.population.regions[0])


@pytest.fixture(scope="module")
def url(spoken: SpokenPeer) -> Iterator[str]:
    with serve(spoken) as url:
        yield url


def test_a_peer_that_is_well(suanlian: Suanlian, spoken: SpokenPeer, url: str) -> None:
    spoken.status = WELL
    answer = suanlian("why-stuck", "--peer", url)
    assert answer.code == 0
    assert "well" in answer.out
    assert "What it waits for" not in answer.out


def test_a_stuck_peer_says_from_whom_and_since_when(
    suanlian: Suanlian, spoken: SpokenPeer, url: str
) -> None:
    spoken.status = change(WELL, CASES["quorum-out-of-reach"][0])
    answer = suanlian("why-stuck", "--peer", url)
    assert answer.code == 1
    for text in ("stuck", "quorum-out-of-reach", "R-three", "2026-", "look at those named"):
        assert text in answer.out
    answer = suanlian("why-stuck", "--peer", url, "--json")
    assert answer.code == 1
    assert answer.json["stuck"] is True
    (finding,) = answer.json["findings"]
    assert (finding["code"], finding["who"]) == ("quorum-out-of-reach", ["R-three", "R-four"])
    assert finding["since_ms"] == str(CASES["quorum-out-of-reach"][2])


def test_a_warning_keeps_nobody_from_work(suanlian: Suanlian, spoken: SpokenPeer, url: str) -> None:
    spoken.status = change(WELL, CASES["certificate-expires"][0])
    answer = suanlian("why-stuck", "--peer", url)
    assert answer.code == 0
    assert "with warnings" in answer.out
    assert "certificate-expires" in answer.out


def test_a_saved_status_tells_as_much(suanlian: Suanlian, tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    path.write_text(json.dumps(change(WELL, CASES["no-finality"][0])), "utf-8")
    answer = suanlian("why-stuck", "--file", path, "--json")
    assert answer.code == 1
    assert answer.json["findings"][0]["who"] == ["R-two"]


@pytest.mark.parametrize("text", ["{}", "[]", "no", "[" * 5000, '{"stopping": []}'])
def test_what_is_no_status_is_said(suanlian: Suanlian, tmp_path: Path, text: str) -> None:
    path = tmp_path / "status.json"
    path.write_text(text, "utf-8")
    answer = suanlian("why-stuck", "--file", path, "--json")
    assert answer.code == 1
    assert "not" in answer.error


def test_a_peer_that_does_not_answer_is_said(suanlian: Suanlian) -> None:
    answer = suanlian("why-stuck", "--peer", "http://127.0.0.1:9")
    assert answer.code == 1
    assert "error" in answer.err
