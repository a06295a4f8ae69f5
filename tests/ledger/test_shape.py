"""Checked access: what is not of the shape raises, and says what is wrong with what."""

from collections.abc import Callable
from typing import Any

import pytest

from ledger import shape
from ledger.errors import FormatError

GOOD: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (shape.check_integer, (5, "n", 5, 5)),
    (shape.check_text, ("ab", "t", 2)),
    (shape.check_text, ("", "t", 2, 0)),
    (shape.check_bytes, (b"ab", "b", 2)),
    (shape.check_blob, (b"", "b", 2)),
    (shape.check_digest, (bytes(32), "d")),
    (shape.check_list, ([1, 2], "l", 2)),
    (shape.check_tuple, ([1, 2], "l", 2)),
    (shape.check_map, ({"a": 1, "b": 2}, "m", ("a", "b"))),
]
BAD: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (shape.check_integer, (4, "the field", 5, 9)),
    (shape.check_integer, (10, "the field", 5, 9)),
    (shape.check_integer, (True, "the field", 0, 9)),
    (shape.check_integer, ("5", "the field", 0, 9)),
    (shape.check_text, (b"ab", "the field", 2)),
    (shape.check_text, ("abc", "the field", 2)),
    (shape.check_text, ("", "the field", 2)),
    (shape.check_text, ("é", "the field", 2)),
    (shape.check_text, ("\n", "the field", 2)),
    (shape.check_bytes, (b"a", "the field", 2)),
    (shape.check_bytes, ("ab", "the field", 2)),
    (shape.check_blob, (b"abc", "the field", 2)),
    (shape.check_blob, (None, "the field", 2)),
    (shape.check_digest, (bytes(31), "the field")),
    (shape.check_list, ((1, 2), "the field", 2)),
    (shape.check_list, ([1, 2, 3], "the field", 2)),
    (shape.check_list, ([], "the field", 2, 1)),
    (shape.check_tuple, ([1], "the field", 2)),
    (shape.check_map, ([], "the field", ("a",))),
    (shape.check_map, ({"a": 1}, "the field", ("a", "b"))),
    (shape.check_map, ({"a": 1, "b": 2, "c": 3}, "the field", ("a", "b"))),
    (shape.check_map, ({"b": 1, "a": 2}, "the field", ("a", "b"))),
]


@pytest.mark.parametrize(("check", "arguments"), GOOD)
def test_what_is_of_the_shape_comes_back(
    check: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    assert check(*arguments) is arguments[0]


@pytest.mark.parametrize(("check", "arguments"), BAD)
def test_what_is_not_is_named(check: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    with pytest.raises(FormatError, match="the field"):
        check(*arguments)
