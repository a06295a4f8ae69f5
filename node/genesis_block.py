"""Block 0: made from the genesis document, the same by everybody (docs/spec/genesis.md)."""

from contracts import machine
from ledger import block as blocks
from ledger import tree
from ledger.block import Header
from ledger.genesis import Genesis
from ledger.merkle import EMPTY_ROOT, Accumulator
from ledger.primitives import Epoch, Height, View
from ledger.sealed import SealedBlock
from ledger.state import Empty, Layer
from ledger.trail import Step, Trail
from ledger.tree import Tree


def compute_genesis_block(genesis: Genesis) -> SealedBlock:
    """The sealed block of height 0: its parent is the genesis hash, its state the records."""
    layer = Layer(Empty())
    for key, value in genesis.records:
        layer.put(key, value, 0, 0)
    for key, value in machine.rebuild_derived(layer).items():
        layer.put_derived(key, value)
    overlay = tree.seal(Tree(), layer)
    validators_hash = blocks.compute_validators_hash(genesis.validators)
    header = Header(
        chain=genesis.chain,
        epoch=Epoch(0),
        view=View(0),
        height=Height(0),
        parent=genesis.hash,
        parent_certificate_hash=blocks.compute_certificate_hash(b""),
        time_ms=genesis.time_ms,
        proposer="",
        transactions_count=0,
        transactions_root=EMPTY_ROOT,
        results_count=0,
        results_root=EMPTY_ROOT,
        state_root=overlay.root,
        history_root=EMPTY_ROOT,
        validators_hash=validators_hash,
        next_validators_hash=validators_hash,
        rules_version=genesis.rules_version,
    )
    return SealedBlock(
        block=blocks.make_block(header, (), b""),
        transactions=(),
        results=(),
        result_leaves=(),
        layer=layer,
        tree=overlay,
        history_before=Accumulator(),
        trail=Trail(
            (Step(header.height, header.state_root, ()),),
            tuple(code for code, _ in genesis.validators),
        ),
    )
