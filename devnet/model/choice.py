"""What may happen next to a validator, and what comes of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from consensus.event import Event, Received, TimerFired, TimerKind
from consensus.vote import VoteKind
from devnet.model.case import Case
from devnet.model.cast import (
    CODES,
    QUORUM,
    VALIDATORS,
    make_certificate_message,
    make_message,
)
from devnet.model.peer import (
    Peer,
    answer,
    find_timer,
    is_set,
    may_answer,
    react,
    react_torn,
    restart,
)
from devnet.model.statement import (
    ROOT,
    Said,
    SaidInquiry,
    SaidProposal,
    SaidRecovered,
    SaidReport,
    SaidVote,
    Statement,
    make_name,
)

BYZANTINE_LABELS = ("a", "b")


@dataclass(frozen=True, slots=True)
class Arrives:
    """A message."""

    said: Said


@dataclass(frozen=True, slots=True)
class Counts:
    """The votes of these for one statement, one after the other."""

    statement: Statement
    signers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Learns:
    """A certificate."""

    statement: Statement


@dataclass(frozen=True, slots=True)
class TimesOut:
    """The leader timer or the advance timer fires."""


@dataclass(frozen=True, slots=True)
class Answers:
    """A slow replica answers what was asked `place`th."""

    place: int


Step: TypeAlias = Arrives | Counts | Learns | TimesOut | Answers


@dataclass(frozen=True, slots=True)
class Crashes:
    """And restarts; `during` a step, after the nth synced write of it, before what waits for that
    is sent."""

    keeps_unsynced: bool
    during: Step | None = None
    writes: int = 0


Choice: TypeAlias = Step | Crashes
_TIMERS = (TimerKind.ADVANCE, TimerKind.LEADER)
_MOST_WRITES = 3  # in one step: a notarize, a finalize, a proposal


def apply(peer: Peer, choice: Choice) -> Peer | None:
    """The validator after it; None where it cannot happen."""
    match choice:
        case Crashes(keeps_unsynced, None):
            return restart(peer, keeps_unsynced)
        case Crashes(_, during, writes):
            assert during is not None
            return react_torn(_begin(peer, during), _list_events(peer, during), writes)
        case _:
            return react(_begin(peer, choice), _list_events(peer, choice))


def fires(choice: Choice) -> bool:
    """Whether a timer fires in it."""
    return isinstance(choice.during if isinstance(choice, Crashes) else choice, TimesOut)


def _begin(peer: Peer, step: Step) -> Peer:
    """The validator whose timer or whose replica's work is no longer waited for."""
    match step:
        case Answers(place):
            return replace(peer, work=peer.work[:place] + peer.work[place + 1 :])
        case TimesOut():
            return replace(peer, fired=peer.fired + 1)
        case _:
            return peer


def _list_events(peer: Peer, step: Step) -> Sequence[Event]:
    reader = peer.index
    match step:
        case Arrives(said):
            return [Received(CODES[find_sender(said)], make_message(said, reader))]
        case Counts(statement, signers):
            return [
                Received(CODES[who], make_message(SaidVote(who, statement), reader))
                for who in signers
            ]
        case Learns(statement):
            sender = CODES[(reader + 1) % VALIDATORS]
            return [Received(sender, make_certificate_message(statement, reader))]
        case TimesOut():
            kind = next(kind for kind in _TIMERS if is_set(peer.core, kind))
            return [TimerFired(find_timer(peer.core, kind))]
        case Answers(place):
            return [answer(peer.case, peer.work[place])]


def find_sender(said: Said) -> int:
    """Who sends a message."""
    match said:
        case SaidVote(sender, _) | SaidProposal(sender, _, _):
            return sender
        case SaidInquiry(sender, _) | SaidRecovered(sender, _):
            return sender
        case SaidReport(sender, _, _, _, _):
            return sender


class Network:
    """All that may arrive at one validator: what the other honest ones sent, and the liar."""

    def __init__(self, peer: Peer, others: Sequence[frozenset[Said]]) -> None:
        self._peer = peer
        self._case: Case = peer.case
        self._said = [said for sent in others for said in sent]
        self._voters = count_voters([peer.sent, *others], peer.case.byzantine)

    def list_choices(self) -> list[Choice]:
        """All that may happen, whether it changes anything or not."""
        peer = self._peer
        steps: list[Step] = []
        if not peer.core._is_over:
            steps += self._list_receptions()
            if peer.core.view <= self._case.views and any(is_set(peer.core, t) for t in _TIMERS):
                steps.append(TimesOut())
            steps += [Answers(at) for at, work in enumerate(peer.work) if may_answer(peer, work)]
        choices: list[Choice] = [*steps]
        if self._case.crashes:
            choices += [Crashes(True), Crashes(False)]
            if self._case.torn:
                numbers = range(1, _MOST_WRITES + 1)
                choices += [Crashes(True, step, writes) for step in steps for writes in numbers]
        return choices

    def _list_receptions(self) -> Iterator[Step]:
        yield from self._list_votes()
        for statement, voters in self._voters.items():
            if len(voters) >= QUORUM:
                yield Learns(statement)
        for said in self._said:
            if isinstance(said, SaidProposal) or self._is_wanted(said):
                yield Arrives(said)
            if isinstance(said, SaidReport) and self._is_wanted(said):
                yield Arrives(replace(said, votes=self._list_newest()))
        if self._case.byzantine is not None:
            yield from map(Arrives, self._list_lies(self._case.byzantine))

    def _list_votes(self) -> Iterator[Step]:
        me = self._peer.index
        for statement, voters in self._voters.items():
            others = tuple(sorted(voters - {me}))
            if not self._case.is_gradual:
                yield Counts(statement, others)
                continue
            for signer in others:
                yield Counts(statement, (signer,))

    def _is_wanted(self, said: Said) -> bool:
        """Whether a question or an answer of a restart still matters."""
        match said:
            case SaidInquiry(asker, incarnation):
                newest = max(
                    other.incarnation
                    for other in self._said
                    if isinstance(other, SaidInquiry) and other.asker == asker
                )
                return incarnation == newest and SaidRecovered(asker, incarnation) not in self._said
            case SaidReport(_, asker, incarnation, _, _):
                recovery = self._peer.core._recovery
                return (
                    asker == self._peer.index
                    and incarnation == recovery.incarnation
                    and not recovery.is_over
                )
            case _:
                return False

    def _list_newest(self) -> frozenset[Statement]:
        """What this validator said in the newest view in which it said anything: a report holds as
        much of it as has come to the reporter, here nothing or all."""
        said = [item.statement for item in self._peer.sent if isinstance(item, SaidVote)]
        newest = max((statement.view for statement in said), default=0)
        return frozenset(statement for statement in said if statement.view == newest)

    def _list_lies(self, liar: int) -> Iterator[Said]:
        """What only the Byzantine validator says, beside its votes."""
        recovery = self._peer.core._recovery
        if not recovery.is_over:
            nothing: frozenset[Statement] = frozenset()
            yield SaidReport(liar, self._peer.index, recovery.incarnation, nothing, nothing)
        parents = [
            statement
            for statement, voters in self._voters.items()
            if statement.kind is VoteKind.NOTARIZE and len(voters) >= QUORUM
        ]
        for view in range(self._peer.core.view, self._case.views + 1):
            if view % VALIDATORS != liar:
                continue
            for label in BYZANTINE_LABELS:
                block = make_name(view, label, ROOT)
                yield SaidProposal(liar, Statement(VoteKind.NOTARIZE, view, 0, block), None)
            for parent in parents:
                if parent.view < view:
                    yield from self._list_children(liar, view, parent)

    def _list_children(self, liar: int, view: int, parent: Statement) -> Iterator[Said]:
        blocks = [make_name(view, label, parent.block) for label in BYZANTINE_LABELS]
        if self._case.is_last(parent.block):
            blocks.append(parent.block)
        for block in blocks:
            statement = Statement(VoteKind.NOTARIZE, view, parent.view, block)
            yield SaidProposal(liar, statement, parent)


def count_voters(
    sents: Sequence[frozenset[Said]], byzantine: int | None
) -> dict[Statement, frozenset[int]]:
    """Who has said what; the liar has said all that an honest one says."""
    voters: dict[Statement, set[int]] = {}
    for sent in sents:
        for said in sent:
            if isinstance(said, SaidVote):
                voters.setdefault(said.statement, set()).add(said.signer)
    liars = () if byzantine is None else (byzantine,)
    return {statement: frozenset(who.union(liars)) for statement, who in voters.items()}
