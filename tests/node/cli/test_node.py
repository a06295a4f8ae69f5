"""`suanlian node`: a network founded and a peer set up, by command line alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node.ceremony import Founded, NetworkSpec, compose_members, found_network
from node.enrolment import encode_request
from node.keys import Role, save_key
from tests.node.cli.conftest import Suanlian

Ask = Callable[..., Any]
SPEC = NetworkSpec("trial", 1_775_059_200_000, compose_members(), seed=b"command line")


@pytest.fixture
def founded(tmp_path: Path) -> Founded:
    made = found_network(tmp_path / "net", SPEC)
    for member in made.members:
        path = tmp_path / "net" / "operators" / member.spec.label / "request.json"
        path.write_text(encode_request(member.request))
    return made


def init(suanlian: Suanlian, tmp_path: Path, founded: Founded, *more: object) -> Any:
    node = tmp_path / "net" / "nodes" / "region-11"
    return suanlian(
        "node", "init", tmp_path / "peer",
        "--code", founded.find("region-11").code,
        "--genesis", tmp_path / "net" / "genesis.bin",
        "--genesis-hash", founded.genesis.hash.hex(),
        "--peer-key", node / "keys" / "peer.key",
        "--certificate", node / "certificates" / "peer.pem",
        *more,
    )  # fmt: skip


def test_a_genesis_is_assembled_from_requests(
    ask: Ask, suanlian: Suanlian, tmp_path: Path, founded: Founded
) -> None:
    operators, out = tmp_path / "net" / "operators", tmp_path / "genesis.bin"
    line = ["node", "assemble-genesis", "--network", "trial", "--out", out]
    line += ["--root", tmp_path / "net" / "root" / "root.pem"]
    for member in founded.members:
        place = operators / member.spec.label
        line += ["--member", f"{place / 'request.json'}:{place / 'identity.pem'}"]
    made = ask(*line)
    assert made["regions"] == [member.code for member in founded.select("R")]
    request = operators / "region-31" / "request.json"
    checked = ask(
        "node", "check-genesis", out, "--genesis-hash", made["hash"], "--request", request
    )
    assert checked == {key: value for key, value in made.items() if key != "path"}
    again = suanlian(*line)
    assert again.code == 1
    assert "already there" in again.err
    lonely = suanlian(*line[:6], *line[6:8], "--member", "one-file")
    assert lonely.code == 1
    assert "REQUEST:CERTIFICATE" in lonely.err


def test_a_genesis_with_another_hash_or_entry_is_refused(
    suanlian: Suanlian, tmp_path: Path, founded: Founded
) -> None:
    path = tmp_path / "net" / "genesis.bin"
    other = suanlian("node", "check-genesis", path, "--genesis-hash", "00" * 32)
    assert other.code == 1
    assert "is pinned" in other.err
    bank = tmp_path / "net" / "operators" / "bank" / "request.json"
    absent = suanlian("node", "check-genesis", path, "--request", bank)
    assert absent.code == 1
    assert "not among the founders" in absent.err
    fine = suanlian("node", "check-genesis", path)
    assert fine.code == 0
    assert "Compare the hash" in fine.err


def test_a_peer_is_set_up_and_checked(
    ask: Ask, suanlian: Suanlian, tmp_path: Path, founded: Founded
) -> None:
    validator = tmp_path / "net" / "nodes" / "region-11" / "keys" / "validator.key"
    made = init(suanlian, tmp_path, founded, "--validator-key", validator)
    assert made.code == 0, made.err
    assert "suanlian node run" in made.err
    checked = ask("node", "check-config", "--config", tmp_path / "peer" / "node.toml")
    assert checked["votes"] is True
    assert checked["chain"] == founded.genesis.chain
    again = init(suanlian, tmp_path, founded)
    assert again.code == 1
    assert "already there" in again.err


def test_an_observer_has_no_vote(
    ask: Ask, suanlian: Suanlian, tmp_path: Path, founded: Founded
) -> None:
    assert init(suanlian, tmp_path, founded).code == 0
    checked = ask("node", "check-config", "--config", tmp_path / "peer" / "node.toml")
    assert checked["votes"] is False


def test_a_failed_set_up_leaves_nothing(
    suanlian: Suanlian, tmp_path: Path, founded: Founded
) -> None:
    other = tmp_path / "net" / "nodes" / "region-31" / "certificates" / "peer.pem"
    for more, message in (
        (["--certificate", other], "not of this node"),
        (["--http", "0.0.0.0:80"], "behind a proxy"),
        (["--peer", "nowhere"], "must be host:port"),
        (["--genesis-hash", "00" * 32], "is pinned"),
        (["--genesis-hash", "00"], "64 lowercase"),
    ):
        answer = init(suanlian, tmp_path, founded, *more)
        assert answer.code == 1, more
        assert message in answer.err
        assert sorted(item.name for item in tmp_path.iterdir()) == ["net"]


def test_an_identity_key_by_the_peer_is_found(
    suanlian: Suanlian, tmp_path: Path, founded: Founded
) -> None:
    folder = tmp_path / "net" / "nodes" / "region-11"
    save_key(folder / "keys" / "mine.key", Role.IDENTITY, founded.find("region-11").keys.identity)
    answer = suanlian("node", "check-config", "--config", folder / "node.toml")
    assert answer.code == 1
    assert "never lies where a peer runs" in answer.err


def test_run_needs_a_configuration(suanlian: Suanlian, tmp_path: Path) -> None:
    answer = suanlian("node", "run", "--config", tmp_path / "node.toml")
    assert answer.code == 1
    assert "suanlian node init" in answer.err
