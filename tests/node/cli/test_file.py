"""`suanlian audit file`: a document is the one that a record names, or it is not."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.record import make_key
from tests.ledger.chain import Chain
from tests.node.api.fake import FakePeer
from tests.node.cli.conftest import Suanlian
from tests.node.cli.serving import serve

PLAN, EVIDENCE = b"the construction plan" * 1000, b"evidence"
APPLICATION = make_key("application", "application-1")
LEASE = make_key("lease", "P1", "lease-1")
OTHER_LEASE = make_key("lease", "P1", "lease-2")
KEY = "application/application-1"


def make_material(data: bytes, size: int) -> dict[str, object]:
    return {
        "kind": "construction-plan",
        "location": "archive 7",
        "media_type": "application/pdf",
        "sha256": hashlib.sha256(data).digest(),
        "size": size,
    }


class ApplicationPeer(FakePeer):
    """A peer with an application, one that gives a wrong size, and a lease whose evidence went."""

    def __init__(self) -> None:
        first = {"materials": [make_material(b"another", 7), make_material(PLAN, len(PLAN))]}
        wrong = {"materials": [make_material(EVIDENCE, 1)]}
        second = make_key("application", "application-2")
        super().__init__(Chain(records=[(APPLICATION, first), (second, wrong)]))
        digest = hashlib.sha256(EVIDENCE).digest()
        self.chain.extend([self.make([(LEASE, {"open": [{"evidence": digest}]})])])
        self.chain.extend([self.make([(LEASE, {"open": []})])])
        for step, digests in enumerate(([digest], [digest], [], [digest])):
            record = {"open": [{"evidence": digest} for digest in digests], "step": step}
            self.chain.extend([self.make([(OTHER_LEASE, record)])])


PEER = ApplicationPeer()
HASH = PEER.genesis.hash.hex()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(PEER) as url:
        yield url


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.pdf"
    path.write_bytes(PLAN)
    return path


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    path = tmp_path / "evidence"
    path.write_bytes(EVIDENCE)
    return path


def test_a_document_is_the_one_that_is_named(suanlian: Suanlian, url: str, plan: Path) -> None:
    answer = suanlian("audit", "file", plan, KEY, "--peer", url, "--json")
    assert answer.code == 0, answer.err
    assert answer.json["holds"] is True
    assert answer.json["sha256"] == hashlib.sha256(PLAN).hexdigest()
    (naming,) = answer.json["named"]
    assert (naming["record"], naming["field"]) == (KEY, "materials[1].sha256")
    assert naming["about"]["location"] == "archive 7"
    table = suanlian("audit", "file", plan, KEY, "--peer", url)
    assert table.code == 0
    assert "materials[1].sha256" in table.out
    assert "fits" in table.out


def test_all_records_below_a_key_are_looked_through(
    suanlian: Suanlian, url: str, plan: Path
) -> None:
    answer = suanlian("audit", "file", plan, "application", "--peer", url, "--json")
    assert answer.code == 0, answer.err
    assert [naming["record"] for naming in answer.json["named"]] == [KEY]


def test_old_versions_count(suanlian: Suanlian, url: str, evidence: Path) -> None:
    answer = suanlian("audit", "file", evidence, "lease/P1/lease-1", "--peer", url, "--json")
    assert answer.code == 0, answer.err
    assert [naming["version"] for naming in answer.json["named"]] == ["1"]


def test_versions_that_name_it_alike_are_one_row(
    suanlian: Suanlian, url: str, evidence: Path
) -> None:
    args = ("audit", "file", evidence, "lease/P1/lease-2", "--peer", url)
    _title, _heading, *rows = suanlian(*args).out.splitlines()
    assert [row.split()[1:4] for row in rows] == [["1", "to", "2"], ["4", "open[0].evidence", "-"]]
    assert [row["version"] for row in suanlian(*args, "--json").json["named"]] == ["1", "2", "4"]


def test_another_size_is_said(suanlian: Suanlian, url: str, evidence: Path) -> None:
    answer = suanlian("audit", "file", evidence, "application/application-2", "--peer", url)
    assert answer.code == 1
    assert "differs" in answer.out


def test_one_changed_byte_is_another_document(suanlian: Suanlian, url: str, plan: Path) -> None:
    plan.write_bytes(PLAN[:-1] + b"!")
    answer = suanlian("audit", "file", plan, KEY, "--peer", url, "--json")
    assert answer.code == 1
    assert answer.json["named"] == []


def test_a_bundle_says_so_offline(
    suanlian: Suanlian, url: str, plan: Path, evidence: Path, tmp_path: Path
) -> None:
    for number, (what, key, file) in enumerate(
        (("record", KEY, plan), ("history", "lease/P1/lease-1", evidence))
    ):
        out = tmp_path / f"{number}.json"
        assert suanlian("audit", "bundle", what, key, "--out", out, "--peer", url).code == 0
        how = ("--bundle", out, "--genesis", HASH)
        answer = suanlian("audit", "file", file, *how, "--peer", "http://127.0.0.1:1", "--json")
        assert answer.code == 0, answer.err
        assert answer.json["holds"] is True
    other = plan if file == evidence else evidence
    assert suanlian("audit", "file", other, *how).code == 1


def test_a_bundle_that_is_not_trusted_says_nothing(suanlian: Suanlian, plan: Path) -> None:
    assert "--genesis" in suanlian("audit", "file", plan, "--bundle", plan).err
    assert suanlian("audit", "file", plan).code == 1
    assert suanlian("audit", "file", plan, "--bundle", plan, "--genesis", HASH).code == 1
