"""Headers and blocks (docs/spec/block.md).

    block = canonical [header: bin, transaction hashes: [bin32, ...], parent certificate: bin]

The hash of a block is the SHA-256 of its canonical header. The parent's certificate is opaque
here: the header commits its hash, and consensus knows what it says. Header 0 is made from the
genesis and has no certificate before it; neither has header 1, whose parent needs none.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from ledger import codec, merkle, shape
from ledger.codec import Value
from ledger.crypto import sha256
from ledger.errors import FormatError
from ledger.primitives import (
    MAX_AMOUNT,
    MAX_HEIGHT,
    Digest,
    Epoch,
    Height,
    TimeMs,
    View,
)

MAX_BLOCK_TRANSACTIONS = 4096
MAX_BLOCK_BYTES = 8 * 1024 * 1024  # of transactions
MAX_HEADER_BYTES = 2048
MAX_CERTIFICATE_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Header:
    """What a block commits to; every root has its count beside it or within it.

    `state_root` is the state after this block; `history_root` is over headers 0 to height - 1.
    """

    chain: str
    epoch: Epoch
    view: View
    height: Height
    parent: Digest
    parent_certificate_hash: Digest
    time_ms: TimeMs
    proposer: str
    transactions_count: int
    transactions_root: Digest
    results_count: int
    results_root: Digest
    state_root: Digest
    history_root: Digest
    validators_hash: Digest
    next_validators_hash: Digest
    rules_version: int

    def encode(self) -> bytes:
        """The canonical header."""
        return codec.encode(asdict(self))

    @property
    def is_last_of_epoch(self) -> bool:
        """Whether the next block belongs to another validator set."""
        return self.next_validators_hash != self.validators_hash


_KEYS = tuple(sorted(Header.__dataclass_fields__))
_DIGESTS = (
    "parent",
    "parent_certificate_hash",
    "transactions_root",
    "results_root",
    "state_root",
    "history_root",
    "validators_hash",
    "next_validators_hash",
)


def decode_header(data: bytes) -> Header:
    """The header of its canonical bytes; raises EncodingError or FormatError."""
    fields = shape.check_map(codec.decode(data, MAX_HEADER_BYTES), "a header", _KEYS)
    for name in _DIGESTS:
        shape.check_digest(fields[name], name)
    shape.check_text(fields["chain"], "chain", 64)
    shape.check_text(fields["proposer"], "proposer", 24, 0)
    for name, most in _BOUNDS.items():
        shape.check_integer(fields[name], name, 0, most)
    return Header(**fields)


_BOUNDS = {
    "epoch": MAX_HEIGHT,
    "view": MAX_HEIGHT,
    "height": MAX_HEIGHT,
    "time_ms": MAX_AMOUNT,
    "transactions_count": MAX_BLOCK_TRANSACTIONS,
    "results_count": 2 * MAX_BLOCK_TRANSACTIONS,
    "rules_version": 1 << 32,
}


def compute_header_hash(header: bytes) -> Digest:
    """The hash of a block, from its canonical header."""
    return sha256(header)


@dataclass(frozen=True, slots=True)
class Block:
    """A header with what it needs to be executed, but for the transactions themselves."""

    header: Header
    header_bytes: bytes
    hash: Digest
    transaction_hashes: tuple[Digest, ...]
    parent_certificate: bytes

    def encode(self) -> bytes:
        """The canonical block."""
        return codec.encode(
            [self.header_bytes, list(self.transaction_hashes), self.parent_certificate]
        )


def make_block(
    header: Header, transaction_hashes: Sequence[Digest], parent_certificate: bytes
) -> Block:
    """The block of a header that was just made; its roots are taken as right."""
    data = header.encode()
    return Block(
        header, data, compute_header_hash(data), tuple(transaction_hashes), parent_certificate
    )


def decode_block(data: bytes) -> Block:
    """The block of its canonical bytes, the header's own commitments checked.

    Raises EncodingError or FormatError; that the roots of results and state are right is known only
    after execution.
    """
    header_bytes, hashes, certificate = shape.check_tuple(codec.decode(data), "a block", 3)
    shape.check_blob(header_bytes, "header", MAX_HEADER_BYTES)
    header = decode_header(header_bytes)
    checked = tuple(
        shape.check_digest(item, "a transaction hash")
        for item in shape.check_list(hashes, "transaction hashes", MAX_BLOCK_TRANSACTIONS)
    )
    shape.check_blob(certificate, "parent certificate", MAX_CERTIFICATE_BYTES)
    return make_block_of_parts(header, header_bytes, checked, certificate)


def make_block_of_parts(
    header: Header,
    header_bytes: bytes,
    transaction_hashes: Sequence[Digest],
    parent_certificate: bytes,
) -> Block:
    """The block of parts that came apart; raises FormatError where the header commits others."""
    if len(transaction_hashes) != header.transactions_count:
        raise FormatError("the header counts other transactions than the block has")
    if compute_transactions_root(transaction_hashes) != header.transactions_root:
        raise FormatError("the transactions root is not that of the transactions")
    if compute_certificate_hash(parent_certificate) != header.parent_certificate_hash:
        raise FormatError("the header commits another parent certificate")
    return Block(
        header,
        header_bytes,
        compute_header_hash(header_bytes),
        tuple(transaction_hashes),
        parent_certificate,
    )


def compute_certificate_hash(certificate: bytes) -> Digest:
    """What a header commits of its parent's certificate; the hash of nothing for header 0 and 1."""
    return sha256(certificate)


def compute_transactions_root(hashes: Sequence[Digest]) -> Digest:
    """The RFC 9162 root over transaction hashes as leaves."""
    return merkle.compute_root([merkle.compute_leaf_hash(item) for item in hashes])


def compute_results_root(leaves: Sequence[bytes]) -> Digest:
    """The RFC 9162 root over encoded results."""
    return merkle.compute_root([merkle.compute_leaf_hash(item) for item in leaves])


def header_as_json(header: Header) -> dict[str, Value]:
    """The header for people and programs: digests in hex, numbers as text."""
    return {
        name: value.hex() if isinstance(value, bytes) else str(value)
        for name, value in asdict(header).items()
    }


def compute_validators_hash(validators: Sequence[tuple[str, bytes]]) -> Digest:
    """The hash of a validator set: SHA-256 of canonical [[code, validator key], ...] by code."""
    return sha256(codec.encode([[code, key] for code, key in validators]))
