"""Codes: the vectors of the domain, what is refused, what the check characters catch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import code as codes
from ledger.errors import FormatError

VECTORS = [
    ("ISO79", "3W"),
    ("N000000000000000000000", "4Q"),
    ("R520000000001000000001", "VO"),
    ("P520100I0A001000000000", "2N"),
    ("C520100I0A001200000001", "84"),
]
RESOURCE = "C520100I0A00120000000184"


@pytest.mark.parametrize(("text", "check"), VECTORS)
def test_vectors(text: str, check: str) -> None:
    assert codes.compute_check_characters(text) == check


@pytest.mark.parametrize(("text", "check"), VECTORS[1:])
def test_vectors_are_codes(text: str, check: str) -> None:
    assert codes.is_code(text + check)


def test_fields() -> None:
    fields = codes.parse_code(RESOURCE)
    assert fields == codes.CodeFields("C", "520100", "I", "0A001", "20", "0000001")
    assert fields.region == "52"
    assert codes.compose_code("C", "520100", "0A001", "I", "20", "0000001") == RESOURCE


def test_grouped_form() -> None:
    assert codes.format_code(RESOURCE) == "C-520100-I-0A001-20-0000001-84"
    assert codes.parse_grouped("C-520100-I-0A001-20-0000001-84") == RESOURCE
    for wrong in ("C520100-I-0A001-20-0000001-84", RESOURCE, "c-520100-I-0A001-20-0000001-84"):
        with pytest.raises(FormatError):
            codes.parse_grouped(wrong)


def test_the_provinces_are_34() -> None:
    assert len(codes.PROVINCES) == 34


def compose(text: str) -> str:
    return text + codes.compute_check_characters(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        RESOURCE.lower(),
        RESOURCE[:-1] + "5",
        RESOURCE + "0",
        compose("X520100I0A001200000001"),  # no such class
        compose("P990100I0A001000000000"),  # no such province
        compose("P000000I0A001000000000"),  # a provider is somewhere
        compose("N520000000000000000000"),  # the national node is everywhere
        compose("R520100000001000000001"),  # a region is a province
        compose("P520100Z0A001000000000"),  # no such section
        compose("P520100I0A001000000001"),  # a provider's serial is 0
        compose("P520100I0A001200000000"),  # a provider has no resource class
        compose("C520100I0A001000000001"),  # a resource has one
        compose("C520100I0A001210000001"),  # which is known
        "Ｃ520100I0A00120000000184",
    ],
)
def test_refused(text: str) -> None:
    assert not codes.is_code(text)
    with pytest.raises(FormatError) as caught:
        codes.parse_code(text)
    assert caught.value.code == "bad-code"


def test_compose_refuses() -> None:
    with pytest.raises(FormatError):
        codes.compose_code("C", "520100", "0A01", "I", "20", "00000010")
    with pytest.raises(FormatError):
        codes.compose_code("P", "990100", "0A001")


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=22, max_size=22), st.data())
def test_one_wrong_character_or_a_swap_is_caught(text: str, data: st.DataObject) -> None:
    whole = list(compose(text))
    at = data.draw(st.integers(0, 23))
    wrong = data.draw(st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    changed = "".join([*whole[:at], wrong, *whole[at + 1 :]])
    swapped = list(whole)
    swapped[at - 1], swapped[at] = swapped[at], swapped[at - 1]
    for other in (changed, "".join(swapped)):
        holds = codes.compute_check_characters(other[:22]) == other[22:]
        assert holds == (other == "".join(whole))
