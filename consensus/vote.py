"""What a validator says: notarize, nullify or finalize.

The signature of a vote covers, under the purpose *vote*, the canonical encoding of

    [epoch, view, kind, parent view, block, validators_hash]

`view` is the voting view, also where an epoch's last block is proposed again. A nullify names no
block: its parent view is 0 and its block 32 zero bytes. A finalize repeats the parent view of the
notarization that it answers.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from consensus.field import read_bytes, read_digest, read_epoch, read_int, read_list, read_view
from consensus.validators import MAX_VALIDATORS, ValidatorSet
from ledger.codec import Value, encode
from ledger.errors import FormatError
from ledger.primitives import (
    SIGNATURE_BYTES,
    ZERO_DIGEST,
    Digest,
    Epoch,
    PublicKey,
    Signature,
    View,
)

IsValid: TypeAlias = Callable[[PublicKey, bytes, bytes], bool]
"""Whether (key, signature, message) verifies under the purpose *vote*: `Domain.is_valid`."""

Sign: TypeAlias = Callable[[bytes], Signature]
"""Signs a message with the validator's key under the purpose *vote*."""


class VoteKind(enum.IntEnum):
    """The three things a validator can say about a view."""

    NOTARIZE = 1
    NULLIFY = 2
    FINALIZE = 3


@dataclass(frozen=True, slots=True)
class Vote:
    """A statement about a view, not yet signed."""

    epoch: Epoch
    view: View
    kind: VoteKind
    parent_view: View
    block: Digest
    validators_hash: Digest

    def to_value(self) -> Value:
        """[epoch, view, kind, parent view, block, validators_hash]"""
        return [
            self.epoch,
            self.view,
            int(self.kind),
            self.parent_view,
            self.block,
            self.validators_hash,
        ]

    def encode(self) -> bytes:
        """The canonical bytes, which are what is signed."""
        return encode(self.to_value())

    @classmethod
    def from_value(cls, value: Value) -> "Vote":
        """Read a decoded value; FormatError outside the ranges."""
        epoch, view, kind, parent_view, block, validators_hash = read_list(value, 6, 6, "a vote")
        vote = cls(
            read_epoch(epoch),
            read_view(view, 1),
            VoteKind(read_int(kind, VoteKind.NOTARIZE, VoteKind.FINALIZE, "kind of a vote")),
            read_view(parent_view, 0, "parent view"),
            read_digest(block, "block of a vote"),
            read_digest(validators_hash, "validators_hash"),
        )
        if vote.kind is VoteKind.NULLIFY and (vote.parent_view != 0 or vote.block != ZERO_DIGEST):
            raise FormatError("a nullify names no block")
        if vote.parent_view >= vote.view:
            raise FormatError("the parent view is not below the view")
        return vote

    def __repr__(self) -> str:
        block = "" if self.kind is VoteKind.NULLIFY else f", {self.block.hex()[:8]}"
        link = "" if self.kind is VoteKind.NULLIFY else f" on {self.parent_view}"
        return f"{self.kind.name.lower()}({self.epoch}/{self.view}{link}{block})"


@dataclass(frozen=True, slots=True)
class SignedVote:
    """A vote with the index of its signer in the epoch's validator set."""

    vote: Vote
    signer: int
    signature: Signature

    def to_value(self) -> Value:
        """[vote, signer, signature]"""
        return [self.vote.to_value(), self.signer, self.signature]

    @classmethod
    def from_value(cls, value: Value) -> "SignedVote":
        """Read a decoded value; the signature is not checked here."""
        vote, signer, signature = read_list(value, 3, 3, "a signed vote")
        return cls(
            Vote.from_value(vote),
            read_int(signer, 0, MAX_VALIDATORS - 1, "signer"),
            Signature(read_bytes(signature, SIGNATURE_BYTES, SIGNATURE_BYTES, "signature")),
        )

    def is_valid(self, validators: ValidatorSet, is_valid: IsValid) -> bool:
        """Whether the signer is of this set, the vote is for this set, and the signature holds."""
        return (
            self.signer < validators.n
            and self.vote.validators_hash == validators.hash
            and is_valid(validators.keys[self.signer], self.signature, self.vote.encode())
        )
