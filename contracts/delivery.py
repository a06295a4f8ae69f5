"""Delivery: the record of how a provider kept its word, two counts in its account.

1. `delivered` counts the epochs that were settled, by whatever way, at or above the first
   availability floor of the lease's rules. What a ruling leaves of an epoch counts as what it is.
2. `faults` counts: an epoch below that floor, of a lease that promises credits; a scheduled lease
   that was not activated in time; a refusal that the provider left unanswered; a lease that the
   provider closed for a fault of its own; a question for a sample that it left unanswered.
3. An outage is nobody's fault, and neither is a match that nobody dispatched.
4. Nothing takes a count back: an amendment corrects money and figures, not the record.
"""

from contracts.account import load_account, make_account_key
from contracts.agreement import Lease
from contracts.context import Context
from contracts.rules import load_version


def apply_delivered(ctx: Context, provider: str) -> None:
    """Count an epoch that was delivered as promised."""
    account = load_account(ctx, provider)
    changed = {**account, "delivered": account["delivered"] + 1}
    ctx.put(make_account_key(provider), changed)


def apply_fault(ctx: Context, provider: str) -> None:
    """Count a fault."""
    account = load_account(ctx, provider)
    changed = {**account, "faults": account["faults"] + 1}
    ctx.put(make_account_key(provider), changed)


def apply_epoch(ctx: Context, lease: Lease, availability_bp: int) -> None:
    """Count a settled epoch as what it was."""
    if availability_bp >= load_version(ctx, lease["rules"])["sla_floor_1_bp"]:
        apply_delivered(ctx, lease["provider"])
    elif lease["sla_class"]:
        apply_fault(ctx, lease["provider"])
