"""Performing what the core decides, on a replica whose ports stand still until told."""

from typing import Any

import pytest

from consensus.message import (
    CertificateMessage,
    Inquiry,
    Message,
    Proposal,
    Report,
    VoteMessage,
    decode_message,
    encode_message,
)
from consensus.vote import Vote, VoteKind
from ledger.codec import encode
from ledger.errors import LedgerError
from ledger.primitives import Code, Epoch, TimeMs, View
from ledger.sealed import SealedBlock
from node.execution import Frame, execute_block
from node.frames import BlockBody, Consensus, Range, Transactions, WantBlock, WantTransactions
from node.identity import Identity
from node.mempool import MempoolLimits
from node.port import Phase, Status
from node.replica import Replica
from node.serving import MAX_ANSWER_BYTES, body_of_sealed, limit_size
from node.sync import compose_payload
from tests.node.stage import Stage, change, digest


class Actor(Stage):
    """One replica, region `index`, that hears and says what the test wants."""

    def __init__(self, index: int = 0) -> None:
        super().__init__()
        self.me = self.population.regions[index]
        self.ports.connected = sorted(code for code in self.population.regions if code != self.me)
        self.replica = self.open()

    def open(self) -> Replica:
        """A replica that has recovered its voice."""
        replica = Replica(
            Identity(self.me, self.population.voter_keys(self.me)[:1]),
            self.genesis,
            self.store,
            self.journal,
            self.ports,
            MempoolLimits(),
            domain=self.votes,
        )
        replica.start()
        return replica

    def recover(self) -> None:
        """Let the others say that they know of no vote."""
        for code in self.ports.connected:
            for message in self.said(code):
                if isinstance(message, Inquiry):
                    self.hear(code, Report(Epoch(0), message.incarnation, (), ()))
        self.settle()
        self.ports.sent.clear()

    def hear(self, code: str, message: Message) -> None:
        """A message comes from a validator."""
        self.replica.receive(code, Consensus(encode_message(message)))

    def said(self, to: str) -> list[Message]:
        """What was said to a validator."""
        return [
            decode_message(frame.message)
            for targets, frame in self.ports.sent
            if to in targets and isinstance(frame, Consensus)
        ]

    def settle(self) -> None:
        """Let checks and writes end."""
        for _ in range(4):
            self.ports.check()
            self.ports.write()

    def leader(self, view: int) -> Code:
        """Who leads a view."""
        return self.population.regions[view % 4]

    def lead(
        self,
        view: int,
        bodies: Any = (),
        after_ms: int = 10,
        above: SealedBlock | None = None,
    ) -> SealedBlock:
        """The block that the leader of a view would make on another, or on the genesis."""
        parent = self.parent(above)
        certificate = None if above is None else self.certify(above.block, VoteKind.NOTARIZE)
        frame = Frame(
            Epoch(0),
            View(view),
            TimeMs(parent.header.time_ms + after_ms),
            self.leader(view),
            b"" if certificate is None else certificate.encode(),
        )
        return execute_block(parent, frame, bodies, self.validators, self.votes)

    def propose(self, sealed: SealedBlock, payload: bytes | None = None) -> Proposal:
        """Its proposal, signed by its leader."""
        header = sealed.block.header
        vote = Vote(
            Epoch(0),
            header.view,
            VoteKind.NOTARIZE,
            View(0),
            sealed.block.hash,
            self.validators.hash,
        )
        signed = self.vote(vote, header.view % 4)
        return Proposal(signed, None, compose_payload(sealed.block) if payload is None else payload)

    def votes_said(self) -> list[tuple[VoteKind, int]]:
        """The votes that left so far."""
        other = self.ports.connected[0]
        return [
            (message.signed.vote.kind, message.signed.vote.view)
            for message in self.said(other)
            if isinstance(message, VoteMessage | Proposal)
        ]


def make(index: int = 0) -> Actor:
    actor = Actor(index)
    actor.recover()
    return actor


def test_a_good_proposal_gets_a_vote_once_it_is_on_the_disk() -> None:
    actor = make()
    item = actor.deposit()
    sealed = actor.lead(1, [item])
    actor.replica.receive(actor.leader(1), Transactions((item.raw,)))
    actor.ports.check()
    actor.hear(actor.leader(1), actor.propose(sealed))
    assert actor.votes_said() == []
    actor.settle()
    assert actor.votes_said() == [(VoteKind.NOTARIZE, 1)]
    # Body and vote lie on the disk together.
    assert actor.journal.get_body(sealed.block.hash) == body_of_sealed(sealed)


@pytest.mark.parametrize("how", ["payload", "root", "hash", "shape"])
def test_a_wrong_proposal_is_nullified_at_once(how: str) -> None:
    actor = make()
    sealed = actor.lead(1)
    proposal = actor.propose(sealed)
    match how:
        case "payload":
            proposal = actor.propose(sealed, b"\xc1garbage")
        case "shape":
            proposal = actor.propose(sealed, encode([b"", []]))
        case "hash":
            proposal = actor.propose(sealed, compose_payload(actor.lead(1, after_ms=11).block))
        case _:
            wrong = change(sealed, state_root=digest(1))
            vote = Vote(
                Epoch(0),
                View(1),
                VoteKind.NOTARIZE,
                View(0),
                wrong.hash,
                actor.validators.hash,
            )
            proposal = Proposal(actor.vote(vote, 1), None, compose_payload(wrong))
    actor.hear(actor.leader(1), proposal)
    actor.settle()
    assert actor.votes_said() == [(VoteKind.NULLIFY, 1)]


def certify(actor: Actor, sealed: SealedBlock, kind: VoteKind) -> CertificateMessage:
    return CertificateMessage(actor.certify(sealed.block, kind, signers=(1, 2, 3)))


def test_a_certified_block_is_fetched_from_its_signers_and_finalized() -> None:
    actor = make()
    item = actor.deposit()
    sealed = actor.lead(1, [item])
    actor.hear(actor.leader(1), certify(actor, sealed, VoteKind.NOTARIZE))
    asked = [to for to, frame in actor.ports.sent if isinstance(frame, WantBlock)]
    assert asked == [(actor.population.regions[1],)]
    actor.replica.receive(actor.population.regions[1], body_of_sealed(sealed))
    actor.settle()
    assert (VoteKind.FINALIZE, 1) in actor.votes_said()
    actor.hear(actor.leader(1), certify(actor, sealed, VoteKind.FINALIZE))
    actor.settle()
    assert actor.store.height == 1
    assert actor.store.find_transaction(item.id) == (1, 0)
    assert actor.replica.counters.blocks == 1
    actor.settle()
    assert actor.journal.list_bodies() == []


def test_a_body_on_its_way_is_not_asked_for_again() -> None:
    """Neither because its block is final meanwhile, nor because its child's body came first."""
    actor = make()
    first = actor.lead(1)
    second = actor.lead(2, above=first)
    for sealed in (first, second):
        actor.hear(actor.leader(1), certify(actor, sealed, VoteKind.NOTARIZE))
    actor.hear(actor.leader(1), certify(actor, first, VoteKind.FINALIZE))
    actor.replica.receive(actor.leader(1), body_of_sealed(second))
    asked = [frame.hash for _, frame in actor.ports.sent if isinstance(frame, WantBlock)]
    assert asked == [first.block.hash, second.block.hash]
    actor.replica.receive(actor.leader(1), body_of_sealed(first))
    actor.settle()
    assert actor.store.height == 1
    assert actor.replica.chain.has(second.block.hash)


def test_a_body_that_nobody_asked_for_is_left() -> None:
    actor = make()
    sealed = actor.lead(1)
    actor.replica.receive(actor.leader(1), body_of_sealed(sealed))
    assert len(actor.replica.judge) == len(actor.replica.chain) == 0


def test_a_certified_block_that_executes_differently_stops_the_peer() -> None:
    actor = make()
    sealed = actor.lead(1)
    wrong = change(sealed, state_root=digest(1))
    certificate = actor.certify(wrong, VoteKind.NOTARIZE, signers=(1, 2, 3))
    actor.hear(actor.leader(1), CertificateMessage(certificate))
    actor.replica.receive(actor.leader(1), BlockBody(wrong.header_bytes, (), b""))
    actor.settle()
    (error,) = actor.ports.stopped
    assert "Compare versions" in str(error)
    assert actor.replica.has_stopped
    actor.hear(actor.leader(1), certify(actor, sealed, VoteKind.NOTARIZE))
    assert len(actor.ports.stopped) == 1


def test_garbage_is_the_senders_fault() -> None:
    actor = make()
    sender = actor.ports.connected[0]
    for frame in (Consensus(b"garbage"), BlockBody(b"header", (), b"")):
        with pytest.raises(LedgerError):
            actor.replica.receive(sender, frame)
    actor.replica.receive(sender, Range((), b""))
    actor.replica.receive(sender, Transactions((b"garbage",)))
    assert actor.ports.stopped == []


def test_what_others_ask_for_is_answered() -> None:
    actor = make()
    item, other = actor.deposit(), actor.deposit()
    sender = actor.ports.connected[0]
    actor.replica.receive(sender, Transactions((item.raw,)))
    actor.settle()
    actor.ports.sent.clear()
    # A hash may be named twice: that must not be this peer's problem.
    actor.replica.receive(sender, WantTransactions((item.hash, item.hash, other.hash)))
    assert actor.ports.sent == [((sender,), Transactions((item.raw,)))]
    actor.ports.sent.clear()
    actor.replica.receive(sender, WantTransactions((other.hash,)))
    actor.replica.receive(sender, WantBlock(digest(9)))
    assert actor.ports.sent == []
    actor.replica.receive(sender, WantBlock(actor.store.hash))
    (answer,) = [frame for _, frame in actor.ports.sent]
    assert isinstance(answer, BlockBody)


def test_answers_fit_into_a_frame() -> None:
    raws_ = [bytes(64 * 1024)] * 100
    assert sum(map(len, limit_size(raws_, MAX_ANSWER_BYTES))) <= MAX_ANSWER_BYTES
    assert len(limit_size([b"x"] * 5000, MAX_ANSWER_BYTES)) == 4096
    assert list(limit_size([b"x"], MAX_ANSWER_BYTES)) == [b"x"]


def test_clients_hear_when_the_store_has_it() -> None:
    actor = make()
    item = actor.deposit()
    answers: list[object] = []
    actor.replica.submit([item.raw], answers.extend)
    actor.settle()
    assert answers == [Status(item.id, Phase.ACCEPTED)]
    assert actor.ports.offered[-1] == (tuple(actor.ports.connected), (item.raw,))
    heard: list[Status] = []
    actor.replica.intake.wait(item.id, heard.append)
    sealed = actor.lead(1, [item])
    actor.hear(actor.leader(1), actor.propose(sealed))
    actor.settle()
    actor.hear(actor.leader(1), certify(actor, sealed, VoteKind.FINALIZE))
    while actor.ports.writing:
        actor.ports.write()
    actor.settle()
    assert heard == [Status(item.id, Phase.FINAL, "ok", 1, 0)]
