"""Certificates travel (rule 6): what is sent again, asked for and answered.

Each function makes actions from what is held and changes nothing but the rate limits.
"""

from typing import Final

from consensus.action import Action, Broadcast, Send
from consensus.ancestry import Ancestry
from consensus.limiter import Limiter
from consensus.message import (
    MAX_ASK_VIEWS,
    MAX_REPORT_CERTIFICATES,
    Ask,
    CertificateMessage,
    Inquiry,
    Report,
    VoteMessage,
)
from consensus.settings import Settings
from consensus.tally import Tally
from consensus.validators import ValidatorSet
from consensus.vote import VoteKind
from consensus.voting import Voting
from ledger.primitives import Code, Epoch, View

_ALL: Final = Code("")  # the limiter's key for what goes to everybody


class Courier:
    """Sends again, asks and answers for one core."""

    __slots__ = ("_ancestry", "_epoch", "_limiter", "_settings", "_tally", "_validators", "_voting")

    def __init__(
        self,
        settings: Settings,
        epoch: Epoch,
        validators: ValidatorSet,
        ancestry: Ancestry,
        tally: Tally,
        voting: Voting,
    ) -> None:
        self._settings = settings
        self._epoch = epoch
        self._validators = validators
        self._ancestry = ancestry
        self._tally = tally
        self._voting = voting
        self._limiter = Limiter()

    @property
    def answered(self) -> int:
        """How many answers are remembered, at most `limiter.MAX_PEERS`."""
        return len(self._limiter)

    def may_answer(self, topic: str, to: Code, now_ms: int) -> bool:
        """Whether one more answer of this kind may go to this peer: at most two in each Δ."""
        return self._limiter.take(topic, to, now_ms, max(1, self._settings.delta_ms // 2))

    def send_again(self, view: View) -> list[Action]:
        """One's votes in this view (as leader the whole proposal), the finalize that may be
        missing, the certificate that led here, and the last finalization."""
        out: list[Action] = []
        certified = self._ancestry.certified_view
        finalize = self._voting.find(VoteKind.FINALIZE, certified)
        if finalize is not None and certified > self._ancestry.final_view:
            out.append(Broadcast(VoteMessage(finalize)))
        proposal = self._voting.find_proposal(view)
        notarize = self._voting.find(VoteKind.NOTARIZE, view)
        if proposal is not None:
            out.append(Broadcast(proposal))
        elif notarize is not None:
            out.append(Broadcast(VoteMessage(notarize)))
        nullify = self._voting.find(VoteKind.NULLIFY, view)
        if nullify is not None:
            out.append(Broadcast(VoteMessage(nullify)))
        out += [Broadcast(message) for message in self._list_newest(view)]
        return out

    def ask(self, views: list[View], now_ms: int) -> list[Action]:
        """Ask all validators for the certificates of `views`."""
        if not views or not self.may_answer("ask", _ALL, now_ms):
            return []
        message = Ask(self._epoch, False, tuple(views[:MAX_ASK_VIEWS]))
        return [Send(code, message) for code in self._list_others()]

    def inquire(self, incarnation: int) -> list[Action]:
        """Ask all validators what they know of one's own votes."""
        message = Inquiry(self._epoch, incarnation)
        return [Send(code, message) for code in self._list_others()]

    def ask_finalization(self, to: Code | None) -> Action:
        """Ask one peer, or all, for the newest finalization."""
        message = Ask(self._epoch, True, ())
        return Broadcast(message) if to is None else Send(to, message)

    def answer_behind(self, to: Code, view: View, now_ms: int) -> list[Action]:
        """To a validator that shows itself in an earlier view: what lets it jump here."""
        messages = self._list_newest(view)
        if not messages or not self.may_answer("behind", to, now_ms):
            return []
        return [Send(to, message) for message in messages]

    def answer_ask(self, to: Code, ask: Ask, now_ms: int) -> list[Action]:
        """The certificates that were asked for, as far as they are held."""
        if not self.may_answer("asked", to, now_ms):
            return []
        final = self._ancestry.final
        wants_final = ask.finalization or any(
            view <= self._ancestry.final_view for view in ask.views
        )
        held = [final] if wants_final and final is not None else []
        for view in dict.fromkeys(ask.views):
            for certificate in (
                self._ancestry.notarizations.get(view),
                self._ancestry.nullifications.get(view),
            ):
                if certificate is not None:
                    held.append(certificate)
        return [Send(to, CertificateMessage(certificate)) for certificate in held]

    def answer_inquiry(self, to: Code, index: int, inquiry: Inquiry, now_ms: int) -> list[Action]:
        """The asker's newest votes, the newest finalization and the notarizations above it."""
        if not self.may_answer("inquired", to, now_ms):
            return []
        notarizations = self._ancestry.notarizations
        held = [] if self._ancestry.final is None else [self._ancestry.final]
        held += [notarizations[view] for view in sorted(notarizations, reverse=True)]
        return [
            Send(
                to,
                Report(
                    self._epoch,
                    inquiry.incarnation,
                    self._tally.find_newest(index),
                    tuple(held[:MAX_REPORT_CERTIFICATES]),
                ),
            )
        ]

    def _list_newest(self, view: View) -> list[CertificateMessage]:
        entry = self._ancestry.find_entry(view)
        certificates = [] if entry is None else [entry]
        final = self._ancestry.final
        if final is not None and final != entry:
            certificates.append(final)
        return [CertificateMessage(certificate) for certificate in certificates]

    def _list_others(self) -> list[Code]:
        me = self._voting.index
        return [code for index, code in enumerate(self._validators.codes) if index != me]
