"""A peer that lies: an honest replica behind habits that twist what it says.

It follows the chain like everybody, so that its lies are about what is going on. It has its own
keys and nobody else's. Now and then it takes up another of its habits.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

from consensus.certificate import Certificate
from consensus.core import Core
from consensus.message import Proposal
from consensus.vote import SignedVote, Vote, VoteKind
from devnet.simulator.adversaries.habit import Habit
from devnet.simulator.kernel import MS, SECOND
from devnet.simulator.ports import Outlet
from devnet.simulator.process import Process, Setting, Witness
from ledger.crypto import SigningKey
from ledger.errors import LedgerError
from ledger.primitives import Code, Digest, TimeMs, View
from ledger.sealed import SealedBlock
from node.execution import Frame as BlockFrame
from node.execution import execute_block
from node.frames import Frame
from node.replica import Replica
from node.sync import compose_payload

MakeHabit = Callable[["Liar"], Habit]
CHANGE_US: Final = (1 * SECOND, 8 * SECOND)
ACT_US: Final = (20 * MS, 400 * MS)


class ShamelessCore(Core):
    """A core that asks nobody what it said, and does not mind what else is said under its key."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._recovery.is_over = True

    def _check_own(self, signed: SignedVote) -> bool:
        del signed
        return False


class ShamelessReplica(Replica):
    """A replica with such a core."""

    _core_class = ShamelessCore


class Liar(Process):
    """A process whose every frame passes through a habit."""

    _replica_class = ShamelessReplica

    def __init__(
        self,
        setting: Setting,
        code: str,
        voter_keys: tuple[SigningKey, ...],
        witness: Witness,
        habits: Sequence[MakeHabit],
        identity_key: SigningKey | None = None,
    ) -> None:
        self.setting = setting
        self.voter_keys = voter_keys
        self.identity_key = identity_key  # that its region begins with
        self.lies = 0  # frames that left otherwise than the replica meant them, or without it
        self.habits = [make(self) for make in habits]
        self._habit = self.habits[0]
        super().__init__(setting, code, voter_keys, witness)

    @property
    def random(self) -> Random:
        """The chance of the run."""
        return self.setting.kernel.random

    @property
    def outlet(self) -> Outlet:
        """Its own mouth."""
        return self

    def start(self) -> None:
        """Start to live, and to lie."""
        super().start()
        self._change()
        self._act()

    # --- speaking

    def send(self, sender: str, to: Sequence[str], frame: Frame) -> None:
        """What the replica wants to say, twisted."""
        instead = list(self._habit.say(to, frame))
        if instead != [(to, frame)]:
            self.lies += 1
        for targets, said in instead:
            self.speak(targets, said, sender)

    def tell(self, to: Sequence[str], frame: Frame) -> None:
        """Say something that the replica never said, or said at another time."""
        self.lies += 1
        self.speak(to, frame, self.code)

    def speak(self, to: Sequence[str], frame: Frame, sender: str) -> None:
        """Say something as it is."""
        self.setting.links.send(sender, to, frame)

    def list_connected(self, code: str) -> list[str]:
        """Who is connected."""
        return self.setting.links.list_connected(code)

    def hang_up(self, code: str, other: str) -> None:
        """End a connection."""
        self.setting.links.hang_up(code, other)

    def list_peers(self) -> list[str]:
        """Who is connected to this liar."""
        return self.list_connected(self.code)

    def split(self, to: Sequence[str]) -> tuple[list[str], list[str]]:
        """Two halves of those who listen, always the same."""
        return list(to[::2]), list(to[1::2])

    # --- hearing

    def deliver(self, sender: str, frame: Frame) -> None:
        """A frame came."""
        if self.is_running:
            for habit in self.habits:
                habit.hear(sender, frame)
        super().deliver(sender, frame)

    # --- lying

    def make_vote(
        self, kind: VoteKind, view: int, parent_view: int, block: Digest
    ) -> SignedVote | None:
        """A vote of the running epoch under one's own key; None where this liar has none."""
        replica = self.replica
        key = self.find_key()
        index = replica.validators.find_index(Code(self.code))
        if key is None or index is None:
            return None
        epoch = replica.core.status().epoch
        vote = Vote(epoch, View(view), kind, View(parent_view), block, replica.validators.hash)
        return SignedVote(vote, index, self.setting.votes.sign(key, vote.encode()))

    def find_key(self) -> SigningKey | None:
        """The validator key of the running epoch."""
        public = self.replica.voter_key
        return next((key for key in self.voter_keys if key.public == public), None)

    def make_proposal(
        self, like: SealedBlock, parent: Digest, certificate: Certificate | None
    ) -> Proposal | None:
        """A valid block of one's own view on this parent, other than `like`; None where the parent
        cannot be one any more."""
        replica, header = self.replica, like.block.header
        above = replica.chain.find_parent(parent)
        if above is None:
            return None
        time_ms = TimeMs(max(header.time_ms, above.header.time_ms) + 1)
        encoded = b"" if certificate is None else certificate.encode()
        frame = BlockFrame(header.epoch, header.view, time_ms, header.proposer, encoded)
        sealed = execute_block(
            above, frame, like.transactions[1:], replica.validators, self.setting.votes
        )
        if replica.chain.get(sealed.block.hash) is None:
            replica.chain.add(sealed)
        parent_view = 0
        if certificate is not None and certificate.epoch == header.epoch:
            parent_view = certificate.view
        signed = self.make_vote(VoteKind.NOTARIZE, header.view, parent_view, sealed.block.hash)
        if signed is None:
            return None
        return Proposal(signed, certificate, compose_payload(sealed.block))

    def _change(self) -> None:
        self._habit.leave()
        self._habit = self.random.choice(self.habits)
        self.later(self.random.randint(*CHANGE_US), "another habit", self._change)

    def _act(self) -> None:
        if self.is_running and not self.replica.has_stopped:
            try:
                self._habit.act()
            except LedgerError as error:
                raise AssertionError(f"a lie that cannot be told: {error}") from error
        self.later(self.random.randint(*ACT_US), "a lie", self._act)
