"""Forgetting what is old while a peer runs: when, how much at a time, and when space comes back.

1. The last `keep` blocks stay with bodies and results; none is forgotten where `keep` is 0. Older
   ones go 64 at a time, after commits and in turn with them.
2. Whenever the blocks that went are a *cycle*, old states follow: their floor is raised, then all
   versions are walked through, some at a time with a pause after each, so that votes never wait.
3. What the disk still has of all that comes back by compaction, on a thread of its own and in
   slices: a peer that stops waits for one at most. It begins 256 blocks later, when readers have
   let go of the states that they were reading.
4. What a restart interrupts is done in the next cycle.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from ledger.pruning import STEP_BLOCKS
from ledger.store import Store

PAUSE_MS: Final = 50
MIN_CYCLE: Final = 256
RIPE_BLOCKS: Final = 256
SLICE_BLOCKS: Final = 4_096
SLICE_STEPS: Final = 32  # of the walk through the versions


class Hands(Protocol):
    """What pruning needs of the world; `node.ports.Ports` has more."""

    def monotonic_ms(self) -> int:
        """A clock that never steps."""
        ...

    def set_timer(self, name: str, at_ms: int, fire: Callable[[], None]) -> None:
        """Call `fire` at a time of that clock."""
        ...

    def write_store(self, job: Callable[[], None], done: Callable[[], None]) -> None:
        """Run a write to the store in turn with its commits."""
        ...

    def run_aside(self, job: Callable[[], None], done: Callable[[], None]) -> None:
        """Run what takes long beside all writes."""
        ...


class Pruning:
    """The policy of one peer; `advance` whenever its chain has grown."""

    def __init__(self, store: Store, hands: Hands, keep: int, min_cycle: int = MIN_CYCLE) -> None:
        self._store = store
        self._hands = hands
        self._keep = keep
        self._cycle = max(min_cycle, keep // 4)
        self._is_busy = False
        self._resume: bytes | None = None  # where the walk goes on, while there is one
        self._steps = 0
        self._slice_start = b""
        self._slices: deque[Callable[[], None]] = deque()
        self._ripe_at = 0
        self._compacted = 1  # the lowest block whose space was not given back by this process

    def advance(self) -> None:
        """Begin the next step, if one is due and none goes on."""
        if self._keep and not self._is_busy:
            self._is_busy = self._begin()

    def _begin(self) -> bool:
        store, floor = self._store, self._store.floor
        keep_from = store.height + 1 - self._keep
        if keep_from - floor.body >= STEP_BLOCKS:
            self._hands.write_store(lambda: store.forget_blocks(keep_from), self._ended)
        elif self._resume is not None:
            self._sweep(self._resume)
        elif floor.body - 1 - floor.state >= self._cycle and not self._slices:
            oldest = floor.body - 1
            self._hands.write_store(lambda: store.forget_states(oldest), self._start_walk)
        elif self._slices and store.height >= self._ripe_at:
            self._hands.run_aside(self._slices.popleft(), self._ended)
        else:
            return False
        return True

    def _start_walk(self) -> None:
        self._resume = self._slice_start = b""
        self._steps = 0
        self._ended()

    def _sweep(self, start: bytes) -> None:
        reached: list[bytes | None] = []
        self._hands.write_store(
            lambda: reached.append(self._store.sweep(start)), lambda: self._swept(reached[0])
        )

    def _swept(self, resume: bytes | None) -> None:
        self._resume = resume
        self._steps += 1
        if resume is None or self._steps % SLICE_STEPS == 0:
            self._add_slice(self._slice_start, resume or b"")
            self._slice_start = resume or b""
        if resume is None:
            self._end_walk()
        self._ended()

    def _add_slice(self, start: bytes, stop: bytes) -> None:
        self._slices.append(lambda: self._store.compact_versions(start, stop))

    def _end_walk(self) -> None:
        """All that is to go is deleted; its space comes back when it is ripe."""
        end = self._store.floor.body
        for first in range(self._compacted, end, SLICE_BLOCKS):
            self._add_blocks(first, min(end, first + SLICE_BLOCKS))
        self._compacted = end
        self._ripe_at = self._store.height + RIPE_BLOCKS

    def _add_blocks(self, first: int, stop: int) -> None:
        self._slices.append(lambda: self._store.compact_blocks(first, stop))

    def _ended(self) -> None:
        self._is_busy = False
        at_ms = self._hands.monotonic_ms() + PAUSE_MS
        self._hands.set_timer("pruning", at_ms, self.advance)
