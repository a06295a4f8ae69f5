"""`suanlian devnet model`: every behaviour of the consensus core in small networks."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console

from devnet.model.bug import BUGS, Bug
from devnet.model.case import LONG, SHORT, Case
from devnet.model.continuation import find_stop
from devnet.model.explorer import Explorer, Findings
from devnet.model.property import LIVENESS, SAFETY
from devnet.model.story import tell
from node.cli.output import AsJson, show_table

MANY_STATES = 20_000_000

_COLUMNS = {
    "case": "case",
    "views": "views",
    "states": "states",
    "transitions": "steps",
    "depth": "depth",
    "ends": "ends",
    "local_states": "of one validator",
    "symmetry": "alike",
    "seconds": "seconds",
    "result": "result",
}


def model(
    long: Annotated[bool, typer.Option("--long", help="The larger cases too: hours.")] = False,
    case: Annotated[str, typer.Option(help="Only cases whose names hold this.")] = "",
    views: Annotated[int, typer.Option(help="Only cases with so many views.", min=0)] = 0,
    bug: Annotated[
        str, typer.Option(help="Break a rule on purpose, and see it found; `all` for each.")
    ] = "",
    states: Annotated[
        int, typer.Option(help="Stop a case after so many states.", min=1)
    ] = MANY_STATES,
    as_json: AsJson = False,
) -> None:
    """Explore every order of events of the consensus core in small networks."""
    if bug:
        _show_bugs([found for found in BUGS if bug in ("all", found.name)], as_json)
        return
    chosen = [
        found
        for found in (LONG if long else SHORT)
        if case in found.name and views in (0, found.views)
    ]
    if not chosen:
        raise typer.BadParameter("there is no such case")
    findings = list(_explore(chosen, states, as_json))
    rows = [_as_row(found) for found in findings]
    show_table("Every behaviour of the core", _COLUMNS, rows, as_json)
    for found in findings:
        if found.counterexample is not None and not as_json:
            _tell(found)
    if not all(found.is_well for found in findings):
        raise typer.Exit(1)


def _explore(cases: list[Case], states: int, as_json: bool) -> Iterator[Findings]:
    console = Console(stderr=True, highlight=False, quiet=as_json)
    for case in cases:
        found = Explorer(case, judge_end=find_stop, most_states=states).run()
        row = _as_row(found)
        console.print(", ".join(f"{_COLUMNS[key]} {row[key]}" for key in _COLUMNS))
        yield found


def _as_row(found: Findings) -> dict[str, Any]:
    result = "holds" if found.is_complete else "not complete"
    return {
        "case": found.case.name,
        "views": found.case.views,
        "states": found.states,
        "transitions": found.transitions,
        "depth": found.depth,
        "ends": found.ends,
        "local_states": found.local_states,
        "symmetry": found.symmetry,
        "seconds": f"{found.seconds:.1f}",
        "result": result if found.is_well else "BROKEN",
    }


def find_bug(bug: Bug) -> Findings:
    """A shortest counterexample to the property that a bug breaks."""
    if bug.breaks == LIVENESS:
        return Explorer(bug.case, bug.make, SAFETY, judge_end=find_stop).run()
    return Explorer(bug.case, bug.make, [bug.breaks]).run()


def _show_bugs(bugs: list[Bug], as_json: bool) -> None:
    if not bugs:
        raise typer.BadParameter(f"a bug is one of {', '.join(bug.name for bug in BUGS)}, or all")
    stories = [(bug, find_bug(bug)) for bug in bugs]
    if as_json:
        document = [
            {"bug": bug.name, "states": found.states, "counterexample": _list_lines(found)}
            for bug, found in stories
        ]
        typer.echo(json.dumps({"bugs": document}))
        return
    for bug, found in stories:
        typer.echo(f"{bug.name}: {bug.what}; {found.states} states, {found.seconds:.1f} s")
        _tell(found)


def _list_lines(found: Findings) -> list[str]:
    return [] if found.counterexample is None else tell(found.counterexample)


def _tell(found: Findings) -> None:
    for line in _list_lines(found):
        typer.echo(f"  {line}")
