"""Demands: what a consumer wants, up to which price, with the money for it set aside.

    key    demand 0x00 consumer 0x00 demand id 0x00
    value  see `DemandRecord`

1. The budget leaves the consumer's balance with the demand, and pays at least the whole demand at
   its ceiling. Each lease made for it takes its hold out of the budget.
2. It is met by parts. No part is smaller than `minimum_units` but the last, which may be the rest.
   A lease that fails later has met it all the same; its money goes back to the consumer.
3. Leases for it start within its window, from `earliest_ms` to `latest_ms`, at the same venue, or
   at none where it names none.
4. Its `way` says who meets it beside its consumer: `selection` by the block itself, `quotes` by
   quotes of providers, of which the consumer awards some. Its consumer can take for it always.
5. It ends when all of it is met, when it is withdrawn, or by itself after `latest_ms`; then what is
   left of the budget goes back.
6. A consumer has at most `MAX_DEMANDS` open at a time: a demand may cost next to nothing, and those
   of all wait for their turns in one queue.

Derived: an entry in a due queue, the turns of those that wait for selection in a queue of theirs,
the object index, the sum `demand_count 0x00 consumer` of open demands.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, TypedDict

from pydantic import Field, model_validator

from contracts.account import apply_credit, apply_debit
from contracts.billing import compute_cost
from contracts.call import OLD_BUSINESS, Call, Due, Role
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.life import STEP_FAILURES, compute_next
from contracts.needs import Needs, is_fit, is_region_fit
from contracts.payload import Amount, DemandId, Payload, Price, Seconds, TimeMs, Units, Venue
from contracts.policy import CONSUMER_FAILURES, check_actor
from contracts.resource import Resource
from contracts.table import (
    Projection,
    Table,
    get_last_field,
    get_owner,
    make_due_key,
    make_object_key,
)
from ledger.code import parse_code
from ledger.record import make_key

MAX_DEMANDS: Final = 4096  # open ones of one consumer
LIFE: Final = {
    ("open", "withdraw"): "withdrawn",
    ("open", "expire"): "expired",
    ("open", "meet"): "met",
}


class DemandRecord(TypedDict):
    """The value of a demand. `left_units` and `held_micro_yuan` are what no lease has met yet.

    `retry_ms` is its next turn in selection, 0 without one; `cursor` the place in the book at which
    a walk goes on then, and `best` the offer that was the best up to there.
    """

    best: str
    budget_micro_yuan: int
    ceiling_micro_yuan: int
    consumer: str
    cursor: bytes
    earliest_ms: int
    held_micro_yuan: int
    latest_ms: int
    left_units: int
    minimum_units: int
    needs: dict[str, Any]
    resource_class: str
    retry_ms: int
    rules: int
    seconds: int
    state: str
    units: int
    venue: str
    way: str


class Demand(Payload):
    """Units of a resource class as they are needed, at a price of at most a ceiling."""

    budget_micro_yuan: Amount
    ceiling_micro_yuan: Price
    earliest_ms: TimeMs
    latest_ms: TimeMs
    minimum_units: Units
    needs: Annotated[Needs, Field(description="needs: " + ", ".join(Needs.model_fields))]
    resource_class: Annotated[
        Literal["10", "20", "30", "40", "50", "60", "70"], Field(description="resource class")
    ]
    seconds: Seconds
    units: Units
    venue: Venue
    way: Annotated[
        Literal["selection", "quotes"], Field(description="by the block itself, or by quotes")
    ]

    @model_validator(mode="after")
    def _check_order(self) -> "Demand":
        if self.earliest_ms > self.latest_ms:
            raise ValueError("the window ends before it begins")
        if self.minimum_units > self.units:
            raise ValueError("the least part is more than the whole")
        return self


class WithdrawDemand(Payload):
    """The end of a demand."""

    demand: DemandId


def make_count_key(consumer: str) -> bytes:
    """Derived: how many open demands a consumer has."""
    return make_key("demand_count", consumer)


def _project(key: bytes, demand: DemandRecord) -> Projection:
    name = get_last_field(key)
    entries: dict[bytes, object] = {make_object_key(name): key}
    sums: dict[bytes, int] = {}
    if demand["state"] == "open":
        sums[make_count_key(demand["consumer"])] = 1
        # Its window holds the moment `latest_ms` itself.
        ends_ms = demand["latest_ms"] + 1
        entries[make_due_key("time", ends_ms, "market.expire_demand", name)] = key
        if demand["retry_ms"]:
            retry_ms = demand["retry_ms"]
            entries[make_due_key("selection", retry_ms, "selection.match", name)] = key
    return Projection(entries, sums)


def _check(key: bytes, demand: DemandRecord) -> Iterator[str]:
    """Its own equations: money, units, and what an end leaves."""
    held, left = demand["held_micro_yuan"], demand["left_units"]
    if held > demand["budget_micro_yuan"]:
        yield f"{key!r} holds more than its budget"
    if not 0 <= left <= demand["units"]:
        yield f"{key!r} is met by more than it wants"
    if demand["state"] != "open" and held:
        yield f"{key!r} ended and still holds money"
    if (demand["state"] == "met") != (left == 0):
        yield f"{key!r} is {demand['state']} with {left} units left"


DEMANDS: Final[Table[DemandRecord]] = Table(
    "demand",
    DemandRecord,
    ("consumer", "id"),
    _project,
    derives=("demand_count", "due", "object"),
    life=LIFE,
    money=lambda _, demand: {"budgets": demand["held_micro_yuan"]},
    owner=get_owner,
    check=_check,
)


def load_demand(ctx: Context, name: str) -> tuple[bytes, DemandRecord]:
    """The key and record of a demand; fails with `unknown-demand`."""
    found = DEMANDS.find(ctx, name)
    if found is None:
        raise Failure("unknown-demand")
    return found


def is_open(ctx: Context, record: DemandRecord) -> bool:
    """Whether it can still be met."""
    return record["state"] == "open" and ctx.time_ms <= record["latest_ms"]


def is_wanted(
    record: DemandRecord, code: str, resource: Resource, price_micro_yuan: int, sla_class: int
) -> bool:
    """Whether a resource at a price is what is wanted."""
    needs = record["needs"]
    return (
        parse_code(code).resource_class == record["resource_class"]
        and price_micro_yuan <= record["ceiling_micro_yuan"]
        and sla_class >= needs["sla_class"]
        and is_region_fit(needs, code)
        and is_fit(needs, resource["descriptor"])
    )


def is_part(record: DemandRecord, units: int) -> bool:
    """Whether so many units can be the next part (rule 2)."""
    return min(record["minimum_units"], record["left_units"]) <= units <= record["left_units"]


def compute_start(ctx: Context, record: DemandRecord) -> int | None:
    """The earliest start of a part that is agreed now; None for at once."""
    return record["earliest_ms"] if record["earliest_ms"] > ctx.time_ms else None


def compute_turn(ctx: Context, way: str) -> int:
    """The first turn in selection that is to come, if the demand has any."""
    return ctx.time_ms + 1 if way == "selection" else 0


def apply_part(ctx: Context, name: str, units: int, held_micro_yuan: int) -> int:
    """Meet a part, whose hold comes out of the budget; what goes back, once all of it is met."""
    found = DEMANDS.find(ctx, name)
    assert found is not None
    key, record = found
    left, held = record["left_units"] - units, record["held_micro_yuan"] - held_micro_yuan
    assert left >= 0 and held >= 0
    changed: DemandRecord = {
        **record,
        "best": "",
        "cursor": b"",
        "held_micro_yuan": held,
        "left_units": left,
        "retry_ms": compute_turn(ctx, record["way"]),
    }
    if left:
        DEMANDS.put(ctx, key, changed)
        return 0
    changed = {**changed, "held_micro_yuan": 0, "state": compute_next(LIFE, "open", "meet")}
    DEMANDS.put(ctx, key, changed)
    ctx.emit("market.demand_met", (name, record["consumer"]), refunded_micro_yuan=held)
    return held


def demand(ctx: Context, call: Demand) -> None:
    """Say what is wanted, up to which price, and set the money aside."""
    # who may: any consumer, at a venue those whom it admits
    check_actor(ctx, call.venue)

    # what must hold
    require(call.latest_ms > ctx.time_ms, "window-in-past")
    least = compute_cost(call.units, call.ceiling_micro_yuan, call.seconds * 1000)
    require(call.budget_micro_yuan >= least, "budget-too-small")
    count = ctx.get_derived(make_count_key(ctx.actor)) or 0
    require(count < MAX_DEMANDS, "too-many-demands")
    apply_debit(ctx, ctx.actor, call.budget_micro_yuan)

    # what changes
    name = ctx.make_object_id("demand")
    record: DemandRecord = {
        "best": "",
        "budget_micro_yuan": call.budget_micro_yuan,
        "ceiling_micro_yuan": call.ceiling_micro_yuan,
        "consumer": ctx.actor,
        "cursor": b"",
        "earliest_ms": call.earliest_ms,
        "held_micro_yuan": call.budget_micro_yuan,
        "latest_ms": call.latest_ms,
        "left_units": call.units,
        "minimum_units": call.minimum_units,
        "needs": call.needs.model_dump(),
        "resource_class": call.resource_class,
        "retry_ms": compute_turn(ctx, call.way),
        "rules": ctx.rules.version,
        "seconds": call.seconds,
        "state": "open",
        "units": call.units,
        "venue": call.venue,
        "way": call.way,
    }
    DEMANDS.put(ctx, DEMANDS.make_key(ctx.actor, name), record)
    ctx.emit(
        "market.demanded",
        (name, ctx.actor, call.venue),
        budget_micro_yuan=call.budget_micro_yuan,
        ceiling_micro_yuan=call.ceiling_micro_yuan,
        resource_class=call.resource_class,
        units=call.units,
    )


def withdraw(ctx: Context, call: WithdrawDemand) -> None:
    """End a demand; what is left of its budget goes back."""
    # who may
    key, record = load_demand(ctx, call.demand)
    require(ctx.actor == record["consumer"], "not-owner")

    # what must hold
    compute_next(LIFE, record["state"], "withdraw")

    # what changes
    _apply_end(ctx, key, record, "withdraw")


def expire(ctx: Context, key: bytes) -> None:
    """End a demand whose time is over; what is left of its budget goes back."""
    record = DEMANDS.get(ctx, key)
    assert record is not None
    _apply_end(ctx, key, record, "expire")


def _apply_end(ctx: Context, key: bytes, record: DemandRecord, event: str) -> None:
    held, state = record["held_micro_yuan"], compute_next(LIFE, record["state"], event)
    if held:
        apply_credit(ctx, record["consumer"], held)
    DEMANDS.put(ctx, key, {**record, "held_micro_yuan": 0, "state": state})
    name = get_last_field(key)
    about = (name, record["consumer"])
    ctx.emit(f"market.demand_{state}", about, refunded_micro_yuan=held)


_CONSUMER = Role("consumer", "U")

CALLS = (
    Call(
        kind="market.demand",
        title="Say what is wanted, up to which price, and set the money aside",
        payload=Demand,
        signers=(_CONSUMER,),
        failures={
            **CONSUMER_FAILURES,
            "window-in-past": "the window ends after the block's time",
            "budget-too-small": "the budget pays all of the demand at its ceiling",
            "too-many-demands": f"the actor has fewer than {MAX_DEMANDS} open demands",
            "insufficient-balance": "the balance covers the amount",
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
            **STEP_FAILURES,
        },
        handler=withdraw,
        changes="the demand; the consumer's account, which gets what is left of the budget",
        events=("market.demand_withdrawn",),
        tolerates=OLD_BUSINESS,
    ),
)

DUE = (
    Due(
        action="market.expire_demand",
        title="A demand whose time is over ends",
        clocks=("time",),
        handler=expire,
        changes="the demand; the consumer's account, which gets what is left of the budget",
        events=("market.demand_expired",),
    ),
)

TABLES = (DEMANDS,)
