"""The published score, by which the ledger itself matches demands with offers.

The less, the better: it is a price in micro-yuan a whole unit-hour, raised for what is worse than
it could be.

    surcharge = `selection_latency_bp` for each step of the latency class above 1 ms
              + `selection_pue_bp` * (PUE above 1, at most 1)
              + `selection_green_bp` * (share of power that is not green)
    static    = price * (`selection_price_bp` + surcharge) / 10 000
    score     = static + price * `selection_record_bp` * faults / (delivered + faults) / 10 000

1. All divisions round down, each basis-point term and each line by itself.
2. The static part follows from the offer and its resource as it was described: it is computed when
   the offer is made, under the rules of that moment, and stands in the offer.
3. The rest follows from the provider's record of delivery when the choice is made, under the rules
   of that moment; of a provider without a record it is nothing.
4. So a score is never below its static part, and no offer at a price of at most a ceiling, made
   under the rules in force, has a static part above `compute_bound`.
"""

from collections.abc import Mapping
from typing import Any, Final

from contracts.context import Rules
from contracts.payload import FULL_BP

_STEPS: Final = {1: 0, 5: 1, 20: 2}  # of the latency classes
_PUE_ONE: Final = 1000


def compute_static(rules: Rules, price_micro_yuan: int, descriptor: Mapping[str, Any]) -> int:
    """The part of the score that follows from the offer alone (rule 2)."""
    excess = min(max(descriptor["pue_thousandths"] - _PUE_ONE, 0), _PUE_ONE)
    surcharge_bp = (
        rules["selection_latency_bp"] * _STEPS[descriptor["latency_ms"]]
        + rules["selection_pue_bp"] * excess // _PUE_ONE
        + rules["selection_green_bp"] * (FULL_BP - descriptor["green_bp"]) // FULL_BP
    )
    factor_bp: int = rules["selection_price_bp"] + surcharge_bp
    return price_micro_yuan * factor_bp // FULL_BP


def compute_score(
    rules: Rules, static: int, price_micro_yuan: int, delivered: int, faults: int
) -> int:
    """The whole score, with what the provider's record of delivery adds (rule 3)."""
    if not faults:
        return static
    record_bp = rules["selection_record_bp"] * faults // (delivered + faults)
    return static + price_micro_yuan * record_bp // FULL_BP


def compute_bound(rules: Rules, ceiling_micro_yuan: int) -> int:
    """The greatest static part of an offer at a price of at most a ceiling (rule 4)."""
    most_bp = (
        rules["selection_price_bp"]
        + rules["selection_latency_bp"] * max(_STEPS.values())
        + rules["selection_pue_bp"]
        + rules["selection_green_bp"]
    )
    return ceiling_micro_yuan * most_bp // FULL_BP
