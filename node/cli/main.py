"""The command line `suanlian`: its groups of commands, and what becomes of their errors.

A group is a module with a Typer `app`; only the one that the command line names is imported, so
that `suanlian keys new` need not load a peer. Other distributions add groups of their own under
the entry point group `suanlian.commands` (the devnet does).
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

import typer

from node.cli.output import EXPECTED, print_error, print_note

ENTRY_POINTS = "suanlian.commands"
GROUPS = {
    "keys": "node.cli.keys",
    "identity": "node.cli.identity",
    "node": "node.cli.node",
    "tx": "node.cli.tx",
    "samples": "node.cli.samples",
    "audit": "node.cli.audit",
    "rules": "node.cli.rules",
    "service": "node.cli.service",
    "statistics": "node.cli.statistics",
    "verify": "node.cli.verify",
    "why-stuck": "node.cli.why_stuck",
}


def main() -> None:
    """The entry point of the installed command."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command line; the exit code is 0, 1 for an error that was explained, 2 for misuse."""
    try:
        make_app(arguments)(args=list(arguments), prog_name="suanlian")
    except EXPECTED as error:
        print_error(error, "--json" in arguments)
        return 1
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    return 0


def make_app(arguments: Sequence[str]) -> typer.Typer:
    """The application with the group that the arguments name, or with all of them."""
    app = typer.Typer(
        help="Suanlian (算链): the shared ledger of the computing power interconnection nodes.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    # Keeps the names of groups in the command line even when only one group is there.
    app.callback()(_begin)
    named = next((item for item in arguments if not item.startswith("-")), "")
    added = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    for name in [named] if named in GROUPS or named in added else [*GROUPS, *added]:
        group = _load(added[name]) if name in added else import_module(GROUPS[name]).app
        if group is not None:
            _add(app, name, group)
    return app


def _begin() -> None:
    """Commands for operators, parties and auditors."""


def _add(app: typer.Typer, name: str, group: typer.Typer) -> None:
    """Add a group; one whose only command has its own name is that command."""
    if [command.name for command in group.registered_commands] == [name]:
        app.registered_commands.extend(group.registered_commands)
    else:
        app.add_typer(group, name=name)


def _load(point: EntryPoint) -> typer.Typer | None:
    """The group of another distribution; one that does not load must not stop the others."""
    try:
        group = point.load()
    except (ImportError, AttributeError) as error:
        print_note(f"the commands `{point.name}` cannot be loaded: {error}")
        return None
    return group if isinstance(group, typer.Typer) else None


if __name__ == "__main__":
    main()
