"""Vouchers (算力券): what a region gives a consumer to pay a share of its bills with.

    key    voucher 0x00 holder 0x00 voucher id 0x00
    value  see `VoucherRecord`

1. A regional node issues a voucher to a consumer: an amount, the share of a bill that it pays, the
   resource class and the region that it is for (empty for any), and the moment at which it expires.
   The node's account counts what it issued less what lapsed or was covered, at most
   `voucher_limit_micro_yuan`.
2. The holder gives a part of it to a lease of that class and region, when it takes, or tops up. A
   lease has a part of one voucher at most, which pays its share of every bill (`contracts.hold`).
3. What was billed is money of the provider's, like any other. What a lease did not need comes back
   to the voucher at its end; until then what was billed counts as lying in the lease.
4. When its time has come what is left lapses. What leases have of it they keep, and pay with; what
   comes back after that lapses too.
5. Until the node covers what was spent, there is more money than banks have issued: it covers out
   of its own balance, which a bank has filled, and that much of both ends.
6. amount = balance + held + spent + lapsed, always.

Life: open -> spent | (lapsing) -> expired.
"""

from collections.abc import Iterator
from typing import Annotated, Final, Literal, TypedDict

from pydantic import Field

from contracts.account import Account, load_account, make_account_key
from contracts.call import OLD_BUSINESS, Call, Due, Role
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.hold import VoucherPart, make_voucher_part
from contracts.life import compute_next
from contracts.payload import (
    FULL_BP,
    Amount,
    ConsumerCode,
    Payload,
    Reference,
    TimeMs,
)
from contracts.standing import is_active
from contracts.table import (
    Projection,
    Table,
    get_last_field,
    get_owner,
    make_due_key,
    make_object_key,
)
from ledger.code import parse_code

LIFE: Final = {
    ("open", "spend"): "spent",
    ("open", "lapse"): "lapsing",
    ("open", "expire"): "expired",
    ("lapsing", "expire"): "expired",
}
FAILURES: Final = {
    "unknown-voucher": "the voucher named exists",
    "not-holder": "the voucher is the consumer's own",
    "voucher-closed": "the voucher is open and not expired",
    "voucher-mismatch": "the voucher is for resources of this class and region",
    "voucher-short": "the voucher has as much left",
}


class VoucherRecord(TypedDict):
    """The value of a voucher. `held_micro_yuan` lies in leases that have not ended."""

    amount_micro_yuan: int
    balance_micro_yuan: int
    expires_ms: int
    held_micro_yuan: int
    issuer: str
    lapsed_micro_yuan: int
    reference: str
    region: str
    resource_class: str
    rules: int
    share_bp: int
    spent_micro_yuan: int
    state: str


class Issue(Payload):
    """A voucher for a consumer."""

    amount_micro_yuan: Amount
    expires_ms: TimeMs
    holder: ConsumerCode
    reference: Reference
    region: Annotated[
        str, Field(pattern="^([0-9]{2})?$", description="province prefix, empty for any")
    ]
    resource_class: Annotated[
        Literal["", "10", "20", "30", "40", "50", "60", "70"],
        Field(description="resource class, empty for any"),
    ]
    share_bp: Annotated[int, Field(ge=1, le=FULL_BP, description="share of a bill, basis points")]


class Cover(Payload):
    """Money of the issuer's for what its vouchers paid."""

    amount_micro_yuan: Amount
    reference: Reference


def _project(key: bytes, voucher: VoucherRecord) -> Projection:
    name = get_last_field(key)
    entries: dict[bytes, object] = {make_object_key(name): key}
    if voucher["state"] == "open":
        entries[make_due_key("time", voucher["expires_ms"], "voucher.expire", name)] = key
    return Projection(entries)


def _check(key: bytes, voucher: VoucherRecord) -> Iterator[str]:
    """Its own equation (rule 6), and what an end leaves."""
    held, balance = voucher["held_micro_yuan"], voucher["balance_micro_yuan"]
    spent, lapsed = voucher["spent_micro_yuan"], voucher["lapsed_micro_yuan"]
    if voucher["amount_micro_yuan"] != balance + held + spent + lapsed:
        yield f"{key!r} has lost or made money"
    if min(held, spent, lapsed) < 0:
        yield f"{key!r} has a negative part"
    if voucher["state"] != "open" and balance:
        yield f"{key!r} is {voucher['state']} and has something left"
    if voucher["state"] in ("spent", "expired") and held:
        yield f"{key!r} ended while a lease has of it"


VOUCHERS: Final[Table[VoucherRecord]] = Table(
    "voucher",
    VoucherRecord,
    ("holder", "id"),
    _project,
    derives=("due", "object"),
    life=LIFE,
    money=lambda _, voucher: {"vouchers": voucher["balance_micro_yuan"]},
    owner=get_owner,
    check=_check,
)


def issue(ctx: Context, call: Issue) -> None:
    """Give a consumer a voucher."""
    # who may: any regional node

    # what must hold
    require(is_active(ctx, call.holder), "unknown-holder")
    require(call.expires_ms > ctx.time_ms, "expires-in-past")
    account = load_account(ctx, ctx.actor)
    issued = account["vouchers_issued"] + call.amount_micro_yuan
    require(issued <= ctx.rules["voucher_limit_micro_yuan"], "voucher-limit")

    # what changes
    ctx.put(make_account_key(ctx.actor), {**account, "vouchers_issued": issued})
    name = ctx.make_object_id("voucher")
    record: VoucherRecord = {
        "amount_micro_yuan": call.amount_micro_yuan,
        "balance_micro_yuan": call.amount_micro_yuan,
        "expires_ms": call.expires_ms,
        "held_micro_yuan": 0,
        "issuer": ctx.actor,
        "lapsed_micro_yuan": 0,
        "reference": call.reference,
        "region": call.region,
        "resource_class": call.resource_class,
        "rules": ctx.rules.version,
        "share_bp": call.share_bp,
        "spent_micro_yuan": 0,
        "state": "open",
    }
    key = VOUCHERS.make_key(call.holder, name)
    VOUCHERS.put(ctx, key, record)
    data = {"amount_micro_yuan": call.amount_micro_yuan, "expires_ms": call.expires_ms}
    _emit(ctx, "voucher.issued", key, record, reference=call.reference, **data)


def cover(ctx: Context, call: Cover) -> None:
    """Stand in for what vouchers paid, with money that a bank issued."""
    # who may: any regional node

    # what must hold
    account = load_account(ctx, ctx.actor)
    require(call.amount_micro_yuan <= account["vouchers_spent"], "not-spent")
    require(call.amount_micro_yuan <= account["balance"], "insufficient-balance")

    # what changes
    covered: Account = {
        **account,
        "balance": account["balance"] - call.amount_micro_yuan,
        "vouchers_issued": account["vouchers_issued"] - call.amount_micro_yuan,
        "vouchers_spent": account["vouchers_spent"] - call.amount_micro_yuan,
    }
    ctx.put(make_account_key(ctx.actor), covered)
    data = {"amount_micro_yuan": call.amount_micro_yuan, "reference": call.reference}
    ctx.emit("voucher.covered", (ctx.actor,), **data)


def expire(ctx: Context, key: bytes) -> None:
    """Let lapse what is left of a voucher whose time has come."""
    record = VOUCHERS.get(ctx, key)
    assert record is not None
    balance = record["balance_micro_yuan"]
    event = "lapse" if record["held_micro_yuan"] else "expire"
    changed: VoucherRecord = {
        **record,
        "balance_micro_yuan": 0,
        "lapsed_micro_yuan": record["lapsed_micro_yuan"] + balance,
        "state": compute_next(LIFE, record["state"], event),
    }
    _apply_end(ctx, record["issuer"], lapsed=balance)
    VOUCHERS.put(ctx, key, changed)
    _emit(ctx, "voucher.expired", key, changed, lapsed_micro_yuan=balance)


def load_part(
    ctx: Context, name: str, micro_yuan: int, consumer: str, resource: str
) -> VoucherPart | None:
    """The part of a voucher that a lease of a resource is to have, or None where none is named.

    Fails with those of `FAILURES`. Nothing changes yet.
    """
    if not name:
        return None
    found = VOUCHERS.find(ctx, name)
    if found is None:
        raise Failure("unknown-voucher")
    key, record = found
    require(get_owner(key, record) == consumer, "not-holder")
    require(record["state"] == "open" and ctx.time_ms < record["expires_ms"], "voucher-closed")
    fields = parse_code(resource)
    fits = record["resource_class"] in ("", fields.resource_class)
    require(fits and record["region"] in ("", fields.region), "voucher-mismatch")
    require(micro_yuan <= record["balance_micro_yuan"], "voucher-short")
    return make_voucher_part(name, micro_yuan, record["share_bp"])


def apply_use(ctx: Context, name: str, micro_yuan: int) -> None:
    """Give a part of a voucher to a lease."""
    found = VOUCHERS.find(ctx, name)
    assert found is not None
    key, record = found
    changed: VoucherRecord = {
        **record,
        "balance_micro_yuan": record["balance_micro_yuan"] - micro_yuan,
        "held_micro_yuan": record["held_micro_yuan"] + micro_yuan,
    }
    VOUCHERS.put(ctx, key, changed)


def apply_return(ctx: Context, name: str, returned_micro_yuan: int, spent_micro_yuan: int) -> None:
    """Take back from a lease what it did not need, and book what it spent (rules 3 and 4)."""
    if not returned_micro_yuan and not spent_micro_yuan:
        return
    found = VOUCHERS.find(ctx, name)
    assert found is not None
    key, record = found
    kept = returned_micro_yuan if record["state"] == "open" else 0
    lapsed = returned_micro_yuan - kept
    changed: VoucherRecord = {
        **record,
        "balance_micro_yuan": record["balance_micro_yuan"] + kept,
        "held_micro_yuan": record["held_micro_yuan"] - returned_micro_yuan - spent_micro_yuan,
        "lapsed_micro_yuan": record["lapsed_micro_yuan"] + lapsed,
        "spent_micro_yuan": record["spent_micro_yuan"] + spent_micro_yuan,
    }
    event = _find_end(changed)
    if event:
        changed["state"] = compute_next(LIFE, record["state"], event)
    _apply_end(ctx, record["issuer"], lapsed=lapsed, spent=spent_micro_yuan)
    VOUCHERS.put(ctx, key, changed)
    data = {"returned_micro_yuan": kept, "spent_micro_yuan": spent_micro_yuan}
    _emit(ctx, "voucher.returned", key, changed, lapsed_micro_yuan=lapsed, **data)


def _find_end(voucher: VoucherRecord) -> str:
    """The event that ends a voucher of which nothing is left, if it has come to that."""
    if voucher["held_micro_yuan"] or voucher["balance_micro_yuan"]:
        return ""
    return "spend" if voucher["state"] == "open" else "expire"


def _apply_end(ctx: Context, issuer: str, lapsed: int, spent: int = 0) -> None:
    """Tell the issuer what lapsed, which counts as never issued, and what was spent."""
    if lapsed or spent:
        account = load_account(ctx, issuer)
        changed: Account = {
            **account,
            "vouchers_issued": account["vouchers_issued"] - lapsed,
            "vouchers_spent": account["vouchers_spent"] + spent,
        }
        ctx.put(make_account_key(issuer), changed)


def _emit(ctx: Context, type_: str, key: bytes, voucher: VoucherRecord, **data: object) -> None:
    """An event about a voucher, its holder and its issuer."""
    about = (get_last_field(key), get_owner(key, voucher), voucher["issuer"])
    ctx.emit(type_, about, **data)


CALLS = (
    Call(
        kind="voucher.issue",
        title="Give a consumer a voucher",
        payload=Issue,
        signers=(Role("regional node", "R"),),
        failures={
            "unknown-holder": "the holder is registered and in good standing",
            "expires-in-past": "it expires after the block's time",
            "voucher-limit": "the node has issued no more than `voucher_limit_micro_yuan`",
        },
        handler=issue,
        changes="the voucher; the node's account",
        events=("voucher.issued",),
    ),
    Call(
        kind="voucher.cover",
        title="Pay for what vouchers paid",
        payload=Cover,
        signers=(Role("regional node", "R"),),
        failures={
            "not-spent": "vouchers of the node have paid as much, and it was not covered",
            "insufficient-balance": "the balance covers the amount",
        },
        handler=cover,
        changes="the node's account",
        events=("voucher.covered",),
        tolerates=OLD_BUSINESS,
    ),
)

DUE = (
    Due(
        action="voucher.expire",
        title="What is left of a voucher lapses at its time",
        clocks=("time",),
        handler=expire,
        changes="the voucher; the issuer's account, which counts it no longer",
        events=("voucher.expired",),
    ),
)

TABLES = (VOUCHERS,)
