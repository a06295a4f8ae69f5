"""Forges: bad signatures, other people's votes, another epoch, another set, false certificates."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from consensus.certificate import Certificate
from consensus.message import Ask, CertificateMessage, Message, Proposal, Report, VoteMessage
from consensus.vote import SignedVote, VoteKind
from devnet.simulator.adversaries.habit import Habit, Said, make_frame, read_consensus
from ledger.primitives import Digest, Epoch, Signature, View
from node.frames import Consensus, Frame


class Forger(Habit):
    """Every message that could convince somebody, but for the keys that it lacks."""

    def say(self, to: Sequence[str], frame: Frame) -> Iterable[Said]:
        """Half of what it says has a wrong signature."""
        message = read_consensus(frame)
        if message is None or self.random.random() < 0.5:
            return [(to, frame)]
        return [(to, make_frame(self._spoil(message)))]

    def act(self) -> None:
        """Forge something new."""
        peers = self.liar.list_peers()
        signed = self._draw_vote()
        if not peers or signed is None:
            return
        forgeries: list[Message] = [
            VoteMessage(replace(signed, signer=self._draw_other())),
            VoteMessage(replace(signed, signature=self._draw_signature())),
            VoteMessage(self._sign_elsewhere(signed)),
            CertificateMessage(self._forge_certificate(signed, 1)),
            CertificateMessage(self._forge_certificate(signed, self.liar.replica.validators.n)),
            Ask(Epoch(signed.vote.epoch + self.random.choice((1, 10**6))), True, ()),
        ]
        chosen = self.random.choice(forgeries)
        frame = make_frame(chosen)
        if self.random.random() < 0.1:
            frame = Consensus(self.flip(frame.message))
        self.liar.tell([self.random.choice(peers)], frame)

    def _spoil(self, message: Message) -> Message:
        wrong = self._draw_signature()
        match message:
            case VoteMessage(signed):
                return VoteMessage(replace(signed, signature=wrong))
            case Proposal(signed, parent, payload) if payload and self.random.random() < 0.5:
                return Proposal(signed, parent, payload[:-1] + bytes((payload[-1] ^ 1,)))
            case Proposal(signed, parent, payload):
                return Proposal(replace(signed, signature=wrong), parent, payload)
            case CertificateMessage(certificate):
                signatures = (*certificate.signatures[:-1], wrong)
                return CertificateMessage(replace(certificate, signatures=signatures))
            case Report(epoch, incarnation, _, certificates):
                return Report(epoch, incarnation, (), certificates[:1])
            case _:
                return message

    def _draw_vote(self) -> SignedVote | None:
        kind = self.random.choice((VoteKind.NOTARIZE, VoteKind.FINALIZE))
        view = max(1, self.liar.replica.core.view + self.random.randint(-2, 3))
        return self.liar.make_vote(kind, view, view - 1, Digest(self.random.randbytes(32)))

    def _draw_other(self) -> int:
        return self.random.randrange(self.liar.replica.validators.n)

    def _draw_signature(self) -> Signature:
        return Signature(self.random.randbytes(64))

    def _sign_elsewhere(self, signed: SignedVote) -> SignedVote:
        """Rightly signed, for another epoch or another set."""
        vote = signed.vote
        if self.random.random() < 0.5:
            vote = replace(vote, epoch=Epoch(vote.epoch + self.random.choice((1, 2, 1000))))
        else:
            vote = replace(vote, validators_hash=Digest(self.random.randbytes(32)))
        key = self.liar.find_key()
        assert key is not None
        return SignedVote(vote, signed.signer, self.liar.setting.votes.sign(key, vote.encode()))

    def _forge_certificate(self, signed: SignedVote, count: int) -> Certificate:
        """A finalization of a block that nobody knows, by `count` of which one is true."""
        vote = replace(signed.vote, kind=VoteKind.FINALIZE, view=View(signed.vote.view))
        signers = tuple(range(count)) if count > 1 else (signed.signer,)
        signatures = tuple(
            signed.signature if signer == signed.signer else self._draw_signature()
            for signer in signers
        )
        return Certificate(vote, signers, signatures)
