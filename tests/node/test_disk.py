"""The disk's thread: batches, order, and an end where something fails."""

import asyncio
from collections.abc import Sequence
from functools import partial

import pytest

from devnet.simulator.disk import SimulatedDisk
from ledger.keyvalue import Change
from node.disk import DiskThread


class BadDisk(SimulatedDisk):
    """A disk that fails."""

    def write(self, changes: Sequence[Change], sync: bool) -> None:
        raise OSError("no space left")


async def test_what_was_written_is_told_in_order() -> None:
    told: list[int] = []
    failures: list[Exception] = []
    disk = DiskThread(SimulatedDisk(), failures.append)
    for number in range(20):
        disk.write_journal([(b"key", b"value")], True, partial(told.append, number))
    disk.run(lambda: None, lambda: told.append(20))
    await disk.close()
    assert told == list(range(21))
    assert not failures


async def test_a_disk_that_fails_stops_the_peer() -> None:
    told: list[int] = []
    failures: list[Exception] = []
    disk = DiskThread(BadDisk(), failures.append)
    disk.write_journal([(b"key", b"value")], True, lambda: told.append(1))
    async with asyncio.timeout(10):
        await disk.close()
    disk.write_journal([(b"key", b"value")], True, lambda: told.append(2))
    assert not told
    assert [str(error) for error in failures] == ["the disk failed: no space left"]


async def test_a_mistake_after_a_write_stops_the_peer(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    failures: list[Exception] = []
    disk = DiskThread(SimulatedDisk(), failures.append)

    def err() -> None:
        disk.run(lambda: told.append("job"), lambda: told.append("after the job"))
        raise AssertionError("the replica is wrong")

    disk.write_journal([(b"key", b"value")], True, lambda: None)
    disk.write_journal([(b"key", b"value")], True, err)
    disk.write_journal([(b"key", b"value")], True, lambda: told.append("after the mistake"))
    async with asyncio.timeout(10):
        await disk.close()
    assert [type(error) for error in failures] == [AssertionError]
    assert told == []
    assert "the replica is wrong" in caplog.text
