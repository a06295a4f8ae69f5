"""One peer as a process of this machine: started, found again by its pid file, ended.

A pid alone may have gone to another process since; so one counts as ours only while its command
line names the node's configuration.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from devnet.errors import DevnetError
from devnet.folder import Folder

STOP_S = 15.0
KILL_S = 5.0
POLL_S = 0.02
TETHERED = "devnet.tether"


class NodeProcess:
    """The process of one node; `tethered` ones end with this process, others outlive it.

    `module` is what runs a tethered one. `exit_code` is that of the last one that ended, negative
    for a signal, None where this object did not start it.
    """

    def __init__(self, folder: Folder, label: str, tethered: bool, module: str = TETHERED) -> None:
        self.label = label
        self.exit_code: int | None = None
        self._module = module if tethered else "node.cli.main"
        self._folder = folder
        self._tethered = tethered
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        if self._child is not None:
            self.exit_code = self._child.poll()
            if self.exit_code is None:
                return self._child.pid
            if self._child.stdin is not None:
                self._child.stdin.close()
            self._child = None
        pid = _read_pid(self._folder.pid(self.label))
        config = str(self._folder.config(self.label))
        return pid if pid is not None and config in read_command(pid) else None

    @property
    def is_running(self) -> bool:
        """Whether it runs."""
        return self.pid is not None

    def start(self, **environment: str) -> None:
        """Start it; raises DevnetError if it runs."""
        if self.is_running:
            raise DevnetError(f"{self.label} is running already")
        config = str(self._folder.config(self.label))
        command = [sys.executable, "-m", self._module, "node", "run", "--config", config]
        with self._folder.log(self.label).open("ab") as log:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if self._tethered else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
                start_new_session=True,
            )
        self._folder.pid(self.label).write_text(f"{self._child.pid}\n", "ascii")

    def kill(self) -> None:
        """End it at once, as a crash would; raises DevnetError if it does not run."""
        self.strike()
        self.wait(KILL_S)

    def strike(self) -> None:
        """The same without waiting for its end."""
        self._send(signal.SIGKILL, must_run=True)

    def pause(self) -> None:
        """Let it stand still (SIGSTOP); raises DevnetError if it does not run."""
        self._send(signal.SIGSTOP, must_run=True)

    def resume(self) -> None:
        """Let it go on (SIGCONT), if it runs."""
        self._send(signal.SIGCONT)

    def stop(self, seconds: float = STOP_S) -> bool:
        """Let it end by itself, and end it if it does not; whether it went in time."""
        self.ask_to_stop()
        return self.finish(seconds)

    def finish(self, seconds: float) -> bool:
        """The same for one that was asked already: whoever is asked again at its very end, when it
        listens no more, ends by the signal."""
        if self.wait(seconds):
            return True
        self._send(signal.SIGKILL)
        self.wait(KILL_S)
        return False

    def ask_to_stop(self) -> None:
        """Send SIGTERM, if it runs."""
        self._send(signal.SIGTERM)

    def _send(self, number: signal.Signals, must_run: bool = False) -> None:
        pid = self.pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        elif must_run:
            raise DevnetError(f"{self.label} is not running")

    def wait(self, seconds: float) -> bool:
        """Whether it ended in time."""
        deadline = time.monotonic() + seconds
        while self.is_running:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        self._folder.pid(self.label).unlink(missing_ok=True)
        return True


def read_command(pid: int) -> str:
    """The command line of a process; empty when there is none."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8")
        except (OSError, UnicodeDecodeError):
            return ""
    done = subprocess.run(
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def _read_pid(path: Path) -> int | None:
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):
        return None
