"""Validators that lie: each follows the chain like an honest peer, and twists what it sends."""

from typing import Any

from toy_chain import Block, Stored, hash_certificate
from toy_network import Peer, World

from consensus.action import DoubleSigned
from consensus.certificate import Certificate
from consensus.core import Core
from consensus.evidence import order_evidence
from consensus.message import (
    Ask,
    CertificateMessage,
    Inquiry,
    Message,
    Proposal,
    Report,
    VoteMessage,
)
from consensus.vote import SignedVote, Vote, VoteKind
from ledger.primitives import ZERO_DIGEST, Code, Digest, Signature, View

MEMORY = 60
HABITS = ("Equivocator", "Withholder", "Nullifier", "Hoarder", "Liar", "Silent", "Chaos", "Forker")


class Shameless(Core):
    """A core that does not mind what else is said under its key."""

    def _check_own(self, signed: SignedVote) -> bool:
        return False


class Byzantine(Peer):
    """Picks a habit now and then.

    Equivocator: two blocks for one view, and votes for both. Withholder: tells only some.
    Nullifier: nullifies every view, finalizes too. Hoarder: keeps what it has to say and releases
    it long after, all at once. Liar: wrong signatures, false reports. Silent: nothing.
    Forker: builds on an old certified block, skipping what came between.
    Chaos: random votes about anything it has seen.
    """

    habit = "Chaos"
    habits: tuple[str, ...] = HABITS

    def __init__(self, world: World, number: int) -> None:
        super().__init__(world, number)
        self.seen: list[tuple[View, View, Digest]] = []
        self.hoard: list[tuple[int, Message]] = []
        self.collected: list[Certificate] = []
        self.forks: dict[tuple[int, int], Proposal] = {}
        self.inspire(0)

    def inspire(self, _: int) -> None:
        """Choose a habit, keep it for a while."""
        rng = self.world.rng
        self.habit = rng.choice(self.habits)
        if self.habit != "Hoarder":
            for to, message in self.hoard:
                super().put(to, message)
            self.hoard = []
        self.world.at(rng.randint(1000, 8000), self.inspire, 0)
        self.babble(self.life)

    def babble(self, _: int) -> None:
        rng = self.world.rng
        if self.alive and self.habit in ("Chaos", "Nullifier", "Equivocator"):
            for _ in range(rng.randint(1, 4)):
                self.say_something()
        if self.habit in ("Chaos", "Nullifier", "Equivocator"):
            self.world.at(rng.randint(20, 400), self.babble, 0)

    def say_something(self) -> None:
        rng = self.world.rng
        index = self.validators.find_index(self.code)
        if index is None:
            return
        status = self.core.status()
        kind = rng.choice(list(VoteKind))
        view, parent, block = View(status.view), View(0), ZERO_DIGEST
        if self.habit == "Nullifier" or kind is VoteKind.NULLIFY or not self.seen:
            kind = VoteKind.NULLIFY
            view = View(max(1, view + rng.randint(-2, 2)))
        else:
            view, parent, block = rng.choice(self.seen)
        signed = self.make(kind, view, parent, block, index)
        for number in range(len(self.world.peers)):
            if rng.random() < 0.6:
                super().put(number, VoteMessage(signed))

    def make(
        self, kind: VoteKind, view: View, parent: View, block: Digest, index: int
    ) -> SignedVote:
        vote = Vote(self.core._epoch, view, kind, parent, block, self.validators.hash)
        return SignedVote(vote, index, self.signer.sign(vote.encode()))

    def make_engine(self, index: int | None, recovering: bool) -> Core:
        core = super().make_engine(index, recovering)
        core.__class__ = Shameless
        self.seen = []
        return core

    def check_own(self, vote: Vote) -> None:
        pass

    def receive(self, sender: Peer, message: object) -> None:
        match message:
            case Proposal(signed) | VoteMessage(signed):
                self.note(signed.vote)
            case CertificateMessage(certificate) if certificate.kind is not VoteKind.NULLIFY:
                self.collected.append(certificate)
                del self.collected[:-MEMORY]
        super().receive(sender, message)

    def note(self, vote: Vote) -> None:
        if vote.kind is VoteKind.NOTARIZE and vote.epoch == self.epoch:
            entry = (vote.view, vote.parent_view, vote.block)
            if entry not in self.seen:
                self.seen.append(entry)
                del self.seen[:-MEMORY]

    def put(self, to: int, message: Any) -> None:
        rng = self.world.rng
        if isinstance(message, tuple):
            if self.habit != "Silent" or rng.random() < 0.5:
                super().put(to, message)
            return
        match self.habit:
            case "Silent":
                return
            case "Withholder":
                if (to + self.core.status().view) % 3 == 0 or isinstance(message, Ask | Inquiry):
                    super().put(to, message)
            case "Hoarder":
                if isinstance(message, VoteMessage | CertificateMessage):
                    self.hoard.append((to, message))
                    del self.hoard[:-200]
                    if rng.random() < 0.02:
                        for target, kept in self.hoard:
                            super().put(target, kept)
                        self.hoard = []
                else:
                    super().put(to, message)
            case "Liar":
                super().put(to, self.lie(message))
            case "Forker":
                super().put(to, self.fork(message))
            case "Equivocator":
                super().put(to, self.equivocate(to, message))
            case _:
                super().put(to, message)

    def lie(self, message: Message) -> Message:
        wrong = Signature(bytes(64))
        match message:
            case VoteMessage(SignedVote(vote, signer, _)) if self.world.rng.random() < 0.7:
                return VoteMessage(SignedVote(vote, signer, wrong))
            case Proposal(signed, parent, payload) if self.world.rng.random() < 0.5:
                return (
                    Proposal(signed, parent, payload[:-1] + bytes([payload[-1] ^ 1]))
                    if payload
                    else Proposal(SignedVote(signed.vote, signed.signer, wrong), parent, b"")
                )
            case Report(epoch, incarnation, _, certificates):
                return Report(epoch, incarnation, (), certificates[:1])
            case CertificateMessage(Certificate(vote, signers, signatures)):
                return CertificateMessage(Certificate(vote, signers, (*signatures[:-1], wrong)))
        return message

    def equivocate(self, to: int, message: Message) -> Message:
        if not isinstance(message, Proposal) or message.is_again or to % 2:
            return message
        index = self.validators.find_index(self.code)
        assert index is not None
        block = Block.from_payload(message.payload)
        truth = self.world.rng.random() < 0.7
        other = Block(
            block.epoch,
            block.view,
            block.height,
            block.parent,
            block.parent_certificate_hash,
            block.transactions[1:],
            truth,
        )
        if other.digest not in self.known and truth:
            self.known[other.digest] = Stored(other, message.parent_certificate)
        vote = message.signed.vote
        signed = self.make(VoteKind.NOTARIZE, vote.view, vote.parent_view, other.digest, index)
        self.note(signed.vote)
        return Proposal(signed, message.parent_certificate, other.payload)

    def fork(self, message: Message) -> Message:
        """The proposal of a child of an older certified block, where there is one to hand."""
        if not isinstance(message, Proposal):
            return message
        vote = message.signed.vote
        key = (vote.epoch, vote.view)
        if key not in self.forks:
            self.forks[key] = self.make_fork(message) or message
        return self.forks[key]

    def make_fork(self, message: Proposal) -> Proposal | None:
        vote = message.signed.vote
        index = self.validators.find_index(self.code)
        older = [
            certificate
            for certificate in self.collected
            if certificate.epoch == vote.epoch
            and certificate.view < vote.view
            and self.find(certificate.block) is not None
        ]
        if not older or index is None:
            return None
        chosen = self.world.rng.choice(older)
        parent = self.find(chosen.block)
        assert parent is not None
        block = Block(
            vote.epoch, vote.view, parent.height + 1, chosen.block, hash_certificate(chosen), ()
        )
        self.known[block.digest] = Stored(block, chosen)
        signed = self.make(VoteKind.NOTARIZE, vote.view, chosen.view, block.digest, index)
        self.note(signed.vote)
        return Proposal(signed, chosen, block.payload)


def codes_of(evidence: list[DoubleSigned], codes: tuple[Code, ...]) -> list[Code]:
    """Who is proven faulty; checks the canonical order on the way."""
    for double in evidence:
        assert order_evidence(double.first, double.second) == (double.first, double.second)
    return [codes[double.first.signer] for double in evidence]
