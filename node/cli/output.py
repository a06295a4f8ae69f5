"""What commands print: tables for people, `--json` for programs.

Results go to stdout, errors to stderr. An error that a person can do something about is one
sentence that says what is wrong and what to do next, without a traceback, and the exit code is 1;
a wrong command line exits with 2, as everywhere. With `--json` an error is
`{"error": {"code": ..., "message": ...}}`.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from contracts.errors import ContractError
from ledger.errors import DiskError, LedgerError
from node.client.difference import iterate_fields, show_text
from node.errors import NodeError

EXPECTED = (LedgerError, ContractError, DiskError, NodeError, OSError)
"""Errors of the input, the files or the other side: shown as a sentence."""

_PIPE_WIDTH = 10_000  # where no terminal says how wide it is, nothing is folded

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
"""The option that every command which prints a result takes."""


class CommandError(NodeError):
    """What was asked for cannot be done; the message says what to do instead."""

    code = "command"


def show_fields(title: str, fields: Mapping[str, Any], as_json: bool) -> None:
    """Print one thing: a name and a value a line, or a JSON object."""
    if as_json:
        print_json(fields)
        return
    names = [name.replace("_", " ") for name in fields]
    _print_titled(title, _stack(names, [[escape(_render(value)) for value in fields.values()]]))


def show_table(
    title: str,
    columns: Mapping[str, str],
    rows: Sequence[Mapping[str, Any]],
    as_json: bool,
) -> None:
    """Print many things: a table whose `columns` map keys of the rows to headings, or a list.

    Where a terminal is too narrow for the words of all columns, each row is lines of its own.
    """
    if as_json:
        print_json(rows)
        return
    names, console = list(columns.values()), _console()
    cells = [[escape(_render(row.get(key))) for key in columns] for row in rows]
    table = _lay_out(names, cells)
    if _measure(console, table).maximum > console.width:
        table = _lay_out(names, cells, is_narrow=True)
    if rows and _measure(console, table).minimum > console.width:
        table = _stack(names, cells)
    _print_titled(title, table)
    if not rows:
        console.print("none", style="dim")


def print_json(value: Any) -> None:
    """Print a value as JSON on stdout; bytes as hex."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_describe))


def print_note(text: str) -> None:
    """Tell a person something beside the result, on stderr."""
    Console(stderr=True, soft_wrap=True).print(escape(text), style="dim", highlight=False)


def print_error(error: Exception, as_json: bool) -> None:
    """Say what went wrong, on stderr."""
    code, message = getattr(error, "code", "system"), _explain(error)
    if as_json:
        value = {"error": {"code": code, "message": message}}
        typer.echo(json.dumps(value, ensure_ascii=False), err=True)
        return
    console = Console(stderr=True, soft_wrap=True)
    console.print(f"[bold red]error[/]: {escape(message)}", highlight=False)


def write_file(path: Path, data: bytes | str) -> None:
    """Write a result to a file that is not there yet; raises CommandError."""
    if path.exists():
        raise CommandError(f"{path} is already there: move it away, or choose another file")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)


def _explain(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__


def _lay_out(
    names: Sequence[str], things: Sequence[Sequence[str]], is_narrow: bool = False
) -> Table:
    """A column for each name; only those that have spaces in their values may be folded."""
    table = Table(box=None, pad_edge=False)
    for index, name in enumerate(names):
        is_prose = any(" " in thing[index] for thing in things)
        heading = name.replace(" ", "\n") if is_narrow and not is_prose else name
        table.add_column(heading, overflow="fold", no_wrap=not is_prose)
    for thing in things:
        table.add_row(*thing)
    return table


def _measure(console: Console, table: Table) -> Measurement:
    """The widths between which a table can be, whatever the console's is."""
    return Measurement.get(console, console.options.update(max_width=_PIPE_WIDTH), table)


def _stack(names: Sequence[str], things: Sequence[Sequence[str]]) -> Table:
    """A line for each name and its value, and an empty one after each thing but the last."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for thing in things:
        for name, value in zip(names, thing, strict=True):
            table.add_row(name, value)
        if thing is not things[-1]:
            table.add_row()
    return table


def _print_titled(title: str, table: Table) -> None:
    """A title of its own line: a table's would be wrapped to the width of the table."""
    console = _console()
    console.print(title, style="italic", markup=False, soft_wrap=True)
    with console.capture() as printed:
        console.print(table)
    # A column is as wide as its longest value in all lines; a file need not have the spaces.
    typer.echo("\n".join(line.rstrip() for line in printed.get().splitlines()))


def _console() -> Console:
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(width=width, highlight=False)


def _render(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return "\n".join(_render(item) for item in value) or "-"
    if isinstance(value, dict):
        plain = json.loads(json.dumps(value, default=_describe))
        return "\n".join(iterate_fields(plain)) or "-"
    return show_text(value.hex()) if isinstance(value, bytes) else str(value)


def _describe(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
