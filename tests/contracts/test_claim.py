"""Claims under random usage, shares and disputes: exact in all, and no bucket ever negative."""

from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.agreement import LEASES, Lease, compute_horizon
from contracts.billing import SCALE
from contracts.claim import apply_advance, apply_claim, apply_outcome, compute_figures_charge
from contracts.context import Context
from contracts.hold import make_voucher_part
from contracts.receipt import Dispute, Figures, Receipt, get_accepted, replace_open
from contracts.rules import VERSION_1
from tests.contracts.trade import PROVIDER, YUAN, Trade

EPOCH_MS: Final = VERSION_1["meter_epoch_ms"]


@dataclass(frozen=True)
class Usage:
    """What becomes of one epoch; shares are thousandths of the step above."""

    used: int
    availability_bp: int
    accepted: int | None  # of a dispute, or None where there is none
    final: int
    waits: int  # how many epochs later it is settled


usages = st.builds(
    Usage,
    used=st.integers(0, 1_000),
    availability_bp=st.sampled_from([10_000, 9_989, 9_899, 0]),
    accepted=st.none() | st.integers(0, 1_000),
    final=st.integers(0, 1_000),
    waits=st.integers(0, 4),
)


@dataclass
class Books:
    """A lease without its contracts: epochs are claimed, disputed and settled, in any order."""

    ctx: Context
    lease: Lease
    charged: int = 0
    waiting: list[tuple[int, Usage]] = field(default_factory=list)

    def claim(self, usage: Usage) -> bool:
        """Claim the next epoch, as far as the funds reach; False where they do not."""
        horizon_ms = compute_horizon(self.lease)
        starts_ms = self.lease["metered_ms"]
        if starts_ms >= horizon_ms:
            return False
        ends_ms = min(starts_ms + EPOCH_MS, horizon_ms)
        most = self.lease["units"] * (ends_ms - starts_ms) // 1000
        receipt = make_receipt(self.lease, starts_ms, ends_ms, most * usage.used // 1000, usage)
        self.lease, claim = apply_claim(self.ctx, self.lease, receipt)
        charge = compute_figures_charge(self.ctx, self.lease, claimed(claim))
        # Within the horizon no claim is above the funds.
        assert claim["claimed_micro_yuan"] == -(-charge // SCALE)
        if usage.accepted is not None:
            claim = self.dispute(claim, usage.accepted)
        self.lease = {**self.lease, "open": [*self.lease["open"], claim]}
        self.waiting.append((claim["epoch"], usage))
        return True

    def dispute(self, claim: Receipt, share: int) -> Receipt:
        """Pay the accepted part of a claim."""
        disputed: Receipt = {
            **claim,
            "dispute": make_dispute(claim, share),
            "state": "contested",
        }
        self.lease, paid = apply_advance(self.ctx, self.lease, disputed, get_accepted(disputed))
        dispute: Any = paid["dispute"]
        return {**paid, "dispute": {**dispute, "paid_ms": 1, "state": "evidence"}}

    def settle(self, place: int) -> None:
        """Settle one that waits, anywhere between what was accepted and what was claimed."""
        epoch, usage = self.waiting.pop(place)
        claim = next(other for other in self.lease["open"] if other["epoch"] == epoch)
        low, high = get_accepted(claim), claimed(claim)
        used = low.used_unit_seconds + (
            (high.used_unit_seconds - low.used_unit_seconds) * usage.final // 1000
        )
        figures = Figures(used, high.availability_bp)
        self.charged += compute_figures_charge(self.ctx, self.lease, figures)
        if claim["dispute"] is not None:
            claim = {**claim, "dispute": {**claim["dispute"], "state": "agreed"}}
            self.lease = {**self.lease, "open": replace_open(self.lease["open"], claim)}
        self.lease = apply_outcome(self.ctx, "lease", self.lease, claim, "agree", figures)

    def check(self) -> None:
        """Every bucket and every sum."""
        assert LEASES.check is not None and LEASES.money is not None
        assert list(LEASES.check(b"lease", self.lease)) == []
        assert min(LEASES.money(b"lease", self.lease).values()) >= 0
        account = self.ctx.get(b"account\x00" + PROVIDER.encode() + b"\x00")
        assert (0 if account is None else account["balance"]) == self.lease["billed_micro_yuan"]


def claimed(claim: Receipt) -> Figures:
    return Figures(claim["used_unit_seconds"], claim["availability_bp"])


def make_receipt(lease: Lease, starts_ms: int, ends_ms: int, used: int, usage: Usage) -> Receipt:
    return {
        "asked": 0,
        "availability_bp": usage.availability_bp,
        "billed_micro_yuan": 0,
        "billed_voucher_micro_yuan": 0,
        "claimed_micro_yuan": 0,
        "deadline_ms": 0,
        "dispute": None,
        "ends_ms": ends_ms,
        "epoch": lease["epoch"],
        "frozen_micro_yuan": 0,
        "frozen_voucher_micro_yuan": 0,
        "samples_count": 1,
        "samples_root": bytes(32),
        "starts_ms": starts_ms,
        "state": "signed",
        "used_unit_seconds": used,
    }


def make_dispute(claim: Receipt, share: int) -> Dispute:
    return {
        "accepted_availability_bp": claim["availability_bp"],
        "accepted_unit_seconds": claim["used_unit_seconds"] * share // 1000,
        "appellant": "",
        "deadline_ms": 0,
        "evidence": [],
        "evidence_until_ms": 0,
        "instance": "nation",
        "opened_ms": 1,
        "paid_ms": 0,
        "ruling": None,
        "state": "open",
    }


@pytest.fixture(scope="module")
def active() -> Trade:
    return Trade().start(hold_micro_yuan=100 * YUAN)


@settings(max_examples=200, deadline=None)
@given(
    epochs=st.lists(usages, min_size=1, max_size=10),
    units=st.sampled_from([1, 777, 8_000]),
    price=st.sampled_from([1, 3_333_333, 10 * YUAN]),
    cash=st.integers(0, 60 * YUAN),
    voucher=st.integers(0, 60 * YUAN),
    share_bp=st.sampled_from([0, 1, 3_333, 9_999, 10_000]),
)
def test_no_micro_yuan_is_lost(
    active: Trade,
    epochs: list[Usage],
    units: int,
    price: int,
    cash: int,
    voucher: int,
    share_bp: int,
) -> None:
    lease: Lease = {
        **active.record,
        "ends_ms": active.record["activated_ms"] + 12 * EPOCH_MS,
        "funded_micro_yuan": cash,
        "held_micro_yuan": cash,
        "price_micro_yuan": price,
        "units": units,
        "voucher": make_voucher_part("voucher", voucher, share_bp) if share_bp else None,
    }
    books = Books(active.world.look(), lease)
    for usage in epochs:
        if not books.claim(usage):
            break
        books.check()
        if usage.waits < len(books.waiting):
            books.settle(usage.waits)
            books.check()
    while books.waiting:
        books.settle(len(books.waiting) // 2)
        books.check()
    # What was paid in all is exactly what was charged in all; one rounding, and it is carried.
    assert books.lease["billed_micro_yuan"] * SCALE + books.lease["remainder"] == books.charged
