"""`suanlian node check` on a peer's folder."""

import shutil
from pathlib import Path

import pytest

from ledger import schema
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


def damage(config: Path, key: bytes, value: bytes | None) -> None:
    disk = LevelDb(config.parent / "data" / "store")
    disk.write([(key, value)], sync=True)
    disk.close()


def test_a_good_store_holds(suanlian: Suanlian, config: Path) -> None:
    answer = suanlian("node", "check", "--config", config, "--json")
    assert answer.code == 0, answer.out
    assert answer.json["holds"] is True
    assert answer.json["findings"] == answer.json["facts"] == []
    assert int(answer.json["counts"]["h"]) == int(answer.json["height"]) + 1
    assert int(answer.json["counts"]["journal"]) > 0
    assert "The store holds" in suanlian("node", "check", "--config", config).out


def test_what_is_wrong_is_named(suanlian: Suanlian, config: Path) -> None:
    damage(config, schema.body_key(2), None)
    answer = suanlian("node", "check", "--config", config, "--json")
    assert answer.code == 1
    assert answer.json["holds"] is False
    assert answer.json["findings"] == [{"table": "b", "place": "2", "wrong": "is missing"}]
    people = suanlian("node", "check", "--config", config)
    assert people.code == 1
    assert "b (bodies)  2      is missing" in people.out
    assert "operations.md" in people.err


def test_a_copy_without_its_journal_is_checked(
    suanlian: Suanlian, config: Path, tmp_path: Path
) -> None:
    shutil.copytree(config.parent / "data" / "store", tmp_path / "copy" / "store")
    damage(config, schema.body_key(2), None)
    answer = suanlian("node", "check", "--config", config, "--data", tmp_path / "copy", "--json")
    assert answer.code == 0, answer.out
    assert "journal" not in answer.json["counts"]


def test_what_cannot_be_opened_is_said(suanlian: Suanlian, config: Path, tmp_path: Path) -> None:
    nothing = suanlian("node", "check", "--config", config, "--data", tmp_path)
    assert (nothing.code, "no store is in" in nothing.err) == (1, True)
    held = LevelDb(config.parent / "data" / "store")
    taken = suanlian("node", "check", "--config", config)
    assert (taken.code, "another peer or command is using it" in taken.err) == (1, True)
    held.close()
    (config.parent / "data" / "store" / "CURRENT").write_text("odd")
    broken = suanlian("node", "check", "--config", config)
    assert (broken.code, "damaged?" in broken.err) == (1, True)
