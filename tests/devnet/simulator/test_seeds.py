"""Two hundred seeds of the simulator: every kind of fault, every checker, then liveness."""

import pytest

from devnet.simulator.run import run_seed

SEEDS = 200
CHUNK = 5


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_nothing_is_violated(first: int) -> None:
    for seed in range(first, first + CHUNK):
        print(f"seed {seed}")
        report = run_seed(seed)
        assert report.is_well, f"seed {seed}: {report.violation}"
