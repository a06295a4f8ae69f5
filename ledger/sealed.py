"""A block that was executed: everything that finalizing it will write."""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger import merkle
from ledger.block import Block
from ledger.merkle import Accumulator
from ledger.result import Result
from ledger.state import Layer
from ledger.trail import Trail
from ledger.transaction import Transaction
from ledger.tree import Overlay


@dataclass(frozen=True, slots=True)
class SealedBlock:
    """A block, its transactions, their results and what they changed.

    `history_before` is the accumulator over all earlier headers, `trail` what the last blocks up to
    this one showed. `layer` and `tree` stand on the parent's until the block is final and folded
    into the store's state.
    """

    block: Block
    transactions: Sequence[Transaction]
    results: Sequence[Result]
    result_leaves: Sequence[bytes]
    layer: Layer
    tree: Overlay
    history_before: Accumulator
    trail: Trail

    @property
    def history(self) -> Accumulator:
        """The accumulator over all headers up to and with this one."""
        after = self.history_before.copy()
        after.append(merkle.compute_leaf_hash(self.block.hash))
        return after

    @property
    def height(self) -> int:
        """The block's height."""
        return self.block.header.height
