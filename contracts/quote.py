"""Quotes: what providers answer to a demand, of which its consumer awards some.

    key    quote 0x00 provider 0x00 quote id 0x00
    value  see `QuoteRecord`

1. A quote is of a provider's own attested resource, as it is described now, and as an open demand
   wants it whose way is `quotes`: at no more than its ceiling, for a part of it.
2. It reserves nothing: whether the resource has room is judged at the award.
3. The consumer awards all of a quote or less, while both it and the demand are open. That makes a
   lease of the demand's time, from now or from the demand's start, whose hold comes out of the
   demand's budget and covers `hold_epochs` of full use, or the whole lease.
4. On one demand there is one open quote of a resource: who wants to better it takes it back first.
5. A quote ends when it is awarded, when it is withdrawn, or by itself when it is no longer valid.

Derived: `quotes 0x00 demand 0x00 resource 0x00` of open quotes, an entry in a due queue, the object
index.
"""

from typing import Final, TypedDict

from pydantic import model_validator

from contracts import policy
from contracts.agreement import Terms, compute_window
from contracts.call import OLD_BUSINESS, Call, Due, Role
from contracts.context import Context
from contracts.demand import (
    DemandRecord,
    compute_start,
    is_open,
    is_part,
    is_wanted,
    load_demand,
)
from contracts.errors import Failure, require
from contracts.hold import compute_funds
from contracts.life import STEP_FAILURES, compute_next
from contracts.match import apply_match, check_capacity, compute_least_hold
from contracts.payload import (
    Amount,
    DemandId,
    Notice,
    OptionalAmount,
    Payload,
    Price,
    QuoteId,
    ResourceCode,
    SlaClass,
    TimeMs,
    Units,
    VoucherName,
    check_voucher,
)
from contracts.resource import Resource, is_attested, load_resource
from contracts.standing import is_active
from contracts.table import Projection, Table, get_last_field, make_due_key, make_object_key
from contracts.voucher import FAILURES as VOUCHER_FAILURES
from contracts.voucher import load_part
from ledger.record import make_key

LIFE: Final = {
    ("open", "award"): "awarded",
    ("open", "withdraw"): "withdrawn",
    ("open", "expire"): "expired",
}


class QuoteRecord(TypedDict):
    """The value of a quote; it never changes but in its state."""

    demand: str
    descriptor_version: int
    notice_seconds: int
    price_micro_yuan: int
    provider: str
    resource: str
    rules: int
    sla_class: int
    state: str
    units: int
    valid_until_ms: int


class Quote(Payload):
    """Units of a resource for a demand, at a price, for as long as the quote is valid."""

    demand: DemandId
    notice_seconds: Notice
    price_micro_yuan: Price
    resource: ResourceCode
    sla_class: SlaClass
    units: Units
    valid_until_ms: TimeMs


class WithdrawQuote(Payload):
    """The end of a quote."""

    quote: QuoteId


class Award(Payload):
    """All of a quote or a part of it, with money to begin with."""

    hold_micro_yuan: Amount
    quote: QuoteId
    units: Units
    voucher: VoucherName
    voucher_micro_yuan: OptionalAmount

    @model_validator(mode="after")
    def _check_voucher(self) -> "Award":
        check_voucher(self.voucher, self.voucher_micro_yuan)
        return self


def _make_place_key(demand: str, resource: str) -> bytes:
    """Derived: the open quote of a resource on a demand."""
    return make_key("quotes", demand, resource)


def _project(key: bytes, quote: QuoteRecord) -> Projection:
    name = get_last_field(key)
    entries: dict[bytes, object] = {make_object_key(name): key}
    if quote["state"] == "open":
        entries[_make_place_key(quote["demand"], quote["resource"])] = key
        until_ms = quote["valid_until_ms"]
        entries[make_due_key("time", until_ms, "market.expire_quote", name)] = key
    return Projection(entries)


QUOTES: Final[Table[QuoteRecord]] = Table(
    "quote",
    QuoteRecord,
    ("provider", "id"),
    _project,
    derives=("due", "object", "quotes"),
    life=LIFE,
)


def load_quote(ctx: Context, name: str) -> tuple[bytes, QuoteRecord]:
    """The key and record of a quote; fails with `unknown-quote`."""
    found = QUOTES.find(ctx, name)
    if found is None:
        raise Failure("unknown-quote")
    return found


def quote(ctx: Context, call: Quote) -> None:
    """Answer a demand with a price."""
    # who may
    _, wanted = load_demand(ctx, call.demand)
    resource = load_resource(ctx, call.resource)
    require(ctx.actor == resource["provider"], "not-owner")
    policy.check_supply(ctx, wanted["venue"], call.resource, resource, call.sla_class)

    # what must hold
    require(is_open(ctx, wanted), "demand-closed")
    require(wanted["way"] == "quotes", "wrong-way")
    require(call.valid_until_ms > ctx.time_ms, "until-in-past")
    require(is_attested(resource, ctx.time_ms), "not-attested")
    fits = is_wanted(wanted, call.resource, resource, call.price_micro_yuan, call.sla_class)
    require(fits and is_part(wanted, call.units), "demand-mismatch")
    place = ctx.get_derived(_make_place_key(call.demand, call.resource))
    require(place is None, "already-quoted")

    # what changes
    name = ctx.make_object_id("quote")
    record: QuoteRecord = {
        "demand": call.demand,
        "descriptor_version": resource["version"],
        "notice_seconds": call.notice_seconds,
        "price_micro_yuan": call.price_micro_yuan,
        "provider": ctx.actor,
        "resource": call.resource,
        "rules": ctx.rules.version,
        "sla_class": call.sla_class,
        "state": "open",
        "units": call.units,
        "valid_until_ms": call.valid_until_ms,
    }
    QUOTES.put(ctx, QUOTES.make_key(ctx.actor, name), record)
    about = (name, ctx.actor, call.resource, call.demand, wanted["consumer"], wanted["venue"])
    ctx.emit("market.quoted", about, price_micro_yuan=call.price_micro_yuan, units=call.units)


def withdraw(ctx: Context, call: WithdrawQuote) -> None:
    """Take a quote back."""
    # who may
    key, record = load_quote(ctx, call.quote)
    require(ctx.actor == record["provider"], "not-owner")

    # what must hold
    state = compute_next(LIFE, record["state"], "withdraw")

    # what changes
    QUOTES.put(ctx, key, {**record, "state": state})
    ctx.emit("market.quote_withdrawn", (call.quote, ctx.actor, record["demand"]))


def award(ctx: Context, call: Award) -> None:
    """Accept a quote, or a part of it: a lease, and its hold out of the demand's budget."""
    # who may
    key, record = load_quote(ctx, call.quote)
    _, wanted = load_demand(ctx, record["demand"])
    require(ctx.actor == wanted["consumer"], "not-owner")

    # what must hold
    resource = load_resource(ctx, record["resource"])
    starts_ms = compute_start(ctx, wanted)
    _check_quote(ctx, record, wanted, resource)
    require(call.units <= record["units"] and is_part(wanted, call.units), "not-a-part")
    window = compute_window(ctx, starts_ms, wanted["seconds"])
    require(window[1] <= resource["attested_until_ms"], "beyond-attestation")
    check_capacity(ctx, record["resource"], resource, call.units, window)
    require(call.hold_micro_yuan <= wanted["held_micro_yuan"], "over-budget")
    part = load_part(ctx, call.voucher, call.voucher_micro_yuan, ctx.actor, record["resource"])
    price, duration_ms = record["price_micro_yuan"], wanted["seconds"] * 1000
    least = compute_least_hold(ctx.rules, call.units, price, duration_ms)
    require(compute_funds(call.hold_micro_yuan, part) >= least, "hold-too-small")

    # what changes
    QUOTES.put(ctx, key, {**record, "state": compute_next(LIFE, record["state"], "award")})
    terms = Terms(
        consumer=ctx.actor,
        demand=record["demand"],
        descriptor_version=record["descriptor_version"],
        held_micro_yuan=call.hold_micro_yuan,
        notice_seconds=record["notice_seconds"],
        price_micro_yuan=record["price_micro_yuan"],
        provider=record["provider"],
        quote=call.quote,
        resource=record["resource"],
        seconds=wanted["seconds"],
        sla_class=record["sla_class"],
        starts_ms=starts_ms,
        units=call.units,
        venue=wanted["venue"],
        voucher=part,
    )
    apply_match(ctx, terms, "award")


def expire(ctx: Context, key: bytes) -> None:
    """End a quote that is no longer valid."""
    record = QUOTES.get(ctx, key)
    assert record is not None
    QUOTES.put(ctx, key, {**record, "state": compute_next(LIFE, record["state"], "expire")})
    about = (get_last_field(key), record["provider"], record["demand"])
    ctx.emit("market.quote_expired", about)


def _check_quote(
    ctx: Context, record: QuoteRecord, wanted: DemandRecord, resource: Resource
) -> None:
    """Quote and demand are there to be agreed on, and the resource still is what was quoted."""
    valid = record["state"] == "open" and ctx.time_ms < record["valid_until_ms"]
    require(valid, "quote-closed")
    require(is_open(ctx, wanted), "demand-closed")
    require(is_active(ctx, record["provider"]), "provider-not-active")
    require(is_attested(resource, ctx.time_ms), "not-attested")
    require(record["descriptor_version"] == resource["version"], "quote-stale")
    venue, sla_class = wanted["venue"], record["sla_class"]
    sold = policy.is_supply_admitted(ctx, venue, record["resource"], resource, sla_class)
    bought = policy.is_demand_admitted(ctx, venue, ctx.actor)
    require(sold and bought, "against-policy")


_PROVIDER = Role("provider", "P")

CALLS = (
    Call(
        kind="market.quote",
        title="Answer a demand with a price",
        payload=Quote,
        signers=(_PROVIDER,),
        failures={
            "unknown-demand": "the demand exists",
            "unknown-resource": "the resource is registered",
            "not-owner": "it is the actor's own",
            **policy.FAILURES,
            "demand-closed": "the demand is open",
            "wrong-way": "the demand asks for quotes",
            "until-in-past": "it ends after the block's time",
            "not-attested": "the resource is attested as it is described now",
            "demand-mismatch": "what is quoted is what the demand wants, and a part of it",
            "already-quoted": "the resource has no other open quote on the demand",
        },
        handler=quote,
        changes="the quote; the provider's account",
        events=("market.quoted",),
    ),
    Call(
        kind="market.withdraw_quote",
        title="Take a quote back",
        payload=WithdrawQuote,
        signers=(_PROVIDER,),
        failures={
            "unknown-quote": "the quote exists",
            "not-owner": "it is the actor's own",
            **STEP_FAILURES,
        },
        handler=withdraw,
        changes="the quote; the provider's account",
        events=("market.quote_withdrawn",),
        tolerates=OLD_BUSINESS,
    ),
    Call(
        kind="market.award",
        title="Accept a quote, which makes a lease and its hold",
        payload=Award,
        signers=(Role("consumer", "U"),),
        failures={
            "unknown-quote": "the quote exists",
            "not-owner": "the demand that it answers is the actor's own",
            "quote-closed": "the quote is open and valid",
            "demand-closed": "the demand is open",
            "provider-not-active": "the provider is in good standing",
            "not-attested": "the resource is attested as it is described now",
            "quote-stale": "the resource is described as it was when it was quoted",
            **policy.AGAINST,
            "not-a-part": "it is no more than was quoted, and a part of the demand",
            "beyond-attestation": "the resource is attested up to the end of the lease's window",
            "over-capacity": "the resource has as many units free at every instant of the window",
            "calendar-full": "the resource's calendar has room for one more reservation",
            "over-budget": "the budget of the demand covers the hold",
            **VOUCHER_FAILURES,
            "hold-too-small": "the hold covers `hold_epochs` of full use, or the whole lease, with "
            "what the voucher pays of it",
        },
        handler=award,
        changes="the lease; the quote, which ends; the demand, which is met in part and pays; the "
        "consumer's account; the voucher that is named, which pays a share",
        events=("lease.matched", "market.demand_met"),
    ),
)

DUE = (
    Due(
        action="market.expire_quote",
        title="A quote that is no longer valid ends",
        clocks=("time",),
        handler=expire,
        changes="the quote",
        events=("market.quote_expired",),
    ),
)

TABLES = (QUOTES,)
