"""Backups of running peers, an old one restored, and a disk that gives back other bytes."""

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from devnet import evidence
from devnet.scene import Scene
from ledger import schema
from ledger.keyvalue import LevelDb
from node.cli.main import run
from node.client.errors import ClientError
from tests.integration.test_outage import Load
from tests.integration.world import HOME, poll, run_network

VICTIM = "region-44"
Suanlian = Callable[..., Any]


@pytest.fixture(scope="module")
def network(slot: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("backup") / "devnet"
    with run_network(folder, "industry-i", "industry-j", "national") as scene:
        yield scene


def test_a_validator_is_backed_up_while_it_runs_and_restored_from_an_old_backup(
    network: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = network.folder.config(VICTIM)

    def suanlian(*arguments: object) -> Any:
        code = run([*map(str, arguments), "--config", str(config), "--json"])
        captured = capsys.readouterr()
        assert code == 0, captured.out + captured.err
        return json.loads(captured.out)

    with Load(network) as load:
        poll(lambda: len(load.final) > 20, 30, "payments are final")
        made = suanlian("node", "backup", tmp_path / "backup")
        before = len(load.final)
        poll(lambda: len(load.final) > before + 20, 30, "payments go on")
        network.launcher.kill(VICTIM)
        shutil.rmtree(config.parent / "data")
        assert suanlian("node", "restore", tmp_path / "backup")["height"] == made["height"]
        assert suanlian("node", "check")["holds"]
        network.launcher.start([VICTIM])
        poll(lambda: has_caught_up(network), 60, "the restored peer catches up")
    assert not load.failures
    status = network.status(VICTIM)
    assert (status["role"], status["votes"]) == ("validator", False)
    assert any("does not vote (its journal was lost" in reason for reason in status["waiting_for"])
    log = network.folder.log(VICTIM).read_text("utf-8")
    assert "this validator key is barred here: no votes under it any more" in log
    evidence.compare_peers(network)
    evidence.check_everywhere(network, load.accepted)
    end_on_a_damaged_block(network)


def has_caught_up(scene: Scene) -> bool:
    try:
        height = scene.client(VICTIM).get_height()
    except ClientError:
        return False
    return height + 2 >= scene.client(HOME).get_height()


def end_on_a_damaged_block(scene: Scene) -> None:
    """Whoever asks is told nothing wrong, and the process ends with a last word that says why.

    LevelDB may meet the damage by itself before, when it tidies up.
    """
    process, url = scene.launcher.process(VICTIM), scene.folder.find(VICTIM).http
    assert scene.launcher.stop([VICTIM]) == []
    flip(scene.folder.config(VICTIM).parent / "data" / "store", schema.results_key(2))
    scene.launcher.start([VICTIM])
    poll(lambda: not process.is_running or answers(url), 60, "it starts, or ends")
    with contextlib.suppress(httpx.TransportError):
        asked = httpx.get(f"{url}/v1/blocks/2?transactions=true", trust_env=False)
        assert asked.status_code >= 500
    poll(lambda: not process.is_running, 20, "the process ends")
    last = scene.folder.log(VICTIM).read_text("utf-8").rstrip().splitlines()[-1]
    assert "the disk failed: " in last
    assert "checksum mismatch" in last


def answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
    return False


def flip(store: Path, key: bytes) -> None:
    """Change a bit of a value on the disk."""
    disk = LevelDb(store, must_exist=True)
    value = disk.get(key)
    assert value is not None
    disk.compact()
    disk.close()
    for path in store.glob("*.ldb"):
        data = path.read_bytes()
        at = data.find(value)
        if at >= 0:
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            return
    raise AssertionError("the value is in no file")
