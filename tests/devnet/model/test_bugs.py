"""Each rule broken on purpose is found, with a shortest counterexample in words."""

import pytest

from devnet.model.bug import BUGS, Bug
from devnet.model.story import tell
from devnet.model_cli import find_bug

STEPS = {
    "quorum": 4,
    "finalize": 4,
    "parent": 5,
    "notarize": 2,
    "journal": 4,
    "sync": 4,
    "last": 4,
    "again": 4,
}


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_is_found(bug: Bug) -> None:
    found = find_bug(bug)
    assert found.counterexample is not None
    assert found.counterexample.broken.startswith(bug.breaks)
    assert len(found.counterexample.turns) == STEPS[bug.name]


def test_a_counterexample_reads_like_a_story() -> None:
    found = find_bug(next(bug for bug in BUGS if bug.name == "journal"))
    assert found.counterexample is not None
    assert tell(found.counterexample) == [
        "1. validator 0 gets the proposal notarize(1, 1a) from 1 (Byzantine)",
        "     says notarize(1, 1a)",
        "2. validator 0 crashes and restarts from its whole journal",
        "     asks the others what they know of its votes",
        "3. validator 2 gets an inquiry from 0",
        "     answers 0 with a report (nothing seen)",
        "4. validator 0 gets a report (nothing seen) from 2, then gets the proposal"
        " notarize(1, 1b) from 1 (Byzantine), then gets a report (nothing seen) from 1 (Byzantine)",
        "     says notarize(1, 1b)",
        "broken: no honest vote contradicts another:"
        " validator 0 said notarize(1, 1a) and notarize(1, 1b)",
    ]
