"""Cursors: opaque, bound to their list, refused when damaged."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import codec
from node.api.cursors import compose_cursor, read_cursor
from node.api.problems import Problem

SCOPE = ("list", b"filter", 7, None)


@given(st.integers(0, 2**63 - 1), st.binary(max_size=256))
def test_a_cursor_comes_back(number: int, key: bytes) -> None:
    cursor = compose_cursor(SCOPE, [number, key])
    assert read_cursor(cursor, SCOPE, (int, bytes)) == [number, key]


def test_a_cursor_is_bound_to_its_list() -> None:
    cursor = compose_cursor(SCOPE, [1])
    for scope in (("list",), ("list", b"filter", 8, None), ("other", b"filter", 7, None)):
        with pytest.raises(Problem) as caught:
            read_cursor(cursor, scope, (int,))
        assert caught.value.code == "bad-cursor"


def forge(value: object) -> str:
    return base64.urlsafe_b64encode(codec.encode(value)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "value",
    [7, [], [1], [1, b"", []], [2, bytes(8), [1]], [True, bytes(8), [1]], {"a": 1}, [1, "x", [1]]],
)
def test_a_forged_cursor_is_refused(value: object) -> None:
    with pytest.raises(Problem):
        read_cursor(forge(value), SCOPE, (int,))


@pytest.mark.parametrize("position", [[], ["1"], [b"1"], [-1], [True], [1, 2], [2**63]])
def test_a_position_has_its_types(position: list[object]) -> None:
    with pytest.raises(Problem):
        read_cursor(compose_cursor(SCOPE, position), SCOPE, (int,))


@given(st.text(max_size=60))
def test_noise_is_refused(text: str) -> None:
    with pytest.raises(Problem):
        read_cursor(text, SCOPE, (int,))
