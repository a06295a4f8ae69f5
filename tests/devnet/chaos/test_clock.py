"""A clock that others set wrong."""

from pathlib import Path

import pytest

from devnet.chaos.clock import ShiftedClock, set_offset
from node.clock import read_wall_ms


@pytest.mark.parametrize("offset_ms", [10_000, -10_000, 1 << 40])
def test_a_step_takes_effect_at_once_and_back(tmp_path: Path, offset_ms: int) -> None:
    path = tmp_path / "clock"
    set_offset(path, 0)
    clock = ShiftedClock(path)
    for expected in (0, offset_ms, 0):
        set_offset(path, expected)
        before = read_wall_ms()
        shown = clock.read_ms()
        assert before <= shown - expected <= read_wall_ms()
