"""Whether to leave a chain that has hardly begun for a snapshot.

1. A height that somebody claims costs one request: whoever says to be far ahead is asked for the
   newest snapshot, and for the epochs that lead to it.
2. Only an offer that is proved, and far ahead, lets this peer begin anew as one that joins. One
   liar cannot have that, nor can many. Who was level with the others once, and had a block before
   it was final, stays on its chain: who reads there sees no height fall.
3. One peer is asked at a time: the one that was asked longest ago, and nobody twice in `AGAIN_MS`.
   So a peer that says nothing, or keeps claiming, does not stand before the others.
"""

from collections.abc import Callable
from typing import Final

from ledger.crypto import Domain
from ledger.errors import LedgerError
from ledger.genesis import Genesis
from node.chain import Chain
from node.errors import Restart
from node.lineage import Lineage, Offered, read_offer
from node.ports import Ports
from node.snapshot_frames import EpochEnds, Offer, WantEpochs, WantSnapshot
from node.snapshot_rules import SnapshotRules

ANSWER_TIMEOUT_MS: Final = 5_000
AGAIN_MS: Final = 5_000


class Scout:
    """Asks those who say that they are far ahead; stops the replica if it is true."""

    def __init__(
        self,
        genesis: Genesis,
        ports: Ports,
        domain: Domain,
        chain: Chain,
        stop: Callable[[Exception], None],
        rules: SnapshotRules,
    ) -> None:
        self._lineage = Lineage(genesis, domain)
        self._ports = ports
        self._chain = chain
        self._stop = stop
        self._rules = rules
        self._may_join = rules.may_join and chain.decided_height == 0
        self._claims: dict[str, int] = {}
        self._asked_at_ms: dict[str, int] = {}
        self._asked = ""
        self._offered: Offered | None = None  # that is being proved

    def __len__(self) -> int:
        """Of how many peers something is known: of each that is or was connected at most."""
        return len(self._claims.keys() | self._asked_at_ms.keys())

    def hear_height(self, peer: str, height: int) -> None:
        """A peer says how far it is."""
        self._claims[peer] = height
        self._ask()

    def stay(self) -> None:
        """This peer is level with the others: whatever comes, it stays on its chain."""
        self._may_join = False

    def forget(self, peer: str) -> None:
        """A peer is gone."""
        self._claims.pop(peer, None)
        if self._asked == peer:
            self._pass_over()

    def receive(self, sender: str, frame: Offer | EpochEnds) -> None:
        """What was asked for; raises LedgerError for a lie. Anything else is left."""
        if sender != self._asked:
            return
        try:
            if isinstance(frame, EpochEnds):
                self._hear_epochs(frame)
            elif self._offered is None:
                self._hear_offer(frame)
        except LedgerError:
            self.forget(sender)
            raise

    def _is_far(self, height: int) -> bool:
        here, rules = self._chain.decided_height, self._rules
        return here < rules.young and height > here + rules.far

    def _ask(self) -> None:
        if self._asked or not self._may_join:
            return
        sources = self._ports.list_sync_sources()
        far = [code for code in sources if self._is_far(self._claims.get(code, 0))]
        now_ms, asked_at_ms = self._ports.monotonic_ms(), self._asked_at_ms
        fresh = [code for code in far if code not in asked_at_ms]
        waiting = [code for code in far if now_ms - asked_at_ms.get(code, now_ms) >= AGAIN_MS]
        if fresh or waiting:
            self._asked = min(fresh or waiting, key=lambda code: (asked_at_ms.get(code, 0), code))
            asked_at_ms[self._asked] = now_ms
            self._send(WantSnapshot())

    def _send(self, want: WantSnapshot | WantEpochs) -> None:
        self._ports.send([self._asked], want)
        at_ms = self._ports.monotonic_ms() + ANSWER_TIMEOUT_MS
        self._ports.set_timer("scout", at_ms, self._pass_over)

    def _pass_over(self) -> None:
        self._ports.cancel_timer("scout")
        self._asked, self._offered = "", None
        self._ask()

    def _hear_offer(self, offer: Offer) -> None:
        offered = read_offer(offer)
        is_old = offered is not None and offered.header.epoch < self._lineage.epoch
        if offered is None or is_old or not self._is_far(offered.header.height):
            self._pass_over()
            return
        self._offered = offered
        self._prove(offered)

    def _hear_epochs(self, answer: EpochEnds) -> None:
        offered = self._offered
        if offered is None or answer.first != self._lineage.epoch:
            return
        self._lineage.follow(answer, offered.header)
        self._prove(offered)

    def _prove(self, offered: Offered) -> None:
        header = offered.header
        if self._lineage.epoch < header.epoch:
            self._send(WantEpochs(self._lineage.epoch))
            return
        self._lineage.prove(offered)
        if self._is_far(header.height):
            self._stop(Restart(f"others have a snapshot of block {header.height}", joins=True))
        self._pass_over()
