"""The configuration: what is generated loads, and every fault names its key."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.crypto import SigningKey, sha256
from ledger.genesis import ConsensusLimits
from ledger.primitives import Code
from ledger.x509 import issue_certificate
from node.config import (
    Config,
    Http,
    Keys,
    Limits,
    Listen,
    compose_config,
    is_loopback,
    load_config,
    load_credentials,
    load_genesis,
    parse_address,
)
from node.errors import ConfigError
from node.keys import Role, make_key, save_certificates, save_key
from tests.ledger.test_genesis import GENESIS, REGIONS

CODE, OTHER = REGIONS[0], REGIONS[1]
HASH = GENESIS.hash.hex()
MINIMAL = f'code = "{CODE}"\ngenesis_hash = "{HASH}"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "node.toml"
    path.write_text(text)
    return path


def test_a_minimal_file_has_defaults_and_absolute_paths(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, MINIMAL))
    assert config == Config(code=CODE, genesis_hash=HASH).resolve(tmp_path)
    assert config.keys.peer_key == tmp_path / "keys" / "peer.key"
    assert config.keys.validator_keys == ()
    assert config.http.certificate is None


FULL = Config(
    code=CODE,
    genesis_hash=HASH,
    genesis_path=Path("/etc/genesis.bin"),
    data_dir=Path('a "quoted" folder'),
    log_level="debug",
    listen=Listen(peer="[::]:0", http="0.0.0.0:443"),
    keys=Keys(validator_keys=(Path("new.key"), Path("old.key"))),
    http=Http(certificate=Path("web.pem"), key=Path("web-key.pem")),
    limits=Limits(mempool_transactions=50_000),
    peers={Code(OTHER): "peer.example:7000"},
)


@pytest.mark.parametrize("config", [Config(code=CODE, genesis_hash=HASH), FULL])
def test_a_generated_file_round_trips(tmp_path: Path, config: Config) -> None:
    text = compose_config(config)
    assert load_config(write(tmp_path, text)) == config.resolve(tmp_path)


def test_a_generated_file_describes_every_key() -> None:
    lines = compose_config(FULL).splitlines()
    for at, line in enumerate(lines):
        if re.match(r"[a-z_]+ =", line):
            assert lines[at - 1].startswith("# "), line
    assert not any("None" in line for line in lines)


FAULTS: dict[str, tuple[str, str]] = {
    "no TOML": ("code =", "is not TOML"),
    "another version": (MINIMAL + "version = 2", "version 2 is not known"),
    "a missing key": (f'code = "{CODE}"', "genesis_hash is missing"),
    "an unknown key": (MINIMAL + "colour = 1", "colour: is not a key"),
    "an unknown key inside": (MINIMAL + "[limits]\nmempool = 1", r"limits\.mempool: is not a key"),
    "a wrong code": (MINIMAL.replace(CODE, CODE[:-1]), "code: must be a code"),
    "a wrong hash": (MINIMAL.replace(HASH, HASH.upper()), "genesis_hash: must be the 64"),
    "text as a number": (
        MINIMAL + '[limits]\npeer_connections = "9"',
        r"limits\.peer_connections: .*integer",
    ),
    "out of range": (MINIMAL + "[limits]\nmempool_bytes = 1", r"limits\.mempool_bytes: .*greater"),
    "a level unknown": (MINIMAL + 'log_level = "loud"', "log_level: .*'debug'"),
    "an address without a port": (
        MINIMAL + '[listen]\npeer = "::1"',
        r"listen\.peer: must be host:port",
    ),
    "a port too high": (MINIMAL + '[listen]\npeer = "h:65536"', r"listen\.peer: .*65535"),
    "plain HTTP for everybody": (
        MINIMAL + '[listen]\nhttp = "0.0.0.0:80"',
        r"listen\.http is 0\.0\.0\.0:80.*http\.plain",
    ),
    "half of a pair": (MINIMAL + '[http]\nkey = "web.pem"', "http: certificate and key go"),
    "a queue below a frame": (
        MINIMAL + "[limits]\npeer_queue_bytes = 1048576",
        "limits: peer_queue_bytes",
    ),
    "a quota above the mempool": (
        MINIMAL + "[limits]\nsigner_transactions = 20001",
        "limits: signer_transactions",
    ),
    "sync above all": (
        MINIMAL + "[limits]\nsync_connections = 128",
        "limits: sync_connections",
    ),
    "streams above all": (
        MINIMAL + "[limits]\nevent_streams = 1024",
        "limits: event_streams",
    ),
    "itself as a peer": (MINIMAL + f'[peers]\n{CODE} = "h:1"', "peers names this node itself"),
    "a peer without a code": (MINIMAL + '[peers]\nx = "h:1"', r"peers\.x: must be a code"),
    "a peer without a port": (MINIMAL + f'[peers]\n{OTHER} = "h"', f"peers.{OTHER}: must be host"),
}


@pytest.mark.parametrize(("text", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_names_its_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(write(tmp_path, text))


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="suanlian node init"):
        load_config(tmp_path / "node.toml")
    with pytest.raises(ConfigError, match="cannot read"):
        load_config(tmp_path)


def test_addresses() -> None:
    assert parse_address("[::1]:70") == ("::1", 70)
    assert parse_address("peer-1.example:7000") == ("peer-1.example", 7000)
    assert is_loopback("127.0.0.2")
    assert is_loopback("localhost")
    assert is_loopback("::1")
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("example.com")


def place_genesis(folder: Path, genesis: bytes = GENESIS.data) -> Config:
    (folder / "genesis.bin").write_bytes(genesis)
    return Config(code=CODE, genesis_hash=sha256(genesis).hex()).resolve(folder)


def test_the_pinned_genesis_is_loaded(tmp_path: Path) -> None:
    assert load_genesis(place_genesis(tmp_path)) == GENESIS


def test_another_genesis_is_refused(tmp_path: Path) -> None:
    config = place_genesis(tmp_path)
    config.genesis_path.write_bytes(replace(GENESIS, name="other").data)
    with pytest.raises(ConfigError, match="is pinned: it belongs to another network"):
        load_genesis(config)
    config.genesis_path.unlink()
    with pytest.raises(ConfigError, match="correct genesis_path"):
        load_genesis(config)


def test_a_genesis_that_does_not_hold_is_refused_though_pinned(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no valid genesis"):
        load_genesis(place_genesis(tmp_path, replace(GENESIS, name="other").data))
    with pytest.raises(ConfigError, match="no valid genesis"):
        load_genesis(place_genesis(tmp_path, b"nothing"))


@pytest.mark.parametrize(
    ("consensus", "message"),
    [
        (ConsensusLimits(max_block_bytes=8 * 1024 * 1024), r"limits\.max_frame_bytes"),
    ],
)
def test_limits_fit_the_chain(tmp_path: Path, consensus: ConsensusLimits, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_genesis(place_genesis(tmp_path, replace(GENESIS, consensus=consensus).data))


@pytest.mark.parametrize(
    ("key", "value"), [("mempool_bytes", 1024 * 1024), ("mempool_transactions", 100)]
)
def test_the_mempool_holds_a_block(tmp_path: Path, key: str, value: int) -> None:
    config = place_genesis(tmp_path)
    limits = config.limits.model_copy(update={key: value})
    with pytest.raises(ConfigError, match=rf"limits\.{key}"):
        load_genesis(config.model_copy(update={"limits": limits}))


IDENTITY, PEER, VALIDATOR, ROOT = make_key(), make_key(), make_key(), make_key()


def make_chain(
    code: str = CODE, peer: SigningKey = PEER, signer: SigningKey = IDENTITY
) -> list[bytes]:
    national = GENESIS.national.code
    return [
        issue_certificate(Code(code), Code(code), peer.public, signer, 2, 0, 1000, False),
        issue_certificate(Code(code), national, IDENTITY.public, ROOT, 1, 0, 1000, True),
    ]


def place_keys(folder: Path) -> Config:
    keys = Keys(validator_keys=(Path("keys/validator.key"),))
    config = Config(code=CODE, genesis_hash=HASH, keys=keys).resolve(folder)
    save_key(config.keys.peer_key, Role.PEER, PEER, CODE)
    save_key(config.keys.validator_keys[0], Role.VALIDATOR, VALIDATOR, CODE)
    save_certificates(config.keys.peer_certificate, make_chain())
    return config


def test_keys_and_certificates_that_belong_together(tmp_path: Path) -> None:
    credentials = load_credentials(place_keys(tmp_path))
    assert credentials.validator_keys == (VALIDATOR,)
    assert credentials.certificate.public_key == PEER.public
    assert credentials.identity_certificate.public_key == IDENTITY.public


CROSSED: dict[str, tuple[Callable[[], list[bytes]], str]] = {
    "one certificate": (lambda: make_chain()[:1], "must hold two"),
    "of another node": (lambda: make_chain(OTHER), "not of this node"),
    "for another key": (lambda: make_chain(peer=VALIDATOR), "not for the key in keys.peer_key"),
    "by another identity": (lambda: make_chain(signer=ROOT), "another key of its issuer"),
}


@pytest.mark.parametrize(("chain", "message"), CROSSED.values(), ids=CROSSED.keys())
def test_certificates_that_do_not_belong_are_refused(
    tmp_path: Path, chain: Callable[[], list[bytes]], message: str
) -> None:
    config = place_keys(tmp_path)
    save_certificates(config.keys.peer_certificate, chain())
    with pytest.raises(ConfigError, match=message):
        load_credentials(config)


@pytest.mark.parametrize("role", [Role.IDENTITY, Role.ROOT, Role.PARTY])
@pytest.mark.parametrize("place", ["keys", "data"])
def test_the_operators_keys_never_lie_by_a_peer(tmp_path: Path, role: Role, place: str) -> None:
    config = place_keys(tmp_path)
    save_key(tmp_path / place / "mine.key", role, make_key())
    with pytest.raises(ConfigError, match="never lies where a peer runs"):
        load_credentials(config)


def test_an_identity_key_as_a_validator_key_is_refused(tmp_path: Path) -> None:
    config = place_keys(tmp_path)
    config.keys.validator_keys[0].unlink()
    save_key(config.keys.validator_keys[0], Role.PEER, VALIDATOR)
    with pytest.raises(ConfigError, match="peer key where a validator key"):
        load_credentials(config)
