"""LevelDB behind its port: order, atomic batches, snapshots, refusal of a second opener."""

import os
import resource
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import DiskError, StoreError
from ledger.keyvalue import LevelDb, prefix_end


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LevelDb]:
    disk = LevelDb(tmp_path / "db")
    yield disk
    disk.close()


def test_pairs_come_in_key_order_and_the_reverse(disk: LevelDb) -> None:
    disk.write([(b"b", b"2"), (b"a", b"1"), (b"c", b"3")], sync=False)
    assert list(disk.scan(b"a", b"c")) == [(b"a", b"1"), (b"b", b"2")]
    assert list(disk.scan(b"a", b"c", reverse=True)) == [(b"b", b"2"), (b"a", b"1")]
    assert list(disk.scan(b"c", b"a")) == []


@settings(max_examples=40)
@given(
    st.sets(st.binary(min_size=1, max_size=2), max_size=8),
    st.binary(max_size=2),
    st.binary(min_size=1, max_size=2),
)
def test_a_range_is_that_of_a_sorted_list(keys: set[bytes], start: bytes, stop: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        disk = LevelDb(Path(folder))
        disk.write([(key, b"") for key in keys], sync=False)
        expected = [(key, b"") for key in sorted(keys) if start <= key < stop]
        for source in (disk, disk.snapshot()):
            assert list(source.scan(start, stop)) == expected
            assert list(source.scan(start, stop, reverse=True)) == expected[::-1]
        del source
        disk.close()


def test_none_deletes(disk: LevelDb) -> None:
    disk.write([(b"a", b"1")], sync=False)
    disk.write([(b"a", None)], sync=True)
    assert disk.get(b"a") is None


def test_a_snapshot_stays_as_it_was(disk: LevelDb) -> None:
    disk.write([(b"a", b"1")], sync=False)
    before = disk.snapshot()
    disk.write([(b"a", b"2"), (b"b", b"3")], sync=False)
    assert before.get(b"a") == b"1"
    assert list(before.scan(b"a", b"z")) == [(b"a", b"1")]
    assert list(before.scan(b"a", b"z", reverse=True)) == [(b"a", b"1")]
    assert disk.get(b"a") == b"2"


def test_a_failing_batch_writes_nothing(disk: LevelDb) -> None:
    with pytest.raises(TypeError):
        disk.write([(b"a", b"1"), (b"b", "text")], sync=True)  # type: ignore[list-item]
    assert disk.get(b"a") is None


def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    disk = LevelDb(tmp_path)
    disk.write([(b"a", b"1")], sync=True)
    disk.close()
    again = LevelDb(tmp_path)
    assert again.get(b"a") == b"1"
    again.compact()
    again.close()


def test_a_second_opener_is_told_why_not(disk: LevelDb, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="another peer"):
        LevelDb(tmp_path / "db")


def test_who_finds_damage_is_not_told_to_throw_the_store_away(tmp_path: Path) -> None:
    (tmp_path / "CURRENT").write_bytes(b"odd")
    with pytest.raises(StoreError, match=r"CURRENT file .* damaged\? See operations.md, section 6"):
        LevelDb(tmp_path)


def test_a_folder_without_a_database_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no database"):
        LevelDb(tmp_path / "db", must_exist=True)
    assert not (tmp_path / "db").exists()


def damage(folder: Path, value: bytes) -> None:
    """Flip a bit of a value in the one table file."""
    (path,) = folder.glob("*.ldb")
    data = path.read_bytes()
    at = data.index(value)
    path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("number", [7, 499])
def test_a_flipped_bit_is_never_read(tmp_path: Path, number: int, reverse: bool) -> None:
    """In the first block of a table or in its last, which is easily taken for the end."""
    disk = LevelDb(tmp_path)
    disk.write([(b"k%03d" % n, b"value of %03d" % n) for n in range(500)], sync=True)
    disk.compact()
    disk.close()
    damage(tmp_path, b"value of %03d" % number)
    disk, heard = LevelDb(tmp_path), list[DiskError]()
    disk.watch(heard.append)
    for times, source in enumerate((disk, disk.snapshot()), 1):
        with pytest.raises(DiskError, match=r"disk failed: .*checksum mismatch. See operations"):
            source.get(b"k%03d" % number)
        with pytest.raises(DiskError, match="checksum"):
            list(source.scan(b"k", b"l", reverse))
        assert len(heard) == 2 * times
    del source
    disk.close()


def test_a_full_disk_says_what_is_full(tmp_path: Path) -> None:
    disk, heard = LevelDb(tmp_path), list[DiskError]()
    disk.watch(heard.append)
    disk.write([(b"a", b"1")], sync=True)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(DiskError, match="File too large"):
            disk.write([(b"b", bytes(8192))], sync=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    with pytest.raises(DiskError, match="File too large"):
        disk.write([(b"c", b"3")], sync=True)  # behind a torn record it would be lost
    disk.close()
    assert len(heard) == 1
    again = LevelDb(tmp_path)
    assert list(again.scan(b"a", b"d")) == [(b"a", b"1")]
    again.close()


def test_a_batch_that_was_torn_off_anywhere_is_not_there_at_all(tmp_path: Path) -> None:
    """The power fails after any byte of it; it reaches over two blocks of LevelDB's log."""
    disk = LevelDb(tmp_path / "whole")
    disk.write([(b"before", bytes(32 * 1024 - 100))], sync=True)
    (log,) = (tmp_path / "whole").glob("*.log")
    first = log.stat().st_size
    disk.write([(b"one", bytes(40)), (b"two", bytes(40)), (b"before", None)], sync=True)
    size = log.stat().st_size
    disk.close()
    found = []
    for kept in range(first, size + 1):
        torn = Path(shutil.copytree(tmp_path / "whole", tmp_path / f"torn-{kept}"))
        os.truncate(torn / log.name, kept)
        disk = LevelDb(torn, must_exist=True)
        found.append([key for key, _ in disk.scan(b"", b"z")])
        disk.close()
        shutil.rmtree(torn)
    assert found == [[b"before"]] * (size - first) + [[b"one", b"two"]]


@given(st.binary(min_size=1, max_size=6).filter(lambda key: key.strip(b"\xff")), st.binary())
def test_the_end_of_a_prefix_is_beyond_all_it_begins(prefix: bytes, tail: bytes) -> None:
    assert prefix + tail < prefix_end(prefix)
    assert not prefix_end(prefix).startswith(prefix)
