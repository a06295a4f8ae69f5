"""A signature suite that costs a hash: for most seeds, whose subject is not cryptography.

A signature is SHA-256(public key || purpose and chain || message), twice. Anybody could make one,
but the simulated peers use their own keys only, so that it tells right from wrong as well.
"""

from hashlib import sha256

from ledger.crypto import Domain, Purpose, SigningKey
from ledger.primitives import Digest, PublicKey, Signature


class CheapDomain(Domain):
    """Signatures of one purpose on one chain that are checked in a microsecond."""

    __slots__ = ("_tag",)

    def __init__(self, purpose: Purpose, genesis_hash: Digest) -> None:
        super().__init__(purpose, genesis_hash)
        self._tag = purpose.value.encode() + b"\x00" + genesis_hash

    def sign(self, key: SigningKey, message: bytes) -> Signature:
        """Sign `message` for this purpose and chain."""
        return Signature(self._compute(key.public, message))

    def is_valid(self, key: PublicKey, signature: bytes, message: bytes) -> bool:
        """Whether `signature` is `key`'s for `message`."""
        return signature == self._compute(key, message)

    def _compute(self, key: PublicKey, message: bytes) -> bytes:
        return sha256(key + self._tag + message).digest() * 2


def make_domain(purpose: Purpose, genesis_hash: Digest, is_real: bool) -> Domain:
    """The domain of a run: Ed25519, or the cheap suite."""
    return Domain(purpose, genesis_hash) if is_real else CheapDomain(purpose, genesis_hash)
