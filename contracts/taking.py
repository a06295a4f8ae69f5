"""Takings: a consumer takes units of an offer, for now or ahead, which makes a lease at once.

1. What is taken for now starts in this moment; what is reserved ahead starts at `starts_ms`. Either
   starts within the offer's window, and lies within the attestation to its end.
2. The hold covers at least `hold_epochs` of full use, or the whole lease where that is shorter,
   together with the part of a voucher that the consumer may give to it.
3. A taking may name an open demand of the same consumer. Then it is as the demand wants it, meets
   a part of it, and its hold comes out of the demand's budget.
"""

from typing import Literal

from pydantic import Field, model_validator

from contracts.agreement import compute_window
from contracts.calendar import compute_peak
from contracts.call import Call, Role
from contracts.context import Context
from contracts.demand import DemandRecord, is_open, is_part, is_wanted, load_demand
from contracts.errors import require
from contracts.hold import compute_funds
from contracts.match import apply_match, check_capacity, compute_least_hold, make_offer_terms
from contracts.offer import OfferRecord, load_offer
from contracts.payload import (
    Amount,
    DemandId,
    OfferId,
    OptionalAmount,
    Payload,
    Seconds,
    StartMs,
    Units,
    VoucherName,
    check_voucher,
)
from contracts.policy import AGAINST, is_demand_admitted, is_supply_admitted
from contracts.resource import Resource, is_attested, load_resource
from contracts.standing import is_active
from contracts.voucher import FAILURES as VOUCHER_FAILURES
from contracts.voucher import load_part


class Take(Payload):
    """Units of an offer, for a time, with money to begin with."""

    demand: DemandId | Literal[""] = Field(description="id of a demand, or empty")
    hold_micro_yuan: Amount
    offer: OfferId
    seconds: Seconds
    starts_ms: StartMs
    units: Units
    voucher: VoucherName
    voucher_micro_yuan: OptionalAmount

    @model_validator(mode="after")
    def _check_voucher(self) -> "Take":
        check_voucher(self.voucher, self.voucher_micro_yuan)
        return self


def take(ctx: Context, call: Take) -> None:
    """Take units of an offer: a lease, and a hold of the consumer's money, in one step."""
    # who may: any consumer
    _, record = load_offer(ctx, call.offer)

    # what must hold
    resource = load_resource(ctx, record["resource"])
    _check_offer(ctx, call, record, resource)
    _check_capacity(ctx, call, record, resource)
    if call.demand:
        _check_demand(ctx, call, record, resource)
    price, duration_ms = record["price_micro_yuan"], call.seconds * 1000
    least = compute_least_hold(ctx.rules, call.units, price, duration_ms)
    part = load_part(ctx, call.voucher, call.voucher_micro_yuan, ctx.actor, record["resource"])
    require(compute_funds(call.hold_micro_yuan, part) >= least, "hold-too-small")

    # what changes
    terms = make_offer_terms(
        call.offer,
        record,
        consumer=ctx.actor,
        demand=call.demand,
        held_micro_yuan=call.hold_micro_yuan,
        seconds=call.seconds,
        starts_ms=call.starts_ms or None,
        units=call.units,
        voucher=part,
    )
    apply_match(ctx, terms, "take")


def _check_offer(ctx: Context, call: Take, record: OfferRecord, resource: Resource) -> None:
    """The offer is there to be taken, so and now (rule 1)."""
    require(record["state"] == "open" and ctx.time_ms < record["ends_ms"], "offer-closed")
    require(is_active(ctx, record["provider"]), "provider-not-active")
    require(is_attested(resource, ctx.time_ms), "not-attested")
    require(record["descriptor_version"] == resource["version"], "offer-stale")
    venue, sla_class = record["venue"], record["sla_class"]
    sold = is_supply_admitted(ctx, venue, record["resource"], resource, sla_class)
    require(sold and is_demand_admitted(ctx, venue, ctx.actor), "against-policy")
    require(not call.starts_ms or call.starts_ms > ctx.time_ms, "start-in-past")
    start_ms = call.starts_ms or ctx.time_ms
    require(record["starts_ms"] <= start_ms < record["ends_ms"], "outside-window")
    fits = record["minimum_seconds"] <= call.seconds <= record["maximum_seconds"]
    require(fits, "time-outside-offer")
    require(call.units >= record["minimum_units"], "below-minimum")


def _check_capacity(ctx: Context, call: Take, record: OfferRecord, resource: Resource) -> None:
    """Offer and resource have as many units, for as long."""
    window = compute_window(ctx, call.starts_ms or None, call.seconds)
    require(window[1] <= resource["attested_until_ms"], "beyond-attestation")
    sold = compute_peak(ctx, call.offer, *window)
    require(sold + call.units <= record["units"], "not-enough-units")
    check_capacity(ctx, record["resource"], resource, call.units, window)


def _check_demand(ctx: Context, call: Take, record: OfferRecord, resource: Resource) -> None:
    """Rule 3."""
    _, wanted = load_demand(ctx, call.demand)
    require(wanted["consumer"] == ctx.actor, "not-owner")
    require(is_open(ctx, wanted), "demand-closed")
    require(_is_met(ctx, call, record, resource, wanted), "demand-mismatch")
    require(call.hold_micro_yuan <= wanted["held_micro_yuan"], "over-budget")


def _is_met(
    ctx: Context, call: Take, record: OfferRecord, resource: Resource, wanted: DemandRecord
) -> bool:
    start_ms = call.starts_ms or ctx.time_ms
    price, sla_class = record["price_micro_yuan"], record["sla_class"]
    return (
        record["venue"] == wanted["venue"]
        and call.seconds == wanted["seconds"]
        and wanted["earliest_ms"] <= start_ms <= wanted["latest_ms"]
        and is_part(wanted, call.units)
        and is_wanted(wanted, record["resource"], resource, price, sla_class)
    )


CALLS = (
    Call(
        kind="market.take",
        title="Take units of an offer, which makes a lease and its hold",
        payload=Take,
        signers=(Role("consumer", "U"),),
        failures={
            "unknown-offer": "the offer exists",
            "offer-closed": "the offer is open and its window not over",
            "provider-not-active": "the provider is in good standing",
            "not-attested": "the resource is attested as it is described now",
            "offer-stale": "the resource is described as it was when it was offered",
            **AGAINST,
            "start-in-past": "what is reserved ahead starts after the block's time",
            "outside-window": "the lease starts within the offer's window",
            "time-outside-offer": "the time is one that the offer allows",
            "below-minimum": "it is no smaller part than the offer allows",
            "beyond-attestation": "the resource is attested up to the end of the lease's window",
            "not-enough-units": "the offer has as many units left at every instant of the window",
            "over-capacity": "the resource has as many units free at every instant of the window",
            "calendar-full": "the resource's calendar has room for one more reservation",
            "unknown-demand": "the demand exists",
            "not-owner": "it is the actor's own",
            "demand-closed": "the demand is open",
            "demand-mismatch": "what is taken is what the demand wants, and a part of it",
            "over-budget": "the budget of the demand covers the hold",
            **VOUCHER_FAILURES,
            "hold-too-small": "the hold covers `hold_epochs` of full use, or the whole lease, with "
            "what the voucher pays of it",
            "insufficient-balance": "the balance covers the amount",
        },
        handler=take,
        changes="the lease; the consumer's account; where a demand or a voucher is named that too, "
        "since the one is met in part and pays, and the other pays a share",
        events=("lease.matched", "market.demand_met"),
    ),
)
