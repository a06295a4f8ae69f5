"""The command line's frame: groups, help, errors, exit codes."""

import json
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest
import typer

from node.cli import main
from tests.node.cli.conftest import Suanlian


def test_help_lists_every_group(suanlian: Suanlian) -> None:
    answer = suanlian("--help")
    assert answer.code == 0
    for name in main.GROUPS:
        assert name in answer.out


def test_a_wrong_command_line_exits_with_2(suanlian: Suanlian) -> None:
    for arguments in (["nothing"], ["keys", "nothing"], ["keys", "new"], ["--nothing"]):
        answer = suanlian(*arguments)
        assert answer.code == 2, arguments
        assert "Traceback" not in answer.err


def test_an_expected_error_is_a_sentence_and_exits_with_1(suanlian: Suanlian) -> None:
    answer = suanlian("keys", "show", "/nowhere/a.key")
    assert answer.code == 1
    assert answer.out == ""
    assert answer.err.startswith("error: there is no key file /nowhere/a.key")
    assert "suanlian keys new" in answer.err
    assert "Traceback" not in answer.err


def test_a_program_reads_errors_as_json(suanlian: Suanlian) -> None:
    answer = suanlian("keys", "show", "/nowhere/a.key", "--json")
    assert answer.code == 1
    error = json.loads(answer.err)["error"]
    assert error["code"] == "config"
    assert "suanlian keys new" in error["message"]


def test_an_error_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise AssertionError("ours")

    monkeypatch.setattr(main, "make_app", fail)
    with pytest.raises(AssertionError):
        main.run([])


def test_only_the_named_group_is_imported() -> None:
    script = (
        "import sys; from node.cli.main import run; code = run(['keys', 'list', '/']);"
        "print([name for name in ('aiohttp', 'plyvel', 'node.app') if name in sys.modules])"
    )
    script = script.replace("'/'", "'/nowhere'")
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_other_distributions_add_groups(
    suanlian: Suanlian, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = EntryPoint("extra", "tests.node.cli.test_main:extra", main.ENTRY_POINTS)
    monkeypatch.setattr(main, "entry_points", lambda group: [point])
    answer = suanlian("extra", "hello")
    assert (answer.code, answer.out) == (0, "hello\n")
    assert "extra" in suanlian("--help").out


def test_a_group_that_does_not_load_stops_nothing(
    suanlian: Suanlian, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = EntryPoint("broken", "tests.nothing:app", main.ENTRY_POINTS)
    monkeypatch.setattr(main, "entry_points", lambda group: [point])
    answer = suanlian("--help")
    assert answer.code == 0
    assert "broken" in answer.err
    assert suanlian("broken").code == 2


extra = typer.Typer()


@extra.callback()
def begin() -> None:
    """A group of another distribution."""


@extra.command()
def hello() -> None:
    """Say so."""
    typer.echo("hello")
