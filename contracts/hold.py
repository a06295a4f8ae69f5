"""Holds: the money of a lease, cash of the consumer beside a share out of a voucher.

1. A voucher pays its share of each receipt's bill, rounded down, and never more than the lease has
   of it; cash pays the rest.
2. The *funds* of a lease are the greatest bill that its cash and its voucher can pay together.
3. A claim freezes as much of both as its whole bill would take; so whatever part of it is paid in
   the end, and in how many payments, what is frozen suffices.
4. cash:    funded = held + frozen + billed - billed by the voucher + refunded
   voucher: funded = held + frozen + billed + refunded
"""

from typing import NamedTuple, TypedDict

from contracts.payload import FULL_BP


class VoucherPart(TypedDict):
    """What a lease has of a voucher."""

    billed_micro_yuan: int
    funded_micro_yuan: int
    held_micro_yuan: int
    id: str
    refunded_micro_yuan: int
    share_bp: int


class Split(NamedTuple):
    """An amount by who pays it."""

    cash: int
    voucher: int


def make_voucher_part(id_: str, micro_yuan: int, share_bp: int) -> VoucherPart:
    """A lease's part of a voucher, all of it still held."""
    return {
        "billed_micro_yuan": 0,
        "funded_micro_yuan": micro_yuan,
        "held_micro_yuan": micro_yuan,
        "id": id_,
        "refunded_micro_yuan": 0,
        "share_bp": share_bp,
    }


def add_voucher_part(part: VoucherPart | None, more: VoucherPart | None) -> VoucherPart | None:
    """A lease's part of a voucher with more of the same."""
    if part is None or more is None:
        return part or more
    assert part["id"] == more["id"]
    return {
        **part,
        "funded_micro_yuan": part["funded_micro_yuan"] + more["funded_micro_yuan"],
        "held_micro_yuan": part["held_micro_yuan"] + more["held_micro_yuan"],
    }


def compute_funds(cash: int, part: VoucherPart | None) -> int:
    """The greatest bill that cash and a voucher's part can pay together, in micro-yuan (rule 2)."""
    if part is None:
        return cash
    share_bp, voucher = part["share_bp"], part["held_micro_yuan"]
    if share_bp == FULL_BP:
        return cash + voucher
    return min(cash + voucher, cash * FULL_BP // (FULL_BP - share_bp))


def compute_split(micro_yuan: int, share_bp: int, most: int) -> Split:
    """An amount split by rule 1; `most` is what the voucher can pay of it."""
    voucher = min(most, micro_yuan * share_bp // FULL_BP)
    return Split(micro_yuan - voucher, voucher)
