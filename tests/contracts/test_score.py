"""The published score: a worked example, and the bounds that the walk along the book relies on."""

from hypothesis import given
from hypothesis import strategies as st

from contracts.context import Rules
from contracts.rules import VERSION_1
from contracts.score import compute_bound, compute_score, compute_static

RULES = Rules(1, VERSION_1)
PRICES = st.integers(1, 10**12)


def describe(latency_ms: int = 1, pue: int = 1_000, green_bp: int = 10_000) -> dict[str, int]:
    return {"latency_ms": latency_ms, "pue_thousandths": pue, "green_bp": green_bp}


def test_an_example() -> None:
    """10 yuan an hour; 20 ms (+4 %), a PUE of 1.15 (+1.5 %), 55 % green power (+2.25 %)."""
    static = compute_static(RULES, 10_000_000, describe(20, 1_150, 5_500))
    assert static == 10_775_000
    assert compute_score(RULES, static, 10_000_000, 90, 10) == 10_975_000


def test_a_resource_without_blemish_scores_its_price() -> None:
    assert compute_static(RULES, 7, describe()) == 7
    assert compute_score(RULES, 7, 7, 0, 0) == 7


def test_a_meter_below_one_and_above_two_is_read_as_one_and_two() -> None:
    assert compute_static(RULES, 10_000, describe(pue=900)) == 10_000
    assert compute_static(RULES, 10_000, describe(pue=9_000)) == 11_000


@given(
    PRICES,
    st.sampled_from([1, 5, 20]),
    st.integers(0, 10_000),
    st.integers(0, 10_000),
    st.integers(0, 1_000),
    st.integers(0, 1_000),
    st.integers(0, 10**9),
)
def test_the_bounds_of_the_walk(
    price: int, latency: int, pue: int, green: int, delivered: int, faults: int, more: int
) -> None:
    static = compute_static(RULES, price, describe(latency, pue, green))
    assert price <= static <= compute_bound(RULES, price) <= compute_bound(RULES, price + more)
    assert static <= compute_score(RULES, static, price, delivered, faults) < 1 << 63
