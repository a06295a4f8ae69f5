"""Accounts: what a party holds, and the chain of what it signed.

    key    account 0x00 code 0x00
    value  {"balance": micro-yuan, "count": signed, "head": 32 bytes}
           a consumer's also {"leases": count, "leases_head": 32 bytes}
           a provider's also {"delivered": count, "faults": count}
           an authority's also {"issued": micro-yuan deposited less withdrawn}
           a regional node's also {"vouchers_issued": micro-yuan issued less lapsed and covered,
                                   "vouchers_spent": micro-yuan spent and not covered yet}

1. An account begins when its code first signs or is first paid; it never ends.
2. `head` = SHA-256(head || height, 8 bytes || index, 4 bytes || id || code in ASCII) over all that
   the party signed, failures included; it begins with 32 zero bytes.
3. `leases_head` = SHA-256(leases_head || key of the lease) over the leases a consumer took.
"""

import struct
from hashlib import sha256
from typing import Final, NotRequired, TypedDict

from contracts.context import Context
from contracts.errors import Failure
from contracts.table import Table, get_owner
from ledger.primitives import ZERO_DIGEST


class Account(TypedDict):
    """The value of an account."""

    balance: int
    count: int
    delivered: NotRequired[int]
    faults: NotRequired[int]
    head: bytes
    issued: NotRequired[int]
    leases: NotRequired[int]
    leases_head: NotRequired[bytes]
    vouchers_issued: NotRequired[int]
    vouchers_spent: NotRequired[int]


def _list_money(_key: bytes, account: Account) -> dict[str, int]:
    buckets = {"balances": account["balance"]}
    if "issued" in account:
        buckets["issued"] = account["issued"]
    if "vouchers_issued" in account:
        buckets["issued vouchers"] = account["vouchers_issued"]
    return buckets


ACCOUNTS: Final[Table[Account]] = Table(
    "account", Account, ("code",), money=_list_money, owner=get_owner
)


def make_account_key(code: str) -> bytes:
    """The key of a party's account."""
    return b"account\x00%b\x00" % code.encode()


def make_account(code: str) -> Account:
    """The account of a party that has none yet."""
    account: Account = {"balance": 0, "count": 0, "head": ZERO_DIGEST}
    if code[0] == "U":
        account["leases"] = 0
        account["leases_head"] = ZERO_DIGEST
    elif code[0] == "P":
        account["delivered"] = account["faults"] = 0
    elif code[0] == "A":
        account["issued"] = 0
    elif code[0] == "R":
        account["vouchers_issued"] = account["vouchers_spent"] = 0
    return account


def load_account(ctx: Context, code: str) -> Account:
    """A party's account; that of one who has none yet is empty."""
    account: Account | None = ctx.get(make_account_key(code))
    return make_account(code) if account is None else account


def apply_credit(ctx: Context, code: str, micro_yuan: int) -> None:
    """Add money to a party's balance."""
    account = load_account(ctx, code)
    ctx.put(make_account_key(code), {**account, "balance": account["balance"] + micro_yuan})


def apply_debit(ctx: Context, code: str, micro_yuan: int) -> None:
    """Take money from a party's balance; fails with `insufficient-balance`."""
    account = load_account(ctx, code)
    if account["balance"] < micro_yuan:
        raise Failure("insufficient-balance")
    ctx.put(make_account_key(code), {**account, "balance": account["balance"] - micro_yuan})


def apply_lease(ctx: Context, code: str, lease_key: bytes, held_micro_yuan: int) -> None:
    """Chain a lease to its consumer and take its hold; fails with `insufficient-balance`."""
    account = load_account(ctx, code)
    if account["balance"] < held_micro_yuan:
        raise Failure("insufficient-balance")
    changed: Account = {
        **account,
        "balance": account["balance"] - held_micro_yuan,
        "leases": account["leases"] + 1,
        "leases_head": sha256(account["leases_head"] + lease_key).digest(),
    }
    ctx.put(make_account_key(code), changed)


def compute_head(head: bytes, code: str, height: int, index: int, id_: bytes) -> bytes:
    """The head after one more thing signed."""
    return sha256(head + struct.pack(">QI", height, index) + id_ + code.encode()).digest()


TABLES = (ACCOUNTS,)
