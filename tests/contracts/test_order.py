"""The order in which a call's failures are declared is the order in which they are checked.

Every case of a failure is run with its guards watched: the lines of `require(...)`, of `if ...:
raise Failure(...)` and, in handlers, of `compute_next(...)`. What was looked at before the call
failed must not be declared after the code that it failed with: of a call that breaks both rules,
the answer would then be the one that the declaration lists second. So this sees every pair of which
one is checked on the way to the other; two codes that no case meets in one run have no order that
anybody could tell. A code that is checked in several places counts from the first.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

import pytest

from contracts.errors import Failure
from contracts.registry import CALLS
from tests.contracts.failures.cases import CASES
from tests.contracts.test_failures import MODULES
from tests.contracts.test_mutant_steps import STEPS
from tests.contracts.test_mutants import GUARDS
from tests.contracts.trade import Trade

assert MODULES
LINES: dict[CodeType, dict[int, str]] = {}
for _guard in [*GUARDS, *STEPS]:
    _code = _guard.function.__code__
    LINES.setdefault(_code, {})[_code.co_firstlineno + _guard.line - 1] = _guard.code


class Frame:
    """One run of a function that has guards: each counts once its statement is over.

    What a guard's own condition calls may have guards too, and they come first.
    """

    def __init__(self, lines: Mapping[int, str], seen: list[str]) -> None:
        self.lines = lines
        self.seen = seen
        self.begun: str | None = None

    def follow(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "exception":
            # It was its own, or that of something that it asked.
            own = isinstance(argument[1], Failure) and argument[1].code == self.begun
            self.begun = self.begun if own else None
        if self.begun is not None:
            self.seen.append(self.begun)
        self.begun = self.lines.get(frame.f_lineno) if event == "line" else None
        return self.follow


@contextmanager
def watch() -> Iterator[list[str]]:
    """The codes of guards as they are checked."""
    seen: list[str] = []

    def enter(frame: FrameType, _event: str, _argument: Any) -> Any:
        lines = LINES.get(frame.f_code)
        return None if lines is None else Frame(lines, seen).follow

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield seen
    finally:
        sys.settrace(before)


def find_disorder(failures: Mapping[str, str], seen: list[str]) -> list[str]:
    """What was looked at too early, in words."""
    places = {code: place for place, code in enumerate(failures)}
    first = list(dict.fromkeys(code for code in seen if code in places))
    return [
        f"{later} is checked before {code}, and declared after it"
        for at, code in enumerate(first)
        for later in first[:at]
        if places[later] > places[code]
    ]


@pytest.mark.parametrize("kind", sorted(CALLS))
def test_failures_are_checked_in_the_order_of_their_declaration(kind: str) -> None:
    wrong: list[str] = []
    looked_at = 0
    for (of, _code), cases in sorted(CASES.items()):
        for case in cases if of == kind else ():
            trade = Trade()
            signers, data = case(trade)
            transaction = trade.world.make(kind, signers, **data)
            with watch() as seen:
                trade.world.block(transaction)
            looked_at += len(seen)
            wrong += find_disorder(CALLS[kind].failures, seen)
    assert not sorted(set(wrong))
    assert looked_at or not CALLS[kind].failures


def test_disorder_is_found() -> None:
    failures = {"first": "", "second": "", "third": ""}
    assert find_disorder(failures, ["first", "third", "first", "other"]) == []
    assert find_disorder(failures, ["first", "third", "second"]) == [
        "third is checked before second, and declared after it"
    ]
