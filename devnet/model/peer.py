"""One honest validator of a model: a core, its journal, and the smallest replica.

Bodies are always to be had, blocks are valid, and what is final is stored at once; a *slow* replica
makes, judges and fetches in steps of their own, in any order that parents allow.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from consensus.action import (
    Action,
    Broadcast,
    Diverged,
    EpochEnded,
    Fetch,
    Finalized,
    Judge,
    KeyElsewhere,
    Persist,
    Propose,
    Recovered,
    Send,
)
from consensus.certificate import Certificate
from consensus.core import Core
from consensus.event import (
    Event,
    Executed,
    Judged,
    PendingChanged,
    Proposed,
    Started,
    Synced,
    Timer,
    TimerKind,
    Verdict,
)
from consensus.journal import replay
from consensus.message import CertificateMessage, Inquiry, Message, Proposal, Report, VoteMessage
from consensus.settings import Settings
from devnet.model.case import Case
from devnet.model.cast import CODES, EPOCH, ROOT_VIEW, SET, is_valid, make_voice
from devnet.model.snapshot import clone
from devnet.model.statement import (
    Said,
    SaidInquiry,
    SaidProposal,
    SaidRecovered,
    SaidReport,
    SaidVote,
    Statement,
    find_name,
    make_digest,
    make_name,
    read_certificate,
    read_statement,
)

SETTINGS: Final = Settings()
LATER_MS: Final = 1_000_000  # any time after a start
LABEL: Final = "a"  # of what an honest leader makes
Work: TypeAlias = Judge | Fetch | Propose
MakeCore: TypeAlias = Callable[..., Core]


@dataclass(frozen=True, slots=True)
class Make:
    """How a case's peers are built; a seeded bug takes the place of one of these."""

    core: MakeCore = Core
    reads_journal: bool = True
    syncs_votes: bool = True


@dataclass(frozen=True, slots=True)
class Peer:
    """A validator between two steps. Nothing in it changes; a step makes a new one."""

    case: Case
    make: Make
    index: int
    core: Core
    journal: tuple[bytes, ...]
    synced: int  # records that no crash loses
    sent: frozenset[Said]
    finals: frozenset[Statement]
    stored: Certificate | None
    work: tuple[Work, ...]  # what a slow replica has yet to answer
    lives: int
    fired: int = 0  # timers
    fate: str = ""  # why it stopped, where it should not have


def start(case: Case, make: Make, index: int) -> Peer:
    """A validator that starts for the first time."""
    return _begin(case, make, index, (), None, frozenset(), frozenset(), 0)


def _begin(
    case: Case,
    make: Make,
    index: int,
    journal: tuple[bytes, ...],
    stored: Certificate | None,
    sent: frozenset[Said],
    finals: frozenset[Statement],
    lives: int,
    fired: int = 0,
) -> Peer:
    core = make.core(
        SETTINGS,
        EPOCH,
        SET,
        ROOT_VIEW,
        make_voice(index),
        is_valid,
        replay(journal) if lives and make.reads_journal else None,
        recovering=lives > 0,
    )
    peer = Peer(
        case, make, index, core, journal, len(journal), sent, finals, stored, (), lives, fired
    )
    events: list[Event] = [PendingChanged(True)]
    if stored is not None:
        events.insert(0, Synced(stored, case.is_last(find_name(stored.block))))
    first = core.step(Started(), lives)
    return _Step(peer, core).run(first, events).finish()


def restart(peer: Peer, keeps_unsynced: bool) -> Peer:
    """The validator after a crash: from its journal, with or without what was not synced."""
    journal = peer.journal if keeps_unsynced else peer.journal[: peer.synced]
    return _begin(
        peer.case,
        peer.make,
        peer.index,
        journal,
        peer.stored,
        peer.sent,
        peer.finals,
        peer.lives + 1,
        peer.fired,
    )


def react(peer: Peer, events: Sequence[Event]) -> Peer:
    """The validator after these events, each with all that its replica does at once."""
    return _Step(peer, clone(peer.core)).run([], events).finish()


def react_torn(peer: Peer, events: Sequence[Event], writes: int) -> Peer | None:
    """As `react`, but it crashes when that many synced writes are done and what waits for the last
    is not sent, and restarts. None where there are fewer."""
    step = _Step(peer, clone(peer.core), writes).run([], events)
    return restart(step.finish(), keeps_unsynced=True) if step.is_torn else None


def find_timer(core: Core, kind: TimerKind) -> Timer:
    """The timer of this kind that is set."""
    return core._timers._set[kind]


def is_set(core: Core, kind: TimerKind) -> bool:
    """Whether a timer of this kind is set."""
    return core._timers.is_set(kind)


def may_answer(peer: Peer, work: Work) -> bool:
    """Whether the parent is executed here, so that the replica can answer."""
    if isinstance(work, Fetch):
        return True
    parent = (
        work.parent_certificate if isinstance(work, Propose) else work.proposal.parent_certificate
    )
    return parent is None or peer.core._judgement.is_executed(parent.block)


def answer(case: Case, work: Work) -> Event:
    """What a replica answers."""
    match work:
        case Judge(proposal):
            vote = proposal.signed.vote
            return Judged(vote, Verdict.VALID, case.is_last(find_name(vote.block)))
        case Fetch(block, _, _):
            return Executed(block, case.is_last(find_name(block)))
        case Propose(view, _, parent):
            name = make_name(view, LABEL, find_name(parent))
            return Proposed(view, parent, make_digest(name), b"payload", case.is_last(name))


def describe_work(work: Work) -> str:
    """What a replica has done when it answers, in words."""
    match work:
        case Judge(proposal):
            return f"judged {find_name(proposal.signed.vote.block)}"
        case Fetch(block, _, _):
            return f"fetched {find_name(block)}"
        case Propose(view, _, parent):
            return f"made a block for view {view} on {find_name(parent)}"


class _Step:
    """Events and their actions in order, up to a crash."""

    def __init__(self, peer: Peer, core: Core, writes: int = -1) -> None:
        self._peer = peer
        self._core = core
        self._writes = writes  # until the crash; -1: none
        self._journal = list(peer.journal)
        self._synced = peer.synced
        self._sent = set(peer.sent)
        self._finals = set(peer.finals)
        self._stored = peer.stored
        self._work = list(peer.work)
        self._events: deque[Event] = deque()
        self._fate = peer.fate
        self.is_torn = False

    def run(self, actions: Sequence[Action], events: Sequence[Event]) -> "_Step":
        """Perform actions, then feed events with all that follows of each."""
        self._perform_all(actions)
        for event in events:
            self._events.append(event)
            while self._events and not self.is_torn:
                self._perform_all(self._core.step(self._events.popleft(), LATER_MS))
        return self

    def finish(self) -> Peer:
        """What has become of the validator."""
        return replace(
            self._peer,
            core=self._core,
            journal=tuple(self._journal),
            synced=self._synced,
            sent=frozenset(self._sent),
            finals=frozenset(self._finals),
            stored=self._stored,
            work=tuple(self._work),
            fate=self._fate,
        )

    def _perform_all(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if not self.is_torn:
                self._perform(action)

    def _perform(self, action: Action) -> None:
        match action:
            case Persist(records, _, sync):
                self._persist(records, sync)
            case Broadcast(message):
                self._send(message, None)
            case Send(to, message):
                self._send(message, CODES.index(to))
            case Judge() | Fetch() | Propose():
                self._serve(action)
            case Finalized(certificate):
                self._finals.add(read_statement(certificate.vote))
                self._stored = certificate
                is_last = self._peer.case.is_last(find_name(certificate.block))
                self._events.append(Synced(certificate, is_last))
            case Recovered():
                incarnation = self._core._recovery.incarnation
                self._sent.add(SaidRecovered(self._peer.index, incarnation))
            case Diverged() | KeyElsewhere():
                self._fate = type(action).__name__
            case EpochEnded(certificate):
                self._stored = certificate

    def _persist(self, records: tuple[bytes, ...], sync: bool) -> None:
        self._journal += records
        if not sync or not self._peer.make.syncs_votes:
            return
        self._synced = len(self._journal)
        self._writes -= 1
        self.is_torn = self._writes == 0

    def _serve(self, work: Work) -> None:
        if isinstance(work, Propose) and work.view > self._peer.case.views:
            return
        if self._peer.case.is_slow:
            self._work.append(work)
        else:
            self._events.append(answer(self._peer.case, work))

    def _send(self, message: Message, to: int | None) -> None:
        if self._is_beyond(message):
            return
        match message:
            case VoteMessage(signed):
                self._sent.add(SaidVote(signed.signer, read_statement(signed.vote)))
            case Proposal(signed, parent, _):
                statement = read_statement(signed.vote)
                self._sent.add(SaidVote(signed.signer, statement))
                self._sent.add(SaidProposal(signed.signer, statement, read_certificate(parent)))
            case CertificateMessage(certificate) if self._peer.index in certificate.signers:
                # The model hands out all certificates there can be: what counts is the vote in it.
                self._sent.add(SaidVote(self._peer.index, read_statement(certificate.vote)))
            case Inquiry(_, incarnation):
                self._sent.add(SaidInquiry(self._peer.index, incarnation))
            case Report(_, incarnation, _, certificates):
                assert to is not None
                held = frozenset(read_statement(item.vote) for item in certificates)
                self._sent.add(SaidReport(self._peer.index, to, incarnation, frozenset(), held))
            case _:
                pass

    def _is_beyond(self, message: Message) -> bool:
        """Whether nobody gets it, because it belongs to a view after the last."""
        match message:
            case VoteMessage(signed) | Proposal(signed, _, _):
                return signed.vote.view > self._peer.case.views
            case CertificateMessage(certificate):
                return certificate.view > self._peer.case.views
            case _:
                return False
