"""`suanlian keys`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ledger.code import compose_code, format_code
from node.keys import Role, load_key
from tests.node.cli.conftest import Suanlian

Ask = Callable[..., Any]
REGION = compose_code("R", "520000", "00001")


def test_a_key_is_made_and_shown_without_its_secret(ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "identity.key"
    made = ask("keys", "new", path, "--role", "identity", "--code", format_code(REGION))
    found = load_key(path, Role.IDENTITY)
    assert made["public"] == found.key.public.hex()
    assert made["code"] == found.code == REGION
    shown = ask("keys", "show", path)
    assert shown["signer"] == f"key:{found.key.public.hex()}"
    assert found.key.seed.hex() not in str((made, shown))


def test_keys_are_listed(ask: Ask, suanlian: Suanlian, tmp_path: Path) -> None:
    ask("keys", "new", tmp_path / "a.key", "--role", "party")
    ask("keys", "new", tmp_path / "b" / "b.key", "--role", "validator", "--code", REGION)
    (tmp_path / "b" / "b.key").chmod(0o644)
    first, second = ask("keys", "list", tmp_path)
    assert (first["role"], first["problem"]) == ("party", "")
    assert "chmod 600" in second["problem"]
    table = suanlian("keys", "list", tmp_path)
    assert first["public"] in table.out
    assert "chmod 600" in table.out


def test_an_empty_folder_says_so(suanlian: Suanlian, tmp_path: Path) -> None:
    assert "none" in suanlian("keys", "list", tmp_path).out
    assert suanlian("keys", "list", tmp_path / "nowhere").code == 1


def test_a_key_is_not_overwritten_and_fits_its_code(suanlian: Suanlian, tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    assert suanlian("keys", "new", path, "--role", "peer").code == 0
    again = suanlian("keys", "new", path, "--role", "peer")
    assert again.code == 1
    assert "never overwritten" in again.err
    wrong = suanlian("keys", "new", tmp_path / "b.key", "--role", "party", "--code", REGION)
    assert wrong.code == 1
    assert "has no party key" in wrong.err
    broken = suanlian("keys", "new", tmp_path / "b.key", "--role", "peer", "--code", "R52")
    assert broken.code == 1
    assert suanlian("keys", "new", tmp_path / "b.key", "--role", "king").code == 2
