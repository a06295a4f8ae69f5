"""What cash and a voucher can pay together, against a search."""

from hypothesis import given
from hypothesis import strategies as st

from contracts.hold import compute_funds, compute_split, make_voucher_part

AMOUNTS = st.integers(0, 300)
SHARES = st.sampled_from([0, 1, 3_333, 5_000, 9_999, 10_000])


@given(AMOUNTS, AMOUNTS, SHARES)
def test_funds_are_the_greatest_bill(cash: int, voucher: int, share_bp: int) -> None:
    part = make_voucher_part("voucher-1", voucher, share_bp)
    payable = [bill for bill in range(700) if compute_split(bill, share_bp, voucher).cash <= cash]
    assert compute_funds(cash, part) == max(payable)
    assert compute_funds(cash, None) == cash


@given(AMOUNTS, AMOUNTS, AMOUNTS, SHARES)
def test_what_is_frozen_pays_any_part(bill: int, most: int, paid: int, share_bp: int) -> None:
    frozen = compute_split(bill, share_bp, most)
    part = compute_split(min(paid, bill), share_bp, frozen.voucher)
    assert part.cash <= frozen.cash and part.voucher <= frozen.voucher
