"""Proposals that wait, what the replica found about them, and which blocks are executed.

A verdict belongs to a proposal: block, view and parent view, because a leader may put the digest of
a good block into a bad place. That a block is executed belongs to the block alone.
"""

from typing import Final

from consensus.event import Verdict
from consensus.message import Proposal
from consensus.vote import Vote
from ledger.primitives import Digest, View

JUDGEMENTS_PER_VIEW: Final = 2  # the first proposal, and one that was certified instead


class Judgement:
    """What is held, asked and known about proposals above the last final view."""

    __slots__ = ("_asked", "_executed", "_persisted", "_proposals", "_verdicts")

    def __init__(self, root: Digest) -> None:
        self._proposals: dict[View, Proposal] = {}
        self._asked: dict[View, list[Vote]] = {}
        self._verdicts: dict[Vote, Verdict] = {}
        self._executed: dict[Digest, bool] = {root: False}
        self._persisted: dict[Digest, None] = {}

    def __len__(self) -> int:
        """How many proposals wait."""
        return len(self._proposals)

    def count_asked(self) -> int:
        """How many judgements were asked for and still count."""
        return sum(map(len, self._asked.values()))

    def count_blocks(self) -> int:
        """How many blocks are known as executed or persisted."""
        return len(self._executed.keys() | self._persisted.keys())

    def hold(self, proposal: Proposal) -> None:
        """Keep the first proposal of its view."""
        self._proposals.setdefault(proposal.signed.vote.view, proposal)

    def find(self, view: View) -> Proposal | None:
        """The proposal held for this view."""
        return self._proposals.get(view)

    def ask(self, vote: Vote) -> bool:
        """Whether the replica is to be asked now: once per proposal, few times per view."""
        asked = self._asked.setdefault(vote.view, [])
        if vote in asked or len(asked) >= JUDGEMENTS_PER_VIEW:
            return False
        asked.append(vote)
        return True

    def judge(self, vote: Vote, verdict: Verdict, is_last: bool) -> bool:
        """Take an answer; False where nothing was asked or it is answered already."""
        if vote not in self._asked.get(vote.view, ()) or vote in self._verdicts:
            return False
        self._verdicts[vote] = verdict
        if verdict is Verdict.VALID:
            self.execute(vote.block, is_last)
        return True

    def find_verdict(self, vote: Vote) -> Verdict | None:
        """What was found about this proposal."""
        return self._verdicts.get(vote)

    def execute(self, block: Digest, is_last: bool) -> None:
        """The block is valid and executed here. The first word counts: an answer that was meant for
        the core before must not make this epoch's root a last block."""
        self._executed.setdefault(block, is_last)

    def is_executed(self, block: Digest) -> bool:
        """Whether the block is executed here."""
        return block in self._executed

    def find_last(self, block: Digest) -> bool | None:
        """Whether the block is its epoch's last; None where it is not executed here."""
        return self._executed.get(block)

    def persist(self, block: Digest) -> Digest | None:
        """The block whose body has to go with a vote: None where it went with an earlier one."""
        if block in self._persisted:
            return None
        self._persisted[block] = None
        return block

    def leave(self, view: View) -> None:
        """Drop proposals of views that are over."""
        for old in [old for old in self._proposals if old < view]:
            del self._proposals[old]

    def prune(self, floor: View, final: Digest, certified: list[Digest]) -> None:
        """Forget what a finalization at view `floor` decided."""
        for view in [view for view in self._asked if view <= floor]:
            for vote in self._asked.pop(view):
                self._verdicts.pop(vote, None)
        kept = dict.fromkeys([final, *certified])
        for votes in self._asked.values():
            kept.update(dict.fromkeys(vote.block for vote in votes))
        kept.update(dict.fromkeys(held.signed.vote.block for held in self._proposals.values()))
        self._executed = {block: last for block, last in self._executed.items() if block in kept}
        self._persisted = {block: None for block in self._persisted if block in kept}
