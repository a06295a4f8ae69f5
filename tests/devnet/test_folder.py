"""The folder of a devnet, and the errors of commands that find none."""

import json
from pathlib import Path

import pytest

from devnet.errors import DevnetError
from devnet.folder import DESCRIPTION, Folder, is_founded, load_folder
from devnet.founding import DevnetSpec, found_devnet, make_short_rules
from devnet.process import NodeProcess, read_command
from node.ceremony import check_founding
from node.cli.main import run
from node.config import load_config, load_genesis


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    path = tmp_path_factory.mktemp("founded") / "devnet"
    return found_devnet(path, DevnetSpec(rules=make_short_rules(5_000)))


def test_a_devnet_is_founded_by_the_ceremony(folder: Folder) -> None:
    assert is_founded(folder.path)
    assert load_folder(folder.path) == folder
    assert [node.role for node in folder.nodes] == ["national", *["validator"] * 4, "industry"]
    ports = {address for node in folder.nodes for address in (node.peer, node.http)}
    assert len(ports) == 2 * len(folder.nodes)
    for node in folder.nodes:
        config = load_config(folder.config(node.label))
        genesis = load_genesis(config)
        check_founding(genesis)
        assert genesis.hash == folder.genesis_hash
        assert config.code == node.code
        assert genesis.rules["meter_epoch_ms"] == 5_000


def test_the_industry_node_connects_through_a_region_and_one_that_stands_by(folder: Folder) -> None:
    connect = {node.label: load_config(folder.config(node.label)).connect for node in folder.nodes}
    through = tuple(folder.find(label).code for label in ("region-44", "region-52"))
    assert connect.pop("industry-i") == through
    assert not any(connect.values())


def test_identity_keys_lie_apart_from_the_peers(folder: Folder) -> None:
    inside = {path.stem for path in (folder.path / "nodes").rglob("*.key")}
    assert inside == {"peer", "validator"}
    for label in ("national", "region-11", "bank"):
        key, code = folder.load_operator(label)
        assert folder.load_operator_key(label).public == key.public
        assert code[0] in "NRA"


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(DevnetError, match="not empty"):
        found_devnet(tmp_path, DevnetSpec())
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_an_unknown_node_is_told_from_the_known(folder: Folder) -> None:
    with pytest.raises(DevnetError, match="choose one of national, region-11"):
        folder.find("region-99")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"suanlian-devnet": 99}'])
def test_a_damaged_description_says_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / DESCRIPTION).write_text(text, "utf-8")
    with pytest.raises(DevnetError, match=r"remove the folder|cannot be read"):
        load_folder(tmp_path)


@pytest.mark.parametrize(
    "command",
    [["status"], ["logs"], ["kill", "region-11"], ["restart", "region-11"], ["down"]],
    ids=" ".join,
)
def test_commands_without_a_devnet_say_how_to_start_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert run(["devnet", *command, "--dir", str(tmp_path / "none")]) == 1
    assert "suanlian devnet up" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["status"], ["kill", "region-11"], ["down"]], ids=" ".join)
def test_commands_on_a_devnet_that_is_down_say_so(
    folder: Folder, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert run(["devnet", *command, "--dir", str(folder.path)]) == 1
    assert "is down: start it" in capsys.readouterr().err


def test_a_pid_of_another_process_is_not_ours(folder: Folder) -> None:
    process = NodeProcess(folder, "region-11", tethered=True)
    folder.pid("region-11").write_text("1\n")
    assert read_command(1)
    assert process.pid is None
    with pytest.raises(DevnetError, match="not running"):
        process.kill()
    assert process.stop()
    assert not folder.pid("region-11").exists()


def test_the_description_has_what_programs_need(folder: Folder) -> None:
    value = json.loads((folder.path / DESCRIPTION).read_text("utf-8"))
    assert value["genesis_hash"] == folder.genesis_hash.hex()
    assert value["nodes"][0]["http"].startswith("http://127.0.0.1:")
