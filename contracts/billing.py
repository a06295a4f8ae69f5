"""Billing: exact integer arithmetic of usage, price and credits; nothing here knows a state.

A *charge* is an integer of which `SCALE` make one micro-yuan:

    charge = used thousandth-unit seconds * price a whole unit-hour * (10 000 - credit)

1. The bill of an epoch is (charge + remainder) // SCALE; what is left is the remainder that the
   next epoch begins with. So there is one rounding an epoch, and over a lease none is lost.
2. What is frozen for a charge is the charge rounded up. So a bill is never above it, whatever the
   remainder that it begins with, and in whatever order several charges are settled.
3. Funds cover a span of full use exactly as long as its charge is not above them.
4. Part of a charge is paid ahead of the rest as whole micro-yuan, rounded down, without the
   remainder; the rest is the charge less what was paid. So the epoch still has one rounding.
"""

from typing import Final

from contracts.context import Rules
from contracts.payload import FULL_BP

PER_UNIT_HOUR: Final = 1000 * 3600  # thousandth-unit seconds in a whole unit-hour
SCALE: Final = PER_UNIT_HOUR * FULL_BP
_CHARGE_PER_MS = FULL_BP // 1000  # of one thousandth at a price of 1


def compute_credit_bp(rules: Rules, sla_class: int, availability_bp: int) -> int:
    """The share of an epoch's bill that its availability forgoes."""
    if sla_class == 0:
        return 0
    for step in (3, 2, 1):
        if availability_bp < rules[f"sla_floor_{step}_bp"]:
            return rules[f"sla_credit_{step}_bp"]
    return 0


def compute_charge(used_unit_seconds: int, price_micro_yuan: int, credit_bp: int) -> int:
    """The charge of an epoch."""
    return used_unit_seconds * price_micro_yuan * (FULL_BP - credit_bp)


def compute_bill(charge: int, remainder: int, held_micro_yuan: int) -> tuple[int, int]:
    """The bill in micro-yuan and the next remainder."""
    total = charge + remainder
    bill = min(total // SCALE, held_micro_yuan)
    return bill, min(total - bill * SCALE, SCALE - 1)


def compute_advance(charge: int) -> int:
    """What is paid ahead for a part of a charge, in micro-yuan (rule 4)."""
    return charge // SCALE


def compute_frozen(charge: int, held_micro_yuan: int) -> int:
    """What must be kept aside so that a charge can be paid in full, whatever the remainder."""
    return min(-(-charge // SCALE), held_micro_yuan)


def compute_covered_ms(funds_micro_yuan: int, units: int, price_micro_yuan: int) -> int:
    """How long full use is covered, whatever the remainder (rule 3)."""
    return funds_micro_yuan * SCALE // (units * price_micro_yuan * _CHARGE_PER_MS)


def compute_affordable(funds_micro_yuan: int, price_micro_yuan: int, duration_ms: int) -> int:
    """How many units' full use of a span is covered."""
    return funds_micro_yuan * SCALE // (price_micro_yuan * _CHARGE_PER_MS * duration_ms)


def compute_cost(units: int, price_micro_yuan: int, duration_ms: int) -> int:
    """What full use of a span costs at most, in micro-yuan."""
    return -(-units * price_micro_yuan * _CHARGE_PER_MS * duration_ms // SCALE)
