"""The core holds in every order of events of small networks; the long list is `make model`."""

import pytest

from devnet.model.case import LONG, SHORT, Case
from devnet.model.continuation import find_stop
from devnet.model.explorer import Explorer
from devnet.model.property import SAFETY
from devnet.model.statement import SaidVote


@pytest.mark.parametrize("case", SHORT, ids=lambda case: case.name)
def test_the_core_holds_in(case: Case) -> None:
    found = Explorer(case, judge_end=find_stop).run()
    assert found.counterexample is None
    assert found.is_complete
    assert found.ends > 20
    assert found.depth >= 7


def test_restarts_hold_as_far_as_there_is_time() -> None:
    case = next(case for case in LONG if case.crashes and case.torn)
    found = Explorer(case, judge_end=find_stop, most_states=4_000).run()
    assert found.counterexample is None
    assert not found.is_complete


def test_blocks_become_final_and_views_are_nullified() -> None:
    """The exploration reaches what it is for."""
    explorer = Explorer(SHORT[0])
    explorer.run()
    states = [[explorer.peers[n] for n in numbers] for numbers in explorer.list_states()]
    finals = {statement.block for peers in states for peer in peers for statement in peer.finals}
    assert finals & {"1a", "1b"}
    said = {
        (peer.index, item.statement.kind.name)
        for peers in states
        for peer in peers
        for item in peer.sent
        if isinstance(item, SaidVote)
    }
    assert {kind for _, kind in said} == {"NOTARIZE", "NULLIFY", "FINALIZE"}


def list_said(case: Case) -> set[str]:
    """What the validators have said in each state, one of those that are alike for all."""
    explorer = Explorer(case, asked=SAFETY)
    explorer.run()
    said = {
        tuple(explorer.peers[number].sent for number in numbers)
        for numbers in explorer.list_states()
    }
    return {
        min(
            str(
                sorted(
                    (by.validators[index], sorted(map(str, map(by.said, sent))))
                    for index, sent in zip(case.honest, sents, strict=True)
                )
            )
            for by in case.list_renamings()
        )
        for sents in said
    }


def test_counting_votes_together_loses_nothing() -> None:
    """The same can be said whether votes arrive one by one or all that there are at once."""
    one_by_one = next(case for case in LONG if case.is_gradual)
    together = next(case for case in SHORT if case.name == "a follower lies")
    assert one_by_one.byzantine == together.byzantine
    assert one_by_one.views == together.views
    assert list_said(one_by_one) == list_said(together)
