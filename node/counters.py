"""What a replica counts of itself."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from contracts import machine
from ledger.sealed import SealedBlock

_log = logging.getLogger("suanlian.replica")


@dataclass(slots=True)
class Counters:
    """What metrics read; only ever grows."""

    blocks: int = 0
    transactions: int = 0
    failures: int = 0
    frames: dict[str, int] = field(default_factory=dict)
    garbage: int = 0
    fetches: int = 0
    nullifications: int = 0
    double_signed: Counter[str] = field(default_factory=Counter)  # proved, by validator
    broken_invariants: int = 0
    epoch_changes: int = 0

    def count(self, blocks: Sequence[SealedBlock]) -> None:
        """Blocks became final."""
        for block in blocks:
            self.blocks += 1
            self.transactions += len(block.transactions)
            self.failures += sum(result.code != "ok" for result in block.results)
            for result in block.results:
                if result.code == machine.BROKEN:
                    self.broken_invariants += 1
                    _log.critical("%s would have broken an invariant", result.id.hex())
