"""Disks that are full, and have room again."""

import subprocess
import sys
from pathlib import Path

import pytest

from devnet.chaos.disk import FileLimit, SmallDisk, Tmpfs, make_small_disk

WRITER = """
import sys
path = sys.argv[1]
for _ in sys.stdin:
    try:
        with open(path, "ab", buffering=0) as file:
            data = bytes(100_000)
            while data:
                data = data[file.write(data) :]
        print("written", flush=True)
    except OSError as error:
        print(error.strerror, flush=True)
"""


class Writer:
    """A process that writes to a file when it is told to."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.pid = self._process.pid

    def write(self) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        self._process.communicate()


@pytest.mark.parametrize("kind", [Tmpfs, FileLimit])
def test_a_full_disk_takes_nothing_until_there_is_room(tmp_path: Path, kind: type) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    disk: SmallDisk = FileLimit(lambda: writer.pid)
    if kind is Tmpfs:
        disk = make_small_disk(folder, lambda: writer.pid)
        if not isinstance(disk, Tmpfs):
            pytest.skip("this process may not mount")
    writer = Writer(folder / "file")
    try:
        assert writer.write() == "written"
        disk.fill()
        assert writer.write() in ("No space left on device", "File too large")
        disk.free()
        assert writer.write() == "written"
    finally:
        writer.close()
        disk.close()
    assert (folder / "file").stat().st_size >= 200_000
