"""`suanlian devnet sabotage`: bugs put in on purpose, and how many seeds it takes to find them."""

import logging
from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status

from devnet.simulator.sabotage import BUGS, Found, find_bug
from node.cli.output import AsJson, show_table

_COLUMNS = {
    "bug": "bug",
    "what": "what is wrong",
    "found_by": "found by",
    "seed": "seed",
    "seeds": "seeds run",
}


def sabotage(
    names: Annotated[
        list[str] | None, typer.Argument(help=f"Of: {', '.join(BUGS)}. None: all.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="At most so many for each.", min=1)] = 500,
    first: Annotated[int, typer.Option(help="The first of them.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Leave one rule out at a time, and run seeds until a checker complains."""
    unknown = [name for name in names or () if name not in BUGS]
    if unknown:
        raise typer.BadParameter(f"no such bug: {', '.join(unknown)}; there are {', '.join(BUGS)}")
    logging.disable(logging.CRITICAL)
    console = Console(stderr=True)
    found = []
    for name in names or list(BUGS):
        with console.status(name) as status:

            def tell(count: int, name: str = name, status: Status = status) -> None:
                status.update(f"{name}: {count} seeds")

            found.append(find_bug(name, range(first, first + seeds), tell))
    show_table("Deliberate bugs", _COLUMNS, [_as_row(item) for item in found], as_json)
    if any(item.report is None for item in found):
        raise typer.Exit(1)


def _as_row(found: Found) -> dict[str, object]:
    report = found.report
    return {
        "bug": found.bug,
        "what": BUGS[found.bug].what,
        "found_by": "-" if report is None else report.violation.split(":", 1)[0],
        "seed": "-" if report is None else report.seed,
        "seeds": found.seeds if report is not None else f"not in {found.seeds}",
    }
