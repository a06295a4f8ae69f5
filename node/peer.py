"""A running peer as its HTTP API sees it: `node.port.Peer` over the replica."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from ledger.genesis import Genesis
from ledger.primitives import Digest
from ledger.sealed import SealedBlock
from ledger.store import Store
from node.errors import Refused
from node.metrics import Metrics
from node.network import Network
from node.port import Phase, Readiness, Status
from node.replica import Replica

MAX_CLOCK_OFFSET_MS = 1_000
QUIET_HEARTBEATS = 4  # an idle network makes a block every one to one and a half


class RunningPeer:
    """What the API may ask of this peer."""

    def __init__(self, replica: Replica, network: Network, metrics: Metrics) -> None:
        self.genesis: Genesis = replica.genesis
        self.code: str = replica.identity.code
        self.store: Store = replica.store
        self._replica = replica
        self._network = network
        self._metrics = metrics
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
        reasons = list(self._list_reasons())
        return Readiness(not reasons, tuple(reasons))

    def _list_reasons(self) -> list[str]:
        replica, network = self._replica, self._network
        reasons: list[str] = []
        if self.is_stopping or replica.has_stopped:
            reasons.append("this peer is stopping")
        reasons += self._list_missing_voters()
        core = replica.core.status()
        if replica.is_validator and core.recovering:
            reasons.append("this validator was restarted and does not vote yet")
        elif replica.is_validator and not core.votes:
            reasons.append("this validator's key is missing or barred: it does not vote")
        offset_ms = network.compute_offset_ms()
        if abs(offset_ms) > MAX_CLOCK_OFFSET_MS:
            reasons.append(f"this clock is {-offset_ms} ms off the others': check NTP")
        goal = self._find_goal()
        if replica.sync.is_running and goal > self.store.height + 2:
            reasons.append(f"catching up: block {self.store.height} of {goal}")
        quiet_ms = replica.quiet_ms()
        if quiet_ms > QUIET_HEARTBEATS * self.genesis.consensus.heartbeat_ms:
            reasons.append(f"no block has become final for {quiet_ms // 1000} s")
        return reasons

    def _find_goal(self) -> int:
        """The height that f + 1 validators say they have reached: one of them is honest."""
        contacts, f = self._network.contacts, self._replica.validators.f
        claims = [contacts[code].height for code in self._replica.list_voters() if code in contacts]
        return sorted(claims, reverse=True)[f] if len(claims) > f else 0

    def _list_missing_voters(self) -> list[str]:
        """A quorum must be in reach; who connects through named nodes needs one of those."""
        replica = self._replica
        voters = replica.list_voters()
        if not replica.is_validator and self._network.connects_through_others:
            return [] if voters else ["no validator is connected"]
        here = [*voters, self.code] if replica.is_validator else voters
        quorum = replica.validators.quorum
        if len(here) >= quorum:
            return []
        missing = ", ".join(code for code in replica.voters if code not in here)
        return [
            f"{len(here)} of {replica.validators.n} validators are in reach, "
            f"{quorum} are a quorum; missing: {missing}"
        ]

    def describe(self) -> dict[str, Any]:
        """What `/v1/status` shows."""
        replica = self._replica
        core = replica.core.status()
        readiness = self.get_readiness()
        return {
            "code": self.code,
            "role": "validator" if replica.is_validator else "observer",
            "ready": readiness.ready,
            "waiting_for": list(readiness.reasons),
            "height": str(self.store.height),
            "time_ms": str(self.store.header.time_ms),
            "state_root": self.store.header.state_root.hex(),
            "records": str(self.store.tree.count - 1),
            "oldest_block": str(self.store.floor.body if self.store.floor.body > 1 else 0),
            "oldest_state": str(self.store.floor.state),
            "epoch": str(core.epoch),
            "view": str(core.view),
            "leader": core.leader,
            "votes": core.votes,
            "recovering": core.recovering,
            "validators": list(replica.voters),
            "pending": str(len(replica.mempool)),
            "unfinalized": str(len(replica.chain)),
            "clock_offset_ms": str(self._network.compute_offset_ms()),
            "peers": {
                code: {"height": str(contact.height), "channel": _channel(contact.is_full)}
                for code, contact in sorted(self._network.contacts.items())
            },
        }

    def render_metrics(self) -> bytes:
        """The Prometheus exposition."""
        return self._metrics.render()


def _channel(is_full: bool) -> str:
    return "full" if is_full else "sync"
