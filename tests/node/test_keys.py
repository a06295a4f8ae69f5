"""Key files: what is written is read back, and nothing else is."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ledger.crypto import SigningKey
from ledger.primitives import Code
from ledger.x509 import issue_certificate
from node.errors import ConfigError
from node.keys import (
    Role,
    list_keys,
    load_certificates,
    load_key,
    make_key,
    save_certificates,
    save_key,
)

CODE = Code("R520000000001000000001VO")
KEY = SigningKey.from_seed(b"\x05" * 32)


@pytest.mark.parametrize("role", Role)
def test_a_key_is_read_back(tmp_path: Path, role: Role) -> None:
    path = tmp_path / "keys" / "a.key"
    save_key(path, role, KEY, CODE)
    found = load_key(path, role)
    assert (found.role, found.code, found.key) == (role, CODE, KEY)
    assert load_key(path) == found


def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "a.key"
    save_key(path, Role.PEER, KEY)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [item.name for item in path.parent.iterdir()] == ["a.key"]
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_key(path)


def test_other_tools_read_it(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    save_key(path, Role.PEER, KEY, CODE)
    theirs = load_pem_private_key(path.read_bytes(), None)
    assert isinstance(theirs, Ed25519PrivateKey)
    assert theirs.private_bytes_raw() == KEY.seed


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    save_key(path, Role.ROOT, KEY)
    with pytest.raises(ConfigError, match="never overwritten"):
        save_key(path, Role.ROOT, make_key())
    assert load_key(path).key == KEY


def test_a_key_serves_its_role_only(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    save_key(path, Role.IDENTITY, KEY)
    with pytest.raises(ConfigError, match="identity key where a peer or validator key"):
        load_key(path, Role.PEER, Role.VALIDATOR)


def test_a_missing_key_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="suanlian keys new"):
        load_key(tmp_path / "none.key")


def test_an_unwritable_place_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot write"):
        save_key(tmp_path / "file" / "a.key", Role.PEER, KEY)


DAMAGE: dict[str, Callable[[str], str]] = {
    "empty": lambda text: "",
    "cut": lambda text: text[: len(text) // 2],
    "another format": lambda text: text.replace("suanlian-key: 1", "suanlian-key: 2"),
    "an unknown role": lambda text: text.replace("role: peer", "role: king"),
    "another public key": lambda text: text.replace(KEY.public.hex(), make_key().public.hex()),
    "another kind of key": lambda text: text.replace("MC4CAQ", "MC4CAg"),
    "broken base64": lambda text: text.replace("MC4CAQ", "MC4C!Q"),
    "a line more": lambda text: "x: y\n" + text,
    "a renamed line": lambda text: text.replace("code:", "node:"),
    "not text": lambda text: text + "é",
    "too long": lambda text: text + "\n" * 5000,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_file_is_refused(tmp_path: Path, damage: Callable[[str], str]) -> None:
    path = tmp_path / "a.key"
    save_key(path, Role.PEER, KEY)
    path.write_text(damage(path.read_text()))
    with pytest.raises(ConfigError, match=r"a\.key"):
        load_key(path)


def test_a_folder_lists_its_keys_without_their_secrets(tmp_path: Path) -> None:
    save_key(tmp_path / "b" / "peer.key", Role.PEER, KEY, CODE)
    save_key(tmp_path / "a.key", Role.PARTY, make_key())
    (tmp_path / "c.key").write_text("nothing")
    listed = list_keys(tmp_path)
    assert [item.path.name for item in listed] == ["a.key", "peer.key", "c.key"]
    assert listed[1].public == KEY.public.hex()
    assert "others" in listed[2].problem
    assert KEY.seed.hex() not in repr(listed)
    assert KEY.seed.hex() not in repr(load_key(tmp_path / "b" / "peer.key"))
    with pytest.raises(ConfigError, match="no folder"):
        list_keys(tmp_path / "none")


def test_new_keys_differ() -> None:
    assert make_key() != make_key()


def make_certificate(serial: int) -> bytes:
    return issue_certificate(CODE, CODE, KEY.public, KEY, serial, 0, 1000, False)


def test_certificates_are_read_back_in_order_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "peer.pem"
    save_certificates(path, [make_certificate(1), make_certificate(2)])
    assert [found.der for found in load_certificates(path)] == [
        make_certificate(1),
        make_certificate(2),
    ]
    save_certificates(path, [make_certificate(3)])
    assert [found.serial for found in load_certificates(path)] == [3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no certificate"),
        ("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "ends before"),
        ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "does not hold"),
    ],
)
def test_what_is_no_certificate_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "peer.pem"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_certificates(path)


def test_a_missing_certificate_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.pem"):
        load_certificates(tmp_path / "none.pem")
