"""When a peer takes snapshots, and when one is worth its while (docs/adr/0017-snapshots.md)."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class SnapshotRules:
    """What a peer goes by: simulated ones have shorter chains.

    An empty store looks for a snapshot if it `may_join` by one. One is taken where a run of blocks
    ends at a height that `interval` divides, so that peers offer the same ones. Others must have
    `far` blocks more for one to be worth its while, and who has executed `young` blocks leaves
    them for none.
    """

    may_join: bool = False
    interval: int = 16
    far: int = 128
    young: int = 512


ALONE: Final = SnapshotRules()
"""Of a peer that executes the whole chain."""
