"""Executing blocks: from a parent and transactions to a sealed block with every root.

A proposer and a validator run the same function: the validator then compares the header it made
with the one it was given, byte for byte.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from consensus.validators import ValidatorSet
from contracts import machine
from ledger import block as blocks
from ledger import tree
from ledger.block import Header
from ledger.crypto import Domain
from ledger.merkle import Accumulator
from ledger.primitives import Code, Digest, Epoch, Height, TimeMs, View
from ledger.sealed import SealedBlock
from ledger.state import Layer, Reader
from ledger.store import Store
from ledger.trail import Trail
from ledger.transaction import Transaction
from node.evidence import make_reader
from node.trail import extend_trail


@dataclass(frozen=True, slots=True)
class Parent:
    """What a child block is made on; `history` and `trail` have the parent itself in them."""

    hash: Digest
    header: Header
    state: Reader
    tree: tree.View
    history: Accumulator
    trail: Trail


@dataclass(frozen=True, slots=True)
class Frame:
    """What the proposer decides of a header; all the rest follows from execution."""

    epoch: Epoch
    view: View
    time_ms: TimeMs
    proposer: str
    parent_certificate: bytes


def parent_of_store(store: Store, trail: Trail) -> Parent:
    """The last final block as a parent; the trail is its own."""
    assert trail.steps[-1].height == store.height
    return Parent(
        store.hash, store.header, store.state, store.tree, store.history_accumulator, trail
    )


def parent_of_sealed(sealed: SealedBlock) -> Parent:
    """An unfinalized block as a parent."""
    block = sealed.block
    return Parent(block.hash, block.header, sealed.layer, sealed.tree, sealed.history, sealed.trail)


def execute_block(
    parent: Parent,
    frame: Frame,
    transactions: Sequence[Transaction],
    validators: ValidatorSet,
    domain: Domain,
) -> SealedBlock:
    """Execute transactions on the parent's state and seal the block that they make.

    `domain` is that of votes on the chain: what evidence is read with.
    """
    above = parent.header
    output = machine.execute_block(
        parent.state,
        machine.BlockInput(
            height=above.height + 1,
            time_ms=frame.time_ms,
            parent_time_ms=above.time_ms,
            transactions=transactions,
            genesis_hash=domain.genesis_hash,
            trail=parent.trail,
            read_evidence=make_reader(domain),
        ),
    )
    overlay = tree.seal(parent.tree, output.layer)
    leaves = [result.encode() for result in output.results]
    hashes = [transaction.hash for transaction in transactions]
    header = Header(
        chain=above.chain,
        epoch=frame.epoch,
        view=frame.view,
        height=Height(above.height + 1),
        parent=parent.hash,
        parent_certificate_hash=blocks.compute_certificate_hash(frame.parent_certificate),
        time_ms=frame.time_ms,
        proposer=frame.proposer,
        transactions_count=len(hashes),
        transactions_root=blocks.compute_transactions_root(hashes),
        results_count=len(leaves),
        results_root=blocks.compute_results_root(leaves),
        state_root=overlay.root,
        history_root=parent.history.compute_root(),
        validators_hash=validators.hash,
        next_validators_hash=_compute_next_hash(output.layer, validators),
        rules_version=machine.get_rules_version(output.layer, above.height + 1),
    )
    return SealedBlock(
        block=blocks.make_block(header, hashes, frame.parent_certificate),
        transactions=tuple(transactions),
        results=tuple(output.results),
        result_leaves=leaves,
        layer=output.layer,
        tree=overlay,
        history_before=parent.history,
        trail=extend_trail(parent.trail, header, frame.parent_certificate, tuple(validators.codes)),
    )


def compute_validator_set(state: Reader) -> ValidatorSet:
    """The validators that a state names."""
    return ValidatorSet((Code(code), key) for code, key in machine.compute_validators(state))


def _compute_next_hash(layer: Layer, validators: ValidatorSet) -> Digest:
    if not any(key.startswith(machine.VALIDATORS_PREFIX) for key in layer.records):
        return validators.hash
    return compute_validator_set(layer).hash
