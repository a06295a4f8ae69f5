"""`suanlian audit` against the API of a peer on a socket of its own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.chain import NATIONAL, REGIONS
from tests.node.api.fake import FakePeer
from tests.node.cli.conftest import Suanlian
from tests.node.cli.serving import serve
from tests.node.evidence import GUIYANG, make_evidence

KEY = "lease/P1/lease-1"


class EvidencePeer(FakePeer):
    """A peer that has the history of `tests.node.evidence`."""

    def __init__(self) -> None:
        self.evidence = make_evidence()
        super().__init__(self.evidence.chain)


PEER = EvidencePeer()
HASH = PEER.genesis.hash.hex()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(PEER) as url:
        yield url


@pytest.fixture
def audit(ask: Any, url: str) -> Any:
    return lambda *arguments: ask("audit", *arguments, "--peer", url)


def test_what_a_party_did(audit: Any) -> None:
    entries = audit("party", GUIYANG)
    assert [entry["kind"] for entry in entries] == ["toy.put", "identity.rotate"] + ["toy.put"] * 2
    assert entries[0]["signers"] == [GUIYANG]
    newest = audit("party", GUIYANG, "--newest", "--most", "2")
    assert [entry["id"] for entry in newest] == [entry["id"] for entry in entries[:-3:-1]]
    assert audit("party", GUIYANG, "--kind", "identity.rotate") == entries[1:2]
    assert audit("party", REGIONS[2], "--outcome", "failed")[0]["code"] == "refused"
    assert audit("party", REGIONS[2], "--outcome", "ok") == []


def test_a_span_of_time(audit: Any) -> None:
    every = audit("party", GUIYANG)
    first = audit("party", GUIYANG, "--to", "2026-04-01T16:00:02")
    assert first == every[:1]
    rest = audit("party", GUIYANG, "--from", "2026-04-02T00:00:02+08:00")
    assert rest == every[1:]


def test_the_life_of_a_lease(audit: Any) -> None:
    name = "lease-P1-lease-1"
    entries = audit("lease", name)
    assert [entry["kind"] for entry in entries] == ["toy.put"] * 3 + ["due"]
    assert audit("resource", GUIYANG) == audit("party", GUIYANG)


@pytest.mark.parametrize("what", ["party", "resource"])
def test_a_code_that_cannot_be_is_not_just_nothing(suanlian: Suanlian, url: str, what: str) -> None:
    wrong = GUIYANG[:-1] + ("A" if GUIYANG[-1] != "A" else "B")
    answer = suanlian("audit", what, wrong, "--peer", url)
    assert answer.code == 1
    assert "check" in answer.err


def test_all_of_a_kind(audit: Any) -> None:
    assert len(audit("kind", "identity.rotate")) == 1
    assert audit("kind", "toy.put", "--region", "99") == []
    assert len(audit("kind", "toy.put", "--region", "5200")) == 3
    assert len(audit("kind", "due")) == 1


def test_whatever_fits_all_conditions(audit: Any) -> None:
    assert audit("object", "lease-P1-lease-1") == audit("lease", "lease-P1-lease-1")
    assert audit("find", "--region", "5200") == audit("find", "--party", GUIYANG)
    assert audit("find", "--region", "99") == []
    assert audit("find", "--region", "5200", "--kind", "identity.rotate") == audit(
        "kind", "identity.rotate"
    )
    assert len(audit("find", "--industry", "0", "--most", "3", "--newest")) == 3
    assert audit("find", "--object", "lease-P1-lease-1", "--resource", "lease-P1-lease-1")


def test_a_table_for_people(suanlian: Suanlian, url: str) -> None:
    answer = suanlian("audit", "party", GUIYANG, "--peer", url, "--most", "1")
    assert answer.code == 0
    assert "2026-04-01 16:00:01.000 UTC" in answer.out
    assert "1/0" in answer.out
    assert KEY in answer.out
    assert "there may be more" in answer.err


def test_who_changed_this_price(suanlian: Suanlian, audit: Any, url: str) -> None:
    versions = audit("record", KEY)
    assert [version["version"] for version in versions] == ["1", "2", "3", "4"]
    answer = suanlian("audit", "record", KEY, "--peer", url)
    line = next(line for line in answer.out.splitlines() if "price: 5 -> 4" in line)
    assert PEER.evidence.transactions[2].id.hex() in line
    assert GUIYANG in line
    assert "state: active -> closed" in answer.out
    genesis = suanlian("audit", "record", f"identity/{NATIONAL}", "--peer", url)
    assert "genesis" in genesis.out


def test_a_bundle_is_fetched_checked_and_written(
    suanlian: Suanlian, url: str, tmp_path: Path
) -> None:
    id_ = PEER.evidence.transactions[0].id.hex()
    targets = {
        "record": KEY,
        "list": "lease",
        "history": KEY,
        "transaction": id_,
        "consistency": "2:4",
    }
    for what, target in targets.items():
        out = tmp_path / f"{what}.json"
        answer = suanlian(
            "audit", "bundle", what, target, "--out", out, "--peer", url, "--genesis", HASH
        )
        assert answer.code == 0, answer.err
        assert answer.out.startswith("verified")
        assert suanlian("verify", out, "--genesis", HASH).code == 0


def test_a_bundle_that_was_not_checked_is_said_not_to_be(
    suanlian: Suanlian, url: str, tmp_path: Path
) -> None:
    out = tmp_path / "bundle.json"
    answer = suanlian("audit", "bundle", "consistency", "3", "--out", out, "--peer", url)
    assert (answer.code, answer.out) == (0, "")
    assert "not checked" in answer.err
    again = suanlian("audit", "bundle", "consistency", "3", "--out", out, "--peer", url)
    assert again.code == 1
    assert "already there" in again.err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("party", GUIYANG, "--from", "yesterday"), "yesterday is not a time"),
        (("record", "lease/none"), "not-found"),
        (("kind", "toy.put", "--region", "x"), "bad-parameter"),
    ],
)
def test_a_wrong_question_is_explained(
    suanlian: Suanlian, url: str, arguments: tuple[str, ...], why: str
) -> None:
    answer = suanlian("audit", *arguments, "--peer", url, "--json")
    assert answer.code == 1
    assert why in json.dumps(json.loads(answer.err))


def test_an_unreachable_peer_is_explained(suanlian: Suanlian) -> None:
    answer = suanlian("audit", "party", GUIYANG, "--peer", "http://127.0.0.1:1", "--json")
    assert answer.code == 1
