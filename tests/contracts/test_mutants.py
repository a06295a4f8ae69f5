"""Guards that are taken out one at a time: some case of a failure notices each of them.

A guard is a `require(...)` or an `if ...: raise Failure(...)` with a code of its own. Its function
is compiled again without it, and put in the place of the one that has it.
"""

import ast
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

import pytest

from contracts.call import STANDING_FAILURES
from contracts.registry import CALLS, MODULES
from tests.contracts.failures.cases import CASES, STRANGER, Attempt, Case
from tests.contracts.newcomer import INDUSTRY_NODE, admit
from tests.contracts.test_failures import MODULES as CASE_MODULES
from tests.contracts.trade import Trade


@dataclass(frozen=True)
class Guard:
    """A statement of a function that can fail with a code."""

    function: FunctionType
    line: int
    code: str

    @property
    def name(self) -> str:
        module = self.function.__module__.rpartition(".")[2]
        return f"{module}.{self.function.__name__}-{self.code}-{self.line}"


def read_code(statement: ast.stmt) -> str | None:
    """The failure code of a guard; None for any other statement."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        call = statement.value
        if getattr(call.func, "id", "") == "require" and isinstance(call.args[1], ast.Constant):
            return str(call.args[1].value)
    if isinstance(statement, ast.If) and len(statement.body) == 1 and not statement.orelse:
        raised = statement.body[0]
        if isinstance(raised, ast.Raise) and isinstance(raised.exc, ast.Call):
            call = raised.exc
            if getattr(call.func, "id", "") == "Failure" and isinstance(call.args[0], ast.Constant):
                return str(call.args[0].value)
    return None


def parse(function: FunctionType) -> ast.Module:
    return ast.parse(inspect.getsource(function))


def list_functions() -> Iterator[FunctionType]:
    """The functions of all contracts, and of the modules that they share."""
    modules = {module.__name__: module for module in MODULES}
    for module in list(modules.values()):
        for value in vars(module).values():
            owner = getattr(value, "__module__", "") or ""
            if isinstance(value, FunctionType) and owner.startswith("contracts."):
                modules.setdefault(owner, inspect.getmodule(value))
    seen: dict[CodeType, FunctionType] = {}
    for module in modules.values():
        for value in vars(module).values():
            if isinstance(value, FunctionType) and value.__module__ == module.__name__:
                seen.setdefault(value.__code__, value)
    return iter(seen.values())


def list_guards() -> list[Guard]:
    guards = []
    for function in list_functions():
        for node in ast.walk(parse(function)):
            code = read_code(node) if isinstance(node, ast.stmt) else None
            if code is not None:
                guards.append(Guard(function, node.lineno, code))
    return sorted(guards, key=lambda guard: guard.name)


class WithoutGuard(ast.NodeTransformer):
    """The same function with one statement less."""

    def __init__(self, line: int) -> None:
        self.line = line

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.stmt) and node.lineno == self.line and read_code(node) is not None:
            return ast.copy_location(ast.Pass(), node)
        return self.generic_visit(node)


@contextmanager
def compiled(function: FunctionType, tree: ast.Module, **more: Any) -> Iterator[None]:
    """The contracts with another body of a function, which knows what its module knows and more."""
    before, names = function.__code__, dict[str, Any]()
    exec(compile(ast.fix_missing_locations(tree), "<mutant>", "exec"), function.__globals__, names)
    function.__globals__.update(more)
    function.__code__ = names[function.__name__].__code__
    try:
        yield
    finally:
        function.__code__ = before
        for name in more:
            del function.__globals__[name]


def without(guard: Guard) -> AbstractContextManager[None]:
    """The contracts as they would be if somebody had forgotten the guard."""
    tree: ast.Module = WithoutGuard(guard.line).visit(parse(guard.function))
    return compiled(guard.function, tree)


def pay_as_stranger(_trade: Trade) -> Attempt:
    return STRANGER, {"amount_micro_yuan": 1, "reference": "", "to": STRANGER}


def trade_before_connecting(trade: Trade) -> Attempt:
    admit(trade.world, INDUSTRY_NODE)
    policy = {"attestors": ["R"], "consumers": "anyone", "providers": "anyone", "sla_class": 0}
    return INDUSTRY_NODE, policy


# Failures of signers belong to no call; tests/contracts/test_call.py has them all.
STANDING = {
    ("settlement.pay", "signer-unknown"): [pay_as_stranger],
    ("policy.set", "signer-inactive"): [trade_before_connecting],
}


def list_cases(code: str) -> list[tuple[str, str, Case]]:
    """Every case that fails with a code."""
    return [
        (kind, code, case)
        for (kind, own), cases in sorted({**CASES, **STANDING}.items())
        for case in cases
        if own == code
    ]


def prepare(kind: str, code: str, case: Case) -> Callable[[], bool]:
    """Set a case up; what is returned attempts the call, and says whether it missed its failure."""
    trade = Trade()
    signers, data = case(trade)

    def attempt() -> bool:
        try:
            return trade.world.run(kind, signers, **data).code != code
        except Exception:  # noqa: BLE001 - whatever stops a call in the guard's place
            return True

    return attempt


def is_noticed(
    mutant: Callable[[], AbstractContextManager[None]], cases: Iterable[tuple[str, str, Case]]
) -> bool:
    """Whether one of the cases misses its failure in a mutant, and in nothing but the mutant.

    The contracts as they are set it up. So it is the attempt that comes out otherwise.
    """
    for case in cases:
        attempt = prepare(*case)
        with mutant():
            missed = attempt()
        if missed:
            return not prepare(*case)()
    return False


GUARDS = list_guards()


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_forgotten_guard_is_noticed(guard: Guard) -> None:
    assert CASE_MODULES
    assert is_noticed(lambda: without(guard), list_cases(guard.code)), (
        "no case misses this guard: add one to tests/contracts/failures with `another`"
    )


def test_nothing_is_noticed_where_nothing_is_taken_out() -> None:
    """To compile a function again and put it in its place is no mutation."""
    with ExitStack() as stack:
        for function in {guard.function for guard in GUARDS}:
            stack.enter_context(compiled(function, parse(function)))
        for code in sorted({guard.code for guard in GUARDS}):
            missed = [kind for kind, own, case in list_cases(code) if prepare(kind, own, case)()]
            assert missed == [], code


def test_guards_are_found() -> None:
    assert len(GUARDS) > 60
    declared = {code for call in CALLS.values() for code in call.failures}
    assert {guard.code for guard in GUARDS} <= declared | {*STANDING_FAILURES}
