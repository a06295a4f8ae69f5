"""Values are counted before they are made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import codec
from ledger.codec import Value
from ledger.errors import EncodingError
from node.outline import check_values

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.text(max_size=300)
    | st.binary(max_size=300),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=40), inner),
    max_leaves=60,
)


def count(value: Value) -> int:
    if type(value) is list:
        return 1 + sum(map(count, value))
    if type(value) is dict:
        return 1 + sum(1 + count(item) for item in value.values())
    return 1


@given(VALUES)
def test_every_value_counts_once(value: Value) -> None:
    data, most = codec.encode(value), count(value)
    check_values(data, most)
    if most > 1:
        with pytest.raises(EncodingError, match="more than"):
            check_values(data, most - 1)


@given(st.binary(max_size=200))
def test_any_bytes_are_counted_or_refused(data: bytes) -> None:
    try:
        check_values(data, 50)
    except EncodingError:
        return


@pytest.mark.parametrize(
    "data",
    [
        b"\xdd\x00\x10\x00\x00" + b"\x90" * (1 << 20),
        b"\xdd\xff\xff\xff\xff",
        b"\xdc\x00\x63" + b"\xdc\x00\x63" * 99,
        b"\x90" + b"\xdf\xff\xff\xff\xff",
        b"\x9f" * 1000,
        b"\xca\x00\x00\x00\x00",
        b"\xd4\x01\x00",
    ],
    ids=["wide", "boast", "nested", "after", "deep", "float", "extension"],
)
def test_bombs_are_refused(data: bytes) -> None:
    if data[:1] == b"\x90":
        check_values(data, 100)  # what follows the value is for the decoder to refuse
        with pytest.raises(EncodingError):
            codec.decode(data)
    else:
        with pytest.raises(EncodingError):
            check_values(data, 100)
