"""`suanlian verify`: what a person and a program are told, and the exit code."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from node import prover
from tests.node.cli.conftest import Suanlian
from tests.node.evidence import GUIYANG, LEASE, make_evidence

CHAIN = make_evidence().chain
HASH = CHAIN.genesis.hash.hex()
DATA = prover.prove_object_history(CHAIN.store, CHAIN.genesis, LEASE).encode()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "bundle.json"
    path.write_bytes(DATA)
    return path


def test_a_bundle_that_holds(suanlian: Suanlian, bundle: Path) -> None:
    answer = suanlian("verify", bundle, "--genesis", HASH)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"verified against chain {CHAIN.genesis.chain}\n")
    assert "relies on epoch 0: 3 of 4 validators signed block 3" in answer.out
    assert "versions lease/P1/lease-1" in answer.out
    assert "price: 5 -> 4" in answer.out
    assert f"signed by {GUIYANG}, checked: its key" in answer.out


def test_a_bundle_that_holds_for_programs(ask: Any, bundle: Path) -> None:
    answer = ask("verify", bundle, "--genesis", HASH)
    assert answer["verified"] is True
    assert answer["chain"] == CHAIN.genesis.chain
    assert int(answer["age_ms"]) > 0
    assert [item["type"] for item in answer["proved"]][:2] == ["versions", "transaction"]


def test_a_bundle_that_does_not_hold(suanlian: Suanlian, bundle: Path) -> None:
    bundle.write_bytes(DATA.replace(b'"index":"1"', b'"index":"0"', 1))
    answer = suanlian("verify", bundle, "--genesis", HASH)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("error: claim ")
    answer = suanlian("verify", bundle, "--genesis", HASH, "--json")
    assert answer.code == 1
    assert answer.json["verified"] is False
    assert answer.json["part"].startswith("claim ")


def test_another_genesis(suanlian: Suanlian, bundle: Path) -> None:
    answer = suanlian("verify", bundle, "--genesis", "00" * 32)
    assert answer.code == 1
    assert "genesis: its hash is" in answer.err


@pytest.mark.parametrize("text", ["zz", "00" * 31, ""])
def test_a_genesis_hash_is_64_digits(suanlian: Suanlian, bundle: Path, text: str) -> None:
    answer = suanlian("verify", bundle, "--genesis", text)
    assert answer.code == 1
    assert "64 hex digits" in answer.err


def test_the_genesis_hash_is_needed(suanlian: Suanlian, bundle: Path) -> None:
    assert suanlian("verify", bundle).code == 2


def test_a_file_that_is_not_there(suanlian: Suanlian, tmp_path: Path) -> None:
    answer = suanlian("verify", tmp_path / "none.json", "--genesis", HASH)
    assert answer.code == 1
    assert "No such file" in answer.err


def test_stdin(suanlian: Suanlian, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(DATA)))
    assert suanlian("verify", "-", "--genesis", HASH).code == 0


def test_the_verifier_loads_nothing_of_networks_or_disks() -> None:
    program = (
        "import sys, json, node.client.verify;"
        "print(json.dumps([name for name in ('httpx', 'aiohttp', 'asyncio', 'socket', 'ssl', "
        "'plyvel', 'node.client.http') if name in sys.modules]))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert json.loads(found.stdout) == []
