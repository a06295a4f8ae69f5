"""Offers: units of a resource, at a price, within a window.

    key    offer 0x00 provider 0x00 offer id 0x00
    value  see `OfferRecord`

1. An offer is of a provider's own resource, while that is attested, and of no more than is
   attested. It is of the resource as it is described now: a changed descriptor makes it stale, and
   nothing more is sold under it.
2. It can be taken within its window, in parts of at least `minimum_units`, by consumers in good
   standing, while its provider and the attestation are in good standing. What is reserved ahead
   starts within the window too.
3. What leases hold of a resource is never above what is attested of it, whatever offers say.
4. It stands at a venue, whose policy admits it (see `policy`), or at none.
5. An offer ends by itself when its window is over; its leases go on.
6. Of one resource at most `MAX_OFFERS` are open at a time: an offer costs nothing, and all demands
   of its class and region walk past it.

Derived: the order books `book 0x00 shelf 0x00 venue or - 0x00 class 0x00 region 0x00 <static score,
8 bytes> 0x00 offer id 0x00` of open offers, each under its own region and under 00 for any; on the
shelf `all`, and on the shelf `now` unless it stepped aside (see `selection`). An entry in a due
queue, and one in that of selection while it stands aside; the object index; the sum
`offer_count 0x00 resource` of open offers.
"""

from collections.abc import Iterator
from typing import Final, TypedDict

from pydantic import model_validator

from contracts.call import OLD_BUSINESS, Call, Due, Role
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.life import STEP_FAILURES, compute_next
from contracts.payload import (
    Notice,
    OfferId,
    Payload,
    Price,
    ResourceCode,
    Seconds,
    SlaClass,
    TimeMs,
    Units,
    Venue,
)
from contracts.policy import FAILURES as POLICY_FAILURES
from contracts.policy import check_supply
from contracts.resource import is_attested, load_resource
from contracts.score import compute_static
from contracts.table import Projection, Table, get_last_field, make_due_key, make_object_key
from ledger.code import parse_code
from ledger.record import make_key

MAX_OFFERS: Final = 64  # open ones of one resource
ANYWHERE: Final = "00"  # the region of the book that has the offers of all
LIFE: Final = {("open", "withdraw"): "withdrawn", ("open", "expire"): "expired"}


class OfferRecord(TypedDict):
    """The value of an offer; it never changes but in its state, and when it steps aside.

    `score` is the static part of its score under its rules. `aside_until_ms` is 0, or when it is
    looked at again.
    """

    aside_until_ms: int
    descriptor_version: int
    ends_ms: int
    maximum_seconds: int
    minimum_seconds: int
    minimum_units: int
    notice_seconds: int
    price_micro_yuan: int
    provider: str
    resource: str
    rules: int
    score: int
    sla_class: int
    starts_ms: int
    state: str
    units: int
    venue: str


class Offer(Payload):
    """Units of a resource, at a price, within a window, for a span of times."""

    ends_ms: TimeMs
    maximum_seconds: Seconds
    minimum_seconds: Seconds
    minimum_units: Units
    notice_seconds: Notice
    price_micro_yuan: Price
    resource: ResourceCode
    sla_class: SlaClass
    starts_ms: TimeMs
    units: Units
    venue: Venue

    @model_validator(mode="after")
    def _check_order(self) -> "Offer":
        if self.starts_ms >= self.ends_ms or self.minimum_seconds > self.maximum_seconds:
            raise ValueError("a window or a span ends before it begins")
        if self.minimum_units > self.units:
            raise ValueError("the least part is more than the whole")
        return self


class WithdrawOffer(Payload):
    """The end of an offer."""

    offer: OfferId


def make_book_prefix(shelf: str, venue: str, resource_class: str, region: str) -> bytes:
    """What the entries of one order book begin with; the rest is static score and offer id."""
    return make_key("book", shelf, venue or "-", resource_class, region)


def make_count_key(resource: str) -> bytes:
    """Derived: how many open offers there are of a resource."""
    return make_key("offer_count", resource)


def _list_book_keys(name: str, offer: OfferRecord) -> Iterator[bytes]:
    fields = parse_code(offer["resource"])
    place = make_key(name)
    for shelf in ("all",) if offer["aside_until_ms"] else ("all", "now"):
        for region in (ANYWHERE, fields.region):
            prefix = make_book_prefix(shelf, offer["venue"], fields.resource_class, region)
            yield b"%b%b\x00%b" % (prefix, offer["score"].to_bytes(8, "big"), place)


def _project(key: bytes, offer: OfferRecord) -> Projection:
    name = get_last_field(key)
    entries: dict[bytes, object] = {make_object_key(name): key}
    sums: dict[bytes, int] = {}
    if offer["state"] == "open":
        sums[make_count_key(offer["resource"])] = 1
        entries.update(dict.fromkeys(_list_book_keys(name, offer), key))
        if offer["aside_until_ms"]:
            until_ms = offer["aside_until_ms"]
            entries[make_due_key("selection", until_ms, "selection.give_back", name)] = key
        entries[make_due_key("time", offer["ends_ms"], "market.expire_offer", name)] = key
    return Projection(entries, sums)


OFFERS: Final[Table[OfferRecord]] = Table(
    "offer",
    OfferRecord,
    ("provider", "id"),
    _project,
    derives=("book", "due", "object", "offer_count"),
    life=LIFE,
    capacity=lambda offer: offer["units"],
)


def load_offer(ctx: Context, name: str) -> tuple[bytes, OfferRecord]:
    """The key and record of an offer; fails with `unknown-offer`."""
    found = OFFERS.find(ctx, name)
    if found is None:
        raise Failure("unknown-offer")
    return found


def offer(ctx: Context, call: Offer) -> None:
    """Put units of a resource up for sale."""
    # who may
    resource = load_resource(ctx, call.resource)
    require(ctx.actor == resource["provider"], "not-owner")
    check_supply(ctx, call.venue, call.resource, resource, call.sla_class)

    # what must hold
    require(is_attested(resource, ctx.time_ms), "not-attested")
    require(call.units <= resource["attested_units"], "over-attested")
    require(call.ends_ms > ctx.time_ms, "window-in-past")
    count = ctx.get_derived(make_count_key(call.resource)) or 0
    require(count < MAX_OFFERS, "too-many-offers")

    # what changes
    name = ctx.make_object_id("offer")
    record: OfferRecord = {
        "aside_until_ms": 0,
        "descriptor_version": resource["version"],
        "ends_ms": call.ends_ms,
        "maximum_seconds": call.maximum_seconds,
        "minimum_seconds": call.minimum_seconds,
        "minimum_units": call.minimum_units,
        "notice_seconds": call.notice_seconds,
        "price_micro_yuan": call.price_micro_yuan,
        "provider": ctx.actor,
        "resource": call.resource,
        "rules": ctx.rules.version,
        "score": compute_static(ctx.rules, call.price_micro_yuan, resource["descriptor"]),
        "sla_class": call.sla_class,
        "starts_ms": call.starts_ms,
        "state": "open",
        "units": call.units,
        "venue": call.venue,
    }
    OFFERS.put(ctx, OFFERS.make_key(ctx.actor, name), record)
    about = (name, ctx.actor, call.resource, call.venue)
    ctx.emit("market.offered", about, price_micro_yuan=call.price_micro_yuan, units=call.units)


def withdraw(ctx: Context, call: WithdrawOffer) -> None:
    """End an offer; its leases go on."""
    # who may
    key, record = load_offer(ctx, call.offer)
    require(ctx.actor == record["provider"], "not-owner")

    # what must hold
    state = compute_next(LIFE, record["state"], "withdraw")

    # what changes
    OFFERS.put(ctx, key, {**record, "state": state})
    ctx.emit("market.offer_withdrawn", (call.offer, ctx.actor, record["resource"]))


def expire(ctx: Context, key: bytes) -> None:
    """End an offer whose window is over."""
    record = OFFERS.get(ctx, key)
    assert record is not None
    OFFERS.put(ctx, key, {**record, "state": compute_next(LIFE, record["state"], "expire")})
    name = get_last_field(key)
    ctx.emit("market.offer_expired", (name, record["provider"], record["resource"]))


_PROVIDER = Role("provider", "P")

CALLS = (
    Call(
        kind="market.offer",
        title="Put units of a resource up for sale",
        payload=Offer,
        signers=(_PROVIDER,),
        failures={
            "unknown-resource": "the resource is registered",
            "not-owner": "it is the actor's own",
            **POLICY_FAILURES,
            "not-attested": "the resource is attested as it is described now",
            "over-attested": "no more is offered than is attested",
            "window-in-past": "the window ends after the block's time",
            "too-many-offers": f"the resource has fewer than {MAX_OFFERS} open offers",
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
            **STEP_FAILURES,
        },
        handler=withdraw,
        changes="the offer; the provider's account",
        events=("market.offer_withdrawn",),
        tolerates=OLD_BUSINESS,
    ),
)

DUE = (
    Due(
        action="market.expire_offer",
        title="An offer whose window is over ends",
        clocks=("time",),
        handler=expire,
        changes="the offer",
        events=("market.offer_expired",),
    ),
)

TABLES = (OFFERS,)
