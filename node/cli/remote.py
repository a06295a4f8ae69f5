"""What commands that talk to a peer have in common: which peer, which chain, who signs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ledger.crypto import SigningKey
from ledger.primitives import Digest
from ledger.transaction import key_signer
from node.cli.output import CommandError, print_note
from node.client import Client, ClientError, Rejected, Signer
from node.keys import Role, load_key

PeerUrl = Annotated[
    str, typer.Option("--peer", envvar="SUANLIAN_PEER", help="The URL of a peer's HTTP API.")
]
DEFAULT_PEER = "http://127.0.0.1:8080"
GenesisHash = Annotated[
    str,
    typer.Option(
        "--genesis", envvar="SUANLIAN_GENESIS", help="Refuse a peer of another genesis hash (hex)."
    ),
]
Signers = Annotated[
    list[str],
    typer.Option(
        "--signer",
        help="Who signs, in order: a key file (its code), CODE=FILE, bare=FILE (the key itself), "
        "or a code or key:HEX that signs elsewhere. Once for each.",
    ),
]

_SIGNING_ROLES = (Role.IDENTITY, Role.PARTY, Role.PEER, Role.VALIDATOR)


@dataclass(frozen=True, slots=True)
class NamedSigner:
    """A signer that the command line named; without `key` it signs elsewhere."""

    code: str
    key: SigningKey | None

    def need_key(self) -> Signer:
        """The signer with its key; raises CommandError."""
        if self.key is None:
            raise CommandError(
                f"{self.code} has no key file here: give CODE=FILE, or use `suanlian tx make` and "
                "let it sign elsewhere"
            )
        return Signer(self.code, self.key)


@contextmanager
def connect(url: str, genesis: str) -> Iterator[Client]:
    """A client whose errors are explained to people; raises CommandError."""
    if not url.startswith(("http://", "https://")):
        raise CommandError(f"{url} is not the URL of a peer, such as {DEFAULT_PEER}")
    try:
        with Client(url, genesis_hash=read_genesis_hash(genesis) if genesis else None) as client:
            if genesis:
                client.get_chain()
            yield client
    except Rejected as error:
        raise CommandError(str(error), error.code) from None
    except ClientError as error:
        raise CommandError(str(error), "peer") from None


def read_genesis_hash(text: str) -> Digest:
    """A genesis hash as people type it; raises CommandError."""
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != 32:
        raise CommandError("a genesis hash is 64 hex digits: see `suanlian node check-genesis`")
    return Digest(value)


def trust_genesis(client: Client, text: str) -> Digest:
    """The genesis hash that a person trusts; without one, and saying so, that of the peer."""
    if text:
        return read_genesis_hash(text)
    print_note("the peer's own genesis was taken on trust: give --genesis HASH")
    return client.get_chain().genesis_hash


def read_signers(texts: Sequence[str]) -> list[NamedSigner]:
    """The signers that the command line names; raises CommandError or ConfigError."""
    if not texts:
        raise CommandError("nobody signs: give --signer once for each signer, in order")
    return [_read_signer(text) for text in texts]


def _read_signer(text: str) -> NamedSigner:
    name, separator, path = text.partition("=")
    if separator:
        # A root never acts; it signs beside the national node when another root replaces it.
        is_bare = name == "bare"
        found = load_key(Path(path), *_SIGNING_ROLES, *((Role.ROOT,) if is_bare else ()))
        if is_bare:
            return NamedSigner(key_signer(found.key.public), found.key)
        if found.code and found.code != name:
            raise CommandError(f"{path} belongs to {found.code}, not to {name}")
        return NamedSigner(name, found.key)
    if text.startswith("key:") or (len(text) == 24 and not Path(text).exists()):
        return NamedSigner(text, None)
    found = load_key(Path(text), Role.IDENTITY, Role.PARTY)
    if not found.code:
        raise CommandError(f"{text} names no code: give CODE={text}, or bare={text}")
    return NamedSigner(found.code, found.key)
