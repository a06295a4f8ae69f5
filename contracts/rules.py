"""The rules in force: integers by name, by version.

    key    rules 0x00 <version, 4 bytes> 0x00
    value  {"integers": {name: integer}, "version": version}

1. Version 1 stands in the genesis. The rules in force are those of the last version.
2. A lease is metered and billed under the version that it was made under.
"""

from collections.abc import Mapping
from typing import Final, TypedDict

from contracts.context import Context, Rules
from contracts.table import Table
from ledger.record import make_key
from ledger.state import Reader


class RulesRecord(TypedDict):
    """The value of a version."""

    integers: dict[str, int]
    version: int


RULES: Final[Table[RulesRecord]] = Table("rules", RulesRecord, ("version",))
VERSION_1: Final[Mapping[str, int]] = {
    # How long a matched lease may wait for its activation, in working time.
    "activation_timeout_ms": 30 * 60_000,
    # How long a provider has to show a sample that it is asked for, in working time.
    "challenge_window_ms": 2 * 3_600_000,
    # How long a consumer may be silent on a provider's receipt, in working time.
    "countersign_window_ms": 4 * 3_600_000,
    # What one bank may have issued at most; it keeps every sum of money within 63 bits.
    "issued_limit_micro_yuan": 10**16,
    # How much of a lease must be held when it is made, in meter epochs.
    "hold_epochs": 2,
    # The length of a meter epoch.
    "meter_epoch_ms": 3_600_000,
    # Below how many the active regional nodes may not be brought.
    "minimum_validators": 4,
    # How long after the end of an hour its regional node may report what it saw.
    "monitoring_window_ms": 72 * 3_600_000,
    # How long a provider may be silent on a refusal, in working time.
    "refusal_answer_window_ms": 24 * 3_600_000,
    # How long after activation a consumer may refuse what was delivered, in working time.
    "refusal_window_ms": 10 * 60_000,
    # How long after its end a lease waits for the receipts that are missing, in working time.
    "settlement_window_ms": 72 * 3_600_000,
    # Credits on the bill of an epoch whose availability is below a floor, in basis points.
    "sla_credit_1_bp": 2_000,
    "sla_credit_2_bp": 3_000,
    "sla_credit_3_bp": 5_000,
    "sla_floor_1_bp": 9_990,
    "sla_floor_2_bp": 9_900,
    "sla_floor_3_bp": 9_500,
}


def make_rules_key(version: int) -> bytes:
    """The key of a version."""
    return make_key("rules", version.to_bytes(4, "big"))


def load_current(state: Reader) -> Rules:
    """The rules in force in a state."""
    last = None
    for _, record in state.scan(RULES.prefix):
        last = record
    assert last is not None, "a chain begins with rules"
    return Rules(last.value["version"], last.value["integers"])


def load_version(ctx: Context, version: int) -> Rules:
    """The rules of a version, which was once in force."""
    if version == ctx.rules.version:
        return ctx.rules
    value = ctx.get(make_rules_key(version))
    return Rules(value["version"], value["integers"])


TABLES = (RULES,)
