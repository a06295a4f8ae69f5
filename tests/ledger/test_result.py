"""Results: the leaves under `results_root`."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import codec
from ledger.errors import FormatError, LedgerError
from ledger.primitives import Digest, Height
from ledger.result import OK, Result, decode_result

RESULT = Result(
    Height(7),
    3,
    Digest(b"\x01" * 32),
    OK,
    ({"about": ["lease-1"], "data": {"a": 1}, "type": "taken"},),
    ((b"lease\x001\x00", 2), (b"account\x001\x00", 9)),
)


def test_a_leaf_is_read_back() -> None:
    assert decode_result(RESULT.encode()) == RESULT


def test_a_leaf_begins_with_height_index_and_id() -> None:
    assert codec.decode(RESULT.encode())[:3] == [7, 3, b"\x01" * 32]


BAD: list[tuple[int, Any]] = [
    (0, -1),
    (0, True),
    (1, "1"),
    (2, b"\x01" * 31),
    (3, ""),
    (3, "a" * 65),
    (3, "é"),
    (4, {}),
    (5, [[b"key"]]),
    (5, [[b"key", 0]]),
    (5, [["key", 1]]),
    (5, [[b"k" * 257, 1]]),
]


@pytest.mark.parametrize(("at", "value"), BAD)
def test_a_leaf_of_other_shape_is_refused(at: int, value: Any) -> None:
    fields = codec.decode(RESULT.encode())
    fields[at] = value
    with pytest.raises(FormatError):
        decode_result(codec.encode(fields))


@given(st.binary(max_size=80))
def test_noise_is_no_leaf(data: bytes) -> None:
    try:
        result = decode_result(data)
    except LedgerError:
        return
    assert result.encode() == data
