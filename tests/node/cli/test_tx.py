"""`suanlian tx`, against a peer whose blocks hold what it is given."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ledger.code import compose_code
from ledger.crypto import sha256
from ledger.primitives import Digest
from ledger.result import Result
from ledger.state import Layer
from ledger.transaction import Transaction, key_signer
from node.cli.remote import read_signers
from node.cli.values import read_data
from node.client.parts import read_draft
from node.errors import NodeError, Refused
from node.keys import Role, save_key
from node.port import Status
from tests.ledger import chain
from tests.ledger.chain import key_of
from tests.node.api.conftest import LIMITS
from tests.node.api.fake import FakePeer, make_chain
from tests.node.cli.conftest import Suanlian
from tests.node.cli.serving import serve

Ask = Callable[..., Any]
PAYER = compose_code("U", "520100", "00020")
BANK = compose_code("A", "000000", "00010")
PAY = {"amount_micro_yuan": 5_000_000, "reference": "rent", "to": PAYER}
DRAW = {"amount_micro_yuan": 1_000_000, "reference": ""}


class QuickPeer(FakePeer):
    """Every kind is known, and what is taken is final at once."""

    async def submit(self, raws: Sequence[bytes]) -> list[Status | Refused]:
        answers = await super().submit(raws)
        if self.pending:
            self.finalize()
        return answers

    def _judge(self, transaction: Transaction) -> Refused | None:
        return None


def execute(layer: Layer, height: int, index: int, transaction: Transaction) -> Result:
    poor = transaction.data.get("reference") == "too much"
    code = "insufficient-balance" if poor else "ok"
    return chain._make_result(layer, height, index, transaction.id, [], code)


@pytest.fixture
def peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[QuickPeer]:
    monkeypatch.setattr(chain, "_execute", execute)
    peer = QuickPeer(make_chain(tmp_path))
    yield peer
    peer.store.close()


@pytest.fixture
def url(peer: QuickPeer) -> Iterator[str]:
    with serve(peer, LIMITS) as url:
        yield url


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "payer.key"
    save_key(path, Role.PARTY, key_of("payer"), PAYER)
    return path


@pytest.fixture
def bank_key(tmp_path: Path) -> Path:
    path = tmp_path / "bank.key"
    save_key(path, Role.PARTY, key_of("bank"))  # it names no code
    return path


@pytest.fixture
def genesis_file(peer: QuickPeer, tmp_path: Path) -> Path:
    path = tmp_path / "genesis.bin"
    path.write_bytes(peer.genesis.data)
    return path


def test_kinds_are_listed_and_described(ask: Ask, suanlian: Suanlian) -> None:
    kinds = {item["kind"]: item for item in ask("tx", "kinds")}
    assert kinds["settlement.pay"]["signers"] == ["party"]
    shown = ask("tx", "kinds", "settlement.pay")
    assert set(shown["data"]) == {"amount_micro_yuan", "reference", "to"}
    assert "insufficient-balance" in shown["failures"]
    assert "settlement.pay" in suanlian("tx", "kinds").out
    assert suanlian("tx", "kinds", "no.such").code == 1


def test_every_kind_can_be_described(ask: Ask) -> None:
    for item in ask("tx", "kinds"):
        assert ask("tx", "kinds", item["kind"])["title"] == item["title"]


def test_submit_does_all_of_it(ask: Ask, suanlian: Suanlian, url: str, key: Path) -> None:
    shown = ask(
        "tx", "submit", "settlement.pay", "--data", json.dumps(PAY), "--signer", key, "--peer", url
    )
    assert (shown["status"], shown["code"]) == ("final", "ok")
    assert shown["transaction"]["signers"] == [PAYER]
    assert shown["transaction"]["data"]["amount_micro_yuan"] == "5000000"
    again = ask("tx", "status", shown["id"], "--peer", url, "--wait", 1)
    assert again == shown
    table = suanlian("tx", "status", shown["id"], "--peer", url).out
    assert "final: ok" in table
    assert "amount_micro_yuan: 5000000" in table
    assert shown["transaction"]["raw"] not in table


def test_a_failure_is_shown_and_exits_with_one(suanlian: Suanlian, url: str, key: Path) -> None:
    data = json.dumps({**PAY, "reference": "too much"})
    arguments = ("tx", "submit", "settlement.pay", "--data", data, "--signer", key, "--peer", url)
    answer = suanlian(*arguments)
    assert answer.code == 1
    assert "insufficient-balance" in answer.out
    assert "changed nothing" in answer.err
    answer = suanlian(*arguments, "--json")
    assert (answer.code, answer.json["code"]) == (1, "insufficient-balance")


def test_several_parties_sign_apart(
    ask: Ask, suanlian: Suanlian, url: str, key: Path, bank_key: Path, tmp_path: Path
) -> None:
    draft, mine, whole = (tmp_path / name for name in ("draft.json", "bank.sig", "whole.json"))
    made = ask(
        *("tx", "make", "settlement.withdraw", "--data", json.dumps(DRAW), "--out", draft),
        *("--signer", key, "--signer", BANK, "--peer", url),
    )
    assert (made["signed_by"], made["missing"]) == ([PAYER], [BANK])
    unsigned = suanlian("tx", "send", draft, "--peer", url)
    assert unsigned.code == 1
    assert f"not signed yet by {BANK}" in unsigned.err
    signed = ask("tx", "sign", draft, "--signer", f"{BANK}={bank_key}", "--out", mine)
    assert (signed["signer"], signed["id"]) == (BANK, made["id"])
    joined = ask("tx", "join", draft, mine, "--out", whole)
    assert joined["missing"] == []
    assert ask("tx", "show", whole)["data"] == DRAW
    assert ask("tx", "send", whole, "--peer", url)["status"] == "final"


def test_a_draft_is_made_without_a_peer(
    ask: Ask, suanlian: Suanlian, key: Path, genesis_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "draft.json"
    arguments = ("tx", "make", "settlement.pay", "--data", json.dumps(PAY), "--signer", key)
    offline = (*arguments, "--out", out, "--genesis-file", genesis_file)
    assert "give --until" in suanlian(*offline).err
    ask(*offline, "--until", 77)
    draft = read_draft(out.read_text())
    assert (draft.fields["until"], draft.missing) == (77, ())
    again = suanlian(*offline, "--until", 77)
    assert "already there" in again.err


def test_a_bare_key_signs_for_itself(
    ask: Ask, bank_key: Path, genesis_file: Path, tmp_path: Path
) -> None:
    region = tmp_path / "region.key"
    save_key(region, Role.IDENTITY, key_of("r"), compose_code("R", "520000", "00001"))
    data = {
        "certificate": {"$hex": "00"},
        "code": PAYER,
        "credit_code": "",
        "name": "x",
        "role": "",
    }
    made = ask(
        *("tx", "make", "identity.register", "--data", json.dumps(data)),
        *("--signer", region, "--signer", f"bare={bank_key}"),
        *("--genesis-file", genesis_file, "--until", 9, "--out", tmp_path / "d.json"),
    )
    assert made["signed_by"][1] == key_signer(key_of("bank").public)


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        ("no.such", {}, "there is no kind"),
        ("settlement.pay", {}, "amount_micro_yuan"),
        ("settlement.pay", {**PAY, "amount_micro_yuan": -1}, "amount_micro_yuan"),
        ("settlement.pay", {**PAY, "amount_micro_yuan": 2**70}, "amount_micro_yuan"),
        ("settlement.pay", {**PAY, "amount_micro_yuan": 1.5}, "not a whole number"),
        ("settlement.pay", {**PAY, "to": "someone"}, "to"),
        ("settlement.pay", {**PAY, "more": 1}, "more"),
        ("settlement.pay", {**PAY, "reference": {"$hex": "zz"}}, "is not hex"),
        ("settlement.pay", [], "not a JSON object"),
        ("settlement.withdraw", DRAW, "signed by"),
        ("settlement.deposit", {**PAY}, "see `suanlian tx kinds settlement.deposit`"),
    ],
)
def test_wrong_data_is_found_before_anything_is_sent(
    suanlian: Suanlian, key: Path, kind: str, data: Any, message: str
) -> None:
    arguments = ("tx", "submit", kind, "--data", json.dumps(data), "--signer", key)
    answer = suanlian(*arguments, "--peer", "http://127.0.0.1:1")
    assert answer.code == 1
    assert message in answer.err


def test_the_peer_is_reached_and_is_the_right_one(
    suanlian: Suanlian, ask: Ask, url: str, peer: QuickPeer, key: Path
) -> None:
    id_ = "0" * 64
    assert "there is no such thing" in suanlian("tx", "status", id_, "--peer", url).err.lower()
    pinned = ("--peer", url, "--genesis")
    assert "keeps" in suanlian("tx", "status", id_, *pinned, sha256(b"x").hex()).err
    assert "64 hex digits" in suanlian("tx", "status", id_, *pinned, "x").err
    assert "not the URL" in suanlian("tx", "status", id_, "--peer", "peer.example").err
    data = json.dumps(PAY)
    shown = ask(
        *("tx", "submit", "settlement.pay", "--data", data, "--signer", key),
        *(*pinned, Digest(peer.genesis.hash).hex()),
    )
    assert shown["status"] == "final"


@pytest.mark.parametrize(
    ("signer", "message"),
    [
        (PAYER, "no key file here"),
        ("nowhere.key", "no key file"),
        (f"{PAYER}=nowhere.key", "no key file"),
    ],
)
def test_a_signer_needs_its_key(suanlian: Suanlian, signer: str, message: str) -> None:
    answer = suanlian("tx", "submit", "settlement.pay", "--signer", signer)
    assert answer.code == 1
    assert message in answer.err


def test_a_key_belongs_to_its_code(suanlian: Suanlian, key: Path, bank_key: Path) -> None:
    answer = suanlian("tx", "submit", "settlement.pay", "--signer", f"{BANK}={key}")
    assert f"belongs to {PAYER}" in answer.err
    answer = suanlian("tx", "submit", "settlement.pay", "--signer", bank_key)
    assert "names no code" in answer.err
    assert suanlian("tx", "submit", "settlement.pay").code == 2


def test_data_can_hold_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "blob").write_bytes(b"\x00\x01")
    monkeypatch.chdir(tmp_path)
    text = """{"a": {"$hex": "00ff"}, "b": [{"$base64": "AP8="}], "c": {"d": {"$file": "blob"}},
               "e": {"$sha256": "blob"}, "f": {"g": 1, "h": null, "i": true}}"""
    expected = {
        "a": b"\x00\xff",
        "b": [b"\x00\xff"],
        "c": {"d": b"\x00\x01"},
        "e": sha256(b"\x00\x01"),
        "f": {"g": 1, "h": None, "i": True},
    }
    assert read_data(text) == expected
    (tmp_path / "data.json").write_text(text)
    assert read_data("@data.json") == expected


@pytest.mark.parametrize("name", ["none", "draft.json"])
def test_a_file_that_is_no_draft(suanlian: Suanlian, tmp_path: Path, name: str) -> None:
    (tmp_path / "draft.json").write_text("{}")
    assert suanlian("tx", "show", tmp_path / name).code == 1


def test_a_root_signs_beside_others_only(suanlian: Suanlian, tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    assert suanlian("keys", "new", path, "--role", "root", "--code", chain.NATIONAL).code == 0
    (signer,) = read_signers([f"bare={path}"])
    assert signer.key is not None
    assert signer.code == key_signer(signer.key.public)
    for text in (str(path), f"{chain.NATIONAL}={path}"):
        with pytest.raises(NodeError, match="root key"):
            read_signers([text])
