"""The simulated disk against the real one, and what a crash leaves of it."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devnet.simulator.disk import PowerLoss, SimulatedDisk
from devnet.simulator.thread import SimulatedDiskThread
from ledger.keyvalue import LevelDb

KEYS = st.binary(min_size=1, max_size=2)
CHANGES = st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=3)), max_size=6)


@settings(max_examples=25, deadline=None)
@given(st.lists(CHANGES, max_size=6), st.integers(0, 5), KEYS, KEYS)
def test_it_answers_as_leveldb_does(
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[list[tuple[bytes, bytes | None]]],
    at: int,
    start: bytes,
    stop: bytes,
) -> None:
    real = LevelDb(Path(tmp_path_factory.mktemp("disk")))
    fake = SimulatedDisk()
    pair = (real, fake)
    snapshots = [disk.snapshot() for disk in pair]
    for number, changes in enumerate(batches):
        for disk in pair:
            disk.write(changes, sync=False)
        if number == at:
            snapshots = [disk.snapshot() for disk in pair]
    for one, other in (pair, snapshots):
        for reverse in (False, True):
            assert list(one.scan(start, stop, reverse)) == list(other.scan(start, stop, reverse))
        assert one.get(start) == other.get(start)
    real.close()


def test_a_crash_loses_a_suffix_of_what_was_not_synced() -> None:
    for keep in range(3):
        disk = SimulatedDisk()
        disk.write([(b"a", b"1")], sync=True)
        disk.write([(b"a", b"2"), (b"b", b"2")], sync=False)
        disk.write([(b"a", None)], sync=False)
        assert (disk.get(b"a"), disk.unsynced) == (None, 2)
        disk.crash(keep)
        assert disk.get(b"a") == (b"1", b"2", None)[keep]
        assert disk.get(b"b") == (None, b"2", b"2")[keep]


def test_a_sync_covers_what_came_before() -> None:
    disk = SimulatedDisk()
    disk.write([(b"a", b"1")], sync=False)
    disk.write([(b"b", b"1")], sync=True)
    disk.crash(0)
    assert (disk.get(b"a"), disk.get(b"b")) == (b"1", b"1")


def test_the_power_fails_when_told() -> None:
    disk = SimulatedDisk()
    disk.writes_left = 1
    disk.write([(b"a", b"1")], sync=True)
    with pytest.raises(PowerLoss):
        disk.write([(b"a", b"2")], sync=True)
    assert disk.get(b"a") == b"1"


def test_the_thread_writes_together_what_waits_together() -> None:
    disk = SimulatedDisk()
    events: list[tuple[str, object]] = []
    heard: list[str] = []
    thread = SimulatedDiskThread(disk, lambda _, label, act: events.append((label, act)), lambda: 5)
    thread.write_journal([(b"a", b"1")], True, lambda: heard.append("a"))
    thread.run(lambda: heard.append("job"), lambda: heard.append("stored"))
    thread.write_journal([(b"b", b"1")], False, lambda: heard.append("b"))
    thread.write_journal([(b"c", b"1")], True, lambda: heard.append("c"))
    assert disk.writes == 0
    while events:
        act = events.pop(0)[1]
        assert callable(act)
        act()
    assert heard == ["a", "b", "c", "job", "stored"]
    assert (disk.writes, disk.unsynced) == (2, 0)


def test_the_power_may_fail_at_a_write_that_a_crash_was_to_finish() -> None:
    disk = SimulatedDisk()
    disk.writes_left = 0
    thread = SimulatedDiskThread(disk, lambda *_: None, lambda: 5)
    thread.write_journal([(b"a", b"1")], True, lambda: None)
    thread.crash(is_written=True)
    assert disk.get(b"a") is None
