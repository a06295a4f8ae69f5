"""`suanlian node backup` and `restore` on a peer's folder."""

import shutil
from pathlib import Path

import pytest

from ledger.keyvalue import LevelDb
from tests.node.cli.conftest import Suanlian
from tests.node.network import run_network
from tests.node.stopped import make_stopped


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_stopped(run_network().processes[0], tmp_path_factory.mktemp("stopped")).parent


@pytest.fixture
def config(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "peer")) / "node.toml"


def test_a_stopped_peer_is_backed_up_checked_and_restored(
    suanlian: Suanlian, config: Path, tmp_path: Path
) -> None:
    made = suanlian("node", "backup", tmp_path / "backup", "--config", config, "--json")
    assert made.code == 0, made.err
    assert (made.json["path"], int(made.json["entries"]) > 100) == (str(tmp_path / "backup"), True)
    where = ("--config", config, "--data", tmp_path / "backup")
    for command in ("check", "replay"):
        assert suanlian("node", command, *where).code == 0
    shutil.rmtree(config.parent / "data")
    restored = suanlian("node", "restore", tmp_path / "backup", "--config", config)
    assert restored.code == 0, restored.err
    assert "these validator keys vote no more" in restored.err
    assert suanlian("node", "check", "--config", config).code == 0
    again = suanlian("node", "restore", tmp_path / "backup", "--config", config, "--json")
    assert (again.code, "already there" in again.error) == (1, True)


def test_what_cannot_be_done_is_said(suanlian: Suanlian, config: Path, tmp_path: Path) -> None:
    there = suanlian("node", "backup", tmp_path, "--config", config)
    assert (there.code, "already there" in there.err) == (1, True)
    held = LevelDb(config.parent / "data" / "store")
    taken = suanlian("node", "backup", tmp_path / "backup", "--config", config)
    assert (taken.code, "another peer or command is using it" in taken.err) == (1, True)
    held.close()
    none = suanlian("node", "restore", tmp_path, "--config", config)
    assert (none.code, "is no backup" in none.err) == (1, True)
