"""Executing a chain again from its genesis, by nothing but what its blocks say.

1. Every block's transactions are decoded, their signatures checked under the keys of the parent's
   state, and executed; the header that results must be the stored one, byte for byte, and so must
   every result.
2. Validator sets follow from the states; the certificates that the store keeps must be theirs.
3. The state is built anew beside the store, which is only read.

What is compared are not this machine's habits: another process with other hash seeds, or another
machine, must come to the same bytes.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from consensus.certificate import Certificate, verify_certificate
from consensus.validators import ValidatorSet
from ledger.crypto import Domain, Purpose
from ledger.errors import LedgerError
from ledger.genesis import Genesis
from ledger.keyvalue import Change, LevelDb
from ledger.sealed import SealedBlock
from ledger.state import Reader
from ledger.store import Store, StoredBlock
from ledger.transaction import Transaction, decode_transaction
from node.errors import NodeError
from node.execution import (
    Frame,
    Parent,
    compute_validator_set,
    execute_block,
    parent_of_store,
)
from node.genesis_block import compute_genesis_block
from node.judge import resolve_keys
from node.trail import load_trail


class ReplayError(NodeError):
    """A block does not follow from those before it, or is not here."""

    code = "replay"


@dataclass(frozen=True, slots=True)
class ReplayedBlock:
    """The roots that executing a block again gave, which are the block's own."""

    height: int
    hash: bytes
    state_root: bytes
    results_root: bytes
    history_root: bytes

    @property
    def line(self) -> str:
        """Height, hash, state root, results root and history root."""
        roots = (self.hash, self.state_root, self.results_root, self.history_root)
        return " ".join([str(self.height), *(root.hex() for root in roots)])


@dataclass(frozen=True, slots=True)
class Replayed:
    """A whole chain that holds. `digest` is the SHA-256 of all its lines, each with a newline."""

    chain: str
    height: int
    transactions: int
    state_root: bytes
    digest: bytes


class _Scratch(LevelDb):
    """A disk for the time of a replay: nothing on it need survive."""

    def write(self, changes: Sequence[Change], sync: bool) -> None:  # noqa: ARG002
        """One atomic batch, which is not waited for."""
        super().write(changes, sync=False)


def replay(
    genesis: Genesis,
    store: Store,
    scratch: Path,
    saw: Callable[[ReplayedBlock], None],
) -> Replayed:
    """Execute every block of a store again; raises ReplayError for the first that does not hold."""
    disk = _Scratch(scratch)
    try:
        again = Store(disk, compute_genesis_block(genesis))
        digest, count = hashlib.sha256(), 0
        for sealed in _execute_all(genesis, store, again):
            header = sealed.block.header
            block = ReplayedBlock(
                sealed.height,
                sealed.block.hash,
                header.state_root,
                header.results_root,
                header.history_root,
            )
            count += len(sealed.transactions)
            digest.update(f"{block.line}\n".encode())
            saw(block)
        return Replayed(
            genesis.chain, again.height, count, again.header.state_root, digest.digest()
        )
    finally:
        disk.close()


def _execute_all(genesis: Genesis, store: Store, again: Store) -> Iterator[SealedBlock]:
    validators = ValidatorSet(genesis.validators)
    trail = load_trail(again, genesis)
    for height in range(1, store.height + 1):
        stored = store.get_block(height)
        if stored is None:
            raise ReplayError(
                f"block {height} is not in this store: replay that of an archive, which keeps all"
            )
        try:
            sealed = _execute(genesis, stored, parent_of_store(again, trail), validators)
            _check_results(store, sealed)
            following = _check_certificate(genesis, store, sealed, validators)
        except LedgerError as error:
            raise ReplayError(f"block {height}: {error}") from None
        pairs = list(zip(following.codes, following.keys, strict=True))
        again.commit([sealed], store.get_finalization(height) or b"", pairs)
        again.fold([sealed])
        yield sealed
        validators, trail = following, sealed.trail


def _execute(
    genesis: Genesis, stored: StoredBlock, parent: Parent, validators: ValidatorSet
) -> SealedBlock:
    header = stored.header
    transactions = [decode_transaction(raw, genesis.chain) for raw in stored.transactions]
    _check_signatures(genesis, parent.state, header.height, transactions)
    frame = Frame(
        header.epoch, header.view, header.time_ms, header.proposer, stored.parent_certificate
    )
    votes = Domain(Purpose.VOTE, genesis.hash)
    sealed = execute_block(parent, frame, transactions, validators, votes)
    if sealed.block.header_bytes != stored.header_bytes:
        other = [
            name
            for name in type(header).__dataclass_fields__
            if getattr(header, name) != getattr(sealed.block.header, name)
        ]
        raise ReplayError(f"block {header.height}: other {', '.join(other)} than executed here")
    return sealed


def _check_signatures(
    genesis: Genesis, state: Reader, height: int, transactions: Sequence[Transaction]
) -> None:
    domain = Domain(Purpose.TRANSACTION, genesis.hash)
    for item in transactions:
        keys = resolve_keys(state, item)
        if keys is None or not all(
            domain.is_valid(key, signature, item.body)
            for key, signature in zip(keys, item.signatures, strict=True)
        ):
            raise ReplayError(f"block {height}: the signatures of {item.id.hex()} are wrong")


def _check_results(store: Store, sealed: SealedBlock) -> None:
    if store.get_result_leaves(sealed.height) != list(sealed.result_leaves):
        raise ReplayError(f"block {sealed.height}: the stored results are others")


def _check_certificate(
    genesis: Genesis, store: Store, sealed: SealedBlock, validators: ValidatorSet
) -> ValidatorSet:
    """The validators of the next block, after the certificate of this one was checked."""
    data = store.get_finalization(sealed.height)
    if data is not None:
        certificate = Certificate.decode(data)
        if certificate.block != sealed.block.hash:
            raise ReplayError(f"block {sealed.height}: the certificate is of another block")
        verify_certificate(certificate, validators, Domain(Purpose.VOTE, genesis.hash))
    if sealed.block.header.is_last_of_epoch:
        return compute_validator_set(sealed.layer)
    return validators
