"""Statistics computed from a store: the result of a query at any final height, and its digest.

1. The records are those after the block of the height, read from one snapshot (`node.past`); so
   every peer that has them computes the same.
2. A computation belongs in a thread. It rests after each piece for as long as the piece took, so it
   takes half a core at most, and the loop, on which votes wait, never waits longer than a piece.
3. It stops when it is told to, and when its time is over.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from contracts.views import QUERIES, Query, compute_digest, compute_result
from ledger.codec import Value
from ledger.primitives import Digest
from ledger.record import Record
from node.errors import NodeError
from node.past import PastState

PIECE: Final = 64  # records between two rests


class StatisticError(NodeError):
    """A statistic cannot be computed: `unknown-query`, `stopped` or `too-long`."""

    code = "statistic"


@dataclass(frozen=True, slots=True)
class Computed:
    """The result of a query at a height. `result` is what `digest` is of."""

    query: Query
    height: int
    time_ms: int
    state_root: Digest
    result: dict[str, Any]
    digest: Digest


class Pace:
    """How fast a computation may go, and whether it may still go on."""

    __slots__ = ("_clock", "_deadline", "_left", "_rest", "_since", "is_stopped")

    def __init__(
        self,
        limit_s: float,
        clock: Callable[[], float] = time.monotonic,
        rest: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._rest = rest
        self._since = clock()
        self._deadline = self._since + limit_s
        self._left = PIECE
        self.is_stopped = False

    def step(self) -> None:
        """One record was read; raises StatisticError when it must not go on."""
        self._left -= 1
        if self._left:
            return
        self._left = PIECE
        now = self._clock()
        if self.is_stopped:
            raise StatisticError("the peer stops", "stopped")
        if now > self._deadline:
            raise StatisticError(
                "the query takes too long here: ask an archive, or compute it from a copy of a "
                "peer's data",
                "too-long",
            )
        self._rest(now - self._since)
        self._since = self._clock()


class PacedState:
    """A `Reader` that keeps a pace."""

    __slots__ = ("_pace", "_state")

    def __init__(self, state: PastState, pace: Pace) -> None:
        self._state = state
        self._pace = pace

    def get(self, key: bytes) -> Record | None:
        """The record under a key."""
        self._pace.step()
        return self._state.get(key)

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, Record]]:
        """The records under a prefix in key order."""
        for pair in self._state.scan(prefix, after):
            self._pace.step()
            yield pair

    def find_predecessor(self, key: bytes) -> bytes:
        """The greatest key below `key`."""
        return self._state.find_predecessor(key)

    def get_derived(self, key: bytes) -> Value:
        """The derived value under a key."""
        return self._state.get_derived(key)

    def scan_derived(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, Value]]:
        """The derived values under a prefix in key order."""
        return self._state.scan_derived(prefix, after)


def find_query(name: str) -> Query:
    """A query by its name; raises StatisticError."""
    query = QUERIES.get(name)
    if query is None:
        raise StatisticError(f"there is no query {name}: see `/v1/statistics`", "unknown-query")
    return query


def compute_statistic(past: PastState, query: Query, pace: Pace | None = None) -> Computed:
    """The result of a query on a past state; raises StatisticError or PastError."""
    state = past if pace is None else PacedState(past, pace)
    header = past.header
    result = compute_result(state, query.name, header.height, header.time_ms)
    return Computed(
        query, header.height, header.time_ms, header.state_root, result, compute_digest(result)
    )
