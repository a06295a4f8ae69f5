"""Key files and certificate files.

A key file holds one Ed25519 key, PKCS#8 in PEM with a few lines of plain text before it.

    suanlian-key: 1
    role: peer
    code: R520000000001000000001VO
    public: <64 hex>
    -----BEGIN PRIVATE KEY-----
    ...
    -----END PRIVATE KEY-----

1. PEM readers skip what stands before the first dash, so that the same file serves TLS and the
   usual tools; we read the lines, so that no key is taken for another role by accident.
2. A file is readable by its owner only (0600, in a folder of 0700) and is refused otherwise. It is
   never overwritten: a lost key is lost, and an old one may still be needed.
3. The roles of a node are `identity`, `peer` and `validator`; `root` is the national root, which
   stays offline; `party` is the one key of a provider, consumer, authority or auditor.
4. A certificate file is PEM: a certificate, then the one that issued it, as TLS presents them. It
   is no secret, and renewing replaces it in one step.
"""

import base64
import binascii
import contextlib
import enum
import os
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.crypto import SigningKey
from ledger.errors import CertificateError
from ledger.x509 import Certificate, parse_certificate
from node.errors import ConfigError

FORMAT = 1
SEED_BYTES = 32
SUFFIX = ".key"

_MAX_FILE_BYTES = 4096
_PKCS8_PREFIX = bytes.fromhex("302e020100300506032b657004220420")  # RFC 8410, section 7
_BEGIN = "-----BEGIN PRIVATE KEY-----"
_END = "-----END PRIVATE KEY-----"
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_FIELDS = ("suanlian-key", "role", "code", "public")


class Role(enum.Enum):
    """What a key is for."""

    ROOT = "root"
    IDENTITY = "identity"
    PEER = "peer"
    VALIDATOR = "validator"
    PARTY = "party"


@dataclass(frozen=True, slots=True)
class KeyFile:
    """What a key file holds; `code` is empty until the key has one."""

    path: Path
    role: Role
    code: str
    key: SigningKey


@dataclass(frozen=True, slots=True)
class KeySummary:
    """A key file without its secret; `problem` says why it cannot be used, empty if it can."""

    path: Path
    role: str
    code: str
    public: str
    problem: str


def make_key() -> SigningKey:
    """A new key from the operating system's randomness."""
    return SigningKey.from_seed(os.urandom(SEED_BYTES))


def save_key(path: Path, role: Role, key: SigningKey, code: str = "") -> None:
    """Write a key file that is not there yet, synced; raises ConfigError."""
    if path.exists():
        raise ConfigError(
            f"{path} is already there and keys are never overwritten: move it away, "
            "or choose another file"
        )
    _write(path, _compose(role, key, code), 0o600)


def save_certificates(path: Path, certificates: Sequence[bytes]) -> None:
    """Write or replace a file of DER certificates in PEM, synced; raises ConfigError."""
    _write(path, "".join(ssl.DER_cert_to_PEM_cert(data) for data in certificates), 0o644)


def load_certificates(path: Path) -> list[Certificate]:
    """The certificates of a PEM file, all inside the profile; raises ConfigError."""
    try:
        blocks = _CERTIFICATE.findall(path.read_text("ascii", "replace"))
        found = [parse_certificate(ssl.PEM_cert_to_DER_cert(block)) for block in blocks]
    except FileNotFoundError:
        raise ConfigError(f"there is no certificate file {path}: correct the path") from None
    except OSError as error:
        raise ConfigError(f"cannot read the certificate file {path}: {error.strerror}") from None
    except (CertificateError, ValueError) as error:
        raise ConfigError(f"{path} does not hold certificates of this network: {error}") from None
    if not found:
        raise ConfigError(f"{path} holds no certificate in PEM")
    return found


def load_key(path: Path, *roles: Role) -> KeyFile:
    """The key of a file, of one of `roles` if any are given; raises ConfigError."""
    text = _read(path)
    fields, body = _split(path, text)
    try:
        role = Role(fields["role"])
    except ValueError:
        raise ConfigError(f"{path} holds a key for the unknown role {fields['role']}") from None
    if roles and role not in roles:
        wanted = " or ".join(item.value for item in roles)
        raise ConfigError(f"{path} holds a {role.value} key where a {wanted} key is needed")
    key = _decode_body(path, body)
    if key.public.hex() != fields["public"]:
        raise ConfigError(f"{path} is damaged: its secret does not belong to its public key")
    return KeyFile(path, role, fields["code"], key)


def list_keys(folder: Path) -> list[KeySummary]:
    """The key files of a folder and of those within it, in the order of their paths."""
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}")
    return [_summarize(path) for path in sorted(folder.rglob(f"*{SUFFIX}"))]


def _summarize(path: Path) -> KeySummary:
    try:
        found = load_key(path)
    except ConfigError as error:
        return KeySummary(path, "", "", "", str(error))
    return KeySummary(path, found.role.value, found.code, found.key.public.hex(), "")


def _compose(role: Role, key: SigningKey, code: str) -> str:
    values = (str(FORMAT), role.value, code, key.public.hex())
    lines = [f"{name}: {value}" for name, value in zip(_FIELDS, values, strict=True)]
    body = base64.b64encode(_PKCS8_PREFIX + key.seed).decode()
    return "\n".join([*lines, _BEGIN, body, _END, ""])


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(
            f"there is no key file {path}: make one with `suanlian keys new`, or correct the path"
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot read the key file {path}: {error.strerror}") from None
    if mode & 0o077:
        raise ConfigError(
            f"{path} can be read by others than its owner (mode {mode & 0o777:04o}): "
            f"run `chmod 600 {path}`, and replace the key if others had access"
        )
    if len(data) > _MAX_FILE_BYTES or not data.isascii():
        raise ConfigError(f"{path} is not a key file")
    return data.decode("ascii")


def _split(path: Path, text: str) -> tuple[dict[str, str], str]:
    """The named lines and the base64 of a key file."""
    lines = text.splitlines()
    if len(lines) != len(_FIELDS) + 3 or lines[4] != _BEGIN or lines[6] != _END:
        raise ConfigError(f"{path} is not a key file, or was changed by hand")
    fields = dict(line.partition(": ")[::2] for line in lines[: len(_FIELDS)])
    if tuple(fields) != _FIELDS:
        raise ConfigError(f"{path} is not a key file, or was changed by hand")
    if fields["suanlian-key"] != str(FORMAT):
        raise ConfigError(
            f"{path} is a key file of format {fields['suanlian-key']}, which this version does "
            f"not know (it knows {FORMAT})"
        )
    return fields, lines[5]


def _decode_body(path: Path, body: str) -> SigningKey:
    try:
        data = base64.b64decode(body, validate=True)
    except binascii.Error:
        data = b""
    if len(data) != len(_PKCS8_PREFIX) + SEED_BYTES or not data.startswith(_PKCS8_PREFIX):
        raise ConfigError(f"{path} does not hold an Ed25519 private key")
    return SigningKey.from_seed(data[len(_PKCS8_PREFIX) :])


def _write(path: Path, text: str, mode: int) -> None:
    """Write a file whole or not at all, synced; the folder is made for its owner alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            os.fchmod(descriptor, mode)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        draft.rename(path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise ConfigError(f"cannot write {path}: {error.strerror}") from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
