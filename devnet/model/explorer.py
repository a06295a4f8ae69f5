"""Breadth first through all states of a case, up to the renaming of those who are alike."""

import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from devnet.model.case import Case
from devnet.model.choice import Choice
from devnet.model.local import Locals, Move
from devnet.model.peer import Make, Peer, start
from devnet.model.property import SAFETY, find_violation

BITS = 22  # of the number of a validator's state
MASK = (1 << BITS) - 1


@dataclass(frozen=True, slots=True)
class Turn:
    """One step of a counterexample: what happened to whom, one after the other."""

    before: Peer
    choices: tuple[Choice, ...]
    after: Peer


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A shortest way to a state that breaks a property."""

    broken: str
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What an exploration came to."""

    case: Case
    states: int
    transitions: int
    depth: int
    ends: int  # states in which nothing more can happen within the views
    local_states: int
    core_steps: int
    symmetry: int  # how many renamings count as one
    seconds: float
    is_complete: bool
    counterexample: Counterexample | None

    @property
    def is_well(self) -> bool:
        """Whether nothing that was met breaks a property."""
        return self.counterexample is None


class Explorer:
    """One exploration.

    Arguments:
        asked: the properties to hold.
        judge_end: what is wrong with a state in which nothing more can happen, if anything.
        most_states: where to stop; the findings then say that they are not complete.
    """

    def __init__(
        self,
        case: Case,
        make: Make | None = None,
        asked: Iterable[str] = SAFETY,
        judge_end: Callable[[Sequence[Peer]], str | None] | None = None,
        most_states: int = 1 << 26,
    ) -> None:
        self._case = case
        self._make = make or Make()
        self._asked = tuple(asked)
        self._judge_end = judge_end
        self._most_states = most_states
        self._locals = Locals(case)
        self._renamings = case.list_renamings()
        self._places = self._list_places()
        self._seen: set[int] = set()
        self._states: list[int] = []
        self._parents = array("q")
        self._checked: dict[tuple[int, ...], str | None] = {}
        self._transitions = 0
        self._ends = 0

    def _list_places(self) -> list[tuple[int, ...]]:
        """For each renaming, whose state stands at each place."""
        honest = self._case.honest
        places: list[tuple[int, ...]] = []
        for by in self._renamings:
            comes_from = {by.validators[index]: at for at, index in enumerate(honest)}
            places.append(tuple(comes_from[index] for index in honest))
        return places

    def run(self) -> Findings:
        """Explore until all is seen or a property is broken."""
        began = time.perf_counter()
        numbers = [
            self._locals.give(start(self._case, self._make, index)) for index in self._case.honest
        ]
        broken = self._visit(numbers, -1)
        depth, at = 0, 0
        while broken is None and at < len(self._states) <= self._most_states:
            level_ends = len(self._states)
            while broken is None and at < level_ends:
                broken = self._expand(at)
                at += 1
            depth += 1
        is_complete = broken is None and at == len(self._states)
        return Findings(
            self._case,
            len(self._states),
            self._transitions,
            depth - 1 if is_complete else depth,
            self._ends,
            len(self._locals.peers),
            self._locals.steps,
            len(self._renamings),
            time.perf_counter() - began,
            is_complete,
            None if broken is None else Counterexample(broken[0], self._retrace(broken[1])),
        )

    @property
    def peers(self) -> Sequence[Peer]:
        """The validators' states that were met, by number."""
        return self._locals.peers

    def list_states(self) -> Iterator[list[int]]:
        """The states that were met, each as the numbers of its validators' states."""
        return map(self._unpack, self._states)

    def _expand(self, at: int) -> tuple[str, int] | None:
        """Visit all that follows a state; the property it breaks and where, if any does."""
        numbers = self._unpack(self._states[at])
        is_end = True
        for place, move in self._list_moves(numbers):
            self._transitions += 1
            if not move.is_crash:
                is_end = False
            after = list(numbers)
            after[place] = move.to
            broken = self._visit(after, at)
            if broken is not None:
                return broken
        if is_end:
            self._ends += 1
            if self._judge_end is not None:
                wrong = self._judge_end([self._locals.peers[number] for number in numbers])
                if wrong is not None:
                    return wrong, at
        return None

    def _list_moves(self, numbers: Sequence[int]) -> Iterator[tuple[int, Move]]:
        may_crash, may_fire = self._may_crash(numbers), self._may_fire(numbers)
        for place, number in enumerate(numbers):
            others = [*numbers[:place], *numbers[place + 1 :]]
            for move in self._locals.find_moves(number, others, may_crash, may_fire):
                yield place, move

    def _may_crash(self, numbers: Sequence[int]) -> bool:
        lives = self._locals.lives
        return sum(lives[number] for number in numbers) < self._case.crashes

    def _may_fire(self, numbers: Sequence[int]) -> bool:
        most = self._case.timeouts
        return most is None or sum(self._locals.fired[number] for number in numbers) < most

    def _visit(self, numbers: list[int], parent: int) -> tuple[str, int] | None:
        key = self._make_key(numbers)
        if key in self._seen:
            return None
        self._seen.add(key)
        self._states.append(self._pack(numbers))
        self._parents.append(parent)
        public = tuple(self._locals.public[number] for number in numbers)
        if public not in self._checked:
            peers = [self._locals.peers[number] for number in numbers]
            self._checked[public] = find_violation(peers, self._asked)
        violation = self._checked[public]
        return None if violation is None else (violation, len(self._states) - 1)

    def _make_key(self, numbers: Sequence[int]) -> int:
        """The same for all states that are renamings of each other."""
        kind = 0 if self._case.crashes and self._may_crash(numbers) else 1
        images = [self._locals.images[number][kind] for number in numbers]
        return min(
            self._pack([images[place][turn] for place in places])
            for turn, places in enumerate(self._places)
        )

    def _pack(self, numbers: Sequence[int]) -> int:
        packed = 0
        for number in numbers:
            assert number <= MASK
            packed = packed << BITS | number
        return packed

    def _unpack(self, packed: int) -> list[int]:
        count = len(self._case.honest)
        return [packed >> BITS * (count - 1 - at) & MASK for at in range(count)]

    def _retrace(self, at: int) -> tuple[Turn, ...]:
        """The steps that led to a state."""
        turns: list[Turn] = []
        while self._parents[at] >= 0:
            before = self._unpack(self._states[self._parents[at]])
            after = self._unpack(self._states[at])
            place = next(at for at, number in enumerate(before) if number != after[at])
            move = next(
                move
                for found, move in self._list_moves(before)
                if found == place and move.to == after[place]
            )
            peers = self._locals.peers
            turns.append(Turn(peers[before[place]], move.choices, peers[move.to]))
            at = self._parents[at]
        return tuple(reversed(turns))
