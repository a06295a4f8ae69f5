"""Billing: exact, never above the hold, and covering what it says it covers."""

from hypothesis import given
from hypothesis import strategies as st

from contracts.billing import (
    SCALE,
    compute_advance,
    compute_affordable,
    compute_bill,
    compute_charge,
    compute_cost,
    compute_covered_ms,
    compute_credit_bp,
    compute_frozen,
)
from contracts.context import Rules
from contracts.payload import MAX_PRICE, MAX_UNITS
from contracts.rules import VERSION_1

RULES = Rules(1, VERSION_1)
charges = st.integers(0, 10**24)
units = st.integers(1, MAX_UNITS)
prices = st.integers(1, MAX_PRICE)
remainders = st.integers(0, SCALE - 1)
money = st.integers(0, 10**18)


def test_worked_example() -> None:
    # Two cards for an hour at 10 yuan, with a credit of a fifth.
    charge = compute_charge(2_000 * 3_600, 10_000_000, 2_000)
    assert compute_bill(charge, 0, 10**9) == (16_000_000, 0)
    assert compute_cost(2_000, 10_000_000, 3_600_000) == 20_000_000


@given(st.lists(charges, max_size=20))
def test_no_micro_yuan_is_lost(parts: list[int]) -> None:
    remainder = billed = 0
    for charge in parts:
        bill, remainder = compute_bill(charge, remainder, 10**30)
        billed += bill
    assert billed * SCALE + remainder == sum(parts)


@given(charges, remainders, money)
def test_a_bill_is_within_the_hold(charge: int, remainder: int, held: int) -> None:
    bill, left = compute_bill(charge, remainder, held)
    assert 0 <= bill <= held
    assert 0 <= left < SCALE


@given(money, remainders, units, prices)
def test_funds_cover_their_span_and_no_more(
    funds: int, remainder: int, unit_count: int, price: int
) -> None:
    covered_ms = compute_covered_ms(funds, unit_count, price)
    charge = unit_count * price * 10 * covered_ms
    assert compute_frozen(charge, 10**30) <= funds
    assert compute_bill(charge, remainder, 10**30)[0] <= funds
    assert unit_count * price * 10 * (covered_ms + 1) > funds * SCALE


@given(units, prices, st.integers(1, 10**9))
def test_a_cost_covers(unit_count: int, price: int, duration_ms: int) -> None:
    cost = compute_cost(unit_count, price, duration_ms)
    assert compute_covered_ms(cost, unit_count, price) >= duration_ms
    assert cost * SCALE - unit_count * price * 10 * duration_ms < SCALE


@given(money, prices, st.integers(1, 10**9))
def test_what_is_affordable_costs_no_more_than_there_is(
    funds: int, price: int, duration_ms: int
) -> None:
    unit_count = compute_affordable(funds, price, duration_ms)
    assert compute_cost(unit_count, price, duration_ms) <= funds
    assert compute_cost(unit_count + 1, price, duration_ms) > funds


@given(charges, charges, charges, remainders)
def test_what_is_frozen_pays_any_ruling(
    claim: int, final: int, accepted: int, remainder: int
) -> None:
    """Also after a part of it was paid ahead, and other epochs changed the remainder meanwhile."""
    frozen = compute_frozen(claim, 10**30)
    final = min(claim, final)
    ahead = compute_advance(min(final, accepted))
    bill, left = compute_bill(final - ahead * SCALE, remainder, frozen - ahead)
    assert (ahead + bill) * SCALE + left == final + remainder
    assert 0 <= left < SCALE


def test_credit_steps() -> None:
    steps = [(10_000, 0), (9_990, 0), (9_989, 2_000), (9_899, 3_000), (9_499, 5_000), (0, 5_000)]
    for availability_bp, credit_bp in steps:
        assert compute_credit_bp(RULES, 1, availability_bp) == credit_bp
        assert compute_credit_bp(RULES, 0, availability_bp) == 0
