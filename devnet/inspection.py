"""What must hold of every state holds, on every peer: looked after while a scenario runs.

A peer gives its whole state in one stream, of one final block; it is examined here as `suanlian
audit invariants` does it: the root against the finalization, then money, capacity, codes, records
and derived tables. One peer after the other in the background, and all of them at the end.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from devnet.errors import StepFailed
from devnet.folder import Folder
from devnet.simulator.disk import SimulatedDisk
from ledger.errors import LedgerError
from ledger.primitives import Digest
from node.client.errors import ClientError
from node.client.http import Client
from node.errors import NodeError
from node.invariants import Examined, examine_stream

INTERVAL_S = 2.0


def examine_peer(url: str, genesis_hash: Digest) -> Examined:
    """Examine a running peer's state; raises ClientError, LedgerError or NodeError."""
    with Client(url, genesis_hash=genesis_hash) as client:
        return examine_stream(client.stream_state(), genesis_hash, SimulatedDisk())


class Inspector:
    """Examines one peer after the other until it is told to stop; who is down is passed over.

    `get_folder` gives the folder as it is then: nodes come later too.
    """

    def __init__(self, get_folder: Callable[[], Folder]) -> None:
        self._get_folder = get_folder
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="inspector", daemon=True)
        self.heights: list[int] = []
        self.wrong: list[str] = []

    def __enter__(self) -> "Inspector":
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Examine nothing more."""
        self._stopped.set()
        self._thread.join()

    def examine_all(self, labels: list[str]) -> Examined:
        """Examine these peers one last time, and say what was ever wrong; raises StepFailed."""
        self.stop()
        examined: Examined | None = None
        for label in labels:
            try:
                examined = self._examine(label)
            except ClientError as error:
                raise StepFailed(f"{label} does not give its state: {error}") from None
        if self.wrong:
            raise StepFailed("; ".join(self.wrong[:3]))
        assert examined is not None
        return examined

    def _run(self) -> None:
        turn = 0
        while not self._stopped.wait(INTERVAL_S) and not self.wrong:
            nodes = list(self._get_folder().nodes)
            with suppress(ClientError):  # it is down, or its first block is still to come
                self._examine(nodes[turn % len(nodes)].label)
            turn += 1

    def _examine(self, label: str) -> Examined | None:
        """Examine one peer, and keep what is wrong."""
        try:
            folder = self._get_folder()
            examined = examine_peer(folder.find(label).http, folder.genesis_hash)
        except (LedgerError, NodeError) as error:
            self.wrong.append(f"{label}: {error}")
            return None
        self.heights.append(examined.height)
        self.wrong += [f"{label} at block {examined.height}: {item}" for item in examined.wrong]
        return examined
