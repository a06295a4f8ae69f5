"""`/v1/rules/trial`: what is asked for is checked, and one goes at a time."""

import asyncio
import threading
from typing import Any

import pytest

from node.api import trials
from node.api.trials import MAX_CHANGES
from node.trial import Trial, TrialError
from tests.node.api.fake import FakePeer
from tests.node.api.web import Web, check_problem

PATH = "/v1/rules/trial"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?changes=",
        "?changes=hold_epochs",
        "?changes=hold_epochs:-1",
        "?changes=hold_epochs:1,",
        "?changes=Hold:1",
        f"?changes={','.join(['a:1'] * (MAX_CHANGES + 1))}",
        "?changes=hold_epochs:3&last=0",
        "?changes=hold_epochs:3&last=10001",
        "?changes=hold_epochs:3&last=many",
    ],
)
async def test_a_wrong_question(web: Web, query: str) -> None:
    check_problem(await web.get(PATH + query), 400, "bad-parameter")


async def test_rules_that_cannot_be_are_said(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Trial:
        raise TrialError("hold_epochs is no rule")

    monkeypatch.setattr(trials, "try_rules", refuse)
    problem = await web.get(f"{PATH}?changes=hold_epochs:3")
    check_problem(problem, 400, "bad-parameter")


async def test_one_goes_at_a_time(
    web: Web, peer: FakePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    asked: list[Any] = []

    def wait(genesis: object, store: object, changes: object, last: int, pace: object) -> Trial:
        asked.append((genesis, store, changes, last))
        begun.set()
        assert go_on.wait(10)
        return Trial(1, 2, {"hold_epochs": (2, 3)})

    monkeypatch.setattr(trials, "try_rules", wait)
    first = asyncio.create_task(web.get_json(f"{PATH}?changes=hold_epochs:3&last=2"))
    assert await asyncio.to_thread(begun.wait, 10)
    check_problem(await web.get(f"{PATH}?changes=hold_epochs:4"), 429, "too-many-open")
    go_on.set()
    shown = await first
    assert asked == [(peer.genesis, peer.store, {"hold_epochs": 3}, 2)]
    assert shown["changes"] == {"hold_epochs": {"was": "2", "would_be": "3"}}
    assert shown["counts"] == {"otherwise": "0", "moved": "0", "balances": "0"}
