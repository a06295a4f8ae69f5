"""Measuring selection: what blocks cost while thousands of demands wait for thousands of offers.

1. The market of `devnet.crowd` is built, then every block lets one second pass and carries some
   payments besides. Each block is executed, sealed and written as a peer would do it.
2. `market`: demands that most of the offers could meet, in parts, until every demand had its first
   turn. `in vain`: demands for a model that nobody has, so that every walk goes to the bound.
3. Times are of this thread's processor, so that a busy machine does not count; the wall clock's
   worst is shown beside them. They are to be held against the leader timer, within which a
   proposal has to be made, sent and come.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from consensus.settings import Settings
from contracts.rules import VERSION_1
from devnet.crowd import Crowd
from ledger.sealed import SealedBlock

Progress = Callable[[str], None]

BLOCK_MS: Final = 1_000
IN_VAIN: Final = "a model that nobody has"
MARKET_BLOCKS: Final = 400  # at most
VAIN_BLOCKS: Final = 60


@dataclass(frozen=True, slots=True)
class SelectionSpec:
    """What to build; `payments` go in every block."""

    demands: int
    offers: int
    payments: int = 500


@dataclass(frozen=True, slots=True)
class SelectionReport:
    """One run; times are milliseconds of processor time, `worst_wall_ms` of the wall clock."""

    case: str
    demands: int
    offers: int
    payments: int
    blocks: int
    turns: int
    leases: int
    median_ms: float
    p99_ms: float
    worst_ms: float
    worst_wall_ms: float
    leader_timer_ms: int
    empty_ms: float


@dataclass(frozen=True, slots=True)
class _Block:
    cpu_ms: float
    wall_ms: float
    turns: int
    leases: int


def run_cases(spec: SelectionSpec, progress: Progress) -> Iterator[SelectionReport]:
    """Both cases, one after the other, each on a chain of its own."""
    yield _run("market", spec, "", MARKET_BLOCKS, progress)
    yield _run("in vain", spec, IN_VAIN, VAIN_BLOCKS, progress)


def _run(
    case: str, spec: SelectionSpec, model: str, most: int, progress: Progress
) -> SelectionReport:
    with tempfile.TemporaryDirectory(prefix="suanlian-selection-") as folder:
        crowd = Crowd(Path(folder))
        try:
            progress(f"{case}: building {spec.demands} demands and {spec.offers} offers")
            crowd.found()
            crowd.demand(spec.demands, model)
            crowd.offer(spec.offers)
            # A demand's second turn, its first with offers, is due.
            empty = [_measure(crowd, spec.payments, 1) for _ in range(5)]
            blocks = [_measure(crowd, spec.payments, VERSION_1["selection_retry_ms"])]
            while len(blocks) < most and sum(block.turns for block in blocks) < spec.demands:
                progress(f"{case}: block {len(blocks)}")
                blocks.append(_measure(crowd, spec.payments, BLOCK_MS))
        finally:
            crowd.close()
    return _summarize(case, spec, empty, blocks)


def _measure(crowd: Crowd, payments: int, after_ms: int) -> _Block:
    transactions = crowd.pay(payments)
    cpu, wall = time.thread_time(), time.perf_counter()
    sealed = crowd.execute(transactions, after_ms)
    crowd.keep(sealed)
    cpu_ms = (time.thread_time() - cpu) * 1000
    wall_ms = (time.perf_counter() - wall) * 1000
    return _Block(cpu_ms, wall_ms, *_count(sealed, payments))


def _count(sealed: SealedBlock, payments: int) -> tuple[int, int]:
    """Turns of demands, and leases made."""
    turns = leases = 0
    for result in sealed.results[payments:]:
        turns += any(key.startswith(b"demand\x00") for key, _ in result.changes)
        leases += any(event["type"] == "lease.matched" for event in result.events)
    return turns, leases


def _summarize(
    case: str, spec: SelectionSpec, empty: Sequence[_Block], blocks: Sequence[_Block]
) -> SelectionReport:
    times = sorted(block.cpu_ms for block in blocks)
    return SelectionReport(
        case=case,
        demands=spec.demands,
        offers=spec.offers,
        payments=spec.payments,
        blocks=len(blocks),
        turns=sum(block.turns for block in blocks),
        leases=sum(block.leases for block in blocks),
        median_ms=times[len(times) // 2],
        p99_ms=times[len(times) * 99 // 100],
        worst_ms=times[-1],
        worst_wall_ms=max(block.wall_ms for block in blocks),
        leader_timer_ms=Settings().leader_timeout_ms,
        empty_ms=sorted(block.cpu_ms for block in empty)[len(empty) // 2],
    )
