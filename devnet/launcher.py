"""The launcher: all peers of a devnet as processes of this machine.

with launch(path, spec) as launcher: ...     for scenarios and tests; nothing is left behind
Launcher(load_folder(path), tethered=False)  for `suanlian devnet up` and its siblings
"""

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx

from devnet.errors import DevnetError
from devnet.folder import Folder, NodeEntry
from devnet.founding import DevnetSpec, found_devnet
from devnet.process import KILL_S, STOP_S, TETHERED, NodeProcess

READY_S = 90.0
POLL_S = 0.1
ATTEMPTS = 3
TAIL_LINES = 12
_TAKEN = "address already in use"

Progress = Callable[[str], None]


class PortTaken(DevnetError):
    """Somebody took a port between its choice and the start."""


def ignore(_line: str) -> None:
    """No progress is shown."""


class Launcher:
    """Starts, watches and ends the peers of one devnet."""

    def __init__(self, folder: Folder, tethered: bool = True, module: str = TETHERED) -> None:
        self.folder = folder
        self._tethered = tethered
        self._module = module
        self._processes = {node.label: self._make_process(node) for node in folder.nodes}
        self._http = httpx.Client(timeout=5.0, trust_env=False)

    def close(self) -> None:
        """Give the connections back; the processes stay."""
        self._http.close()

    # --- processes

    def process(self, name: str) -> NodeProcess:
        """The process of a label or code; raises DevnetError."""
        return self._processes[self.folder.find(name).label]

    def add(self, node: NodeEntry) -> None:
        """A node that came later; its folder is laid out, and it is not started yet."""
        self.folder = self.folder.extended(node)
        self.folder.save()
        self._processes[node.label] = self._make_process(node)

    def _make_process(self, node: NodeEntry) -> NodeProcess:
        return NodeProcess(self.folder, node.label, self._tethered, self._module)

    @property
    def running(self) -> list[str]:
        """The labels of the nodes that run."""
        return [label for label, process in self._processes.items() if process.is_running]

    def start(self, labels: Sequence[str] | None = None, **environment: str) -> None:
        """Start nodes, all of them unless named."""
        for label in self._choose(labels):
            self._processes[label].start(**environment)

    def _choose(self, labels: Sequence[str] | None) -> list[str]:
        return list(self._processes if labels is None else labels)

    def kill(self, name: str) -> None:
        """End a node as a crash would."""
        self.process(name).kill()

    def kill_all(self, labels: Sequence[str]) -> None:
        """End nodes as a power failure would, all at once."""
        named = [self.process(label) for label in labels]
        for process in named:
            process.strike()
        for process in named:
            process.wait(KILL_S)

    def stop(self, labels: Sequence[str] | None = None, seconds: float = STOP_S) -> list[str]:
        """Stop nodes side by side; the labels of those that had to be killed."""
        named = [self._processes[label] for label in self._choose(labels)]
        for process in named:
            process.ask_to_stop()
        deadline = time.monotonic() + seconds
        return [
            process.label
            for process in named
            if not process.finish(max(0.1, deadline - time.monotonic()))
        ]

    # --- readiness

    def wait_ready(
        self,
        labels: Sequence[str] | None = None,
        seconds: float = READY_S,
        progress: Progress = ignore,
    ) -> None:
        """Wait until nodes can do their work; raises DevnetError that says what is missing."""
        waiting = self._choose(labels)
        total, deadline = len(waiting), time.monotonic() + seconds
        reasons: dict[str, str] = {}
        while waiting:
            for label in list(waiting):
                self._check_running(label)
                reasons[label] = self.ask_readiness(label)
                if not reasons[label]:
                    waiting.remove(label)
                    progress(f"{total - len(waiting)} of {total} peers are ready")
            if waiting and time.monotonic() > deadline:
                told = "; ".join(f"{label}: {reasons[label]}" for label in waiting)
                raise DevnetError(
                    f"not ready after {seconds:g} s: {told}. The logs are in "
                    f"{self.folder.path / 'logs'}"
                )
            if waiting:
                time.sleep(POLL_S)

    def ask_readiness(self, label: str) -> str:
        """What a node waits for; empty when it is ready."""
        try:
            response = self._http.get(f"{self.folder.find(label).http}/readyz")
        except httpx.HTTPError as error:
            return f"does not answer ({type(error).__name__})"
        if response.status_code == 200:
            return ""
        try:
            return str(response.json()["detail"])
        except (ValueError, KeyError, TypeError):
            return f"answers with {response.status_code}"

    def read_tail(self, label: str, lines: int = TAIL_LINES) -> str:
        """The last lines that a node wrote."""
        try:
            text = self.folder.log(label).read_text("utf-8", "replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _check_running(self, label: str) -> None:
        if self._processes[label].is_running:
            return
        tail = self.read_tail(label)
        message = f"{label} ended; its log {self.folder.log(label)} ends with\n{tail}"
        raise PortTaken(message) if _TAKEN in tail.lower() else DevnetError(message)


def start_devnet(
    path: Path, spec: DevnetSpec, tethered: bool, progress: Progress = ignore
) -> Launcher:
    """Found a network and start it; when somebody was faster at a port, again on other ports."""
    for attempt in range(1, ATTEMPTS + 1):
        folder = found_devnet(path, spec)
        launcher = Launcher(folder, tethered)
        try:
            launcher.start()
            launcher.wait_ready(progress=progress)
        except BaseException as error:
            launcher.stop(seconds=2.0)
            launcher.close()
            if not isinstance(error, PortTaken) or attempt == ATTEMPTS:
                raise
            shutil.rmtree(path)
        else:
            return launcher
    raise AssertionError("the last attempt returns or raises")


@contextlib.contextmanager
def launch(path: Path, spec: DevnetSpec, progress: Progress = ignore) -> Iterator[Launcher]:
    """A running network, stopped at the end."""
    launcher = start_devnet(path, spec, tethered=True, progress=progress)
    try:
        yield launcher
    finally:
        launcher.stop()
        launcher.close()
