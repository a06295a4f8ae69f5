"""Samples behind a meter receipt: a file of lines, each a leaf of the tree whose root is signed.

A line is JSON: the offset in milliseconds from the start of the epoch, and the thousandths of a
unit in use from there to the next sample. The file stays with the provider; the ledger keeps the
root and the count, so that any line can be asked for and checked.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.primitives import Digest
from node.client.samples import compute_samples_root

INTERVAL_MS = 250


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of one meter epoch."""

    lines: tuple[bytes, ...]
    used_unit_seconds: int

    @property
    def root(self) -> Digest:
        """What the receipt carries."""
        return compute_samples_root(self.lines)

    def save(self, path: Path) -> None:
        """Keep them."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(line + b"\n" for line in self.lines))


def take_samples(units: int, duration_ms: int, shares_bp: Sequence[int]) -> Samples:
    """Samples of a span in which so many thousandths were in use by shares that come around."""
    lines, used = [], 0
    for place, offset_ms in enumerate(range(0, duration_ms, INTERVAL_MS)):
        in_use = units * shares_bp[place % len(shares_bp)] // 10_000
        used += in_use * min(INTERVAL_MS, duration_ms - offset_ms)
        line = json.dumps({"in_use": in_use, "offset_ms": offset_ms}, separators=(",", ":"))
        lines.append(line.encode())
    return Samples(tuple(lines), used // 1000)
