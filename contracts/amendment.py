"""Amendments: corrections of settled epochs, beside them, never over them.

    key    amendment 0x00 lease id 0x00 <epoch, 8 bytes> 0x00
    value  {"availability_bp", "credit_bp", "duration_ms", "note", "paid_micro_yuan",
            "price_micro_yuan", "remainder", "rules", "settled_availability_bp",
            "settled_credit_bp", "settled_unit_seconds", "units", "used_unit_seconds", "voucher"}

1. Both sides sign. What they correct is one of the last `MAX_SETTLED` epochs of a lease, or one
   that was amended before; also after the lease has closed. The receipt and the lease stay as they
   are; each amendment is a version of its own record, which keeps what was settled at first.
2. The difference of the charges, under the lease's price, class and rules, goes from balance to
   balance. Over all versions of an amendment

       charge amended - charge settled = paid * SCALE + remainder, 0 <= remainder < SCALE

   so there is one rounding for an epoch, however often it is amended. `paid_micro_yuan` is what
   the provider got in all beyond the bill; it is negative where it gave back.
3. What a voucher paid does not become cash: an epoch to which one contributed is not brought below
   what was settled.
4. The provider's record of delivery stays as it was counted.
"""

from collections.abc import Iterator
from typing import Final, TypedDict

from contracts.account import apply_credit, apply_debit
from contracts.agreement import OWN_LEASE_FAILURES, Lease, emit_about, load_own_lease
from contracts.billing import SCALE, compute_charge, compute_credit_bp
from contracts.call import OLD_BUSINESS, Call, Role
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.payload import BasisPoints, EpochNumber, LeaseId, Note, Payload, UnitSeconds
from contracts.receipt import MAX_SETTLED, Figures, Settled
from contracts.rules import load_version
from contracts.table import Table


class Amendment(TypedDict):
    """The value of an amendment: what was settled at first, and what stands now."""

    availability_bp: int
    credit_bp: int
    duration_ms: int
    note: str
    paid_micro_yuan: int
    price_micro_yuan: int
    remainder: int
    rules: int
    settled_availability_bp: int
    settled_credit_bp: int
    settled_unit_seconds: int
    units: int
    used_unit_seconds: int
    voucher: bool


class Amend(Payload):
    """What a settled epoch should have said."""

    availability_bp: BasisPoints
    epoch: EpochNumber
    lease: LeaseId
    note: Note
    used_unit_seconds: UnitSeconds


def compute_difference(amendment: Amendment) -> int:
    """The charge that stands now less the one that was settled."""
    price = amendment["price_micro_yuan"]
    settled = compute_charge(
        amendment["settled_unit_seconds"], price, amendment["settled_credit_bp"]
    )
    return compute_charge(amendment["used_unit_seconds"], price, amendment["credit_bp"]) - settled


def _check(key: bytes, amendment: Amendment) -> Iterator[str]:
    paid, remainder = amendment["paid_micro_yuan"], amendment["remainder"]
    if (paid, remainder) != divmod(compute_difference(amendment), SCALE):
        yield f"{key!r} has not paid what it corrected"
    if amendment["used_unit_seconds"] * 1000 > amendment["units"] * amendment["duration_ms"]:
        yield f"{key!r} is metered above what its lease has"


AMENDMENTS: Final[Table[Amendment]] = Table(
    "amendment", Amendment, ("lease", "epoch"), check=_check
)


def make_amendment_key(lease: str, epoch: int) -> bytes:
    """The key of an amendment."""
    return AMENDMENTS.make_key(lease, epoch.to_bytes(8, "big"))


def amend(ctx: Context, call: Amend) -> None:
    """Correct a settled epoch."""
    # who may
    _, lease = load_own_lease(ctx, call.lease, "provider")
    require(ctx.signers[1] == lease["consumer"], "not-party")

    # what must hold
    key = make_amendment_key(call.lease, call.epoch)
    before = AMENDMENTS.get(ctx, key) or _begin(ctx, lease, call.epoch)
    most = before["units"] * before["duration_ms"]
    require(call.used_unit_seconds * 1000 <= most, "over-allocated")
    figures = Figures(call.used_unit_seconds, call.availability_bp)
    standing = Figures(before["used_unit_seconds"], before["availability_bp"])
    require(figures != standing, "nothing-amended")
    amended = _compute_amended(ctx, lease, {**before, "note": call.note}, figures)
    require(amended["paid_micro_yuan"] >= 0 or not amended["voucher"], "voucher-paid")
    moved = amended["paid_micro_yuan"] - before["paid_micro_yuan"]
    payer, payee = (lease["consumer"], ctx.actor) if moved > 0 else (ctx.actor, lease["consumer"])
    apply_debit(ctx, payer, abs(moved))

    # what changes
    apply_credit(ctx, payee, abs(moved))
    AMENDMENTS.put(ctx, key, amended)
    emit_about(
        ctx,
        "metering.amended",
        call.lease,
        lease,
        availability_bp=call.availability_bp,
        epoch=call.epoch,
        note=call.note,
        paid_micro_yuan=max(moved, 0),
        refunded_micro_yuan=max(-moved, 0),
        used_unit_seconds=call.used_unit_seconds,
    )


def _begin(ctx: Context, lease: Lease, epoch: int) -> Amendment:
    """What a settled epoch says before it is amended; fails with `no-receipt`."""
    entries = (Settled(*entry) for entry in lease["settled"])
    settled = next((entry for entry in entries if entry.epoch == epoch), None)
    if settled is None:
        raise Failure("no-receipt")
    credit_bp = _compute_credit(ctx, lease, settled.availability_bp)
    return {
        "availability_bp": settled.availability_bp,
        "credit_bp": credit_bp,
        "duration_ms": settled.duration_ms,
        "note": "",
        "paid_micro_yuan": 0,
        "price_micro_yuan": lease["price_micro_yuan"],
        "remainder": 0,
        "rules": lease["rules"],
        "settled_availability_bp": settled.availability_bp,
        "settled_credit_bp": credit_bp,
        "settled_unit_seconds": settled.used_unit_seconds,
        "units": lease["units"],
        "used_unit_seconds": settled.used_unit_seconds,
        "voucher": settled.billed_voucher_micro_yuan > 0,
    }


def _compute_amended(
    ctx: Context, lease: Lease, amendment: Amendment, figures: Figures
) -> Amendment:
    """An amendment with other figures, and what they cost beyond the bill (rule 2)."""
    changed: Amendment = {
        **amendment,
        "availability_bp": figures.availability_bp,
        "credit_bp": _compute_credit(ctx, lease, figures.availability_bp),
        "used_unit_seconds": figures.used_unit_seconds,
    }
    paid, remainder = divmod(compute_difference(changed), SCALE)
    return {**changed, "paid_micro_yuan": paid, "remainder": remainder}


def _compute_credit(ctx: Context, lease: Lease, availability_bp: int) -> int:
    rules = load_version(ctx, lease["rules"])
    return compute_credit_bp(rules, lease["sla_class"], availability_bp)


CALLS = (
    Call(
        kind="metering.amend",
        title="Correct a settled epoch",
        payload=Amend,
        signers=(Role("provider", "P"), Role("consumer", "U")),
        failures={
            **OWN_LEASE_FAILURES,
            "no-receipt": f"the epoch is one of the last {MAX_SETTLED} settled, or was amended",
            "over-allocated": "used is at most allocated times time",
            "nothing-amended": "the figures are not those that stand",
            "voucher-paid": "where a voucher paid, it costs no less than what was settled",
            "insufficient-balance": "the balance covers the amount",
        },
        handler=amend,
        changes="the amendment; the accounts of provider and consumer",
        events=("metering.amended",),
        tolerates=OLD_BUSINESS,
    ),
)

TABLES = (AMENDMENTS,)
