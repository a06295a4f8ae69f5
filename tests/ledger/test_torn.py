"""Logs whose end the power took, and logs whose middle a disk forgot."""

import os
import random
import shutil
from pathlib import Path

import pytest

from ledger.errors import StoreError
from ledger.keyvalue import LevelDb
from ledger.torn import compute_checksum, cut_torn_end, find_end


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, int]:
    """A database with a batch, and a last one over two blocks; where that begins and ends."""
    folder = tmp_path_factory.mktemp("torn") / "db"
    disk = LevelDb(folder)
    disk.write([(b"before", bytes(32 * 1024 - 260))], sync=True)
    disk.write([(b"middle", b"1" * 100)], sync=True)
    (log,) = folder.glob("*.log")
    first = log.stat().st_size
    disk.write([(b"one", bytes(40)), (b"two", os.urandom(40))], sync=True)
    size = log.stat().st_size
    disk.close()
    assert first < 32 * 1024 < size
    return folder, first, size


def put(folder: Path, data: bytes) -> Path:
    (log,) = folder.glob("*.log")
    log.write_bytes(data)
    return log


def read(folder: Path) -> bytes:
    (log,) = folder.glob("*.log")
    return log.read_bytes()


def list_keys(folder: Path) -> list[bytes]:
    disk = LevelDb(folder, must_exist=True)
    keys = [key for key, _ in disk.scan(b"", b"z")]
    disk.close()
    return keys


def test_the_checksum_is_leveldbs() -> None:
    """The published value of CRC-32C for nine digits, masked as LevelDB does."""
    crc = 0xE3069283
    assert compute_checksum(b"123456789") == (((crc >> 15) | (crc << 17)) + 0xA282EAD8) % 2**32


@pytest.mark.parametrize("fill", ["zeros", "noise", "ones"])
def test_what_the_power_took_is_not_there_and_the_rest_is(
    whole: tuple[Path, int, int], tmp_path: Path, fill: str
) -> None:
    """The file has grown, and only a part of the last batch came to the disk: any part."""
    folder, first, size = whole
    data = read(folder)
    for kept in range(first, size, 7):
        torn = Path(shutil.copytree(folder, tmp_path / f"{kept}"))
        noise = random.Random(kept).randbytes(size - kept)
        tail = {"zeros": bytes(size - kept), "ones": b"\xff" * (size - kept), "noise": noise}
        put(torn, data[:kept] + tail[fill])
        if data[:kept] + tail[fill] == data:
            continue
        assert list_keys(torn) == [b"before", b"middle"], kept
        assert list_keys(torn) == [b"before", b"middle"], "and once more"
        shutil.rmtree(torn)


def test_what_was_cut_off_is_kept_beside_it(whole: tuple[Path, int, int], tmp_path: Path) -> None:
    folder, first, size = whole
    torn = Path(shutil.copytree(folder, tmp_path / "db"))
    data = read(folder)
    put(torn, data[: size - 1] + bytes([data[-1] ^ 1]))
    disk = LevelDb(torn)
    assert disk.torn_bytes == size - first
    disk.close()
    (kept,) = tmp_path.glob("*.torn")
    assert kept.read_bytes() == data[first : size - 1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize("place", ["first", "middle", "header"])
def test_damage_before_what_can_be_read_is_not_passed_over(
    whole: tuple[Path, int, int], tmp_path: Path, place: str
) -> None:
    """What was synced and is damaged must not be taken for what never was."""
    folder, first, _ = whole
    at = {"first": 100, "middle": first - 20, "header": 3}[place]
    torn = Path(shutil.copytree(folder, tmp_path / "db"))
    data = read(folder)
    put(torn, data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    with pytest.raises(StoreError, match="cannot open"):
        LevelDb(torn)
    assert cut_torn_end(torn) == 0
    assert read(torn) == data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    assert list(tmp_path.iterdir()) == [torn]


@pytest.mark.parametrize("tail", [bytes(100), b"\xff" * 100], ids=["zeros", "ones"])
def test_a_manifest_is_a_log_too(whole: tuple[Path, int, int], tmp_path: Path, tail: bytes) -> None:
    torn = Path(shutil.copytree(whole[0], tmp_path / "db"))
    (manifest,) = torn.glob("MANIFEST-*")
    manifest.write_bytes(manifest.read_bytes() + tail)
    assert list_keys(torn) == [b"before", b"middle", b"one", b"two"]
    damaged = Path(shutil.copytree(whole[0], tmp_path / "other"))
    (manifest,) = damaged.glob("MANIFEST-*")
    data = manifest.read_bytes()
    manifest.write_bytes(data[:8] + bytes([data[8] ^ 1]) + data[9:])
    with pytest.raises(StoreError, match="cannot open"):
        LevelDb(damaged)


def test_a_whole_log_ends_where_it_ends(whole: tuple[Path, int, int]) -> None:
    folder, _, size = whole
    data = read(folder)
    assert find_end(data) == size
    assert find_end(b"") == 0
    assert find_end(data[: size - 1]) == whole[1]
    assert find_end(bytes(100)) == 0
    assert cut_torn_end(folder) == 0
