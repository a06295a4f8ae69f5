"""What commands print, for people and for programs."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text

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


@pytest.mark.parametrize("columns", [38, 44])
def test_no_word_is_cut_to_fit_a_table_into_a_terminal(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    rows = [{"id": "0" * 32, "does": "some words"}, {"id": "1" * 32, "does": "more words"}]
    show_table("Things", {"id": "id", "does": "does"}, rows, False)
    lines = [line.split() for line in Text.from_ansi(capsys.readouterr().out).plain.splitlines()]
    assert lines == {
        38: [
            ["Things"], ["id", "0" * 32], ["does", "some", "words"], [],
            ["id", "1" * 32], ["does", "more", "words"],
        ],
        44: [
            ["Things"], ["id", "does"], ["0" * 32, "some", "words"], ["1" * 32, "more", "words"],
        ],
    }[columns]  # fmt: skip


def test_what_is_within_is_named_by_its_path(capsys: Captured) -> None:
    show_fields("Kind", {"data": {"case": "a", "message": {"sha256": b"\x01", "size": 1}}}, False)
    assert capsys.readouterr().out.splitlines() == [
        "Kind", "data  case: a", "      message.sha256: 01", "      message.size: 1",
    ]  # fmt: skip


def test_no_heading_is_cut_to_fit_numbers_into_a_terminal(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "20")
    show_table("Sums", {"a": "used seconds", "b": "sold units"}, [{"a": 1, "b": 2}], False)
    lines = [line.split() for line in Text.from_ansi(capsys.readouterr().out).plain.splitlines()]
    assert lines == [["Sums"], ["used", "sold"], ["seconds", "units"], ["1", "2"]]


def test_no_rows_are_said(capsys: Captured) -> None:
    show_table("Things", {"a": "first"}, [], False)
    assert capsys.readouterr().out.splitlines()[-1] == "none"
    show_table("Things", {"a": "first"}, [], True)
    assert json.loads(capsys.readouterr().out) == []


def test_long_bytes_are_short_for_people_and_whole_for_programs(capsys: Captured) -> None:
    key, certificate = bytes(range(32)), bytes(range(200))
    show_fields("Draft", {"data": {"key": key, "certificate": certificate}}, False)
    assert capsys.readouterr().out.splitlines() == [
        "Draft",
        f"data  key: {key.hex()}",
        "      certificate: 000102030405060708090a0b0c0d0e0f... (200 bytes)",
    ]
    show_fields("Draft", {"data": {"certificate": certificate}}, True)
    assert json.loads(capsys.readouterr().out) == {"data": {"certificate": certificate.hex()}}


def test_no_line_ends_in_spaces(capsys: Captured) -> None:
    show_table("Things", {"a": "a", "b": "b"}, [{"a": 1, "b": "long"}, {"a": 2, "b": "s"}], False)
    assert all(line == line.rstrip() for line in capsys.readouterr().out.splitlines())


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
