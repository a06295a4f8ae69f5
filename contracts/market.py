"""The market: offers, demands, and takings, each of which makes a lease and its hold at once.

    key    offer 0x00 provider 0x00 offer id 0x00
    value  {"ends_ms", "maximum_seconds", "minimum_seconds", "notice_seconds", "price_micro_yuan",
            "provider", "resource", "rules", "sla_class", "starts_ms", "state", "units"}
    key    demand 0x00 consumer 0x00 demand id 0x00
    value  {"ceiling_micro_yuan", "consumer", "regions", "resource_class", "rules", "state",
            "units", "until_ms"}

1. An offer is of a provider's own resource, while that is attested, and of no more than is
   attested.
2. It can be taken within its window, in parts, by consumers in good standing, while its provider
   and the attestation are in good standing.
3. What leases hold of a resource is never above what is attested of it, whatever offers say: taken
   units count from the taking to the end of the lease.
4. The hold covers at least `hold_epochs` of full use, or the whole lease where that is shorter.
5. A taking may name a demand of the same consumer, which it then meets, as a whole or in part.
6. Offers and demands end by themselves when their time is over.

Derived: the order books `book 0x00 class 0x00 price 0x00 offer id` of open offers and `wanted ...`
of open demands, an entry in a due queue, the object index.
"""

from typing import Annotated, Final, Literal, TypedDict

from pydantic import Field, model_validator

from contracts.account import apply_lease
from contracts.agreement import LEASES, Terms, compute_window, make_lease, make_met_key
from contracts.billing import compute_cost
from contracts.calendar import compute_peak
from contracts.call import Call, Due, Role
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.life import compute_next
from contracts.payload import (
    Amount,
    DemandId,
    Notice,
    OfferId,
    Payload,
    Price,
    ResourceCode,
    Seconds,
    SlaClass,
    TimeMs,
    Units,
)
from contracts.resource import is_attested, load_resource
from contracts.standing import is_active
from contracts.table import Projection, Table, make_due_key, make_object_key
from ledger.code import PROVINCES, parse_code
from ledger.record import make_key

OFFER_LIFE: Final = {("open", "withdraw"): "withdrawn", ("open", "expire"): "expired"}
DEMAND_LIFE: Final = {("open", "withdraw"): "withdrawn", ("open", "expire"): "expired"}


class OfferRecord(TypedDict):
    """The value of an offer; it never changes but in its state."""

    ends_ms: int
    maximum_seconds: int
    minimum_seconds: int
    notice_seconds: int
    price_micro_yuan: int
    provider: str
    resource: str
    rules: int
    sla_class: int
    starts_ms: int
    state: str
    units: int


class DemandRecord(TypedDict):
    """The value of a demand; without `regions`, any will do."""

    ceiling_micro_yuan: int
    consumer: str
    regions: list[str]
    resource_class: str
    rules: int
    state: str
    units: int
    until_ms: int


class Offer(Payload):
    """Units of a resource, at a price, within a window, for a span of times."""

    ends_ms: TimeMs
    maximum_seconds: Seconds
    minimum_seconds: Seconds
    notice_seconds: Notice
    price_micro_yuan: Price
    resource: ResourceCode
    sla_class: SlaClass
    starts_ms: TimeMs
    units: Units

    @model_validator(mode="after")
    def _check_order(self) -> "Offer":
        if self.starts_ms >= self.ends_ms or self.minimum_seconds > self.maximum_seconds:
            raise ValueError("a window or a span ends before it begins")
        return self


class WithdrawOffer(Payload):
    """The end of an offer."""

    offer: OfferId


class Demand(Payload):
    """Units of a resource class, at a price of at most a ceiling, in some regions or any."""

    ceiling_micro_yuan: Price
    regions: Annotated[
        list[Annotated[str, Field(pattern="^[0-9]{2}$")]],
        Field(max_length=len(PROVINCES), description="province prefixes; none for any"),
    ]
    resource_class: Annotated[
        Literal["10", "20", "30", "40", "50", "60", "70"], Field(description="resource class")
    ]
    units: Units
    until_ms: TimeMs


class WithdrawDemand(Payload):
    """The end of a demand."""

    demand: DemandId


class Take(Payload):
    """Units of an offer, for a time, with money to begin with."""

    demand: DemandId | Literal[""] = Field(description="id of a demand, or empty")
    hold_micro_yuan: Amount
    offer: OfferId
    seconds: Seconds
    units: Units


def _project_offer(key: bytes, offer: OfferRecord) -> Projection:
    name = key.split(b"\x00")[2].decode("ascii")
    entries: dict[bytes, object] = {make_object_key(name): key}
    if offer["state"] == "open":
        price = offer["price_micro_yuan"].to_bytes(8, "big")
        resource_class = parse_code(offer["resource"]).resource_class
        entries[make_key("book", resource_class, price, name)] = key
        entries[make_due_key("time", offer["ends_ms"], "market.expire_offer", name)] = key
    return Projection(entries)


def _project_demand(key: bytes, demand: DemandRecord) -> Projection:
    name = key.split(b"\x00")[2].decode("ascii")
    entries: dict[bytes, object] = {make_object_key(name): key}
    if demand["state"] == "open":
        price = demand["ceiling_micro_yuan"].to_bytes(8, "big")
        entries[make_key("wanted", demand["resource_class"], price, name)] = key
        entries[make_due_key("time", demand["until_ms"], "market.expire_demand", name)] = key
    return Projection(entries)


OFFERS: Final[Table[OfferRecord]] = Table(
    "offer",
    OfferRecord,
    ("provider", "id"),
    _project_offer,
    derives=("book", "due", "object"),
    life=OFFER_LIFE,
    capacity=lambda offer: offer["units"],
)
DEMANDS: Final[Table[DemandRecord]] = Table(
    "demand",
    DemandRecord,
    ("consumer", "id"),
    _project_demand,
    derives=("due", "object", "wanted"),
    life=DEMAND_LIFE,
)


def offer(ctx: Context, call: Offer) -> None:
    """Put units of a resource up for sale."""
    # who may
    resource = load_resource(ctx, call.resource)
    require(ctx.actor == resource["provider"], "not-owner")

    # what must hold
    require(is_attested(ctx, resource), "not-attested")
    require(call.units <= resource["attested_units"], "over-attested")
    require(call.ends_ms > ctx.time_ms, "window-in-past")

    # what changes
    name = ctx.make_object_id("offer")
    record: OfferRecord = {
        "ends_ms": call.ends_ms,
        "maximum_seconds": call.maximum_seconds,
        "minimum_seconds": call.minimum_seconds,
        "notice_seconds": call.notice_seconds,
        "price_micro_yuan": call.price_micro_yuan,
        "provider": ctx.actor,
        "resource": call.resource,
        "rules": ctx.rules.version,
        "sla_class": call.sla_class,
        "starts_ms": call.starts_ms,
        "state": "open",
        "units": call.units,
    }
    OFFERS.put(ctx, OFFERS.make_key(ctx.actor, name), record)
    data = {"price_micro_yuan": call.price_micro_yuan, "units": call.units}
    ctx.emit("market.offered", (name, ctx.actor, call.resource), **data)


def withdraw_offer(ctx: Context, call: WithdrawOffer) -> None:
    """End an offer; its leases go on."""
    # who may
    key, record = _load_offer(ctx, call.offer)
    require(ctx.actor == record["provider"], "not-owner")

    # what must hold
    state = compute_next(OFFER_LIFE, record["state"], "withdraw")

    # what changes
    OFFERS.put(ctx, key, {**record, "state": state})
    ctx.emit("market.offer_withdrawn", (call.offer, ctx.actor, record["resource"]))


def demand(ctx: Context, call: Demand) -> None:
    """Say what is wanted, and up to which price."""
    # who may: any consumer

    # what must hold
    require(call.until_ms > ctx.time_ms, "until-in-past")

    # what changes
    name = ctx.make_object_id("demand")
    record: DemandRecord = {
        "ceiling_micro_yuan": call.ceiling_micro_yuan,
        "consumer": ctx.actor,
        "regions": call.regions,
        "resource_class": call.resource_class,
        "rules": ctx.rules.version,
        "state": "open",
        "units": call.units,
        "until_ms": call.until_ms,
    }
    DEMANDS.put(ctx, DEMANDS.make_key(ctx.actor, name), record)
    data = {"ceiling_micro_yuan": call.ceiling_micro_yuan, "units": call.units}
    ctx.emit("market.demanded", (name, ctx.actor), resource_class=call.resource_class, **data)


def withdraw_demand(ctx: Context, call: WithdrawDemand) -> None:
    """End a demand."""
    # who may
    key, record = _load_demand(ctx, call.demand)
    require(ctx.actor == record["consumer"], "not-owner")

    # what must hold
    state = compute_next(DEMAND_LIFE, record["state"], "withdraw")

    # what changes
    DEMANDS.put(ctx, key, {**record, "state": state})
    ctx.emit("market.demand_withdrawn", (call.demand, ctx.actor))


def take(ctx: Context, call: Take) -> None:
    """Take units of an offer: a lease, and a hold of the consumer's money, in one step."""
    # who may: any consumer
    _, record = _load_offer(ctx, call.offer)

    # what must hold
    _check_offer(ctx, call, record)
    _check_demand(ctx, call, record)
    duration_ms = min(call.seconds * 1000, ctx.rules["hold_epochs"] * ctx.rules["meter_epoch_ms"])
    least = compute_cost(call.units, record["price_micro_yuan"], duration_ms)
    require(call.hold_micro_yuan >= least, "hold-too-small")

    # what changes
    name = ctx.make_object_id("lease")
    key = LEASES.make_key(record["provider"], name)
    apply_lease(ctx, ctx.actor, key, call.hold_micro_yuan)
    terms = Terms(
        consumer=ctx.actor,
        demand=call.demand,
        descriptor_version=load_resource(ctx, record["resource"])["version"],
        held_micro_yuan=call.hold_micro_yuan,
        notice_seconds=record["notice_seconds"],
        offer=call.offer,
        price_micro_yuan=record["price_micro_yuan"],
        provider=record["provider"],
        resource=record["resource"],
        seconds=call.seconds,
        sla_class=record["sla_class"],
        units=call.units,
    )
    LEASES.put(ctx, key, make_lease(ctx, terms))
    about = (name, record["provider"], ctx.actor, record["resource"], call.offer, call.demand)
    ctx.emit(
        "lease.matched",
        about,
        held_micro_yuan=call.hold_micro_yuan,
        price_micro_yuan=record["price_micro_yuan"],
        seconds=call.seconds,
        units=call.units,
    )


def expire_offer(ctx: Context, key: bytes) -> None:
    """End an offer whose window is over."""
    record = OFFERS.get(ctx, key)
    assert record is not None
    state = compute_next(OFFER_LIFE, record["state"], "expire")
    OFFERS.put(ctx, key, {**record, "state": state})
    name = key.split(b"\x00")[2].decode("ascii")
    ctx.emit("market.offer_expired", (name, record["provider"], record["resource"]))


def expire_demand(ctx: Context, key: bytes) -> None:
    """End a demand whose time is over."""
    record = DEMANDS.get(ctx, key)
    assert record is not None
    state = compute_next(DEMAND_LIFE, record["state"], "expire")
    DEMANDS.put(ctx, key, {**record, "state": state})
    name = key.split(b"\x00")[2].decode("ascii")
    ctx.emit("market.demand_expired", (name, record["consumer"]))


def _load_offer(ctx: Context, name: str) -> tuple[bytes, OfferRecord]:
    key = ctx.get_derived(make_object_key(name))
    record = None if key is None else OFFERS.get(ctx, key)
    if record is None:
        raise Failure("unknown-offer")
    return key, record


def _load_demand(ctx: Context, name: str) -> tuple[bytes, DemandRecord]:
    key = ctx.get_derived(make_object_key(name))
    record = None if key is None else DEMANDS.get(ctx, key)
    if record is None:
        raise Failure("unknown-demand")
    return key, record


def _check_offer(ctx: Context, call: Take, record: OfferRecord) -> None:
    """Rules 2 and 3."""
    in_window = record["starts_ms"] <= ctx.time_ms < record["ends_ms"]
    require(record["state"] == "open" and in_window, "offer-closed")
    require(is_active(ctx, record["provider"]), "provider-not-active")
    resource = load_resource(ctx, record["resource"])
    require(is_attested(ctx, resource), "not-attested")
    fits = record["minimum_seconds"] <= call.seconds <= record["maximum_seconds"]
    require(fits, "time-outside-offer")
    window = compute_window(ctx, None, call.seconds)
    sold = compute_peak(ctx, call.offer, *window)
    require(sold + call.units <= record["units"], "not-enough-units")
    allocated = compute_peak(ctx, record["resource"], *window)
    require(allocated + call.units <= resource["attested_units"], "over-capacity")


def _check_demand(ctx: Context, call: Take, record: OfferRecord) -> None:
    """Rule 5."""
    if not call.demand:
        return
    _, wanted = _load_demand(ctx, call.demand)
    require(wanted["consumer"] == ctx.actor, "not-owner")
    open_ = wanted["state"] == "open" and ctx.time_ms < wanted["until_ms"]
    require(open_, "demand-closed")
    fields = parse_code(record["resource"])
    met = ctx.get_derived(make_met_key(call.demand)) or 0
    matches = (
        fields.resource_class == wanted["resource_class"]
        and (not wanted["regions"] or fields.region in wanted["regions"])
        and record["price_micro_yuan"] <= wanted["ceiling_micro_yuan"]
        and met + call.units <= wanted["units"]
    )
    require(matches, "demand-mismatch")


_PROVIDER = Role("provider", "P")
_CONSUMER = Role("consumer", "U")

CALLS = (
    Call(
        kind="market.offer",
        title="Put units of a resource up for sale",
        payload=Offer,
        signers=(_PROVIDER,),
        failures={
            "unknown-resource": "the resource is registered",
            "not-owner": "it is the actor's own",
            "not-attested": "the resource is attested as it is described now",
            "over-attested": "no more is offered than is attested",
            "window-in-past": "the window ends after the block's time",
        },
        handler=offer,
        changes="the offer; the provider's account",
        events=("market.offered",),
    ),
    Call(
        kind="market.withdraw_offer",
        title="End an offer",
        payload=WithdrawOffer,
        signers=(_PROVIDER,),
        failures={
            "unknown-offer": "the offer exists",
            "not-owner": "it is the actor's own",
            "wrong-state": "its life has this step from where it stands",
        },
        handler=withdraw_offer,
        changes="the offer; the provider's account",
        events=("market.offer_withdrawn",),
        tolerates=("suspended", "expired"),
    ),
    Call(
        kind="market.demand",
        title="Say what is wanted, and up to which price",
        payload=Demand,
        signers=(_CONSUMER,),
        failures={
            "until-in-past": "it ends after the block's time",
        },
        handler=demand,
        changes="the demand; the consumer's account",
        events=("market.demanded",),
    ),
    Call(
        kind="market.withdraw_demand",
        title="End a demand",
        payload=WithdrawDemand,
        signers=(_CONSUMER,),
        failures={
            "unknown-demand": "the demand exists",
            "not-owner": "it is the actor's own",
            "wrong-state": "its life has this step from where it stands",
        },
        handler=withdraw_demand,
        changes="the demand; the consumer's account",
        events=("market.demand_withdrawn",),
        tolerates=("suspended", "expired"),
    ),
    Call(
        kind="market.take",
        title="Take units of an offer, which makes a lease and its hold",
        payload=Take,
        signers=(_CONSUMER,),
        failures={
            "unknown-offer": "the offer exists",
            "offer-closed": "the offer is open and the block's time within its window",
            "provider-not-active": "the provider is in good standing",
            "not-attested": "the resource is attested as it is described now",
            "time-outside-offer": "the time is one that the offer allows",
            "not-enough-units": "the offer has as many units left",
            "over-capacity": "the resource has as many units free",
            "unknown-demand": "the demand exists",
            "not-owner": "it is the actor's own",
            "demand-closed": "the demand is open",
            "demand-mismatch": "what is taken is what the demand wants",
            "hold-too-small": "the hold covers `hold_epochs` of full use, or the whole lease",
            "insufficient-balance": "the balance covers the amount",
        },
        handler=take,
        changes="the lease; the consumer's account",
        events=("lease.matched",),
    ),
)

DUE = (
    Due(
        action="market.expire_offer",
        title="An offer whose window is over ends",
        clock="time",
        handler=expire_offer,
        changes="the offer",
        events=("market.offer_expired",),
    ),
    Due(
        action="market.expire_demand",
        title="A demand whose time is over ends",
        clock="time",
        handler=expire_demand,
        changes="the demand",
        events=("market.demand_expired",),
    ),
)

TABLES = (OFFERS, DEMANDS)
