"""`suanlian audit fork` on two bundles, and on the folders of two peers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.keyvalue import KeyValue, LevelDb
from node.ceremony import write_node
from tests.node.cli.conftest import Suanlian
from tests.node.evidence import make_chain
from tests.node.test_fork import Branch, bundle, grow

Ask = Callable[..., Any]


def save(folder: Path, disk: KeyValue) -> None:
    copy = LevelDb(folder)
    copy.write(list(disk.scan(b"", b"\xff")), sync=True)
    copy.close()


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two peers with two blocks at one height and view."""
    places = []
    for place, signers in enumerate(((0, 1, 2), (1, 2, 3))):
        branch = Branch()
        branch.decide(5, signers, f"side {place}")
        folder = tmp_path_factory.mktemp(f"peer{place}")
        code = branch.population.regions[place]
        founders = branch.population.founded.members
        member = next(item for item in founders if item.code == code)
        write_node(folder, member, branch.genesis)
        save(folder / "data" / "store", branch.disk)
        save(folder / "data" / "journal", branch.journal.disk)
        places.append(folder)
    return places


def test_two_folders_name_the_keys(ask: Ask, suanlian: Suanlian, peers: list[Path]) -> None:
    one, other = (folder / "node.toml" for folder in peers)
    found = ask("audit", "fork", one, other)
    assert (found["one"]["height"], found["other"]["height"]) == ("2", "2")
    assert found["one"]["block"] != found["other"]["block"]
    assert [item["node"] for item in found["convicted"]] == found["both_sides"]
    assert found["faulty_at_least"] == "2"
    table = suanlian("audit", "fork", one, other)
    assert found["convicted"][0]["key"] in table.out


def test_a_copy_of_a_folder_will_do(ask: Ask, peers: list[Path]) -> None:
    config = peers[0] / "node.toml"
    found = ask("audit", "fork", config, f"{config}={peers[1] / 'data'}")
    assert len(found["convicted"]) == 2


def test_what_is_not_there_is_said(suanlian: Suanlian, peers: list[Path]) -> None:
    answer = suanlian("audit", "fork", peers[0] / "node.toml", peers[0] / "none.toml")
    assert answer.code == 1
    assert "none.toml" in answer.err


def test_two_bundles_name_the_keys(ask: Ask, suanlian: Suanlian, tmp_path: Path) -> None:
    chains = [grow(make_chain(), reference) for reference in (1, 2)]
    files = []
    for place, chain in enumerate(chains):
        files.append(tmp_path / f"{place}.json")
        files[-1].write_bytes(bundle(chain))
    hash_ = chains[0].genesis.hash.hex()
    found = ask("audit", "fork", *files, "--genesis", hash_)
    assert len(found["convicted"]) == 3
    answer = suanlian("audit", "fork", files[0], files[0], "--genesis", hash_)
    assert answer.code == 1
    assert "do not show a fork" in answer.err
    assert suanlian("audit", "fork", *files).code == 1
    answer = suanlian("audit", "fork", files[0], tmp_path / "node.toml", "--genesis", hash_)
    assert "two bundles, or two folders" in answer.err
