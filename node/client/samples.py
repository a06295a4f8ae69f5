"""Samples behind a meter receipt: what its provider keeps, and shows when it is asked.

1. A file of lines: line i, without its line feed, is leaf i of the RFC 9162 tree whose root and
   count the receipt carries. What a line says is between the sides.
2. Whoever asks for a sample (`metering.challenge`) names its index; the answer
   (`metering.answer`) is the line and its inclusion path.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.merkle import (
    compute_inclusion_proof,
    compute_leaf_hash,
    compute_root,
    verify_inclusion,
)
from ledger.primitives import Digest


@dataclass(frozen=True, slots=True)
class Opened:
    """One sample and the path from it to the root."""

    index: int
    line: bytes
    path: tuple[Digest, ...]


def load_samples(path: Path) -> tuple[bytes, ...]:
    """The lines of a file."""
    data = path.read_bytes()
    return tuple(data.removesuffix(b"\n").split(b"\n")) if data else ()


def compute_samples_root(lines: Sequence[bytes]) -> Digest:
    """What the receipt carries beside their count."""
    return compute_root([compute_leaf_hash(line) for line in lines])


def open_sample(lines: Sequence[bytes], index: int) -> Opened:
    """One line with its path; raises IndexError where there is no such line."""
    if not 0 <= index < len(lines):
        raise IndexError(f"there is no sample {index} among {len(lines)}")
    leaves = [compute_leaf_hash(line) for line in lines]
    return Opened(index, lines[index], tuple(compute_inclusion_proof(leaves, index)))


def verify_sample(opened: Opened, count: int, root: bytes) -> None:
    """Raise ProofError unless the sample is one of those that a receipt's root commits."""
    verify_inclusion(compute_leaf_hash(opened.line), opened.index, count, opened.path, root)
