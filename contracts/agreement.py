"""Agreements: the record of a lease, its life, and what all who touch it share.

    key    lease 0x00 provider 0x00 lease id 0x00       all leases of a provider are a prefix
    value  see `Lease`

1. The life is the table `LIFE`; closed and failed are final. Every end has an actor (`block` where
   the block itself ended it) and a reason.
2. A lease reserves its units of the resource for a *window*. One that was reserved ahead has the
   window that was agreed; one taken for now has its time and, before it, the time that there is for
   activation. Once active, the window ends with the lease.
3. Money: see `contracts.hold`; its equations hold at every moment.
4. A running lease ends by itself at its *horizon*: the end of its time, or the moment up to which
   the funds cover full use since what was metered last, whichever is first. So no claim is ever
   above the funds.
5. A lease that ended is settling until all its time is metered or given up and no receipt is open;
   one of which nothing is left to meter when it ends is closed in the same step.
   What is held when nothing more can be claimed and no claim waits goes back to the consumer. A
   question for a sample that waits for its answer keeps the lease, but not the money.
6. `settled` has a list for each of the last `MAX_SETTLED` epochs: its number, its length in ms, the
   usage, the availability, and what a voucher paid of it.

Derived: entries in due queues for what comes next, the object index, its reservations in the
calendars of its resource and its offer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypedDict

from contracts.billing import compute_covered_ms
from contracts.calendar import add_reservation
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.hold import VoucherPart, compute_funds
from contracts.life import compute_terminal
from contracts.receipt import Challenge, Dispute, Receipt, get_disputes, is_balanced, is_settled
from contracts.table import Projection, Table, get_last_field, make_due_key, make_object_key

LEASE_FAILURES: Final = {"unknown-lease": "the lease exists"}
OWN_LEASE_FAILURES: Final = {
    **LEASE_FAILURES,
    "not-party": "the signers are the sides of the lease that the call names",
}
LIFE: Final = {
    ("matched", "dispatch"): "scheduled",
    ("matched", "close"): "closed",
    ("matched", "expire"): "failed",
    ("scheduled", "activate"): "active",
    ("scheduled", "close"): "closed",
    ("scheduled", "expire"): "failed",
    ("scheduled", "refuse"): "refused",
    ("active", "refuse"): "refused",
    ("refused", "answer"): "failed",
    ("refused", "uphold"): "failed",
    ("active", "reclaim"): "reclaiming",
    ("active", "close"): "settling",
    ("active", "end"): "settling",
    ("reclaiming", "close"): "settling",
    ("reclaiming", "end"): "settling",
    ("active", "finish"): "closed",
    ("reclaiming", "finish"): "closed",
    ("settling", "finish"): "closed",
}
WAITING: Final = ("matched", "scheduled")
RUNNING: Final = ("active", "reclaiming")
OPEN: Final = (*WAITING, *RUNNING)  # which reserve their units
METERED: Final = (*RUNNING, "settling")
ENDED: Final = compute_terminal(LIFE)


class Lease(TypedDict):
    """The value of a lease. Times are 0 and texts empty until they are known.

    `deadline_ms` is the working time up to which the lease waits, for its activation, for a
    refusal, for the answer to one, or for missing receipts. All time up to `metered_ms` has its
    receipts; `epoch` is the number of the next one, `open` are those that wait or are disputed,
    `receipt` is the one settled last. `settled` are the figures of the last epochs, oldest first;
    `challenges` the questions for samples that wait. `starts_ms` to `reserved_until_ms` is its
    window. `venue` is the industry node at whose venue it was made; `descriptor_version` what the
    resource said of itself then. `voucher` is its part of one. `predecessor` is the lease that it
    goes on for on another resource.
    """

    activated_ms: int
    billed_micro_yuan: int
    challenges: list[Challenge]
    closed_by: str
    consumer: str
    deadline_ms: int
    demand: str
    descriptor_version: int
    dispatchers: list[str]
    ended_ms: int
    ends_ms: int
    epoch: int
    funded_micro_yuan: int
    held_micro_yuan: int
    metered_ms: int
    notice_seconds: int
    offer: str
    open: list[Receipt]
    predecessor: str
    price_micro_yuan: int
    provider: str
    quote: str
    reason: str
    receipt: Receipt | None
    refunded_micro_yuan: int
    remainder: int
    reserved_until_ms: int
    resource: str
    rules: int
    seconds: int
    settled: list[list[int]]
    sla_class: int
    starts_ms: int
    state: str
    units: int
    used_unit_seconds: int
    venue: str
    voucher: VoucherPart | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What was agreed when a lease was made; `starts_ms` is None for now. Money is micro-yuan."""

    consumer: str
    provider: str
    resource: str
    descriptor_version: int
    units: int
    seconds: int
    price_micro_yuan: int
    held_micro_yuan: int
    sla_class: int
    notice_seconds: int
    starts_ms: int | None = None
    offer: str = ""
    demand: str = ""
    quote: str = ""
    venue: str = ""
    predecessor: str = ""
    voucher: VoucherPart | None = None


def compute_horizon(lease: Lease) -> int:
    """When a running lease ends by itself (rule 4)."""
    covered_ms = compute_covered_ms(
        compute_funds(lease["held_micro_yuan"], lease["voucher"]),
        lease["units"],
        lease["price_micro_yuan"],
    )
    return min(lease["ends_ms"], lease["metered_ms"] + covered_ms)


def compute_window_end(lease: Lease) -> int:
    """Up to which moment an open lease has its units reserved (rule 2)."""
    return lease["ends_ms"] if lease["state"] in RUNNING else lease["reserved_until_ms"]


def compute_metered_limit(lease: Lease) -> int:
    """Up to which moment a lease can be metered."""
    return compute_horizon(lease) if lease["state"] in RUNNING else lease["ended_ms"]


def find_waiting(lease: Lease) -> Receipt | None:
    """The first receipt that its provider signed and its consumer has not answered."""
    return next((receipt for receipt in lease["open"] if receipt["state"] == "signed"), None)


def is_asked(lease: Lease, epoch: int) -> bool:
    """Whether a question for a sample of an epoch waits for its answer."""
    return any(challenge["epoch"] == epoch for challenge in lease["challenges"])


def find_deemable(lease: Lease) -> Receipt | None:
    """The receipt on which silence agrees next: one of which no sample is asked for."""
    waiting = [
        receipt
        for receipt in lease["open"]
        if receipt["state"] == "signed" and not is_asked(lease, receipt["epoch"])
    ]
    return min(waiting, key=lambda receipt: receipt["deadline_ms"], default=None)


def _project(key: bytes, lease: Lease) -> Projection:
    name = get_last_field(key)
    entries: dict[bytes, object] = {make_object_key(name): key}
    entries.update(dict.fromkeys(_list_due_keys(name, lease), key))
    sums: dict[bytes, int] = {}
    if lease["state"] in OPEN:
        ends_ms = compute_window_end(lease)
        for subject in filter(None, (lease["resource"], lease["offer"])):
            add_reservation(sums, subject, lease["starts_ms"], ends_ms, lease["units"])
    return Projection(entries, sums)


def _list_due_keys(name: str, lease: Lease) -> list[bytes]:
    state, deemable = lease["state"], find_deemable(lease)
    keys = []
    if state in WAITING:
        keys.append(make_due_key("working", lease["deadline_ms"], "lease.expire", name))
        keys.append(make_due_key("time", lease["reserved_until_ms"], "lease.expire", name))
    elif state in RUNNING:
        keys.append(make_due_key("time", compute_horizon(lease), "lease.end", name))
    elif state == "refused":
        keys.append(make_due_key("working", lease["deadline_ms"], "lease.uphold", name))
    elif state == "settling" and lease["metered_ms"] < lease["ended_ms"]:
        keys.append(make_due_key("working", lease["deadline_ms"], "lease.finish", name))
    if deemable is not None:
        keys.append(make_due_key("working", deemable["deadline_ms"], "metering.deem", name))
    if lease["challenges"]:
        deadline_ms = min(challenge["deadline_ms"] for challenge in lease["challenges"])
        keys.append(make_due_key("working", deadline_ms, "metering.forfeit", name))
    return [*keys, *_list_dispute_keys(name, get_disputes(lease["open"]))]


def _list_dispute_keys(name: str, disputes: list[Dispute]) -> Iterator[bytes]:
    """The next payment of what is accepted, and the next deadline, of all disputes of a lease."""
    opened = [dispute["opened_ms"] for dispute in disputes if dispute["state"] == "open"]
    if opened:
        yield make_due_key("time", min(opened), "dispute.pay", name)
    deadlines = [dispute["deadline_ms"] for dispute in disputes if dispute["state"] != "open"]
    if deadlines:
        yield make_due_key("working", min(deadlines), "dispute.lapse", name)


def _list_money(_key: bytes, lease: Lease) -> dict[str, int]:
    part, claims = lease["voucher"], lease["open"]
    buckets = {
        "holds": lease["held_micro_yuan"],
        "frozen": sum(claim["frozen_micro_yuan"] for claim in claims),
    }
    if part is not None:
        buckets["voucher holds"] = part["held_micro_yuan"]
        buckets["frozen vouchers"] = sum(claim["frozen_voucher_micro_yuan"] for claim in claims)
    return buckets


def _check(key: bytes, lease: Lease) -> Iterator[str]:
    """Its own equations: money, metered time, and what an end leaves."""
    if lease["remainder"] < 0:
        yield f"{key!r} has a negative remainder"
    if not _is_balanced(lease):
        yield f"{key!r} has lost or made money"
    metered_ms = lease["metered_ms"] - lease["activated_ms"]
    if lease["used_unit_seconds"] * 1000 > lease["units"] * metered_ms:
        yield f"{key!r} is metered above what it has"
    if not all(map(is_balanced, lease["open"])):
        yield f"{key!r} has a claim that is not frozen or billed in all"
    if lease["receipt"] is not None and not is_settled(lease["receipt"]):
        yield f"{key!r} has a settled receipt that is not"
    if not _is_settled_once(lease):
        yield f"{key!r} settles an epoch twice"
    if lease["state"] in ENDED:
        if not lease["closed_by"] or not lease["reason"]:
            yield f"{key!r} ended without an actor or a reason"
        if any(_list_money(key, lease).values()) or lease["open"]:
            yield f"{key!r} ended and still holds money"


def _is_balanced(lease: Lease) -> bool:
    """Whether what was funded is held, frozen, billed or refunded, cash and voucher (rule 3)."""
    part, claims = lease["voucher"], lease["open"]
    frozen = sum(claim["frozen_micro_yuan"] for claim in claims)
    spent = lease["billed_micro_yuan"] + lease["refunded_micro_yuan"]
    if part is None:
        return lease["funded_micro_yuan"] == lease["held_micro_yuan"] + frozen + spent
    spent -= part["billed_micro_yuan"]
    frozen_part = sum(claim["frozen_voucher_micro_yuan"] for claim in claims)
    spent_part = part["billed_micro_yuan"] + part["refunded_micro_yuan"]
    return (
        lease["funded_micro_yuan"] == lease["held_micro_yuan"] + frozen + spent
        and part["funded_micro_yuan"] == part["held_micro_yuan"] + frozen_part + spent_part
    )


def _is_settled_once(lease: Lease) -> bool:
    """Whether every epoch that was metered is open or settled, and none is both."""
    open_ = [claim["epoch"] for claim in lease["open"]]
    settled = [entry[0] for entry in lease["settled"]]
    epochs = [*open_, *settled]
    return len(set(epochs)) == len(epochs) and all(epoch < lease["epoch"] for epoch in epochs)


LEASES: Final[Table[Lease]] = Table(
    "lease",
    Lease,
    ("provider", "id"),
    _project,
    derives=("calendar", "due", "object", "reservations"),
    life=LIFE,
    money=_list_money,
    owner=lambda _, lease: lease["consumer"],
    check=_check,
)


def compute_window(ctx: Context, starts_ms: int | None, seconds: int) -> tuple[int, int]:
    """The window that a new lease reserves, in ms (rule 2)."""
    if starts_ms is not None:
        return starts_ms, starts_ms + seconds * 1000
    return ctx.time_ms, ctx.time_ms + ctx.rules["activation_timeout_ms"] + seconds * 1000


def make_lease(ctx: Context, terms: Terms) -> Lease:
    """A new lease, which waits to be dispatched."""
    starts_ms, reserved_until_ms = compute_window(ctx, terms.starts_ms, terms.seconds)
    ahead_ms = starts_ms - ctx.time_ms
    return {
        "activated_ms": 0,
        "billed_micro_yuan": 0,
        "challenges": [],
        "closed_by": "",
        "consumer": terms.consumer,
        "deadline_ms": ctx.working_ms + ahead_ms + ctx.rules["activation_timeout_ms"],
        "demand": terms.demand,
        "descriptor_version": terms.descriptor_version,
        "dispatchers": [],
        "ended_ms": 0,
        "ends_ms": 0,
        "epoch": 0,
        "funded_micro_yuan": terms.held_micro_yuan,
        "held_micro_yuan": terms.held_micro_yuan,
        "metered_ms": 0,
        "notice_seconds": terms.notice_seconds,
        "offer": terms.offer,
        "open": [],
        "predecessor": terms.predecessor,
        "price_micro_yuan": terms.price_micro_yuan,
        "provider": terms.provider,
        "quote": terms.quote,
        "reason": "",
        "receipt": None,
        "refunded_micro_yuan": 0,
        "remainder": 0,
        "reserved_until_ms": reserved_until_ms,
        "resource": terms.resource,
        "rules": ctx.rules.version,
        "seconds": terms.seconds,
        "settled": [],
        "sla_class": terms.sla_class,
        "starts_ms": starts_ms,
        "state": "matched",
        "units": terms.units,
        "used_unit_seconds": 0,
        "venue": terms.venue,
        "voucher": terms.voucher,
    }


def load_lease(ctx: Context, name: str) -> tuple[bytes, Lease]:
    """The key and record of a lease; fails with `LEASE_FAILURES`."""
    found = LEASES.find(ctx, name)
    if found is None:
        raise Failure("unknown-lease")
    return found


def load_own_lease(ctx: Context, name: str, *sides: str) -> tuple[bytes, Lease]:
    """A lease of which the actor is one of the sides named; fails with `OWN_LEASE_FAILURES`."""
    key, lease = load_lease(ctx, name)
    parties = [lease["provider"] if side == "provider" else lease["consumer"] for side in sides]
    require(ctx.actor in parties, "not-party")
    return key, lease


def load_due_lease(ctx: Context, key: bytes) -> tuple[str, Lease]:
    """The id and record of a lease that a due queue names."""
    lease = LEASES.get(ctx, key)
    assert lease is not None
    return get_last_field(key), lease


def emit_about(ctx: Context, type_: str, name: str, lease: Lease, **data: object) -> None:
    """An event about a lease, its sides and its resource."""
    about = (name, lease["provider"], lease["consumer"], lease["resource"], *ctx.signers)
    ctx.emit(type_, about, **data)


TABLES = (LEASES,)
