"""A disk that can be full: the data folder of one peer lies on it.

A small tmpfs of its own where this process may mount one. Else the peer's processes may make no
file longer from a moment on (RLIMIT_FSIZE), which their writes find out in the same way; their logs
are then cut short as well.
"""

import os
import resource
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from devnet.errors import DevnetError

SIZE = "512m"
ATTEMPTS = 100


class Tmpfs:
    """A file system in memory, which shrinks to what is on it."""

    kind = "a tmpfs of its own"
    stays_full = True

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        _mount("-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs", str(path))

    def fill(self) -> None:
        """Leave no room; what the peer gave back since the last time is taken too."""
        for attempt in range(1, ATTEMPTS + 1):
            found = os.statvfs(self._path)
            used = (found.f_blocks - found.f_bfree) * found.f_frsize
            try:
                return _mount("-o", f"remount,size={used}", str(self._path))
            except DevnetError:  # the peer wrote something in between
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def free(self) -> None:
        """Give the room back."""
        _mount("-o", f"remount,size={SIZE}", str(self._path))

    def close(self) -> None:
        """Unmount; what is on it is kept in the same place."""
        kept = self._path.with_name(f"{self._path.name}.kept")
        shutil.copytree(self._path, kept)
        _run("umount", str(self._path))
        self._path.rmdir()
        kept.rename(self._path)


class FileLimit:
    """A limit on the length of the files that the running process writes."""

    kind = "a limit on its files' length (RLIMIT_FSIZE)"
    stays_full = False

    def __init__(self, find_pid: Callable[[], int | None]) -> None:
        self._find_pid = find_pid

    def fill(self) -> None:
        """The running process can write nothing more."""
        self._limit(0)

    def free(self) -> None:
        """It can, if it still runs; a new one always can."""
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        pid = self._find_pid()
        if pid is not None:
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))

    def close(self) -> None:
        """Nothing is left behind."""


SmallDisk = Tmpfs | FileLimit


def make_small_disk(path: Path, find_pid: Callable[[], int | None]) -> SmallDisk:
    """A small disk for a folder, of the better kind where that is allowed."""
    try:
        return Tmpfs(path)
    except DevnetError:
        return FileLimit(find_pid)


def _mount(*arguments: str) -> None:
    _run("mount", *arguments)


def _run(name: str, *arguments: str) -> None:
    """Run a system command; raises DevnetError."""
    command = shutil.which(name)
    if command is None:
        raise DevnetError(f"this system has no {name}")
    done = subprocess.run([command, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise DevnetError(f"{name} failed: {done.stderr.strip()}")
