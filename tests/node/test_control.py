"""The control socket: only for the peer's own user, one backup at a time, garbage refused."""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from devnet.simulator.process import Process
from ledger.keyvalue import Readable
from node import backup
from node.backup import BackupError, Manifest, read_manifest
from node.control import SOCKET, Control, ask_for_backup, short_path
from tests.node.network import run_network


@pytest.fixture(scope="module")
def process() -> Process:
    return run_network().processes[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder whose path is longer than a socket's may be."""
    made = tmp_path / ("long" * 30) / "data"
    made.mkdir(parents=True)
    return made


@pytest.fixture
async def control(process: Process, folder: Path) -> AsyncIterator[Control]:
    control = Control(folder, process.replica.genesis, process.store_disk.snapshot)
    await control.start()
    yield control
    await control.stop()
    assert not (folder / SOCKET).exists()


async def ask(folder: Path, target: Path, heard: list[int] | None = None) -> Manifest | None:
    saw = (heard if heard is not None else []).append
    return await asyncio.to_thread(ask_for_backup, folder, target, saw)


async def test_a_backup_is_made_for_whoever_asks(
    control: Control, folder: Path, tmp_path: Path, process: Process
) -> None:
    heard: list[int] = []
    made = await ask(folder, tmp_path / "backup", heard)
    assert made == read_manifest(tmp_path / "backup")
    assert made is not None
    assert made.height == process.replica.store.height
    assert heard[-1] == made.entries
    assert await ask(folder, tmp_path / "another") is not None


async def test_only_its_own_user_may_open_it(control: Control, folder: Path) -> None:
    assert (folder / SOCKET).stat().st_mode & 0o777 == 0o600


async def test_what_cannot_be_done_is_said(control: Control, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(BackupError, match="already there"):
        await ask(folder, tmp_path / "there")
    with pytest.raises(BackupError, match="absolute"):
        await ask(folder, Path("somewhere"))


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{}\n",
        b"[]\n",
        b"1\n",
        b"\xff\n",
        b'{"command": "backup"}\n',
        b'{"command": "backup", "target": 5}\n',
        b'{"command": "stop", "target": "/x"}\n',
        b'{"command": ' + b"[" * 30_000 + b"\n",
        b'{"command": ' + b"[" * 100_000 + b"\n",
        b"x" * 100_000 + b"\n",
    ],
)
async def test_garbage_is_refused(control: Control, folder: Path, line: bytes) -> None:
    with short_path(folder / SOCKET) as path:
        reader, writer = await asyncio.open_unix_connection(path)
    writer.write(line)
    answer = json.loads(await reader.readline())
    assert set(answer) == {"error"}
    assert await reader.read() == b""
    writer.close()


class Slow:
    """Backups that say when they begin, and wait for a word."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()

    async def wait(self) -> None:
        """Until one has begun."""
        assert await asyncio.to_thread(self.begun.wait, 30)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    slow = Slow()
    real: Any = backup._copy_entries

    def copy(view: Readable, target: Path, progress: backup.Progress) -> None:
        slow.begun.set()
        assert slow.go.wait(30)
        real(view, target, progress)

    monkeypatch.setattr(backup, "_copy_entries", copy)
    yield slow
    slow.go.set()


async def test_one_is_made_at_a_time(
    control: Control, folder: Path, tmp_path: Path, slow: Slow
) -> None:
    first = asyncio.create_task(ask(folder, tmp_path / "first"))
    await slow.wait()
    with pytest.raises(BackupError, match="being made already"):
        await ask(folder, tmp_path / "second")
    slow.go.set()
    assert await first is not None


async def test_a_peer_that_stops_leaves_no_half_of_one(
    process: Process, folder: Path, tmp_path: Path, slow: Slow
) -> None:
    control = Control(folder, process.replica.genesis, process.store_disk.snapshot)
    await control.start()
    asked = asyncio.create_task(ask(folder, tmp_path / "backup"))
    await slow.wait()
    stopping = asyncio.create_task(control.stop())
    await asyncio.sleep(0)
    slow.go.set()
    await stopping
    with pytest.raises(BackupError, match="the peer stops"):
        await asked
    assert [path.name for path in tmp_path.iterdir()] == ["long" * 30]  # noqa: ASYNC240


async def test_where_no_peer_listens_there_is_nobody_to_ask(folder: Path, tmp_path: Path) -> None:
    assert await ask(folder, tmp_path / "backup") is None
    dead = socket.socket(socket.AF_UNIX)
    with short_path(folder / SOCKET) as path:
        dead.bind(path)
    dead.close()
    assert (folder / SOCKET).is_socket()  # as a peer leaves it that was killed
    assert await ask(folder, tmp_path / "backup") is None
