"""Fills every buffer that others have: votes, transactions, requests, all within what is read.

Its transactions are of two sorts: such as nobody may take, and such as everybody must, signed with
its own key. Of the second it has so many in a run: without an end nothing would ever be settled.
"""

from typing import TYPE_CHECKING

from consensus.message import Ask, Inquiry, VoteMessage
from consensus.tally import VIEWS_AHEAD
from consensus.vote import VoteKind
from devnet.simulator.adversaries.habit import Habit, make_frame
from ledger.codec import Value
from ledger.crypto import SigningKey
from ledger.primitives import Digest, View
from ledger.transaction import compose_body, sign_body
from node.frames import (
    Frame,
    Hello,
    Transactions,
    WantBlock,
    WantRange,
    WantTransactions,
)
from node.snapshot_frames import PartKind, WantEpochs, WantPart, WantSnapshot

if TYPE_CHECKING:
    from devnet.simulator.adversaries.liar import Liar

BURST = 12
TRANSACTIONS = 30
PAYMENTS = 60  # at once: three times what a small mempool takes of one actor
MOST_PAYMENTS = 240  # in a run


class Flooder(Habit):
    """A burst of something every time."""

    def __init__(self, liar: "Liar") -> None:
        super().__init__(liar)
        self._payments_left = MOST_PAYMENTS

    def act(self) -> None:
        """Whatever costs the others most."""
        peers = self.liar.list_peers()
        if not peers:
            return
        make = self.random.choice(
            (
                self._make_votes,
                self._make_transactions,
                self._make_payments,
                self._make_requests,
                self._make_talk,
            )
        )
        to = peers if self.random.random() < 0.3 else [self.random.choice(peers)]
        for frame in make():
            self.liar.tell(to, frame)

    def _make_votes(self) -> list[Frame]:
        """For blocks that do not exist, in views that have not begun."""
        frames: list[Frame] = []
        view = self.liar.replica.core.view
        for _ in range(BURST):
            ahead = view + self.random.randint(0, VIEWS_AHEAD + 2)
            kind = self.random.choice((VoteKind.NOTARIZE, VoteKind.FINALIZE))
            block = Digest(self.random.randbytes(32))
            signed = self.liar.make_vote(kind, ahead, max(0, ahead - 2), block)
            if signed is not None:
                frames.append(make_frame(VoteMessage(signed)))
        return frames

    def _make_transactions(self) -> list[Frame]:
        """Well formed; half of them by nobody, half with a signature of somebody else."""
        signers = (self.liar.code, "U5201000100A0010000000C1")
        key, until = self.liar.voter_keys[0], self.liar.replica.store.height + 50
        raws = [
            self._make_payment(self.random.choice(signers), key, until) for _ in range(TRANSACTIONS)
        ]
        return [Transactions(tuple(raws))]

    def _make_payments(self) -> list[Frame]:
        """Valid in every way, though there may be no money: honest peers take what they have room
        for, some of it for as long as anything can wait."""
        key = self.liar.identity_key
        count = min(PAYMENTS, self._payments_left)
        if key is None or not count:
            return self._make_transactions()
        self._payments_left -= count
        replica = self.liar.replica
        height, window = replica.store.height, replica.genesis.consensus.transaction_window
        raws = [
            self._make_payment(
                self.liar.code, key, height + self.random.choice((3, window // 2, window))
            )
            for _ in range(count)
        ]
        return [Transactions(tuple(raws))]

    def _make_payment(self, signer: str, key: SigningKey, until: int) -> bytes:
        replica = self.liar.replica
        data: dict[str, Value] = {
            "amount_micro_yuan": 1,
            "reference": "flood",
            "to": self.random.choice(replica.validators.codes),
        }
        chain, nonce = replica.genesis.chain, self.random.randbytes(16)
        body = compose_body(chain, "settlement.pay", data, [signer], until, nonce)
        return sign_body(body, self.liar.setting.transactions, [key])

    def _make_requests(self) -> list[Frame]:
        """What makes others read their disks."""
        height = self.liar.replica.store.height
        first = self.random.randint(1, height + 1)
        frames: list[Frame] = [WantRange(first, first + 255) for _ in range(3)]
        frames += [WantSnapshot(), WantEpochs(0)]
        frames += [WantPart(height // 16 * 16, kind, 0, 0) for kind in PartKind]
        frames += [WantBlock(Digest(self.random.randbytes(32))) for _ in range(BURST)]
        hashes = tuple(Digest(self.random.randbytes(32)) for _ in range(BURST))
        return [*frames, WantTransactions(hashes)]

    def _make_talk(self) -> list[Frame]:
        """Questions of consensus without end, and heights out of the air."""
        epoch = self.liar.replica.core.status().epoch
        views = tuple(View(view) for view in range(1, 65))
        frames: list[Frame] = [make_frame(Ask(epoch, True, views)) for _ in range(BURST)]
        frames += [make_frame(Inquiry(epoch, self.random.randrange(1 << 40))) for _ in range(BURST)]
        genesis = self.liar.replica.genesis.hash
        height = self.random.randrange(1 << 62)
        return [*frames, Hello(1, genesis, self.liar.code, height, self.liar.wall_ms())]
