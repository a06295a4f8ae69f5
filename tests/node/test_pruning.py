"""When a peer forgets: steps between commits, old states behind them, space when it is ripe."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from ledger.floor import Floor
from ledger.store import Store
from node import pruning
from node.pruning import PAUSE_MS, RIPE_BLOCKS, Pruning


class Hands:
    """A world in which everything waits until it is told to happen."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.timer: Callable[[], None] | None = None
        self.writes: list[tuple[Callable[[], None], Callable[[], None]]] = []
        self.aside: list[tuple[Callable[[], None], Callable[[], None]]] = []

    def monotonic_ms(self) -> int:
        return self.now_ms

    def set_timer(self, name: str, at_ms: int, fire: Callable[[], None]) -> None:
        assert (name, at_ms) == ("pruning", self.now_ms + PAUSE_MS)
        self.timer = fire

    def write_store(self, job: Callable[[], None], done: Callable[[], None]) -> None:
        self.writes.append((job, done))

    def run_aside(self, job: Callable[[], None], done: Callable[[], None]) -> None:
        self.aside.append((job, done))

    def settle(self) -> None:
        """Let happen what waits, one after the other, until nothing does."""
        while self.writes or self.aside or self.timer:
            assert len(self.writes) + len(self.aside) <= 1, "one step at a time"
            if self.timer and not (self.writes or self.aside):
                fire, self.timer = self.timer, None
                fire()
                continue
            job, done = (self.writes or self.aside).pop(0)
            job()
            done()


class FakeStore(Store):
    """A store of heights and words."""

    def __init__(self, height: int) -> None:
        self.height = height
        self.floor = Floor()
        self.log: list[str] = []
        self.walk = [b"v1", b"v2", None]

    def forget_blocks(self, keep_from: int) -> None:
        body = min(keep_from, self.floor.body + 64)
        self.floor = Floor(body, body, 1, self.floor.state)
        self.log.append(f"blocks below {body}")

    def forget_states(self, oldest: int) -> None:
        self.floor = Floor(self.floor.body, self.floor.results, 1, oldest)
        self.log.append(f"states below {oldest}")
        self.left = list(self.walk)

    def sweep(self, start: bytes) -> bytes | None:
        self.log.append(f"sweep from {start.decode()}")
        return self.left.pop(0)

    def compact_blocks(self, first: int, stop: int) -> None:
        self.log.append(f"compact blocks {first} to {stop}")

    def compact_versions(self, start: bytes, stop: bytes) -> None:
        self.log.append(f"compact versions {start.decode()} to {stop.decode()}")


def run(store: FakeStore, keep: int, heights: range) -> list[str]:
    hands = Hands()
    policy = Pruning(store, hands, keep)
    for height in heights:
        store.height = height
        policy.advance()
        policy.advance()
        hands.settle()
    return store.log


def test_an_archive_forgets_nothing() -> None:
    assert run(FakeStore(0), 0, range(2_000)) == []


def test_what_is_kept_is_kept() -> None:
    store = FakeStore(0)
    run(store, 300, range(364))
    assert store.log == []
    run(store, 300, range(364, 365))
    assert store.log == ["blocks below 65"]
    assert store.floor == Floor(65, 65, 1, 0)


def test_a_cycle_takes_states_and_then_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "SLICE_BLOCKS", 200)
    monkeypatch.setattr(pruning, "SLICE_STEPS", 2)
    store = FakeStore(0)
    end = 300 + 64 * 4  # the fourth step makes a cycle
    log = run(store, 300, range(end + RIPE_BLOCKS))
    at = log.index("states below 256")
    assert log[:at] == [f"blocks below {64 * n + 1}" for n in range(1, 5)]
    assert log[at + 1 : at + 4] == ["sweep from ", "sweep from v1", "sweep from v2"]
    assert not any("compact" in item for item in log)


def test_space_is_given_back_in_slices_when_readers_have_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pruning, "SLICE_BLOCKS", 200)
    monkeypatch.setattr(pruning, "SLICE_STEPS", 2)
    log = run(FakeStore(0), 300, range(300 + 64 * 4 + RIPE_BLOCKS + 1))
    assert [item for item in log if "compact" in item] == [
        "compact versions  to v2",
        "compact versions v2 to ",
        "compact blocks 1 to 201",
        "compact blocks 201 to 257",
    ]


def test_the_next_cycle_goes_on_where_the_last_one_ended() -> None:
    log = run(FakeStore(0), 300, range(2_000))
    compacted = [item for item in log if "compact blocks" in item]
    assert compacted[0].startswith("compact blocks 1 to ")
    for one, other in pairwise(compacted):
        assert one.rpartition(" ")[2] == other.split()[2]
    assert len(compacted) > 2


def test_a_long_memory_has_long_cycles() -> None:
    log = run(FakeStore(0), 4_000, range(5_100))
    states = [item for item in log if item.startswith("states")]
    assert states == ["states below 1024"]
