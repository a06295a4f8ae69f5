"""What is read of files, and what a store under examination says of itself."""

import json
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from ledger import codec
from ledger.crypto import SigningKey
from ledger.errors import FormatError, LedgerError
from ledger.genesis import MAX_GENESIS_BYTES
from node.backup import MANIFEST, BackupError, read_manifest
from node.check.headers import read_final
from node.client.errors import PartError
from node.client.parts import Part, make_draft, read_draft, read_part
from node.config import load_config, read_genesis
from node.enrolment import (
    Profile,
    Validity,
    decode_request,
    encode_request,
    make_keys,
    make_request,
)
from node.errors import ConfigError
from node.keys import Role, load_certificates, load_key, save_certificates, save_key
from tests.fuzz import seeds
from tests.fuzz.ledger_targets import list_certificates
from tests.fuzz.target import Target, read_text


def _read_file(name: str, read: Callable[[Path], Any]) -> Callable[[bytes], Any]:
    """Reads bytes as a file of this name."""

    def read_bytes(data: bytes) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.touch(0o600)
            path.write_bytes(data)
            return read(path)

    return read_bytes


@cache
def _write_file(write: Callable[[Path], object]) -> bytes:
    """The bytes that something writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        write(path)
        return path.read_bytes()


@cache
def get_draft() -> bytes:
    """A draft with a signature."""
    stage = seeds.get_stage()
    raw = seeds.get_body().raws[0]
    return make_draft(stage.genesis.hash, codec.decode(raw)[0]).encode().encode()


@cache
def get_part() -> bytes:
    """A signature of one signer."""
    _, signatures = codec.decode(seeds.get_body().raws[0])
    return Part("ab" * 32, seeds.MEMBER, signatures[0]).encode().encode()


@cache
def get_request() -> bytes:
    """A request for a certificate."""
    profile = Profile(seeds.MEMBER, "peer.example:7000", "https://peer.example", name="贵州")
    validity = Validity.from_days(1_775_059_200_999, 365)
    return encode_request(
        make_request("trial", profile, make_keys(seeds.MEMBER, b"a seed"), validity)
    ).encode()


@cache
def get_manifest() -> bytes:
    """What a backup says of itself."""
    document = {
        "version": 1,
        "store_format": 1,
        "chain": "a-chain",
        "genesis_hash": "ab" * 32,
        "height": 7,
        "block": "cd" * 32,
        "state_root": "ef" * 32,
        "entries": 9,
        "files": [{"name": "000005.ldb", "size": 3, "sha256": "01" * 32}],
    }
    return json.dumps(document).encode()


CONFIGURATION = f"""
version = 1
code = "{seeds.MEMBER}"
genesis_hash = "{"ab" * 32}"
[listen]
http = "127.0.0.1:8080"
""".encode()


def _save_key(path: Path) -> None:
    save_key(path, Role.PEER, SigningKey.from_seed(bytes(32)), seeds.MEMBER)


def _save_certificates(path: Path) -> None:
    save_certificates(path, list_certificates())


TARGETS = (
    Target(
        "request file",
        lambda data: decode_request(read_text(data)),
        (FormatError,),
        lambda: (get_request(),),
        ("node.enrolment:decode_request",),
        is_json=True,
    ),
    Target(
        "draft",
        lambda data: read_draft(read_text(data)),
        (PartError,),
        lambda: (get_draft(),),
        ("node.client.parts:read_draft",),
        is_json=True,
    ),
    Target(
        "part",
        lambda data: read_part(read_text(data)),
        (PartError,),
        lambda: (get_part(),),
        ("node.client.parts:read_part",),
        is_json=True,
    ),
    Target(
        "manifest",
        _read_file(MANIFEST, lambda path: read_manifest(path.parent)),
        (BackupError,),
        lambda: (get_manifest(),),
        ("node.backup:read_manifest",),
        is_json=True,
    ),
    Target(
        "key file",
        _read_file("a.key", load_key),
        (ConfigError,),
        lambda: (_write_file(_save_key),),
        ("node.keys:load_key",),
    ),
    Target(
        "certificate file",
        _read_file("a.pem", load_certificates),
        (ConfigError,),
        lambda: (_write_file(_save_certificates),),
        ("node.keys:load_certificates",),
    ),
    Target(
        "genesis file",
        _read_file("genesis.bin", read_genesis),
        (ConfigError,),
        lambda: (seeds.get_stage().genesis.data,),
        ("node.config:read_genesis",),
        buffer_bytes=MAX_GENESIS_BYTES,
    ),
    Target(
        "configuration",
        _read_file("node.toml", load_config),
        (ConfigError,),
        lambda: (CONFIGURATION,),
        ("node.config:load_config",),
    ),
    Target(
        "mfinal",
        read_final,
        (LedgerError,),
        lambda: (codec.encode([7, [bytes(32)]]),),
        ("node.check.headers:read_final",),
        lambda value: codec.encode([value[0], list(value[1])]),
    ),
)
