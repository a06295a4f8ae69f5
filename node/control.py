"""The control socket: what an operator on this machine may ask of a running peer.

1. It is a Unix socket in the data folder, `control`, that only the peer's own user can open.
2. One request a connection, a line of JSON: {"command": "backup", "target": "/path"}. Answers are
   lines of JSON: {"entries": n} as it goes on, then {"done": {...}} or {"error": "..."}.
3. A backup is made from a snapshot in a thread; one at a time. Whoever hangs up does not end it.
"""

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from ledger.errors import DiskError
from ledger.genesis import Genesis
from ledger.keyvalue import Readable
from node.backup import BackupError, Manifest, Progress, write_backup

SOCKET: Final = "control"
MAX_LINE_BYTES: Final = 16 * 1024
REPORT_S: Final = 0.5
_REQUEST_S: Final = 5.0
_log = logging.getLogger("suanlian.control")


class Control:
    """Listens for one peer; `snapshot` gives its store as it is now."""

    def __init__(self, folder: Path, genesis: Genesis, snapshot: Callable[[], Readable]) -> None:
        self._folder = folder
        self._genesis = genesis
        self._snapshot = snapshot
        self._server: asyncio.Server | None = None
        self._backup: asyncio.Task[Manifest] | None = None
        self._progress = Progress()

    async def start(self) -> None:
        """Listen; a peer goes on without, where the folder can have no socket.

        This process has the store locked, so a socket that is there is a dead one's.
        """
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._bind(listener)
        except OSError as error:
            listener.close()
            _log.error("no control socket, so no backup while this peer runs: %s", error)
            return
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listener, limit=MAX_LINE_BYTES
        )

    def _bind(self, listener: socket.socket) -> None:
        path = self._folder / SOCKET
        path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            with short_path(path) as short:
                listener.bind(short)
        finally:
            os.umask(before)

    async def stop(self) -> None:
        """Let no thread read the store any more; a backup that is not whole is dropped."""
        self._progress.is_stopped = True
        if self._server is not None:
            self._server.close()
        if self._backup is not None:
            await asyncio.wait([self._backup])
        (self._folder / SOCKET).unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            try:
                async for answer in self._answer(reader):
                    writer.write(json.dumps(answer).encode() + b"\n")
                    await writer.drain()
            finally:
                writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> Any:
        try:
            async with asyncio.timeout(_REQUEST_S):
                line = await reader.readline()
            request = json.loads(line)
            command, target = request["command"], Path(request["target"])
        except (TimeoutError, ValueError, KeyError, TypeError, RecursionError):
            yield {"error": "this is no request"}
            return
        if command != "backup":
            yield {"error": f"there is no command {str(command)[:40]!r}"}
        elif self._backup is not None:
            yield {"error": "a backup is being made already"}
        else:
            async for answer in self._make_backup(target):
                yield answer

    async def _make_backup(self, target: Path) -> Any:
        progress = self._progress
        progress.entries = 0
        view = self._snapshot()
        task = self._backup = asyncio.create_task(
            asyncio.to_thread(write_backup, view, self._genesis, target, progress)
        )
        task.add_done_callback(self._ended)
        while not task.done():
            await asyncio.wait([task], timeout=REPORT_S)
            yield {"entries": progress.entries}
        try:
            manifest = task.result()
        except (BackupError, DiskError, OSError) as error:
            yield {"error": str(error)}
        else:
            yield {"done": manifest.model_dump(mode="json")}

    def _ended(self, task: asyncio.Task[Manifest]) -> None:
        self._backup = None
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("no backup was made: %s", error)
        elif not task.cancelled():
            _log.info("a backup of block %d was made", task.result().height)


def ask_for_backup(folder: Path, target: Path, saw: Callable[[int], None]) -> Manifest | None:
    """Let the peer of a data folder make a backup; None where none runs. Raises BackupError."""
    path = folder / SOCKET
    if not path.exists():
        return None
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with short_path(path) as short:
            client.connect(short)
    except (ConnectionRefusedError, FileNotFoundError):
        client.close()
        return None  # it was left by a peer that was killed
    with client, client.makefile("rwb") as stream:
        stream.write(json.dumps({"command": "backup", "target": str(target)}).encode() + b"\n")
        stream.flush()
        for line in stream:
            answer = json.loads(line)
            if "entries" in answer:
                saw(answer["entries"])
            elif "done" in answer:
                return Manifest.model_validate(answer["done"])
            else:
                raise BackupError(answer["error"])
    raise BackupError("the peer ended before the backup was made: its log says why")


@contextlib.contextmanager
def short_path(path: Path) -> Iterator[str]:
    """A name of a socket that fits the 108 bytes which the kernel has for it."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
