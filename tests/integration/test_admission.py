"""How nodes come and go, as people run it, and what the chain of it is worth afterwards."""

import json
import subprocess
import sys
from pathlib import Path

from devnet.folder import load_folder

LABELS = ("region-11", "region-51", "national")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "node.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)


def test_a_region_joins_another_is_barred_and_one_retires(slot: None, tmp_path: Path) -> None:
    path = tmp_path / "network"
    done = run("devnet", "admission", "--dir", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    for said in (
        "with one endorsement it could not be handed in",
        "under another name: refused",
        "admitted, not a validator yet",
        "5 validators, active",
        "its own vote and three more carried the ballot",
        "every block of every peer is the same",
    ):
        assert said in done.stdout, said

    folder = load_folder(path)
    assert [node.label for node in folder.nodes if node.role == "validator"][-1] == "region-51"
    assert not any(folder.pid(node.label).exists() for node in folder.nodes)
    # Others execute the chain to the same bytes, epochs and activations included.
    digests = set()
    for label in LABELS:
        replayed = run("node", "replay", "--json", "--config", str(folder.config(label)))
        assert replayed.returncode == 0, replayed.stderr
        digests.add(json.loads(replayed.stdout)["digest"])
    assert len(digests) == 1
