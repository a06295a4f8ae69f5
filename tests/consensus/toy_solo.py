"""One core by itself, with hands to feed it: votes, certificates, proposals and answers."""

from typing import Any, TypeVar

from toy_chain import GENESIS, FakeSigner, make_code

from consensus.action import Action, Persist, SetTimer
from consensus.certificate import Certificate, compute_certificate
from consensus.core import Core
from consensus.event import (
    Event,
    Executed,
    Judged,
    Proposed,
    Received,
    Started,
    Synced,
    TimerFired,
    TimerKind,
    Verdict,
)
from consensus.journal import Journal, replay
from consensus.message import CertificateMessage, Message, Proposal, VoteMessage
from consensus.root import Root
from consensus.settings import Settings
from consensus.validators import ValidatorSet
from consensus.vote import SignedVote, Vote, VoteKind
from consensus.voting import Voice
from ledger.crypto import sha256
from ledger.primitives import ZERO_DIGEST, Digest, Epoch, View

NOTARIZE, NULLIFY, FINALIZE = VoteKind.NOTARIZE, VoteKind.NULLIFY, VoteKind.FINALIZE
A = TypeVar("A")


def block(name: str) -> Digest:
    """A digest to speak of."""
    return sha256(name.encode())


class Hands:
    """Everybody's keys."""

    def __init__(self, n: int = 4, epoch: int = 0, tag: str = "") -> None:
        self.signers = [FakeSigner(f"hand{tag}/{number}") for number in range(n)]
        self.validators = ValidatorSet(
            (make_code(number), signer.public) for number, signer in enumerate(self.signers)
        )
        self.epoch = Epoch(epoch)

    def vote(
        self,
        kind: VoteKind,
        signer: int,
        view: int,
        parent: int = 0,
        digest: Digest = ZERO_DIGEST,
        valid: bool = True,
    ) -> SignedVote:
        vote = Vote(self.epoch, View(view), kind, View(parent), digest, self.validators.hash)
        message = vote.encode() if valid else b"something else"
        return SignedVote(vote, signer, self.signers[signer].sign(message))

    def certificate(
        self,
        kind: VoteKind,
        view: int,
        parent: int = 0,
        digest: Digest = ZERO_DIGEST,
        signers: tuple[int, ...] | None = None,
    ) -> Certificate:
        chosen = self.choose_signers() if signers is None else signers
        return compute_certificate(
            [self.vote(kind, signer, view, parent, digest) for signer in chosen]
        )

    def choose_signers(self) -> list[int]:
        return list(range(self.validators.quorum))

    def proposal(
        self,
        view: int,
        parent: int,
        digest: Digest,
        certificate: Certificate | None,
        payload: bytes = b"payload",
    ) -> Proposal:
        leader = self.validators.leader(View(view))
        return Proposal(self.vote(NOTARIZE, leader, view, parent, digest), certificate, payload)


class Solo(Hands):
    """The core of validator `me`, started, with its journal and the actions of the last step."""

    def __init__(
        self,
        me: int | None = 0,
        n: int = 4,
        epoch: int = 0,
        root: Root | None = None,
        settings: Settings | None = None,
        journal: Journal | None = None,
        recovering: bool = False,
        may_vote: bool = True,
        started: bool = True,
    ) -> None:
        super().__init__(n, epoch)
        self.me = me
        self.now = 1_000
        self.journal: list[bytes] = []
        self.actions: list[Action] = []
        self.timers: dict[TimerKind, SetTimer] = {}
        self.settings = settings or Settings()
        self.core = Core(
            self.settings,
            self.epoch,
            self.validators,
            root or Root(GENESIS),
            None if me is None else Voice(me, self.signers[me].sign),
            FakeSigner.is_valid,
            journal,
            recovering,
            may_vote,
        )
        if started:
            self.feed(Started())

    def choose_signers(self) -> list[int]:
        """A quorum without `me`, whose votes only its own core makes."""
        others = [number for number in range(self.validators.n) if number != self.me]
        return (others or [0])[: self.validators.quorum]

    def feed(self, event: Event) -> list[Action]:
        self.actions = self.core.step(event, self.now)
        for action in self.actions:
            if isinstance(action, Persist):
                self.journal += action.records
            elif isinstance(action, SetTimer):
                self.timers[action.timer.kind] = action
        return self.actions

    def receive(self, sender: int, message: Message) -> list[Action]:
        return self.feed(Received(make_code(sender), message))

    def hear(self, kind: VoteKind, signer: int, *rest: Any, **more: Any) -> list[Action]:
        """A vote from its signer."""
        return self.receive(signer, VoteMessage(self.vote(kind, signer, *rest, **more)))

    def learn(self, kind: VoteKind, *rest: Any, **more: Any) -> list[Action]:
        """A certificate, from a validator other than `me`."""
        sender = 1 if self.me == 0 else 0
        return self.receive(sender, CertificateMessage(self.certificate(kind, *rest, **more)))

    def see(self, proposal: Proposal) -> list[Action]:
        """A proposal from its leader."""
        return self.receive(proposal.signed.signer, proposal)

    def judge(
        self, proposal: Proposal, verdict: Verdict = Verdict.VALID, last: bool = False
    ) -> Any:
        return self.feed(Judged(proposal.signed.vote, verdict, last))

    def execute(self, digest: Digest, last: bool = False, matches: bool = True) -> list[Action]:
        return self.feed(Executed(digest, last, matches))

    def propose(self, view: int, parent: Digest, digest: Digest, last: bool = False) -> Any:
        return self.feed(Proposed(View(view), parent, digest, b"payload", last))

    def sync(self, *rest: Any, last: bool = False) -> list[Action]:
        return self.feed(Synced(self.certificate(FINALIZE, *rest), last))

    def fire(self, kind: TimerKind) -> list[Action]:
        """The timer of this kind is due."""
        action = self.timers.pop(kind)
        self.now = max(self.now, action.deadline_ms)
        return self.feed(TimerFired(action.timer))

    def found(self, kind: type[A]) -> list[A]:
        """The actions of one kind in the last step."""
        return [action for action in self.actions if isinstance(action, kind)]

    def said(self) -> list[Vote]:
        """The votes that left in the last step, proposals among them, certificates not."""
        from consensus.action import Broadcast

        return [
            action.message.signed.vote
            for action in self.found(Broadcast)
            if isinstance(action.message, VoteMessage | Proposal)
        ]

    def restart(self, **arguments: Any) -> "Solo":
        """A core made from what this one has written."""
        return Solo(
            self.me,
            self.validators.n,
            self.epoch,
            journal=replay(self.journal),
            recovering=True,
            settings=self.settings,
            **arguments,
        )
