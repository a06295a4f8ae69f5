"""LevelDB behind its port: order, atomic batches, snapshots, refusal of a second opener."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import StoreError
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


@given(st.binary(min_size=1, max_size=6).filter(lambda key: key.strip(b"\xff")), st.binary())
def test_the_end_of_a_prefix_is_beyond_all_it_begins(prefix: bytes, tail: bytes) -> None:
    assert prefix + tail < prefix_end(prefix)
    assert not prefix_end(prefix).startswith(prefix)
