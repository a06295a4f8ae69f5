"""Hashing and domain-tagged Ed25519 signatures.

Every signature in the project's own formats covers

    b"suanlian/<purpose>/v1\\x00" + genesis hash + message

so that none can be taken for another purpose or another chain. Verification is libsodium's on every
path: one verifier decides, as libraries disagree about odd keys and signatures.
"""

import enum
import hashlib
from dataclasses import dataclass

import nacl.bindings
import nacl.exceptions

from ledger.errors import FormatError, SignatureError
from ledger.primitives import Digest, PublicKey, Signature

SUITE = "ed25519-sha256-v1"


class Purpose(enum.Enum):
    """What a signature is for; one signature never serves two."""

    TRANSACTION = "transaction"
    VOTE = "vote"
    HANDSHAKE = "handshake"
    POSSESSION = "possession"
    PROMISE = "promise"
    EVIDENCE = "evidence"
    REQUEST = "request"
    RECOVERY = "recovery"


def sha256(data: bytes) -> Digest:
    """The hash of the ledger."""
    return Digest(hashlib.sha256(data).digest())


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key pair; `seed` is 32 secret bytes."""

    seed: bytes
    public: PublicKey

    @classmethod
    def from_seed(cls, seed: bytes) -> "SigningKey":
        """The key pair of 32 secret bytes."""
        if len(seed) != 32:
            raise FormatError("a key seed has 32 bytes")
        public, _ = nacl.bindings.crypto_sign_seed_keypair(seed)
        return cls(seed, PublicKey(public))

    def __repr__(self) -> str:
        return f"SigningKey({self.public.hex()[:16]})"


class Domain:
    """Signatures of one purpose on one chain."""

    __slots__ = ("_prefix", "genesis_hash", "purpose")

    def __init__(self, purpose: Purpose, genesis_hash: Digest) -> None:
        self.purpose = purpose
        self.genesis_hash = genesis_hash
        self._prefix = b"suanlian/" + purpose.value.encode() + b"/v1\x00" + genesis_hash

    def of(self, purpose: Purpose) -> "Domain":
        """Signatures of another purpose on the same chain."""
        return type(self)(purpose, self.genesis_hash)

    def sign(self, key: SigningKey, message: bytes) -> Signature:
        """Sign `message` for this purpose and chain."""
        secret = key.seed + key.public
        signed = nacl.bindings.crypto_sign(self._prefix + message, secret)
        return Signature(signed[:64])

    def is_valid(self, key: PublicKey, signature: bytes, message: bytes) -> bool:
        """Whether `signature` is `key`'s for `message`, by libsodium's rules."""
        if len(key) != 32 or len(signature) != 64:
            return False
        try:
            nacl.bindings.crypto_sign_open(signature + self._prefix + message, key)
        except nacl.exceptions.BadSignatureError:
            return False
        return True

    def verify(self, key: PublicKey, signature: bytes, message: bytes) -> None:
        """Raise SignatureError unless `signature` is `key`'s for `message`."""
        if not self.is_valid(key, signature, message):
            raise SignatureError(f"the {self.purpose.value} signature of {key.hex()[:16]} is wrong")
