"""The states of single validators, each met once and numbered.

A step of a validator depends on its own state and on what the others have sent, and on nothing
else. So the core runs once for each such pair; the product of the validators is made of numbers.
"""

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from consensus.action import Fetch, Judge, Propose
from consensus.journal import Held, OwnVote, decode_record
from devnet.model.case import Case
from devnet.model.choice import Choice, Crashes, Network, apply, fires
from devnet.model.peer import Peer, Work
from devnet.model.property import read_own
from devnet.model.snapshot import make_count, make_fingerprint, read_proposal
from devnet.model.statement import Renaming, find_name, read_certificate, read_statement


@dataclass(frozen=True, slots=True)
class Move:
    """Things that may happen to a validator one after the other, of which only the last makes it
    say anything, and the number of its state after them."""

    choices: tuple[Choice, ...]
    to: int

    @property
    def is_crash(self) -> bool:
        """Whether it ends with a restart."""
        return isinstance(self.choices[-1], Crashes)


class Numbers:
    """Numbers for values, in the order in which they were met."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}

    def give(self, value: Hashable) -> int:
        """The number of a value."""
        return self._numbers.setdefault(value, len(self._numbers))

    def __len__(self) -> int:
        return len(self._numbers)


class Locals:
    """All states of single validators that were met, by number."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._renamings = case.list_renamings()
        self._numbers: dict[Hashable, int] = {}
        self._images = Numbers()
        self._visible_numbers = Numbers()
        self._sent_numbers = Numbers()
        self._public_numbers = Numbers()
        self._heard_numbers = Numbers()
        self._moves: dict[tuple[int, tuple[int, ...], bool, bool], list[Move]] = {}
        self._applied: dict[tuple[int, Choice], int | None] = {}
        self.peers: list[Peer] = []
        self.sent: list[int] = []
        self.public: list[int] = []  # what properties are about
        self.lives: list[int] = []
        self.fired: list[int] = []
        self._visible: list[int] = []
        self._heard: list[int] = []  # what others can see of it
        # by permutation, with the journal and without (when no crash may follow)
        self.images: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        self.steps = 0

    def give(self, peer: Peer) -> int:
        """The number of a validator's state."""
        prints = [self._make_prints(peer, by) for by in self._renamings]
        whole, _, visible = prints[0]
        number = self._numbers.get(whole)
        if number is not None:
            return number
        number = self._numbers[whole] = len(self.peers)
        self.peers.append(peer)
        self.sent.append(self._sent_numbers.give(peer.sent))
        held = frozenset(read_certificate(c) for c in peer.core._ancestry.list_all())
        self.public.append(
            self._public_numbers.give((peer.sent, read_own(peer), peer.finals, held, peer.fate))
        )
        self.lives.append(peer.lives)
        self.fired.append(peer.fired)
        fired = None if self._case.timeouts is None else peer.fired
        heard = (peer.sent, peer.finals, peer.lives, fired, peer.fate)
        self._heard.append(self._heard_numbers.give(heard))
        self._visible.append(self._visible_numbers.give(visible))
        give = self._images.give
        self.images.append(
            (
                tuple(give(whole) for whole, _, _ in prints),
                tuple(give(bare) for _, bare, _ in prints),
            )
        )
        return number

    def find_moves(
        self, number: int, others: Sequence[int], may_crash: bool, may_fire: bool
    ) -> list[Move]:
        """What may happen to a validator while the others are in these states."""
        key = (number, tuple(self.sent[other] for other in others), may_crash, may_fire)
        moves = self._moves.get(key)
        if moves is None:
            moves = self._moves[key] = self._list_moves(number, others, may_crash, may_fire)
        return moves

    def _list_moves(
        self, number: int, others: Sequence[int], may_crash: bool, may_fire: bool
    ) -> list[Move]:
        """What a validator does in silence nobody can see, and nobody can prevent. So it is left
        undone until just before the validator says something."""
        sent = [self.peers[other].sent for other in others]
        moves: dict[int, Move] = {}
        silent: dict[int, tuple[Choice, ...]] = {number: ()}
        waiting = deque([number])
        while waiting:
            at = waiting.popleft()
            for choice in Network(self.peers[at], sent).list_choices():
                if isinstance(choice, Crashes) and not may_crash:
                    continue
                if fires(choice) and not may_fire:
                    continue
                to = self._apply(at, choice)
                if to is None:
                    continue
                choices = (*silent[at], choice)
                if self._heard[to] != self._heard[at]:
                    moves.setdefault(to, Move(choices, to))
                elif to not in silent:
                    silent[to] = choices
                    waiting.append(to)
        return list(moves.values())

    def _apply(self, number: int, choice: Choice) -> int | None:
        key = (number, choice)
        if key not in self._applied:
            self.steps += 1
            peer = apply(self.peers[number], choice)
            to = None if peer is None else self.give(peer)
            self._applied[key] = None if to is None or self._is_same(number, to) else to
        return self._applied[key]

    def _is_same(self, number: int, to: int) -> bool:
        """Whether nothing came of it that matters. Votes that make no quorum yet do not: they can
        be counted later as well."""
        if self._case.is_gradual:
            return number == to
        return self._visible[number] == self._visible[to]

    def _make_prints(self, peer: Peer, by: Renaming) -> tuple[Hashable, Hashable, Hashable]:
        visible = (
            by.validators[peer.index],
            make_fingerprint(peer.core, by, self._case.is_slow),
            frozenset(map(by.said, peer.sent)),
            by.all(peer.finals),
            frozenset(_read_work(work, by) for work in peer.work),
            peer.lives,
            None if self._case.timeouts is None else peer.fired,
            peer.fate,
        )
        bare = (visible, make_count(peer.core, by))
        if not self._case.crashes:
            return bare, bare, visible
        journal = (
            frozenset(_read_record(data, by) for data in peer.journal[: peer.synced]),
            frozenset(_read_record(data, by) for data in peer.journal[peer.synced :]),
            by.maybe(read_certificate(peer.stored)),
        )
        return (bare, journal), bare, (visible, journal)


@cache
def _read_record(data: bytes, by: Renaming) -> Hashable:
    match decode_record(data):
        case OwnVote(signed, None):
            return by.statement(read_statement(signed.vote))
        case OwnVote(_, proposal):
            assert proposal is not None
            return read_proposal(proposal, by)
        case Held(certificate):
            return "held", by.maybe(read_certificate(certificate))
        case other:
            return str(other)


def _read_work(work: Work, by: Renaming) -> Any:
    match work:
        case Judge(proposal):
            return "judge", *read_proposal(proposal, by)
        case Fetch(block, _, _):
            return "fetch", by.block(find_name(block))
        case Propose(view, parent_view, parent):
            return "make", view, parent_view, by.block(find_name(parent))
