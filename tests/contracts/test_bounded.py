"""A block's work is bounded: no contract walks a table, or a derived one, without a limit.

Every scan on the path of a block is cut off by `islice` or takes the first with `next`, or stands
in `BOUNDED` with what keeps it short. Views and checkers read whole tables, beside the block.
"""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import contracts

FOLDER = Path(contracts.__file__).parent
# Read whole states, for people and for rebuilding, never in a block; or define what a scan is.
BESIDE = {"capacity_views", "context", "invariants", "public_views", "table", "trade_views"}
# A function, the constant that bounds what it walks, and what that is.
BOUNDED = {
    "ballot.schedule_judgements": ("contracts.ballot.MAX_OPEN", "open ballots of each proposer"),
    "guards._read_calendar": ("contracts.calendar.MAX_CHANGES", "the calendar of one subject"),
    "nodes.compute_peers": ("ledger.code.PROVINCES", "nodes, admitted one by one"),
    "nodes.compute_validators": ("ledger.code.PROVINCES", "regional nodes, admitted one by one"),
    "nodes.find_voice": ("ledger.code.PROVINCES", "nodes, admitted one by one"),
    "registration.is_block_taken": ("ledger.code.PROVINCES", "number blocks, allotted one by one"),
    "registration.is_region_taken": ("ledger.code.PROVINCES", "regional nodes of one province"),
    "selection._scan_book": (
        "contracts.selection.Stage",
        "one offer after the other, until the stage's `selection_candidates` are used up",
    ),
    "standards._count_profiles": ("contracts.standards.MAX_PROFILES", "profiles and versions"),
    "standards._scan_versions": ("contracts.standards.MAX_VERSIONS", "versions of one profile"),
}


def list_scans(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """The scans of a module: in which function each is, and whether it is cut off."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        cut = {
            id(argument)
            for node in ast.walk(function)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("islice", "next")
            for argument in node.args
        }
        for node in ast.walk(function):
            if is_scan(node):
                yield function.name, id(node) in cut


def is_scan(node: ast.AST) -> bool:
    method = node.func if isinstance(node, ast.Call) else None
    return isinstance(method, ast.Attribute) and method.attr in ("scan", "scan_derived")


def list_unbounded(path: Path) -> list[str]:
    """The functions of a module with a scan that nothing cuts off."""
    scans = list_scans(ast.parse(path.read_text("utf-8")))
    return [f"{path.stem}.{name}" for name, is_cut in scans if not is_cut]


PATHS = [path for path in sorted(FOLDER.glob("*.py")) if path.stem not in BESIDE]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_scans_are_cut_off(path: Path) -> None:
    assert [name for name in list_unbounded(path) if name not in BOUNDED] == []


def test_what_is_listed_is_there() -> None:
    unbounded = {name for path in PATHS for name in list_unbounded(path)}
    assert set(BOUNDED) <= unbounded, sorted(set(BOUNDED) - unbounded)
    for limit, reason in BOUNDED.values():
        module, _, name = limit.rpartition(".")
        assert getattr(import_module(module), name)
        assert reason


def test_an_unbounded_scan_is_found(tmp_path: Path) -> None:
    path = tmp_path / "noun.py"
    path.write_text("def walk(ctx):\n    return list(ctx.scan(b''))\n")
    assert list_unbounded(path) == ["noun.walk"]
    path.write_text("def walk(ctx):\n    return list(islice(ctx.scan(b''), MAX))\n")
    assert list_unbounded(path) == []
