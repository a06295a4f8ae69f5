"""A chain small enough to think about: what the replica is to the core, in a few lines.

A block's payload is all there is of it. Transactions are integers and enter once; one of
`EPOCH_CHANGE` or more ends the epoch and names the next set. `truth` False is a wrong root: every
honest peer judges the block invalid.
"""

import random
from dataclasses import dataclass
from hashlib import sha512

from consensus.certificate import Certificate
from consensus.validators import ValidatorSet
from ledger.codec import decode, encode
from ledger.crypto import sha256
from ledger.primitives import Code, Digest, PublicKey, Signature

EPOCH_CHANGE = 1_000_000
GENESIS = sha256(b"genesis of the toy chain")


@dataclass(frozen=True, slots=True)
class Block:
    """Header and body in one."""

    epoch: int
    view: int
    height: int
    parent: Digest
    parent_certificate_hash: bytes
    transactions: tuple[int, ...]
    truth: bool = True

    @property
    def is_last(self) -> bool:
        return any(tx >= EPOCH_CHANGE for tx in self.transactions)

    @property
    def payload(self) -> bytes:
        return encode(
            [
                self.epoch,
                self.view,
                self.height,
                self.parent,
                self.parent_certificate_hash,
                list(self.transactions),
                self.truth,
            ]
        )

    @property
    def digest(self) -> Digest:
        return sha256(self.payload)

    @classmethod
    def from_payload(cls, payload: bytes) -> "Block":
        epoch, view, height, parent, certificate, transactions, truth = decode(payload)
        return cls(epoch, view, height, parent, certificate, tuple(transactions), truth)


@dataclass(frozen=True, slots=True)
class Stored:
    """A block with the certificate of its parent, as it is kept and fetched."""

    block: Block
    parent_certificate: Certificate | None


def hash_certificate(certificate: Certificate | None) -> bytes:
    return b"" if certificate is None else certificate.hash


class FakeSigner:
    """Signatures that cost a microsecond: a hash keyed with the public key. Nobody forges here."""

    checks = 0

    def __init__(self, name: str) -> None:
        self.public = PublicKey(sha256(name.encode()))

    def sign(self, message: bytes) -> Signature:
        return Signature(sha512(self.public + message).digest())

    @classmethod
    def is_valid(cls, key: PublicKey, signature: bytes, message: bytes) -> bool:
        cls.checks += 1
        return sha512(key + message).digest() == signature


def make_code(number: int) -> Code:
    return Code(f"region-{number:02d}")


def choose_members(transaction: int, pool: int, n: int) -> list[int]:
    """The numbers of the next set, as the transaction that ends the epoch names them."""
    return sorted(random.Random(transaction).sample(range(pool), n))


def make_set(numbers: list[int], keys: dict[int, PublicKey]) -> ValidatorSet:
    return ValidatorSet((make_code(number), keys[number]) for number in numbers)
