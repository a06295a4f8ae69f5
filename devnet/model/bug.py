"""Rules broken on purpose, one at a time: what the model must find."""

from dataclasses import dataclass
from typing import Any, Final

from consensus.ancestry import Ancestry
from consensus.core import Core
from consensus.courier import Courier
from consensus.judgement import Judgement
from consensus.message import CertificateMessage, Proposal
from consensus.vote import VoteKind
from consensus.voting import Voting
from devnet.model.case import Case
from devnet.model.cast import SET, make_set
from devnet.model.peer import Make
from devnet.model.property import AGREEMENT, CONSISTENCY, FINALITY, LIVENESS
from ledger.primitives import View


@dataclass(frozen=True, slots=True)
class Bug:
    """A rule broken on purpose, the case in which that is looked for, and what it then breaks."""

    name: str
    what: str
    case: Case
    make: Make
    breaks: str


class _SmallQuorum(Core):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        small = make_set()
        object.__setattr__(small, "quorum", 2 * SET.f)
        self._validators = self._tally._validators = small


class _CarelessVoting(Voting):
    __slots__ = ()

    def may_say(self, kind: VoteKind, view: View) -> bool:
        """Whether it was not said yet, whatever else was."""
        return self.find(kind, view) is None


class _FinalizesNullified(Core):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._voting.__class__ = _CarelessVoting


class _GaplessAncestry(Ancestry):
    __slots__ = ()

    def find_gaps(self, *_: View) -> list[View]:
        """None, whatever is missing."""
        return []


class _SkipsNullifications(Core):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._ancestry.__class__ = _GaplessAncestry


class _FickleVoting(Voting):
    __slots__ = ()

    def may_say(self, kind: VoteKind, view: View) -> bool:
        """As it should be, but for a second notarize."""
        return kind is VoteKind.NOTARIZE or super().may_say(kind, view)


class _FickleJudgement(Judgement):
    __slots__ = ()

    def hold(self, proposal: Proposal) -> None:
        """Keep the last proposal of its view."""
        self._proposals[proposal.signed.vote.view] = proposal


class _NotarizesTwice(Core):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._voting.__class__ = _FickleVoting
        self._judgement.__class__ = _FickleJudgement

    def _notarize(self, proposal: Proposal) -> bool:
        return not self._voting.is_known(proposal.signed.vote) and super()._notarize(proposal)


class _LeavesLastBlock(Core):
    def _propose(self) -> bool:
        parent = self._ancestry.find_block(self._ancestry.certified_view)
        assert parent is not None
        return not self._judgement.find_last(parent) and super()._propose()


class _TightCourier(Courier):
    __slots__ = ()

    def _list_newest(self, _: View) -> list[CertificateMessage]:
        return []


class _NeverSendsAgain(Core):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._courier.__class__ = _TightCourier


BUGS: Final = (
    Bug(
        "quorum",
        "a quorum is 2f",
        Case("two blocks of one leader", 1, 1),
        Make(_SmallQuorum),
        AGREEMENT,
    ),
    Bug(
        "finalize",
        "finalize is said after one's own nullify (rule 3a)",
        Case("a follower lies", 1, 0),
        Make(_FinalizesNullified),
        FINALITY,
    ),
    Bug(
        "parent",
        "no nullifications are demanded between a block and its parent (rule 2)",
        Case("the second leader lies", 2, 2),
        Make(_SkipsNullifications),
        AGREEMENT,
    ),
    Bug(
        "notarize",
        "notarize is said for each proposal of a view (rule 2)",
        Case("two blocks of one leader", 1, 1),
        Make(_NotarizesTwice),
        CONSISTENCY,
    ),
    Bug(
        "journal",
        "a restarted validator does not read its journal (rule 10)",
        Case("two blocks of one leader, one restart", 1, 1, crashes=1),
        Make(reads_journal=False),
        CONSISTENCY,
    ),
    Bug(
        "sync",
        "votes leave before they are on the disk (section 4)",
        Case("two blocks of one leader, one restart", 1, 1, crashes=1),
        Make(syncs_votes=False),
        CONSISTENCY,
    ),
    Bug(
        "last",
        "an epoch's last block is not proposed again (rule 1a)",
        Case("an epoch ends, a follower lies", 1, 0, last_view=1),
        Make(_LeavesLastBlock),
        LIVENESS,
    ),
    Bug(
        "again",
        "no certificate is sent a second time (rules 6d, 6e)",
        Case("a follower lies", 1, 0),
        Make(_NeverSendsAgain),
        LIVENESS,
    ),
)
