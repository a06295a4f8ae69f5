"""A running peer as its HTTP API sees it: `node.port.Peer` over the replica."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from ledger.genesis import Genesis
from ledger.primitives import Digest
from ledger.sealed import SealedBlock
from ledger.store import Store
from node.diagnosis import diagnose
from node.disk import DiskState
from node.errors import Refused
from node.metrics import Metrics
from node.port import Phase, Readiness, Status
from node.replica import Replica
from node.status import Surroundings, describe_peer


class RunningPeer:
    """What the API may ask of this peer."""

    def __init__(
        self,
        replica: Replica,
        network: Surroundings,
        metrics: Metrics,
        read_disk: Callable[[], DiskState | None] = lambda: None,
    ) -> None:
        self.genesis: Genesis = replica.genesis
        self.code: str = replica.identity.code
        self.store: Store = replica.store
        self._replica = replica
        self._network = network
        self._metrics = metrics
        self._read_disk = read_disk
        self._grown = asyncio.Event()
        self.is_stopping = False

    async def submit(self, raws: Sequence[bytes]) -> list[Status | Refused]:
        """Take signed transactions."""
        future: asyncio.Future[list[Status | Refused]] = asyncio.get_running_loop().create_future()

        def done(answers: list[Status | Refused]) -> None:
            if not future.done():
                future.set_result(answers)

        self._replica.submit(raws, done)
        return await future

    def get_status(self, id_: Digest) -> Status | None:
        """What became of a transaction."""
        return self._replica.intake.get_status(id_)

    async def wait(self, id_: Digest, timeout_s: float) -> Status | None:
        """The status once it is no longer `accepted`, or as it is then."""
        status = self.get_status(id_)
        if status is not None and status.phase is not Phase.ACCEPTED:
            return status
        future: asyncio.Future[Status] = asyncio.get_running_loop().create_future()

        def notify(ended: Status) -> None:
            if not future.done():
                future.set_result(ended)

        give_up = self._replica.intake.wait(id_, notify)
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            return self.get_status(id_)
        finally:
            give_up()

    def blocks_are_final(self, blocks: Sequence[SealedBlock]) -> None:
        """The replica's word that the final height grew."""
        self._metrics.observe_blocks(blocks)
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    async def watch_heights(self) -> AsyncIterator[int]:
        """The final height whenever it grows."""
        seen = -1
        while True:
            grown = self._grown
            if self.store.height != seen:
                seen = self.store.height
                yield seen
            else:
                await grown.wait()

    def get_readiness(self) -> Readiness:
        """Whether this peer can do its work now."""
        reasons = [item.what for item in diagnose(self._describe()) if item.is_stuck]
        return Readiness(not reasons, tuple(reasons))

    def describe(self) -> dict[str, Any]:
        """What `/v1/status` shows."""
        status = self._describe()
        findings = diagnose(status)
        reasons = [item.what for item in findings if item.is_stuck]
        return {
            **status,
            "ready": not reasons,
            "waiting_for": reasons,
            "findings": [item.to_document() for item in findings],
        }

    def _describe(self) -> dict[str, Any]:
        return describe_peer(self._replica, self._network, self._read_disk(), self.is_stopping)

    def render_metrics(self) -> bytes:
        """The Prometheus exposition."""
        return self._metrics.render()
