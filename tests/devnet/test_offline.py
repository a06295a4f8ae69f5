"""The verifying process has no network, whatever it tries."""

import subprocess
import sys
from pathlib import Path

import pytest

from devnet.evidence import run_verifier
from ledger.primitives import ZERO_DIGEST
from node import prover
from tests.node.evidence import LEASE, make_evidence

ATTEMPTS = (
    "import socket; socket.socket()",
    "import _socket; _socket.socket()",
    "import socket; socket.create_connection(('127.0.0.1', 1))",
    "import socket; socket.getaddrinfo('localhost', 1)",
    "import subprocess; subprocess.run(['true'])",
    "import os; os.system('true')",
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:1')",
)


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_nothing_reaches_out(attempt: str) -> None:
    script = f"from devnet import offline\noffline.block_sockets()\n{attempt}\n"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "blocked here" in done.stderr


def test_a_bundle_is_verified_there(tmp_path: Path) -> None:
    chain = make_evidence().chain
    bundle = prover.prove_object_history(chain.store, chain.genesis, LEASE).encode()
    path = tmp_path / "bundle.json"
    path.write_bytes(bundle)
    report = run_verifier(path, chain.genesis.hash.hex())
    assert report["verified"] is True
    assert any(item["type"] == "versions" for item in report["proved"])
    refused = run_verifier(path, ZERO_DIGEST.hex())
    assert refused["verified"] is False
    assert "genesis" in refused["error"]
