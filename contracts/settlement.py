"""Settlement: money comes in and out through banks, and goes from account to account.

1. Bookkeeping in yuan. A bank is an authority with that role; what it deposited less what was
   withdrawn through it is `issued` in its account.
2. Money is conserved: balances + what leases hold and freeze = what all banks issued.
3. A withdrawal has the consent of the holder, who acts, and of the bank.
4. Any party may be paid unless its identity is revoked.

The hold of a lease lies in the lease's record (`contracts.lease`): taking makes it, receipts post
parts of it to the provider, the end releases the rest to the consumer.
"""

from contracts.account import apply_credit, apply_debit, load_account, make_account_key
from contracts.call import Call, Role
from contracts.context import Context
from contracts.errors import require
from contracts.payload import Amount, IdentityCode, Payload, Reference
from contracts.standing import get_identity, get_role


class Deposit(Payload):
    """Money that a bank received for a party."""

    account: IdentityCode
    amount_micro_yuan: Amount
    reference: Reference


class Withdraw(Payload):
    """Money that a bank pays out to the party that acts."""

    amount_micro_yuan: Amount
    reference: Reference


class Pay(Payload):
    """Money from the party that acts to another."""

    amount_micro_yuan: Amount
    reference: Reference
    to: IdentityCode


def deposit(ctx: Context, call: Deposit) -> None:
    """Credit a party with what its bank received."""
    # who may
    bank = ctx.actor
    require(get_role(ctx, bank) == "bank", "not-a-bank")

    # what must hold
    require(call.account != bank, "same-party")
    require(_may_be_paid(ctx, call.account), "unknown-party")
    account = load_account(ctx, bank)
    issued = account["issued"] + call.amount_micro_yuan
    require(issued <= ctx.rules["issued_limit_micro_yuan"], "issued-limit")

    # what changes
    apply_credit(ctx, call.account, call.amount_micro_yuan)
    ctx.put(make_account_key(bank), {**account, "issued": issued})
    ctx.emit(
        "settlement.deposited",
        (call.account, bank),
        amount_micro_yuan=call.amount_micro_yuan,
        reference=call.reference,
    )


def withdraw(ctx: Context, call: Withdraw) -> None:
    """Debit a party with what its bank pays out."""
    # who may
    holder, bank = ctx.signers
    require(get_role(ctx, bank) == "bank", "not-a-bank")

    # what must hold
    account = load_account(ctx, bank)
    require(account["issued"] >= call.amount_micro_yuan, "not-issued")
    apply_debit(ctx, holder, call.amount_micro_yuan)

    # what changes
    issued = account["issued"] - call.amount_micro_yuan
    ctx.put(make_account_key(bank), {**account, "issued": issued})
    ctx.emit(
        "settlement.withdrawn",
        (holder, bank),
        amount_micro_yuan=call.amount_micro_yuan,
        reference=call.reference,
    )


def pay(ctx: Context, call: Pay) -> None:
    """Move money from one balance to another."""
    # who may: whoever has the money
    payer = ctx.actor

    # what must hold
    require(call.to != payer, "same-party")
    require(_may_be_paid(ctx, call.to), "unknown-party")
    apply_debit(ctx, payer, call.amount_micro_yuan)

    # what changes
    apply_credit(ctx, call.to, call.amount_micro_yuan)
    ctx.emit(
        "settlement.paid",
        (payer, call.to),
        amount_micro_yuan=call.amount_micro_yuan,
        reference=call.reference,
    )


def _may_be_paid(ctx: Context, code: str) -> bool:
    identity = get_identity(ctx, code)
    return identity is not None and identity["status"] != "revoked"


_BANK = Role("bank (authority)", "A")
_PARTY = Role("party", "NRIAPUMS")

CALLS = (
    Call(
        kind="settlement.deposit",
        title="Credit a party with what its bank received",
        payload=Deposit,
        signers=(_BANK,),
        failures={
            "not-a-bank": "the signer is an authority with the role of a bank",
            "same-party": "payer and paid are two",
            "unknown-party": "the paid is registered and not revoked",
            "issued-limit": "the bank has issued no more than `issued_limit_micro_yuan`",
        },
        handler=deposit,
        changes="the party's account; the bank's account",
        events=("settlement.deposited",),
    ),
    Call(
        kind="settlement.withdraw",
        title="Debit a party with what its bank pays out",
        payload=Withdraw,
        signers=(_PARTY, _BANK),
        failures={
            "not-a-bank": "the signer is an authority with the role of a bank",
            "not-issued": "the bank has issued as much",
            "insufficient-balance": "the balance covers the amount",
        },
        handler=withdraw,
        changes="the party's account; the bank's account",
        events=("settlement.withdrawn",),
    ),
    Call(
        kind="settlement.pay",
        title="Pay another party",
        payload=Pay,
        signers=(_PARTY,),
        failures={
            "same-party": "payer and paid are two",
            "unknown-party": "the paid is registered and not revoked",
            "insufficient-balance": "the balance covers the amount",
        },
        handler=pay,
        changes="the payer's account; the account of the paid",
        events=("settlement.paid",),
    ),
)
