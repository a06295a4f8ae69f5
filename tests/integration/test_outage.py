"""Validators die and come back: nothing acknowledged is lost, nobody disagrees."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from devnet import evidence
from devnet.folder import Folder
from devnet.outage import bring_back, wait_for_vote
from devnet.scene import Scene
from node.client.errors import ClientError
from node.client.http import Client
from node.client.retry import NO_RETRY
from tests.integration.world import HOME, make_payers, poll, run_network

FIRST, SECOND = "region-31", "region-44"


@dataclass
class Load:
    """Payments sent to one peer, one after the other; only what was acknowledged is remembered."""

    scene: Scene
    at: str = HOME
    final: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def __enter__(self) -> "Load":
        self.payer, self.payee = make_payers(self.scene)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        url = self.scene.folder.find(self.at).http
        with Client(url, retry=NO_RETRY) as client:
            while not self._stop.is_set():
                data = {"amount_micro_yuan": 1, "reference": "", "to": self.payee.code}
                signed = client.compose("settlement.pay", data, [self.payer.signer])
                try:
                    outcome = client.submit(signed, 1.0)
                except ClientError as error:
                    self.failures.append(str(error))
                    continue
                self.accepted.append(signed.id)
                if outcome.is_ok:
                    self.final.append(signed.id)
                self._stop.wait(0.01)


@pytest.fixture(scope="module")
def network(slot: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with run_network(tmp_path_factory.mktemp("outage") / "devnet", "industry-j") as scene:
        yield scene


def test_validators_die_and_come_back(network: Scene) -> None:
    with Load(network) as load:
        lose_one(network, load)
        lose_two(network, load)
    assert not load.failures
    for id_ in load.accepted:
        assert network.client("national").wait(id_, 30.0).is_ok
    evidence.compare_peers(network)
    evidence.check_everywhere(network, load.accepted)
    stop_and_replay(network)


def lose_one(scene: Scene, load: Load) -> None:
    """One dies under load: the others go on; it comes back, catches up and votes."""
    scene.launcher.kill(FIRST)
    before = len(load.final)
    poll(lambda: len(load.final) > before + 20, 30, "payments go on with three validators")
    goal = bring_back(scene, FIRST, HOME)
    assert wait_for_vote(scene, FIRST, goal) > goal


def lose_two(scene: Scene, load: Load) -> None:
    """Two die: no block, no fork, the rest say why; both come back, and it goes on by itself."""
    scene.launcher.kill(FIRST)
    scene.launcher.kill(SECOND)
    poll(
        lambda: bool(why_not_ready(scene)), 10, "a peer without a quorum says that it is not ready"
    )
    codes = [scene.folder.find(label).code for label in (FIRST, SECOND)]
    assert all(code in why_not_ready(scene) for code in codes)
    height, waiting = scene.client(HOME).get_height(), len(load.accepted)
    poll(lambda: len(load.accepted) > waiting + 2, 30, "transactions are still accepted")
    assert scene.client(HOME).get_height() == height
    scene.launcher.start([FIRST, SECOND])
    scene.launcher.wait_ready([FIRST, SECOND, HOME])
    poll(lambda: scene.client(HOME).get_height() > height + 5, 30, "blocks are made again")


def why_not_ready(scene: Scene) -> str:
    answer = httpx.get(f"{scene.folder.find(HOME).http}/readyz", trust_env=False)
    return "" if answer.status_code == 200 else str(answer.json()["detail"])


def stop_and_replay(scene: Scene) -> None:
    """A graceful stop leaves clean logs, and a chain that other processes execute to the same."""
    folder, labels = scene.folder, scene.launcher.running
    height = evidence.compare_peers(scene)[0]
    assert scene.launcher.stop() == []
    for label in labels:
        assert "stopped at block" in folder.log(label).read_text("utf-8")
        assert list_errors(folder, label) == []
    roots = [replay(folder, label, seed) for seed, label in enumerate((HOME, FIRST, "national"))]
    # A heartbeat may have made a block while the first of them stopped.
    common = min(map(len, roots))
    assert common >= height
    assert roots[0][:common] == roots[1][:common] == roots[2][:common]


def list_errors(folder: Folder, label: str) -> list[str]:
    lines = folder.log(label).read_text("utf-8").splitlines()
    return [line for line in lines if json.loads(line)["level"] in ("error", "critical")]


def replay(folder: Folder, label: str, hash_seed: int) -> list[bytes]:
    """Every root of a peer's chain, from a process with a hash seed of its own."""
    out = Path(folder.path / f"roots-{label}")
    command = [sys.executable, "-m", "node.cli.main", "node", "replay", "--json"]
    done = subprocess.run(
        [*command, "--config", str(folder.config(label)), "--roots", str(out)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
    )
    assert done.returncode == 0, done.stderr
    return out.read_bytes().splitlines()
