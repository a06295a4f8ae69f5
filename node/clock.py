"""The clock of the wall. The shell reads it here and nowhere else, so that whoever runs a peer can
give it another one (the devnet runs peers whose clocks are wrong)."""

import time
from collections.abc import Callable
from typing import TypeAlias

WallClock: TypeAlias = Callable[[], int]
"""Milliseconds since 1970."""


def read_wall_ms() -> int:
    """The machine's own clock."""
    return time.time_ns() // 1_000_000
