"""A running peer as its HTTP API sees it: `node.port.Peer` over the replica.

A peer that stops keeps nobody waiting. Who waits for an end hears how far it is. What was handed in
is still written and answered; but of a peer that failed nothing is written any more, and it says
so: the client does not know what became of it, and may hand it in elsewhere.
"""

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


class _Failed(Exception):
    """Nothing is taken any more."""


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
        self._waits: set[asyncio.Future[Status]] = set()
        self._submissions: set[asyncio.Future[list[Status | Refused]]] = set()
        self.is_stopping = False

    @property
    def is_joining(self) -> bool:
        """Whether a snapshot is on its way here, and nothing but the genesis is known."""
        return self._replica.joiner is not None

    def end_waits(self) -> None:
        """This peer stops, or has failed: nobody waits any more for what may not come."""
        self.is_stopping = True
        for waiting in self._waits:
            if not waiting.done():
                waiting.set_exception(TimeoutError())
        if self._replica.has_stopped:
            for submitting in self._submissions:
                if not submitting.done():
                    submitting.set_exception(_Failed())

    async def submit(self, raws: Sequence[bytes]) -> list[Status | Refused]:
        """Take signed transactions."""
        future: asyncio.Future[list[Status | Refused]] = asyncio.get_running_loop().create_future()

        def done(answers: list[Status | Refused]) -> None:
            if not future.done():
                future.set_result(answers)

        self._submissions.add(future)
        try:
            if self._replica.has_stopped:
                raise _Failed
            self._replica.submit(raws, done)
            return await future
        except _Failed:
            return [Refused("this peer is stopping", "not-ready", retry=True) for _ in raws]
        finally:
            self._submissions.discard(future)

    def get_status(self, id_: Digest) -> Status | None:
        """What became of a transaction."""
        return self._replica.intake.get_status(id_)

    async def wait(self, id_: Digest, timeout_s: float) -> Status | None:
        """The status once it is no longer `accepted`, or as it is then."""
        status = self.get_status(id_)
        if self.is_stopping or (status is not None and status.phase is not Phase.ACCEPTED):
            return status
        future: asyncio.Future[Status] = asyncio.get_running_loop().create_future()

        def notify(ended: Status) -> None:
            if not future.done():
                future.set_result(ended)

        self._waits.add(future)
        give_up = self._replica.intake.wait(id_, notify)
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            return self.get_status(id_)
        finally:
            give_up()
            self._waits.discard(future)

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
