"""Deliberate bugs, one at a time: whether the simulator finds them says what it is worth.

Each is one rule of consensus, or of what a replica owes it, left out. A sabotaged network is run
with seeds from 0 on until a checker complains.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from unittest.mock import patch

from consensus.ancestry import Ancestry
from consensus.certificate import Certificate
from consensus.core import Core
from consensus.judgement import Judgement
from consensus.message import Proposal
from consensus.recovery import Recovery
from consensus.tally import Tally
from consensus.validators import ValidatorSet
from consensus.vote import SignedVote, VoteKind
from consensus.voting import Voting
from devnet.simulator.run import Report, run_seed
from ledger.keyvalue import Change
from ledger.primitives import Code, View
from ledger.record import decode_record
from ledger.result import read_result
from node.journal import Journal
from node.judge import Judge
from node.lineage import Lineage
from node.outbox import Outbox
from node.pieces import Part, Piece, Pieces, Taken
from node.reporter import Reporter
from node.sync import Sync


@dataclass(frozen=True, slots=True)
class Bug:
    """What is replaced: an attribute of a class."""

    what: str
    owner: type[Any]
    name: str
    wrong: Any


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a bug: the first seed that failed, if any of those that were run did."""

    bug: str
    seeds: int
    report: Report | None


_on_proposal = Core._on_proposal
_quorum_init = ValidatorSet.__init__
_persist_vote = Judgement.persist
_add_certificate = Ancestry.add


def _vote_twice(self: Core, sender: Code, index: int | None, proposal: Proposal) -> None:
    """Whoever proposes anew in a view is voted for anew."""
    vote = proposal.signed.vote
    own = self._voting.find(VoteKind.NOTARIZE, vote.view)
    if own is not None and own.vote.block != vote.block and vote.view == self._view:
        self._judgement._proposals.pop(vote.view, None)
        self._voting._said[vote.view].votes.pop(VoteKind.NOTARIZE)
    _on_proposal(self, sender, index, proposal)


def _finalize_all(self: Voting, kind: VoteKind, view: View) -> bool:
    return self.find(kind, view) is None


def _weaken_quorum(self: ValidatorSet, members: Any) -> None:
    _quorum_init(self, members)
    self.quorum = max(1, 2 * self.f)  # type: ignore[misc]


def _lose_nullification(self: Ancestry, certificate: Certificate) -> None:
    _add_certificate(self, certificate)
    for view in [view for view in self.nullifications if view < certificate.view]:
        del self.nullifications[view]


def _see_no_gaps(_self: Ancestry, _low: View, _high: View) -> list[View]:
    return []


def _persist_unsynced(self: Outbox, changes: Sequence[Change], _sync: bool) -> None:
    self._write(changes, False, lambda: None)


def _say_at_once(_self: Outbox, speak: Callable[[], None]) -> None:
    speak()


def _read_nothing(_self: Journal) -> list[bytes]:
    return []


def _promise_nothing(_self: Journal, _id: bytes, _raw: bytes) -> Change:
    return b"nothing", b""


def _accept_any_vote(_self: Tally, _signed: SignedVote) -> bool:
    return True


def _accept_any_certificate(_self: Tally, _certificate: Certificate) -> None:
    return None


def _keep_no_body(self: Judgement, block: Any) -> None:
    _persist_vote(self, block)


def _find_no_last(_self: Judgement, _block: Any) -> bool:
    return False


def _need_no_report(_self: Recovery) -> bool:
    return True


def _check_nothing(*_: Any) -> None:
    return None


def _check_no_range(self: Sync, range_: Any) -> Any:
    with patch("node.sync.verify_certificate", lambda *_: None):
        return _check_range(self, range_)


def _take_any_part(self: Pieces, piece: Piece, part: Part) -> Taken:
    """Whatever can be read is taken."""
    with patch.multiple(
        "node.pieces",
        verify_state_part=lambda _, part: [(key, decode_record(raw)) for key, raw in part.records],
        verify_headers=_check_nothing,
        verify_results=lambda _header, _part, leaves: [read_result(leaf) for leaf in leaves],
        verify_body=_check_nothing,
    ):
        return _take_part(self, piece, part)


_check_range = Sync._check
_take_part = Pieces.take

BUGS: Final[Mapping[str, Bug]] = {
    "vote-twice": Bug("a second notarize in a view", Core, "_on_proposal", _vote_twice),
    "finalize-all": Bug("finalize after one's own nullify", Voting, "may_say", _finalize_all),
    "forget-journal": Bug(
        "a restarted validator does not read its journal", Journal, "list_records", _read_nothing
    ),
    "skip-parent-check": Bug(
        "no nullification is needed for the views between", Ancestry, "find_gaps", _see_no_gaps
    ),
    "weak-quorum": Bug("2f make a quorum", ValidatorSet, "__init__", _weaken_quorum),
    "lose-nullification": Bug(
        "nullifications are kept for one view only", Ancestry, "add", _lose_nullification
    ),
    "no-fsync": Bug("votes are written and not synced", Outbox, "persist", _persist_unsynced),
    "speak-first": Bug("votes leave before they are on the disk", Outbox, "say", _say_at_once),
    "no-promise": Bug(
        "`accepted` is said and not written", Journal, "compose_accepted", _promise_nothing
    ),
    "no-body": Bug("bodies of voted blocks are not kept", Judgement, "persist", _keep_no_body),
    "no-last-block": Bug(
        "an epoch's last block has children", Judgement, "find_last", _find_no_last
    ),
    "any-certificate": Bug(
        "certificates are taken unverified", Tally, "verify", _accept_any_certificate
    ),
    "any-vote": Bug("votes are counted unverified", Tally, "_is_valid_vote", _accept_any_vote),
    "vote-at-once": Bug(
        "a restarted validator asks nobody", Recovery, "has_reports", _need_no_report
    ),
    "seen-twice": Bug(
        "blocks are not checked for what is final", Judge, "_check_transactions", _check_nothing
    ),
    "no-report": Bug(
        "double signing is brought before nobody", Reporter, "_report", _check_nothing
    ),
    "any-range": Bug("ranges are taken on their word", Sync, "_check", _check_no_range),
    "any-snapshot": Bug(
        "snapshots need not be final to be fetched", Lineage, "prove", _check_nothing
    ),
    "any-part": Bug("parts of snapshots are taken unverified", Pieces, "take", _take_any_part),
}


@contextmanager
def sabotage(name: str) -> Iterator[None]:
    """Everything that runs within has this bug."""
    bug = BUGS[name]
    with patch.object(bug.owner, bug.name, bug.wrong):
        yield


def find_bug(name: str, seeds: Sequence[int], tell: Callable[[int], None]) -> Found:
    """Run seeds until one fails; `tell` hears of each that does not."""
    with sabotage(name):
        for count, seed in enumerate(seeds, 1):
            report = run_seed(seed)
            if not report.is_well:
                return Found(name, count, report)
            tell(count)
    return Found(name, len(seeds), None)
