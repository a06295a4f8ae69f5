"""Text: the same is let through whatever version of Unicode the interpreter knows."""

import sys
import unicodedata

import pytest

from contracts.text import is_printable

REFUSED = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Zs"}


@pytest.mark.parametrize("text", ["", "Guizhou node 1", "贵州枢纽", "naïve — “so”", "\U0001f600"])
def test_what_people_write_is_printable(text: str) -> None:
    assert is_printable(text)


@pytest.mark.parametrize(
    "text",
    ["a\x00", "a\nb", "\u202eabc", "\u200b", "\u2028", "\u3000", "\ue000", "\U000e0041", "\ufffe"],
)
def test_what_cannot_be_seen_is_refused(text: str) -> None:
    assert not is_printable(text)


def test_a_character_that_only_a_later_python_knows_divides_nobody() -> None:
    """The shaking face is of Unicode 15: Python 3.12 has it, and 3.11 does not."""
    assert is_printable("\U0001fae8")


def test_the_rule_is_that_of_the_database_for_all_that_is_assigned() -> None:
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        category = unicodedata.category(char)
        if category != "Cn":
            refused = category in REFUSED and char != " "
            # Later versions may have more format characters; they are let through for ever.
            assert is_printable(char) != refused or category == "Cf", hex(code)
