"""Claims: how a receipt's money leaves the hold of its lease, and what becomes of the rest.

1. A claim is frozen out of the hold, cash and voucher by their shares, as soon as it is made; so
   whatever is decided about it later, the money is there.
2. What is accepted of a disputed claim is paid ahead; the rest when it is settled. Every payment is
   split anew over all that was billed of the epoch, so that the shares stay exact.
3. When it is settled, what is still frozen goes back to the hold.
4. When nothing more can be claimed of a lease and no claim waits, what is held goes back: cash to
   the consumer, a voucher's part to the voucher. Frozen claims follow when they are settled.
5. Every movement of money stands in an event: `paid_micro_yuan` went to the provider,
   `refunded_micro_yuan` to the consumer; the voucher's part is named beside it.
"""

from contracts.account import apply_credit
from contracts.agreement import LEASES, LIFE, Lease, emit_about, find_waiting
from contracts.billing import (
    SCALE,
    compute_advance,
    compute_bill,
    compute_charge,
    compute_credit_bp,
    compute_frozen,
)
from contracts.context import Context
from contracts.delivery import apply_epoch
from contracts.hold import VoucherPart, compute_funds, compute_split
from contracts.life import compute_next
from contracts.receipt import LIFE as RECEIPT_LIFE
from contracts.receipt import MAX_OPEN, Figures, Receipt, add_settled, get_paid
from contracts.rules import load_version
from contracts.voucher import apply_return


def compute_figures_charge(ctx: Context, lease: Lease, figures: Figures) -> int:
    """The charge of figures under the lease's price, class and rules."""
    rules = load_version(ctx, lease["rules"])
    credit_bp = compute_credit_bp(rules, lease["sla_class"], figures.availability_bp)
    return compute_charge(figures.used_unit_seconds, lease["price_micro_yuan"], credit_bp)


def apply_claim(ctx: Context, lease: Lease, claim: Receipt) -> tuple[Lease, Receipt]:
    """Freeze a new claim out of the hold; its epoch is metered (rule 1)."""
    figures = Figures(claim["used_unit_seconds"], claim["availability_bp"])
    part = lease["voucher"]
    funds = compute_funds(lease["held_micro_yuan"], part)
    claimed = compute_frozen(compute_figures_charge(ctx, lease, figures), funds)
    share_bp, most = (0, 0) if part is None else (part["share_bp"], part["held_micro_yuan"])
    split = compute_split(claimed, share_bp, most)
    frozen: Receipt = {
        **claim,
        "claimed_micro_yuan": claimed,
        "frozen_micro_yuan": split.cash,
        "frozen_voucher_micro_yuan": split.voucher,
    }
    changed: Lease = {
        **lease,
        "epoch": lease["epoch"] + 1,
        "held_micro_yuan": lease["held_micro_yuan"] - split.cash,
        "metered_ms": claim["ends_ms"],
        "voucher": _move(part, held=-split.voucher),
    }
    return changed, frozen


def apply_advance(
    ctx: Context, lease: Lease, claim: Receipt, figures: Figures
) -> tuple[Lease, Receipt]:
    """Pay the provider ahead for what is accepted of a claim (rule 2)."""
    bill = compute_advance(compute_figures_charge(ctx, lease, figures))
    used = figures.used_unit_seconds
    return _apply_payment(ctx, lease, claim, bill, used)


def apply_outcome(
    ctx: Context, name: str, lease: Lease, claim: Receipt, event: str, figures: Figures
) -> Lease:
    """Settle a claim with its final figures; close a lease of which it is the last (rule 3)."""
    paid, rest = _apply_rest(ctx, lease, claim, figures)
    settled: Receipt = {
        **rest,
        "availability_bp": figures.availability_bp,
        "frozen_micro_yuan": 0,
        "frozen_voucher_micro_yuan": 0,
        "state": compute_next(RECEIPT_LIFE, claim["state"], event),
        "used_unit_seconds": figures.used_unit_seconds,
    }
    changed: Lease = {
        **paid,
        "held_micro_yuan": lease["held_micro_yuan"] + rest["frozen_micro_yuan"],
        "open": [other for other in lease["open"] if other["epoch"] != claim["epoch"]],
        "receipt": settled,
        "settled": add_settled(lease["settled"], settled),
        "voucher": _move(paid["voucher"], held=rest["frozen_voucher_micro_yuan"]),
    }
    if lease["state"] == "settling" and len(lease["open"]) >= MAX_OPEN:
        changed = extend_settlement(ctx, changed)
    apply_epoch(ctx, lease, figures.availability_bp)
    emit_about(
        ctx,
        f"metering.{settled['state']}",
        name,
        changed,
        billed_micro_yuan=settled["billed_micro_yuan"],
        billed_voucher_micro_yuan=settled["billed_voucher_micro_yuan"],
        epoch=claim["epoch"],
        paid_micro_yuan=settled["billed_micro_yuan"] - claim["billed_micro_yuan"],
        used_unit_seconds=figures.used_unit_seconds,
    )
    return apply_ending(ctx, name, changed)


def _apply_rest(
    ctx: Context, lease: Lease, claim: Receipt, figures: Figures
) -> tuple[Lease, Receipt]:
    """Pay what final figures are above what was paid ahead, with the lease's remainder."""
    ahead = get_paid(claim).used_unit_seconds
    charge = compute_figures_charge(ctx, lease, figures) - claim["billed_micro_yuan"] * SCALE
    frozen = claim["frozen_micro_yuan"] + claim["frozen_voucher_micro_yuan"]
    bill, remainder = compute_bill(charge, lease["remainder"], frozen)
    begun: Lease = {**lease, "remainder": remainder}
    return _apply_payment(ctx, begun, claim, bill, figures.used_unit_seconds - ahead)


def _apply_payment(
    ctx: Context, lease: Lease, claim: Receipt, bill: int, used_unit_seconds: int
) -> tuple[Lease, Receipt]:
    """Pay the provider out of what is frozen, by the shares of all that was billed (rule 2)."""
    part, before = lease["voucher"], claim["billed_voucher_micro_yuan"]
    share_bp = 0 if part is None else part["share_bp"]
    billed = claim["billed_micro_yuan"] + bill
    most = before + claim["frozen_voucher_micro_yuan"]
    voucher = compute_split(billed, share_bp, most).voucher - before
    if bill:
        apply_credit(ctx, lease["provider"], bill)
    changed: Lease = {
        **lease,
        "billed_micro_yuan": lease["billed_micro_yuan"] + bill,
        "used_unit_seconds": lease["used_unit_seconds"] + used_unit_seconds,
        "voucher": _move(part, billed=voucher),
    }
    rest: Receipt = {
        **claim,
        "billed_micro_yuan": billed,
        "billed_voucher_micro_yuan": before + voucher,
        "frozen_micro_yuan": claim["frozen_micro_yuan"] - (bill - voucher),
        "frozen_voucher_micro_yuan": claim["frozen_voucher_micro_yuan"] - voucher,
    }
    return changed, rest


def extend_settlement(ctx: Context, lease: Lease) -> Lease:
    """A lease that ended and waits anew for receipts that could not be left before."""
    window_ms = load_version(ctx, lease["rules"])["settlement_window_ms"]
    return {**lease, "deadline_ms": ctx.working_ms + window_ms}


def apply_failure(
    ctx: Context, key: bytes, name: str, lease: Lease, event: str, actor: str, reason: str
) -> None:
    """End a lease of which nothing was metered, and give back all that is held."""
    refunded = apply_refund(ctx, name, lease)
    ended: Lease = {
        **refunded,
        "closed_by": actor,
        "ended_ms": ctx.time_ms,
        "reason": reason,
        "state": compute_next(LIFE, lease["state"], event),
    }
    LEASES.put(ctx, key, ended)
    data = {"reason": reason, "refunded_micro_yuan": ended["refunded_micro_yuan"]}
    emit_about(ctx, f"lease.{ended['state']}", name, ended, **data)


def apply_ending(ctx: Context, name: str, lease: Lease) -> Lease:
    """What becomes of a lease of which nothing more can be claimed (rule 4)."""
    claimed = lease["metered_ms"] == lease["ended_ms"] and find_waiting(lease) is None
    if lease["state"] != "settling" or not claimed:
        return lease
    closes = not lease["open"] and not lease["challenges"]
    refunded = apply_refund(ctx, name, lease, closes=closes)
    if not closes:
        return refunded
    closed: Lease = {**refunded, "state": compute_next(LIFE, lease["state"], "finish")}
    data = {
        "billed_micro_yuan": closed["billed_micro_yuan"],
        "refunded_micro_yuan": closed["refunded_micro_yuan"],
    }
    emit_about(ctx, "lease.closed", name, closed, reason=lease["reason"], **data)
    return closed


def apply_refund(ctx: Context, name: str, lease: Lease, *, closes: bool = True) -> Lease:
    """Give back all that a lease holds; one that closes tells its voucher what was spent."""
    part, cash = lease["voucher"], lease["held_micro_yuan"]
    rest = 0 if part is None else part["held_micro_yuan"]
    if part is not None:
        apply_return(ctx, part["id"], rest, part["billed_micro_yuan"] if closes else 0)
        part = {**part, "refunded_micro_yuan": part["refunded_micro_yuan"] + rest}
    if cash:
        apply_credit(ctx, lease["consumer"], cash)
    if cash or rest:
        data = {"refunded_micro_yuan": cash, "refunded_voucher_micro_yuan": rest}
        emit_about(ctx, "lease.refunded", name, lease, **data)
    return {
        **lease,
        "held_micro_yuan": 0,
        "refunded_micro_yuan": lease["refunded_micro_yuan"] + cash,
        "voucher": _move(part, held=-rest),
    }


def _move(part: VoucherPart | None, held: int = 0, billed: int = 0) -> VoucherPart | None:
    """A lease's part of a voucher with other amounts in its buckets."""
    if part is None:
        return None
    return {
        **part,
        "billed_micro_yuan": part["billed_micro_yuan"] + billed,
        "held_micro_yuan": part["held_micro_yuan"] + held,
    }
