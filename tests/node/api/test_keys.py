"""State keys in paths and JSON: what is split joins again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import FormatError
from ledger.record import make_key
from node.api import keys

TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=30)
NUMBER = st.integers(0, 2**48).map(lambda n: n.to_bytes(8, "big"))


@given(st.lists(TEXT.filter(lambda text: not text.startswith("0x")), max_size=4))
def test_text_fields_come_back(fields: list[str]) -> None:
    key = make_key("table", *fields)
    assert keys.split(key) == ["table", *fields]
    assert keys.join(["table", *fields]) == key


@given(TEXT.filter(lambda text: len(text) > 8 and not text.startswith("0x")), NUMBER)
def test_a_number_after_text_comes_back(text: str, number: bytes) -> None:
    key = make_key("table", text, number)
    assert keys.join(keys.split(key)) == key
    assert keys.split(key) == ["table", text, f"0x{number.hex()}"]


@given(st.binary(max_size=256))
def test_any_bytes_are_split_somehow(key: bytes) -> None:
    assert all(type(field) is str for field in keys.split(key))


def test_a_key_of_zeros_is_split_fast() -> None:
    assert keys.split(b"t\x00" + bytes(254))


@pytest.mark.parametrize(
    "fields", [[], [""], ["T"], ["t", ""], ["t", "ü"], ["t", "\n"], ["t", "x" * 256], ["t\x00"]]
)
def test_bad_fields_are_refused(fields: list[str]) -> None:
    with pytest.raises(FormatError):
        keys.join(fields)
