"""Offering transactions again to the validators, until they are final.

What this peer accepted is offered to each validator that connects, and to all at each heartbeat.
So is what others accepted and has waited for a whole heartbeat: they may be gone.
"""

from collections.abc import Callable, Sequence
from itertools import islice

from ledger.primitives import Digest
from node.intake import Intake
from node.mempool import Mempool
from node.ports import Ports

MAX_OFFERED = 256


class Reminder:
    """Says again what may have been lost."""

    def __init__(
        self,
        intake: Intake,
        mempool: Mempool,
        ports: Ports,
        heartbeat_ms: int,
        list_voters: Callable[[], list[str]],
        also: Callable[[], None],
    ) -> None:
        self._intake = intake
        self._mempool = mempool
        self._ports = ports
        self._heartbeat_ms = heartbeat_ms
        self._list_voters = list_voters
        self._also = also
        self._waiting: list[Digest] = []  # the oldest of the mempool a heartbeat ago

    def start(self) -> None:
        """Begin to do so at each heartbeat."""
        at_ms = self._ports.monotonic_ms() + self._heartbeat_ms
        self._ports.set_timer("offer", at_ms, self._remind)

    def offer(self, peers: Sequence[str]) -> None:
        """Offer what this peer accepted."""
        accepted = self._intake.list_accepted()
        if accepted:
            self._ports.send_transactions(peers, accepted)

    def _remind(self) -> None:
        self.offer(self._list_voters())
        self._also()
        late = [item for item in map(self._mempool.get, self._waiting) if item is not None]
        if late:
            raws = [item.transaction.raw for item in late]
            self._ports.send_transactions(self._list_voters(), raws)
        oldest = islice(self._mempool, MAX_OFFERED)
        self._waiting = [item.transaction.hash for item in oldest]
        self.start()
