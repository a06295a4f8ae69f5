"""Visibility: every table has one, and those named are tables."""

from contracts.document import compute_document
from contracts.registry import BY_NAME
from contracts.visibility import MEMBERS, NAMED, PARTIES, PUBLIC, get_visibility


def test_those_named_are_tables() -> None:
    assert set(NAMED) <= set(BY_NAME)


def test_money_and_meters_are_for_those_whom_they_concern() -> None:
    assert {get_visibility(name) for name in ("account", "lease", "help")} == {PARTIES}
    assert {get_visibility(name) for name in ("notice", "statistic", "rules")} == {PUBLIC}
    assert get_visibility("offer") == MEMBERS


def test_the_document_states_it_for_each() -> None:
    text = compute_document()
    for name in BY_NAME:
        part = text[text.index(f"Key: `{name}` 0x00") :].split("\n", 1)[0]
        assert part.endswith(f"For: {get_visibility(name)}.")
