"""Amounts for people, and bills recomputed from receipts."""

import pytest

from contracts.rules import VERSION_1
from devnet.market import YUAN, compute_bills, show_yuan


@pytest.mark.parametrize(
    ("micro_yuan", "text"),
    [
        (0, "¥0.00"),
        (1, "¥0.000001"),
        (YUAN, "¥1.00"),
        (1_234_567_890_000, "¥1,234,567.89"),
        (-1_500_000, "-¥1.50"),
        (10**15 + 1, "¥1,000,000,000.000001"),
    ],
)
def test_amounts_are_exact(micro_yuan: int, text: str) -> None:
    assert show_yuan(micro_yuan) == text


def test_remainders_are_carried_and_credits_follow_from_availability() -> None:
    third = [(1, 10_000)] * 3  # a thousandth for a second at 1.2 yuan: a third of a micro-yuan
    assert compute_bills(VERSION_1, 1_200_000, third, YUAN) == [0, 0, 1]
    full, credited = compute_bills(
        VERSION_1, 3_600 * YUAN, [(1_000, 10_000), (1_000, 9_850)], 10 * YUAN
    )
    assert (full, credited) == (YUAN, YUAN * 7 // 10)


def test_bills_never_exceed_the_hold() -> None:
    assert compute_bills(VERSION_1, 3_600 * YUAN, [(1_000, 10_000)] * 3, YUAN + 5) == [YUAN, 5, 0]
