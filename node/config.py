"""The configuration of a peer: one TOML file, `node.toml`.

Every key is described where it is declared; a generated file carries the descriptions. Relative
paths start at the folder of the file. What all peers must share (block limits, timers) is not here
but in the genesis, whose hash is pinned here. A peer never holds an identity key: one that lies
beside its other keys is refused.

    load_config       the file: names, types, ranges, relations between keys
    load_genesis      the pinned document, and what it demands of the limits
    load_credentials  keys and certificates, and that they belong together

Each raises ConfigError, which names the key and says what to do.
"""

import ipaddress
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ledger.code import is_code
from ledger.crypto import SigningKey
from ledger.errors import LedgerError
from ledger.genesis import (
    MAX_GENESIS_BYTES,
    Genesis,
    check_genesis,
    compute_genesis_hash,
    decode_genesis,
)
from ledger.trail import MAX_STEPS
from ledger.transaction import MAX_TRANSACTION_BYTES
from ledger.x509 import Certificate, verify_certificate
from node.errors import ConfigError
from node.keys import SUFFIX, Role, load_certificates, load_key

VERSION = 1
FILE_NAME = "node.toml"
FRAME_OVERHEAD_BYTES = 64 * 1024  # what a frame needs beside the block that it carries

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z.-]+):([0-9]{1,5})")
_HASH = re.compile(r"[0-9a-f]{64}")
_KIB, _MIB = 1024, 1024 * 1024


def parse_address(text: str) -> tuple[str, int]:
    """The host, without brackets, and the port of `host:port`; raises ValueError."""
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match[2]) > 65_535:
        raise ValueError("must be host:port, an IPv6 host in brackets, the port at most 65535")
    return match[1].strip("[]"), int(match[2])


def is_loopback(host: str) -> bool:
    """Whether a host is this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_address(text: str) -> str:
    parse_address(text)
    return text


def _check_code(text: str) -> str:
    if not is_code(text):
        raise ValueError("must be a code of 24 characters whose check characters fit")
    return text


def _check_hash(text: str) -> str:
    if not _HASH.fullmatch(text):
        raise ValueError("must be the 64 lowercase hexadecimal digits of the genesis hash")
    return text


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


Address = Annotated[str, AfterValidator(_check_address)]
CodeText = Annotated[str, AfterValidator(_check_code)]
HashText = Annotated[str, AfterValidator(_check_hash)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Listen(_Section):
    """Where the peer listens."""

    peer: Address = Field(
        default="0.0.0.0:7000",
        description="host:port for other peers (TLS 1.3); port 0 takes any free one",
    )
    http: Address = Field(
        default="127.0.0.1:8080",
        description="host:port of the HTTP API; off loopback see [http]",
    )


class Keys(_Section):
    """The keys of the peer; its identity key never lies on this machine."""

    peer_key: Path = Field(default=Path("keys/peer.key"), description="the TLS key file")
    peer_certificate: Path = Field(
        default=Path("certificates/peer.pem"),
        description="PEM: the peer certificate, then the identity certificate that issued it",
    )
    validator_keys: tuple[Path, ...] = Field(
        default=(),
        max_length=8,
        description="validator key files, the old one too while it still votes; none: an observer",
    )


class Http(_Section):
    """TLS of the HTTP API."""

    certificate: Path | None = Field(
        default=None, description="PEM chain for HTTPS; needed off loopback, with `key`"
    )
    key: Path | None = Field(default=None, description="PEM key for HTTPS")
    plain: bool = Field(
        default=False,
        strict=True,
        description="allow plain HTTP off loopback, behind a proxy that ends TLS",
    )

    @model_validator(mode="after")
    def _check_pair(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together: set both or neither")
        return self


class Limits(_Section):
    """What others may cost this peer."""

    mempool_transactions: int = Field(
        default=20_000, strict=True, ge=1, le=1_000_000, description="pending transactions"
    )
    mempool_bytes: int = Field(
        default=32 * _MIB, strict=True, ge=MAX_TRANSACTION_BYTES, description="bytes of them"
    )
    signer_transactions: int = Field(
        default=5_000, strict=True, ge=1, description="pending transactions of one signer"
    )
    max_frame_bytes: int = Field(
        default=8 * _MIB,
        strict=True,
        ge=128 * _KIB,
        le=64 * _MIB,
        description="one frame between peers",
    )
    peer_queue_frames: int = Field(
        default=4_096, strict=True, ge=16, description="frames waiting for one peer"
    )
    peer_queue_bytes: int = Field(
        default=32 * _MIB,
        strict=True,
        ge=_MIB,
        description="bytes of them",
    )
    peer_connections: int = Field(
        default=128, strict=True, ge=4, description="connections of other peers at a time"
    )
    handshake_timeout_ms: int = Field(
        default=5_000, strict=True, ge=100, le=60_000, description="time for a TLS handshake"
    )
    sync_connections: int = Field(
        default=8,
        strict=True,
        ge=0,
        description="of these, sync channels of peers that are not listed",
    )
    sync_requests_per_s: int = Field(
        default=100, strict=True, ge=1, description="requests a second on one sync channel"
    )
    http_connections: int = Field(
        default=1_024,
        strict=True,
        ge=1,
        description="HTTP connections at a time, event streams included",
    )
    http_requests_per_s: int = Field(
        default=2_000, strict=True, ge=1, description="HTTP requests a second from one address"
    )
    http_body_bytes: int = Field(
        default=8 * _MIB,
        strict=True,
        ge=MAX_TRANSACTION_BYTES,
        description="the body of one HTTP request",
    )
    event_streams: int = Field(
        default=256,
        strict=True,
        ge=0,
        description="event streams at a time",
    )

    @model_validator(mode="after")
    def _check_relations(self) -> Self:
        _require(
            self.signer_transactions <= self.mempool_transactions,
            "signer_transactions must not exceed mempool_transactions",
        )
        _require(
            self.peer_queue_bytes >= self.max_frame_bytes,
            "peer_queue_bytes must hold at least one frame of max_frame_bytes",
        )
        _require(
            self.sync_connections < self.peer_connections,
            "sync_connections must leave some of peer_connections to the network's own peers",
        )
        _require(
            self.event_streams < self.http_connections,
            "event_streams must leave some of http_connections to requests",
        )
        return self


class Storage(_Section):
    """What the peer keeps of the past."""

    keep_blocks: int = Field(
        default=0,
        strict=True,
        ge=0,
        description="blocks whose transactions and states stay; 0 keeps all, as an archive does",
    )
    snapshot: bool = Field(
        default=True,
        strict=True,
        description="an empty peer far behind takes the state from others, proved; false: it "
        "executes the whole chain, as an archive must",
    )


class Config(_Section):
    """The whole file."""

    version: Literal[1] = Field(default=1, description="of this file's format")
    code: CodeText = Field(description="the identity code of this node")
    genesis_path: Path = Field(default=Path("genesis.bin"), description="the genesis document")
    genesis_hash: HashText = Field(
        description="its SHA-256, which every region checked and pinned: another is refused"
    )
    data_dir: Path = Field(default=Path("data"), description="blocks, state, journal, intake log")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="debug, info, warning or error"
    )
    verify_workers: int = Field(
        default=0,
        strict=True,
        ge=0,
        le=64,
        description="processes that check signatures; 0 checks inline, best with few cores",
    )
    listen: Listen = Listen()
    keys: Keys = Keys()
    http: Http = Http()
    limits: Limits = Limits()
    store: Storage = Storage()
    peers: dict[CodeText, Address] = Field(
        default={},
        max_length=256,
        description="addresses that replace those on the ledger: code = host:port",
    )

    connect: tuple[CodeText, ...] = Field(
        default=(),
        max_length=64,
        description="an observer's regional nodes; empty: it connects to every validator",
    )

    @model_validator(mode="after")
    def _check_relations(self) -> Self:
        host, _ = parse_address(self.listen.http)
        _require(
            is_loopback(host) or self.http.certificate is not None or self.http.plain,
            f"listen.http is {self.listen.http}, which others can reach: set http.certificate and "
            "http.key, or http.plain = true behind a proxy that ends TLS",
        )
        _require(self.code not in self.peers, f"peers names this node itself, {self.code}")
        return self

    def resolve(self, folder: Path) -> "Config":
        """The same with every path absolute, relative ones starting at `folder`."""
        http, keys = self.http, self.keys
        return self.model_copy(
            update={
                "genesis_path": folder / self.genesis_path,
                "data_dir": folder / self.data_dir,
                "keys": keys.model_copy(
                    update={
                        "peer_key": folder / keys.peer_key,
                        "peer_certificate": folder / keys.peer_certificate,
                        "validator_keys": tuple(folder / path for path in keys.validator_keys),
                    }
                ),
                "http": http.model_copy(
                    update={
                        "certificate": http.certificate and folder / http.certificate,
                        "key": http.key and folder / http.key,
                    }
                ),
            }
        )


@dataclass(frozen=True, slots=True)
class Credentials:
    """The keys that a peer runs with, and its certificates."""

    certificate: Certificate
    identity_certificate: Certificate
    validator_keys: tuple[SigningKey, ...]


def load_config(path: Path) -> Config:
    """The configuration of a file, its paths absolute; raises ConfigError."""
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"there is no configuration {path}: make one with `suanlian node init`"
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    if values.get("version", VERSION) != VERSION:
        raise ConfigError(f"{path}: version {values['version']!r} is not known, only {VERSION}")
    try:
        return Config.model_validate(values).resolve(path.parent.absolute())
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe_faults(error)}") from None


def load_genesis(config: Config) -> Genesis:
    """The pinned genesis document, checked, and the limits against it; raises ConfigError."""
    genesis = read_genesis(config.genesis_path, config.genesis_hash)
    limits, shared = config.limits, genesis.consensus
    _require_config(
        limits.max_frame_bytes >= shared.max_block_bytes + FRAME_OVERHEAD_BYTES,
        "limits.max_frame_bytes must hold a block of this chain: at least "
        f"{shared.max_block_bytes + FRAME_OVERHEAD_BYTES}",
    )
    _require_config(
        limits.mempool_transactions >= shared.max_block_transactions,
        "limits.mempool_transactions must hold a block of this chain: at least "
        f"{shared.max_block_transactions}",
    )
    _require_config(
        limits.mempool_bytes >= shared.max_block_bytes,
        f"limits.mempool_bytes must hold a block of this chain: at least {shared.max_block_bytes}",
    )
    least = max(shared.transaction_window, MAX_STEPS) + 1
    _require_config(
        config.store.keep_blocks == 0 or config.store.keep_blocks >= least,
        f"store.keep_blocks must be 0, which keeps all, or at least {least} on this chain: other "
        "peers need that many blocks of this one",
    )
    return genesis


def read_genesis(path: Path, pinned: str = "") -> Genesis:
    """The genesis document of a file, checked, and equal to the pinned hash if one is given."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_GENESIS_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"cannot read the genesis document {path}: {error.strerror}. Copy it from the "
            "national node, or correct genesis_path"
        ) from None
    found = compute_genesis_hash(data).hex()
    if pinned and found != pinned:
        raise ConfigError(
            f"{path} has the hash {found}, but {pinned} is pinned: it belongs to another network "
            "or was changed. Ask the other regions which hash they pinned before you change yours"
        )
    try:
        genesis = decode_genesis(data)
        check_genesis(genesis)
    except LedgerError as error:
        raise ConfigError(f"{path} is no valid genesis document: {error}") from None
    return genesis


def load_credentials(config: Config) -> Credentials:
    """The peer's keys and certificates, checked against each other; raises ConfigError."""
    keys = config.keys
    _refuse_foreign_keys(config)
    peer = load_key(keys.peer_key, Role.PEER)
    chain = load_certificates(keys.peer_certificate)
    _require_config(
        len(chain) == 2,
        f"keys.peer_certificate ({keys.peer_certificate}) must hold two certificates, the peer's "
        f"and the identity's that issued it, not {len(chain)}",
    )
    certificate, identity = chain
    _require_config(
        (certificate.subject, certificate.issuer, identity.subject) == (config.code,) * 3,
        f"keys.peer_certificate is of {certificate.subject}, issued by {certificate.issuer}: "
        f"not of this node, {config.code}",
    )
    try:
        verify_certificate(certificate, identity.public_key)
    except LedgerError as error:
        raise ConfigError(f"keys.peer_certificate: {error}") from None
    _require_config(
        certificate.public_key == peer.key.public,
        "keys.peer_certificate is not for the key in keys.peer_key: issue one for it with "
        "`suanlian identity certificate peer`",
    )
    validators = tuple(load_key(path, Role.VALIDATOR).key for path in keys.validator_keys)
    return Credentials(certificate, identity, validators)


def compose_config(config: Config) -> str:
    """The text of a `node.toml` that loads as this configuration, each key with its description."""
    return "\n".join(["# Configuration of a Suanlian peer.", "", *_compose_lines(config), ""])


def _compose_lines(section: _Section) -> Iterator[str]:
    tables = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, _Section | dict):
            tables.append((name, field.description or (type(value).__doc__ or ""), value))
            continue
        yield f"# {field.description}"
        yield f"# {name} =" if value is None else f"{name} = {_compose_value(value)}"
    for name, description, value in tables:
        yield ""
        yield f"# {description}"
        yield f"[{name}]"
        if isinstance(value, _Section):
            yield from _compose_lines(value)
        else:
            yield from (f"{key} = {_compose_value(item)}" for key, item in value.items())


def _compose_value(value: object) -> str:
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(_compose_value(item) for item in value)}]"
    return json.dumps(str(value), ensure_ascii=False)


def _refuse_foreign_keys(config: Config) -> None:
    """Nobody's identity, root or party key lies where a peer runs."""
    keys = config.keys
    folders = {path.parent for path in (keys.peer_key, *keys.validator_keys)} | {config.data_dir}
    for path in sorted(path for folder in folders for path in folder.glob(f"*{SUFFIX}")):
        role = load_key(path).role
        if role not in (Role.PEER, Role.VALIDATOR):
            raise ConfigError(
                f"{path} holds the {role.value} key: it signs for the operator and never lies "
                "where a peer runs. Move it to the operator's own machine"
            )


def describe_faults(error: ValidationError) -> str:
    """The first few faults: key, what is wrong, what was found."""
    faults = []
    for fault in error.errors()[:4]:
        key = ".".join(str(part) for part in fault["loc"] if part != "[key]")
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "missing":
            message = "is missing"
        elif fault["type"] == "extra_forbidden":
            message = "is not a key of the configuration: correct its name or remove it"
        faults.append(f"{key} {message}" if fault["type"] == "missing" else f"{key}: {message}")
    return "; ".join(fault.removeprefix(": ") for fault in faults)


def _require_config(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigError(message)
