"""Saying again what may have been lost, until it is final.

What this peer accepted is offered to each validator that connects, and to all at each heartbeat.
So is what others accepted and has waited for a whole heartbeat: they may be gone. What the reporter
has seen is reported again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from ledger.primitives import Digest
from node.ports import Ports

if TYPE_CHECKING:
    from node.replica import Replica

MAX_OFFERED = 256


class Reminder:
    """Offers transactions to validators."""

    def __init__(self, replica: Replica, ports: Ports) -> None:
        self._replica = replica
        self._ports = ports
        self._waiting: list[Digest] = []  # the oldest of the mempool a heartbeat ago

    def start(self) -> None:
        """Begin to do so at each heartbeat."""
        at_ms = self._ports.monotonic_ms() + self._replica.genesis.consensus.heartbeat_ms
        self._ports.set_timer("offer", at_ms, self._remind)

    def offer(self, peers: Sequence[str]) -> None:
        """Offer what this peer accepted."""
        accepted = self._replica.intake.list_accepted()
        if accepted:
            self._ports.send_transactions(peers, accepted)

    def _remind(self) -> None:
        replica = self._replica
        self.offer(replica.list_voters())
        replica.reporter.retry()
        late = [item for item in map(replica.mempool.get, self._waiting) if item is not None]
        if late:
            raws = [item.transaction.raw for item in late]
            self._ports.send_transactions(replica.list_voters(), raws)
        oldest = islice(replica.mempool, MAX_OFFERED)
        self._waiting = [item.transaction.hash for item in oldest]
        self.start()
