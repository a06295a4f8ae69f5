"""What commands print, for people and for programs."""

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import FormatError
from node.cli.output import (
    CommandError,
    print_error,
    print_json,
    show_fields,
    show_table,
    write_file,
)

Captured = pytest.CaptureFixture[str]


def test_one_thing_is_a_line_a_field(capsys: Captured) -> None:
    fields = {"public_key": b"\x01\xff", "may_issue": True, "chain": ["a", "b"], "none": None}
    show_fields("Title", fields, False)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["Title"], ["public", "key", "01ff"], ["may", "issue", "yes"], ["chain", "a"], ["b"],
        ["none", "-"],
    ]  # fmt: skip
    show_fields("Title", fields, True)
    assert json.loads(capsys.readouterr().out) == {**fields, "public_key": "01ff"}


def test_many_things_are_rows(capsys: Captured) -> None:
    rows: list[dict[str, Any]] = [{"a": 1, "b": {"x": 2}}, {"a": "[bold]算力[/]"}]
    show_table("Things", {"a": "first", "b": "second"}, rows, False)
    out = capsys.readouterr().out
    assert [line.split() for line in out.splitlines()] == [
        ["Things"], ["first", "second"], ["1", "x:", "2"], ["[bold]算力[/]", "-"],
    ]  # fmt: skip
    show_table("Things", {"a": "first"}, rows, True)
    assert json.loads(capsys.readouterr().out) == rows


def test_no_rows_are_said(capsys: Captured) -> None:
    show_table("Things", {"a": "first"}, [], False)
    assert capsys.readouterr().out.splitlines()[-1] == "none"
    show_table("Things", {"a": "first"}, [], True)
    assert json.loads(capsys.readouterr().out) == []


def test_long_values_are_not_folded_in_a_pipe(capsys: Captured) -> None:
    show_fields("Title", {"proof": "0" * 5_000}, False)
    assert "0" * 5_000 in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (FormatError("a code is wrong", "bad-code"), "bad-code", "a code is wrong"),
        (CommandError("do this [instead]"), "command", "do this [instead]"),
        (FileNotFoundError(2, "No such file", "x.json"), "system", "x.json: No such file"),
        (OSError("odd"), "system", "odd"),
    ],
)
def test_errors_are_a_sentence_or_an_object(
    capsys: Captured, error: Exception, code: str, message: str
) -> None:
    print_error(error, False)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"error: {message}\n")
    print_error(error, True)
    assert json.loads(capsys.readouterr().err) == {"error": {"code": code, "message": message}}


def test_bytes_are_hex_for_programs(capsys: Captured) -> None:
    print_json([b"\x00", Path("a")])
    assert json.loads(capsys.readouterr().out) == ["00", "a"]


def test_results_never_overwrite(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    write_file(path, "text")
    with pytest.raises(CommandError, match="already there"):
        write_file(path, b"other")
    assert path.read_text() == "text"
