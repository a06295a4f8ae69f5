"""Pruning: what is forgotten of old blocks and old versions, in steps.

1. A step of blocks takes bodies and results away and raises the floor, in one synced batch.
2. States go in two moves. The floor of states is raised first, synced: nobody relies on them any
   more. Then a walk through all versions takes away those that no later state needs: a version
   whose successor was written at or below the floor. The walk may end anywhere, and the next one
   does what it left.
3. Headers, the header tree, certificates, records, the places of transactions and the index stay.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from ledger import codec, schema
from ledger.floor import Floor
from ledger.keyvalue import Change, Readable, prefix_end

STEP_BLOCKS: Final = 64
STEP_VERSIONS: Final = 2_000
_VERSION_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Swept:
    """A part of the walk: what to take away, and the key to go on from; None at the end."""

    changes: list[Change]
    resume: bytes | None


def compose_blocks_step(floor: Floor, keep_from: int) -> tuple[Floor, list[Change]]:
    """The next blocks to forget, all of them below `keep_from`; the floor is then the new one."""
    first = min(floor.body, floor.results)
    stop = min(keep_from, first + STEP_BLOCKS)
    raised = replace(floor, body=max(floor.body, stop), results=max(floor.results, stop))
    changes: list[Change] = []
    for height in range(first, stop):
        changes += [(schema.body_key(height), None), (schema.results_key(height), None)]
    return raised, [*changes, raised.compose()]


def sweep_versions(view: Readable, start: bytes, oldest_state: int) -> Swept:
    """The versions from a key on that no state from `oldest_state` on needs."""
    changes: list[Change] = []
    before = b""
    for key, data in islice(_walk(view, start), STEP_VERSIONS):
        is_next = before[:-_VERSION_BYTES] == key[:-_VERSION_BYTES]
        if is_next and _read_write_height(data) <= oldest_state:
            changes.append((before, None))
        before = key
    is_over = next(_walk(view, before + b"\x00"), None) is None if before else True
    return Swept(changes, None if is_over else before)


def _walk(view: Readable, start: bytes) -> Iterator[tuple[bytes, bytes]]:
    return view.scan(max(start, b"v"), prefix_end(b"v"))


def _read_write_height(envelope: bytes) -> int:
    height: int = codec.decode_trusted(envelope)[4]
    return height
