"""Matches: a lease and its hold, made in one step, whoever made the match.

1. What holds of capacity, at every instant of the lease's window: its offer has as many units left,
   if it is of one, and its resource as many of those attested.
2. The window lies within the attestation.
3. The hold comes out of the budget of the demand that the lease is for, or else out of the
   consumer's balance; its part of a voucher comes out of that. A demand of which all is met gives
   back what is left of its budget.
4. The hold covers `hold_epochs` of full use at least, or the whole time where that is shorter.
"""

from contracts.account import apply_lease
from contracts.agreement import LEASES, Terms, make_lease
from contracts.billing import compute_cost
from contracts.calendar import compute_peak, is_full
from contracts.context import Context, Rules
from contracts.demand import apply_part
from contracts.errors import require
from contracts.hold import VoucherPart
from contracts.offer import OfferRecord
from contracts.resource import Resource
from contracts.voucher import apply_use


def check_capacity(
    ctx: Context, code: str, resource: Resource, units: int, window: tuple[int, int]
) -> None:
    """Fail with `over-capacity` or `calendar-full` unless a resource has units for a window."""
    reserved = compute_peak(ctx, code, *window)
    require(reserved + units <= resource["attested_units"], "over-capacity")
    require(not is_full(ctx, code), "calendar-full")


def compute_least_hold(rules: Rules, units: int, price_micro_yuan: int, duration_ms: int) -> int:
    """The least hold of a lease that is to last so long, in micro-yuan (rule 4)."""
    covered_ms = min(duration_ms, rules["hold_epochs"] * rules["meter_epoch_ms"])
    return compute_cost(units, price_micro_yuan, covered_ms)


def make_offer_terms(
    name: str,
    offer: OfferRecord,
    *,
    consumer: str,
    demand: str,
    units: int,
    seconds: int,
    held_micro_yuan: int,
    starts_ms: int | None,
    voucher: VoucherPart | None = None,
) -> Terms:
    """The terms of a lease under an offer."""
    return Terms(
        consumer=consumer,
        demand=demand,
        descriptor_version=offer["descriptor_version"],
        held_micro_yuan=held_micro_yuan,
        notice_seconds=offer["notice_seconds"],
        offer=name,
        price_micro_yuan=offer["price_micro_yuan"],
        provider=offer["provider"],
        resource=offer["resource"],
        seconds=seconds,
        sla_class=offer["sla_class"],
        starts_ms=starts_ms,
        units=units,
        venue=offer["venue"],
        voucher=voucher,
    )


def apply_match(ctx: Context, terms: Terms, way: str) -> str:
    """Make a lease and its hold; its id."""
    name = ctx.make_object_id("lease")
    key = LEASES.make_key(terms.provider, name)
    lease = make_lease(ctx, terms)
    about = (
        name,
        terms.provider,
        terms.consumer,
        terms.resource,
        terms.offer,
        terms.demand,
        terms.quote,
        terms.venue,
        "" if terms.voucher is None else terms.voucher["id"],
    )
    ctx.emit(
        "lease.matched",
        about,
        held_micro_yuan=terms.held_micro_yuan,
        price_micro_yuan=terms.price_micro_yuan,
        seconds=terms.seconds,
        starts_ms=lease["starts_ms"],
        units=terms.units,
        voucher_micro_yuan=0 if terms.voucher is None else terms.voucher["funded_micro_yuan"],
        way=way,
    )
    if terms.voucher is not None:
        apply_use(ctx, terms.voucher["id"], terms.voucher["funded_micro_yuan"])
    if terms.demand:
        refunded = apply_part(ctx, terms.demand, terms.units, terms.held_micro_yuan)
        apply_lease(ctx, terms.consumer, key, -refunded)
    else:
        apply_lease(ctx, terms.consumer, key, terms.held_micro_yuan)
    LEASES.put(ctx, key, lease)
    return name
