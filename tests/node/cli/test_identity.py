"""`suanlian identity`: codes, requests and certificates, from the root down to a consumer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.code import compose_code, format_code
from node.keys import load_certificates
from node.tls import make_server_context
from tests.node.cli.conftest import Suanlian

Ask = Callable[..., Any]
NATIONAL = compose_code("N", "000000", "00000")
REGION = compose_code("R", "520000", "00001")
PROVIDER = compose_code("P", "520100", "0A001", "I")
ELSEWHERE = compose_code("P", "110100", "0A002", "I")


def test_a_code_is_composed_checked_and_shown(ask: Ask) -> None:
    made = ask("identity", "code", "compose", "P", "520100", "0A001", "--industry", "I")
    assert made["code"] == PROVIDER == "P520100I0A001000000000" + "2N"
    assert ask("identity", "code", "check", made["grouped"]) == {"code": PROVIDER, "valid": True}
    shown = ask("identity", "code", "show", PROVIDER)
    assert (shown["class"], shown["region"]) == ("provider", "贵州")


@pytest.mark.parametrize("code", [PROVIDER[:-1] + "M", PROVIDER.lower(), "", "P-520100"])
def test_a_wrong_code_exits_with_1(suanlian: Suanlian, code: str) -> None:
    answer = suanlian("identity", "code", "check", code)
    assert answer.code == 1
    assert "code" in answer.err


def make_keys(ask: Ask, folder: Path, code: str, *roles: str) -> None:
    for role in roles:
        ask("keys", "new", folder / f"{role}.key", "--role", role, "--code", code)


def make_root(ask: Ask, folder: Path) -> None:
    make_keys(ask, folder, NATIONAL, "root")
    ask(
        "identity", "certificate", "root",
        "--key", folder / "root.key", "--out", folder / "root.pem",
    )  # fmt: skip


def request_region(ask: Ask, folder: Path) -> None:
    make_keys(ask, folder, REGION, "identity", "peer", "validator")
    ask(
        "identity", "request", "--network", "trial",
        "--identity-key", folder / "identity.key",
        "--peer-key", folder / "peer.key",
        "--validator-key", folder / "validator.key",
        "--peer-endpoint", "127.0.0.1:7000", "--http-endpoint", "http://127.0.0.1:8000",
        "--out", folder / "request.json",
    )  # fmt: skip


def issue(suanlian: Suanlian, folder: Path, key: str, request: str, out: str) -> Any:
    return suanlian(
        "identity", "certificate", "issue",
        "--key", folder / key, "--request", folder / request, "--out", folder / out,
    )  # fmt: skip


def test_the_whole_chain(ask: Ask, suanlian: Suanlian, tmp_path: Path) -> None:
    make_root(ask, tmp_path)
    request_region(ask, tmp_path)
    assert issue(suanlian, tmp_path, "root.key", "request.json", "identity.pem").code == 0
    peer = ask(
        "identity", "certificate", "peer",
        "--identity-key", tmp_path / "identity.key",
        "--identity-certificate", tmp_path / "identity.pem",
        "--peer-key", tmp_path / "peer.key", "--out", tmp_path / "peer.pem",
    )  # fmt: skip
    assert (peer["subject"], peer["issuer"], peer["may_issue"]) == (REGION, REGION, False)
    root = tmp_path / "root.pem"
    checked = ask("identity", "certificate", "check", tmp_path / "peer.pem", "--root", root)
    assert checked["chain"] == [REGION, REGION, NATIONAL]
    roots = [load_certificates(root)[0].der]
    assert make_server_context(tmp_path / "peer.pem", tmp_path / "peer.key", roots)


def test_a_region_certifies_its_own_parties_only(
    ask: Ask, suanlian: Suanlian, tmp_path: Path
) -> None:
    make_root(ask, tmp_path)
    request_region(ask, tmp_path)
    issue(suanlian, tmp_path, "root.key", "request.json", "identity.pem")
    for code in (PROVIDER, ELSEWHERE):
        ask("keys", "new", tmp_path / f"{code}.key", "--role", "party")
        ask(
            "identity", "request", "--network", "trial", "--code", format_code(code),
            "--identity-key", tmp_path / f"{code}.key", "--out", tmp_path / f"{code}.json",
        )  # fmt: skip
    key, out = "identity.key", "party.pem"
    assert issue(suanlian, tmp_path, key, f"{PROVIDER}.json", out).code == 0
    shown = ask("identity", "certificate", "show", tmp_path / "party.pem")
    assert (shown["subject"], shown["issuer"]) == (PROVIDER, REGION)
    checked = suanlian(
        "identity", "certificate", "check", tmp_path / out,
        "--issuer", tmp_path / "identity.pem", "--root", tmp_path / "root.pem",
    )  # fmt: skip
    assert checked.code == 0, checked.err
    alone = suanlian(
        "identity", "certificate", "check", tmp_path / out, "--root", tmp_path / "root.pem"
    )
    assert alone.code == 1
    assert "is not the issuer" in alone.err
    foreign = issue(suanlian, tmp_path, key, f"{ELSEWHERE}.json", "other.pem")
    assert foreign.code == 1
    assert "region 11" in foreign.err
    again = issue(suanlian, tmp_path, key, f"{PROVIDER}.json", out)
    assert again.code == 1
    assert "already there" in again.err
    region = issue(suanlian, tmp_path, key, "request.json", "other.pem")
    assert region.code == 1
    assert "use the root key" in region.err


def test_a_request_names_what_is_missing(ask: Ask, suanlian: Suanlian, tmp_path: Path) -> None:
    make_keys(ask, tmp_path, REGION, "identity", "peer")
    line = [
        "identity", "request", "--network", "trial",
        "--identity-key", tmp_path / "identity.key", "--out", tmp_path / "request.json",
    ]  # fmt: skip
    assert "--peer-key" in suanlian(*line).err
    line += ["--peer-key", tmp_path / "peer.key"]
    assert "--validator-key" in suanlian(*line).err
    assert "belongs to" in suanlian(*line, "--code", PROVIDER).err
    line[line.index(tmp_path / "peer.key")] = tmp_path / "identity.key"
    line += ["--validator-key", tmp_path / "peer.key"]
    assert "where a peer key is needed" in suanlian(*line).err
    assert not (tmp_path / "request.json").exists()


def test_a_tampered_request_is_refused(ask: Ask, suanlian: Suanlian, tmp_path: Path) -> None:
    make_root(ask, tmp_path)
    request_region(ask, tmp_path)
    path = tmp_path / "request.json"
    path.write_text(path.read_text().replace('"trial"', '"other"'))
    refused = issue(suanlian, tmp_path, "root.key", "request.json", "identity.pem")
    assert refused.code == 1
    assert "does not prove" in refused.err
    assert not (tmp_path / "identity.pem").exists()
