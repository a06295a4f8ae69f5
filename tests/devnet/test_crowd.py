"""A crowded market in small: every turn is had, and two chains of it are the same."""

from pathlib import Path

import pytest

from contracts.invariants import check_invariants
from contracts.rules import VERSION_1
from devnet.crowd import Crowd
from devnet.selection_bench import SelectionSpec, run_cases


def run(folder: Path) -> Crowd:
    crowd = Crowd(folder)
    crowd.found()
    crowd.demand(12)
    crowd.offer(12)
    for after_ms in (VERSION_1["selection_retry_ms"], 1_000, 1_000):
        crowd.keep(crowd.execute(crowd.pay(3), after_ms))
    return crowd


def test_a_market_is_the_same_in_every_run(tmp_path: Path) -> None:
    crowds = [run(tmp_path / name) for name in ("one", "other")]
    assert crowds[0].store.header == crowds[1].store.header
    assert crowds[0].store.header.time_ms == crowds[0].time_ms
    assert check_invariants(crowds[0].store.state) == []
    for crowd in crowds:
        crowd.close()


@pytest.mark.parametrize("size", [30])
def test_what_is_measured_is_counted(size: int) -> None:
    market, vain = run_cases(SelectionSpec(size, size, 2), lambda _: None)
    assert market.turns >= size and 0 < market.leases <= market.turns
    assert vain.turns >= size and vain.leases == 0
    assert market.median_ms <= market.p99_ms <= market.worst_ms
