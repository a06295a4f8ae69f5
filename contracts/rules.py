"""The rules in force: integers by name, by version, each in force from a height.

    key    rules 0x00 <version, 4 bytes> 0x00
    value  {"ballot", "from_height", "integers": {name: integer}, "version": version}

1. Version 1 stands in the genesis, in force from height 0. Versions count on without a gap, each in
   force from a greater height than the one before. A ballot makes them (see `ballot`).
2. A block executes under the last version whose height it has reached; its header names it.
3. A lease is metered and billed under the version that it was made under.
4. Every rule is at least 1 and at most what its unit, the end of its name, allows; some have bounds
   of their own. `RELATIONS` hold between rules of one version.

Derived: `rules_count 0x00` is how many versions there are.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypedDict

from contracts.context import Context, Rules
from contracts.table import Projection, Table
from ledger.record import make_key
from ledger.state import Reader


class RulesRecord(TypedDict):
    """The value of a version; `ballot` carried it, and is empty for the first."""

    ballot: str
    from_height: int
    integers: dict[str, int]
    version: int


_RULES: Final[Mapping[str, tuple[int, str]]] = {
    "activation_retry_ms": (
        30_000,
        "how long a connected node waits before it is tried again whether it can take part",
    ),
    "activation_timeout_ms": (
        30 * 60_000,
        "how long a matched lease may wait for its activation, in working time",
    ),
    "admission_capital_micro_yuan": (
        50_000_000 * 10**6,
        "registered capital that a construction entity needs at least",
    ),
    "admission_reviewers": (3, "how many reviewers score an application before it may be admitted"),
    "admission_score_minimum": (
        280,
        "the least mean of their sums, of 400, with which it may be admitted",
    ),
    "appeal_window_ms": (
        72 * 3_600_000,
        "how long either side may appeal against a ruling, in working time",
    ),
    "ballot_window_ms": (
        14 * 86_400_000,
        "how long the proposal of a ballot stands open, in working time",
    ),
    "challenge_window_ms": (
        2 * 3_600_000,
        "how long a provider has to show a sample that it is asked for, in working time",
    ),
    "countersign_window_ms": (
        4 * 3_600_000,
        "how long a consumer may be silent on a provider's receipt, in working time",
    ),
    "decision_window_ms": (
        168 * 3_600_000,
        "how long an instance has to decide on an appeal, in working time",
    ),
    "draft_window_ms": (
        90 * 86_400_000,
        "how long a draft of an application stands before it is submitted",
    ),
    "drafts_per_place": (
        64,
        "how many drafts of applications a province, or the whole country, has at one time",
    ),
    "evidence_window_ms": (
        72 * 3_600_000,
        "how long both sides of a dispute may lay evidence before the arbiter, in working time",
    ),
    "help_answer_window_ms": (
        72 * 3_600_000,
        "how long a node may be silent on a help case, in working time",
    ),
    "help_close_window_ms": (
        7 * 24 * 3_600_000,
        "how long who asked may be silent on an answer before the case closes, in working time",
    ),
    "hold_epochs": (2, "how much of a lease must be held when it is made, in meter epochs"),
    "incident_window_ms": (
        24 * 3_600_000,
        "how long a node has to contain an incident before it counts as overdue, in working time",
    ),
    "issued_limit_micro_yuan": (
        10**16,
        "what one bank may have issued at most; it keeps every sum of money within 63 bits",
    ),
    "liveness_blocks": (
        128,
        "of how many of the last blocks one must show that a validator is alive, at most 256",
    ),
    "meter_epoch_ms": (3_600_000, "the length of a meter epoch"),
    "minimum_validators": (4, "below how many the active regional nodes may not be brought"),
    "monitoring_window_ms": (
        72 * 3_600_000,
        "how long after the end of an hour its regional node may report what it saw",
    ),
    "recommendation_required": (
        1,
        "whether every industry node needs the recommendation of an authority: 1 no, 2 yes",
    ),
    "refusal_answer_window_ms": (
        24 * 3_600_000,
        "how long a provider may be silent on a refusal, in working time",
    ),
    "refusal_window_ms": (
        10 * 60_000,
        "how long after activation a consumer may refuse what was delivered, in working time",
    ),
    "root_notice_ms": (
        7 * 86_400_000,
        "how long regions consider the recovery of a lost or compromised root, in working time",
    ),
    "root_supermajority_bp": (
        8_000,
        "the share of the regional nodes that recovers a lost or compromised root",
    ),
    "rules_notice_blocks": (
        1_000,
        "how many blocks before they come into force new rules must be carried",
    ),
    "ruling_window_ms": (
        168 * 3_600_000,
        "how long an instance has to rule once the evidence is there, in working time",
    ),
    "selection_aside_ms": (
        10 * 60_000,
        "how long an offer that can give nothing now stands aside at most",
    ),
    "selection_candidates": (4_000, "how many candidates the demands of one block look at"),
    "selection_green_bp": (
        500,
        "what raises the score of an offer: power that is not green, at most",
    ),
    "selection_items": (64, "how many turns of demands, and returns of offers, one block has"),
    "selection_latency_bp": (
        200,
        "what raises the score of an offer: each step of its latency class",
    ),
    "selection_price_bp": (10_000, "the weight of the price itself in the score"),
    "selection_pue_bp": (1_000, "what raises the score of an offer: a PUE of 2 and above"),
    "selection_record_bp": (
        2_000,
        "what raises the score of an offer: a provider that failed each time",
    ),
    "selection_retry_ms": (
        60_000,
        "how long a demand for which nothing was found waits for its next turn",
    ),
    "selection_walk": (250, "how many candidates one turn looks at"),
    "settlement_window_ms": (
        72 * 3_600_000,
        "how long after its end a lease waits for the receipts that are missing, in working time",
    ),
    "sla_credit_1_bp": (
        2_000,
        "credit on the bill of an epoch whose availability is below the first floor",
    ),
    "sla_credit_2_bp": (3_000, "credit below the second floor"),
    "sla_credit_3_bp": (5_000, "credit below the third floor"),
    "sla_floor_1_bp": (9_990, "availability below which an epoch has the first credit"),
    "sla_floor_2_bp": (9_900, "availability below which it has the second credit"),
    "sla_floor_3_bp": (9_500, "availability below which it has the third credit"),
    "voucher_limit_micro_yuan": (
        10**15,
        "what one regional node may have issued in vouchers at most, less what lapsed of them",
    ),
}
VERSION_1: Final[Mapping[str, int]] = {name: integer for name, (integer, _) in _RULES.items()}
MEANINGS: Final[Mapping[str, str]] = {name: meaning for name, (_, meaning) in _RULES.items()}


_COUNT_KEY: Final = make_key("rules_count")
_TEN_YEARS_MS: Final = 10 * 366 * 86_400_000
# The greatest integer of a rule, by the end of its name.
_MOST_OF_UNIT: Final = {"_ms": _TEN_YEARS_MS, "_bp": 10_000, "_micro_yuan": 10**16}
_MOST: Final = 1 << 31
_BOUNDS: Final[Mapping[str, tuple[int, int]]] = {
    "admission_reviewers": (1, 32),
    "admission_score_minimum": (1, 400),
    "liveness_blocks": (16, 256),
    "minimum_validators": (4, 34),
    "recommendation_required": (1, 2),
    "root_supermajority_bp": (6_700, 10_000),
    # A block has to close within the leader timer (docs/spec/selection.md).
    "selection_candidates": (1, 10_000),
    "selection_items": (1, 512),
}
RELATIONS: Final[tuple[tuple[str, Callable[[Mapping[str, int]], bool]], ...]] = (
    (
        "`sla_floor_1_bp` >= `sla_floor_2_bp` >= `sla_floor_3_bp`",
        lambda rules: rules["sla_floor_1_bp"] >= rules["sla_floor_2_bp"] >= rules["sla_floor_3_bp"],
    ),
    (
        "`sla_credit_1_bp` <= `sla_credit_2_bp` <= `sla_credit_3_bp`",
        lambda rules: (
            rules["sla_credit_1_bp"] <= rules["sla_credit_2_bp"] <= rules["sla_credit_3_bp"]
        ),
    ),
)


def _project(_key: bytes, _value: RulesRecord) -> Projection:
    return Projection(sums={_COUNT_KEY: 1})


def _check(key: bytes, value: RulesRecord) -> Iterator[str]:
    integers = value["integers"]
    for wrong in [*find_beyond_bounds(integers), *find_broken_relations(integers)]:
        yield f"{key!r} is not as rules may be: {wrong}"


RULES: Final[Table[RulesRecord]] = Table(
    "rules", RulesRecord, ("version",), _project, derives=("rules_count",), check=_check
)


def make_rules_key(version: int) -> bytes:
    """The key of a version."""
    return make_key("rules", version.to_bytes(4, "big"))


def compute_bounds(name: str) -> tuple[int, int]:
    """The least and the greatest integer that a rule may be."""
    if name in _BOUNDS:
        return _BOUNDS[name]
    return 1, next((most for unit, most in _MOST_OF_UNIT.items() if name.endswith(unit)), _MOST)


def find_beyond_bounds(integers: Mapping[str, int]) -> list[str]:
    """The names of rules beyond their bounds."""
    return [
        name
        for name, integer in sorted(integers.items())
        if not compute_bounds(name)[0] <= integer <= compute_bounds(name)[1]
    ]


def find_broken_relations(integers: Mapping[str, int]) -> list[str]:
    """The relations that do not hold between the rules of one version."""
    return [text for text, holds in RELATIONS if not holds(integers)]


def load_current(state: Reader, height: int) -> Rules:
    """The rules in force at a height that follows on a state, or is the state's own."""
    record = load_last(state)
    while record["from_height"] > height:
        record = _load_record(state, record["version"] - 1)
    return Rules(record["version"], record["integers"])


def load_last(state: Reader) -> RulesRecord:
    """The last version, which may not be in force yet."""
    return _load_record(state, state.get_derived(_COUNT_KEY))


def load_version(ctx: Context, version: int) -> Rules:
    """The rules of a version, which was once in force."""
    if version == ctx.rules.version:
        return ctx.rules
    value = ctx.get(make_rules_key(version))
    return Rules(value["version"], value["integers"])


def apply_version(
    ctx: Context, changes: Mapping[str, int], from_height: int, ballot: str
) -> RulesRecord:
    """Add a version: the last one with some changes."""
    last = load_last(ctx.layer)
    assert from_height > max(last["from_height"], ctx.height)
    record: RulesRecord = {
        "ballot": ballot,
        "from_height": from_height,
        "integers": dict(sorted({**last["integers"], **changes}.items())),
        "version": last["version"] + 1,
    }
    RULES.put(ctx, make_rules_key(record["version"]), record)
    return record


def _load_record(state: Reader, version: int) -> RulesRecord:
    record = state.get(make_rules_key(version))
    assert record is not None, "versions count on from 1"
    value: RulesRecord = record.value
    return value


TABLES = (RULES,)
