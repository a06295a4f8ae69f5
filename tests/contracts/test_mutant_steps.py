"""Steps of lives that are allowed from anywhere, one at a time: some case of a failure notices.

A handler asks `compute_next(LIFE, state, event)` whether its step may be taken. Here it is compiled
again with the answer that it would get in the state that has such a step; so a closed thing can be
closed again, and a case of `wrong-state` must miss the refusal. With them the standing of signers,
which the machine judges before any handler.
"""

import ast
from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import FunctionType
from typing import Any, TypeGuard

import pytest

from contracts import standing
from contracts.registry import CALLS
from tests.contracts.test_mutants import Guard, compiled, is_noticed, list_cases, parse
from tests.contracts.trade import CONSUMER, PROVIDER, Trade
from tests.contracts.world import BEIJING

# Steps that cannot be refused there, and why: to allow them changes nothing.
GUARDED = {
    "admission.endorse": "of a draft, which it was required to be",
    "demand.withdraw": "taken again where the demand ends",
    "dispute.open_dispute": "of a receipt that waits, which was looked for",
    "lease.refuse": "taken again where the lease fails",
    "metering.submit": "of a receipt that it makes",
    "quote.award": "of an open quote, which it was required to be",
    "review.bar": "of anything that is not barred, which it looks at",
}


def step_anyway(life: Mapping[tuple[str, str], str], state: str, event: str, _: str = "") -> str:
    """The state after an event, wherever it comes."""
    anywhere = (following for (_, named), following in life.items() if named == event)
    return life.get((state, event)) or next(anywhere)


def is_step(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "compute_next"


def read_code(node: Any) -> str:
    """The failure code of a step."""
    code = node.args[3] if len(node.args) > 3 else None
    return str(code.value) if isinstance(code, ast.Constant) else "wrong-state"


def list_steps() -> list[Guard]:
    """The steps of the handlers of calls."""
    handlers = {call.handler.__code__: call.handler for call in CALLS.values()}
    return [
        Guard(handler, node.lineno, read_code(node))
        for handler in handlers.values()
        if isinstance(handler, FunctionType)
        for node in ast.walk(parse(handler))
        if is_step(node)
    ]


class Anyway(ast.NodeTransformer):
    """The same function with one step that is always allowed."""

    def __init__(self, line: int) -> None:
        self.line = line

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if is_step(node) and node.lineno == self.line:
            node.func = ast.copy_location(ast.Name("step_anyway", ast.Load()), node.func)
        return self.generic_visit(node)


def allowed(step: Guard) -> AbstractContextManager[None]:
    """The contracts as they would be if a step could be taken from anywhere."""
    tree: ast.Module = Anyway(step.line).visit(parse(step.function))
    return compiled(step.function, tree, step_anyway=step_anyway)


def name_of(step: Guard) -> str:
    return f"{step.function.__module__.rpartition('.')[2]}.{step.function.__name__}"


STEPS = list_steps()


@pytest.mark.parametrize(
    "step", [step for step in STEPS if name_of(step) not in GUARDED], ids=lambda step: step.name
)
def test_a_step_from_anywhere_is_noticed(step: Guard) -> None:
    own = [kind for kind, call in CALLS.items() if call.handler is step.function]
    cases = [case for case in list_cases(step.code) if case[0] in own]
    assert is_noticed(lambda: allowed(step), cases), (
        "no case misses this refusal: add one to tests/contracts/failures with `another`"
    )


def test_steps_are_found() -> None:
    assert len(STEPS) > 25
    assert set(GUARDED) <= set(map(name_of, STEPS))


@pytest.mark.parametrize("state", ["suspended", "revoked", "expired"])
def test_a_signer_that_is_not_judged_is_noticed(
    state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade = Trade().set_up()
    key = standing.make_identity_key(CONSUMER)
    identity = trade.world.value(key)
    wrong = {"status": state} if state != "expired" else {"expires_ms": trade.world.time_ms}
    trade.world.given((key, {**identity, **wrong}))
    payment = {"amount_micro_yuan": 1, "reference": "", "to": PROVIDER}
    assert identity["issuer"] == BEIJING
    assert trade.world.run("settlement.pay", CONSUMER, **payment).code == f"signer-{state}"
    monkeypatch.setattr(standing, "compute_standing", lambda _identity, _time_ms: "active")
    assert trade.world.run("settlement.pay", CONSUMER, **payment).code == "ok"
