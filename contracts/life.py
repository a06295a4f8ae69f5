"""Lives as data: a table from (state, event) to the next state; what is not in it cannot happen."""

from collections.abc import Mapping
from typing import Final

from contracts.errors import Failure

Life = Mapping[tuple[str, str], str]
STEP_FAILURES: Final = {"wrong-state": "its life has this step from where it stands"}


def compute_next(life: Life, state: str, event: str, code: str = "wrong-state") -> str:
    """The state after an event; raises the failure `code` where the life has no such step."""
    following = life.get((state, event))
    if following is None:
        raise Failure(code)
    return following


def compute_terminal(life: Life) -> tuple[str, ...]:
    """The states that nothing leaves, in order."""
    leaving = {state for state, _ in life}
    return tuple(sorted(state for state in dict.fromkeys(life.values()) if state not in leaving))
