"""Ballots: what the regional nodes decide together, and nobody alone.

    key    ballot 0x00 id 0x00
    value  {"approvals": [[code, height], ...], "closed_by", "deadline_ms", "details",
            "earliest_ms", "height", "judge_ms", "matter", "note", "proposer", "reason",
            "rejections": as approvals, "rules", "state", "subject"}

1. A matter is one of: suspension, revocation, resumption, retirement of a regional node (subject:
   its code); rules (their next version; no subject); root, recovery (subject: the new key in hex).
2. Voters are the validators: the active regional nodes. A ballot is carried by n - (n-1)//3 of
   them; a recovery by `root_supermajority_bp` of them, rounded up, and not before `root_notice_ms`
   of working time have passed. Votes of those who vote no longer do not count. Nobody judges
   itself: on its own suspension or revocation the subject has no vote, and is none of the n.
3. It is judged at each vote, and by the block itself when its notice has passed or the validators
   have become fewer.
4. Whoever proposes and has a vote has approved. A voter may change its mind while a ballot is open.
5. A carried ballot takes effect at once, in the same transaction. Where the effect cannot be, the
   vote fails; where the block judges, the ballot fails, and its reason is the code.
6. It fails when too many have rejected it, or at its deadline in working time, `ballot_window_ms`
   after it may first be carried. Its proposer may withdraw it (see `vote`, rule 3).
7. A proposer has at most `MAX_OPEN` open ballots, and of one matter and subject there is one.

Derived: `open_ballot 0x00 matter 0x00 subject 0x00` is the id; `open_ballots 0x00 proposer 0x00`
counts.
"""

from collections.abc import Iterator
from typing import Annotated, Final, TypedDict

from pydantic import Field

from contracts.context import Context
from contracts.errors import require
from contracts.life import compute_next
from contracts.nodes import compute_quorum, compute_validators, is_voting
from contracts.table import Projection, Table, get_last_field, make_due_key
from ledger.codec import Value
from ledger.record import make_key

MAX_OPEN: Final = 4
OPEN: Final = "open"
LIFE: Final = {
    (OPEN, "carry"): "carried",
    (OPEN, "fail"): "failed",
    (OPEN, "withdraw"): "withdrawn",
}
JUDGE: Final = "ballot.judge"
EXPIRE: Final = "ballot.expire"
RECOVERY: Final = "recovery"
SUSPENSION: Final = "suspension"
_WITHOUT_SUBJECT: Final = (SUSPENSION, "revocation")
OPENING_FAILURES: Final = {
    "matter-open": "no ballot of this matter and subject is open",
    "too-many-ballots": f"the proposer has fewer than {MAX_OPEN} open ballots",
}
_OPEN_PREFIX: Final = make_key("open_ballot")

BallotId = Annotated[
    str, Field(pattern=r"^ballot-[0-9a-f]{32}-[0-9]{1,4}$", description="id of a ballot")
]


class Ballot(TypedDict):
    """The value of a ballot. Times are working time, in ms.

    `details` are what the matter needs to be known. It is not carried before `earliest_ms`, and the
    block judges it at `judge_ms`, 0 for never. `closed_by` is the voter or proposer who ended it,
    or the block.
    """

    approvals: list[list[Value]]
    closed_by: str
    deadline_ms: int
    details: dict[str, Value]
    earliest_ms: int
    height: int
    judge_ms: int
    matter: str
    note: str
    proposer: str
    reason: str
    rejections: list[list[Value]]
    rules: int
    state: str
    subject: str


def make_ballot_key(name: str) -> bytes:
    """The key of a ballot."""
    return make_key("ballot", name)


def _project(key: bytes, ballot: Ballot) -> Projection:
    if ballot["state"] != OPEN:
        return Projection()
    name = get_last_field(key)
    entries: dict[bytes, Value] = {
        make_key("open_ballot", ballot["matter"], ballot["subject"]): name,
        make_due_key("working", ballot["deadline_ms"], EXPIRE, name): key,
    }
    if ballot["judge_ms"]:
        entries[make_due_key("working", ballot["judge_ms"], JUDGE, name)] = key
    return Projection(entries, {_make_count_key(ballot["proposer"]): 1})


def _make_count_key(proposer: str) -> bytes:
    return make_key("open_ballots", proposer)


def _check(key: bytes, ballot: Ballot) -> Iterator[str]:
    voters = [code for code, _ in [*ballot["approvals"], *ballot["rejections"]]]
    if len(set(voters)) < len(voters):
        yield f"{key!r} has two votes of one voter"
    is_open = ballot["state"] == OPEN
    if is_open == bool(ballot["closed_by"]) or is_open == bool(ballot["reason"]):
        yield f"{key!r} has not ended, or ended without an actor or a reason"


BALLOTS: Final[Table[Ballot]] = Table(
    "ballot",
    Ballot,
    ("id",),
    _project,
    derives=("due", "open_ballot", "open_ballots"),
    life=LIFE,
    check=_check,
)


def open_ballot(
    ctx: Context, matter: str, subject: str, details: dict[str, Value], note: str
) -> str:
    """Open a ballot and say its id; fails with `OPENING_FAILURES`."""
    is_open = ctx.get_derived(make_key("open_ballot", matter, subject)) is not None
    require(not is_open, "matter-open")
    count = ctx.get_derived(_make_count_key(ctx.actor)) or 0
    require(count < MAX_OPEN, "too-many-ballots")
    name = ctx.make_object_id("ballot")
    notice_ms = ctx.rules["root_notice_ms"] if matter == RECOVERY else 0
    earliest_ms = ctx.working_ms + notice_ms
    ballot: Ballot = {
        "approvals": [[ctx.actor, ctx.height]] if is_voting(ctx, ctx.actor) else [],
        "closed_by": "",
        "deadline_ms": earliest_ms + ctx.rules["ballot_window_ms"],
        "details": details,
        "earliest_ms": earliest_ms,
        "height": ctx.height,
        "judge_ms": earliest_ms if notice_ms else 0,
        "matter": matter,
        "note": note,
        "proposer": ctx.actor,
        "reason": "",
        "rejections": [],
        "rules": ctx.rules.version,
        "state": OPEN,
        "subject": subject,
    }
    BALLOTS.put(ctx, make_ballot_key(name), ballot)
    about = (name, ctx.actor, subject)
    ctx.emit("ballot.opened", about, deadline_ms=ballot["deadline_ms"], matter=matter, note=note)
    return name


def compute_threshold(ctx: Context, matter: str, voters: int) -> int:
    """How many of the voters carry a ballot (rule 2)."""
    quorum: int = compute_quorum(voters)
    if matter != RECOVERY:
        return quorum
    share_bp = ctx.rules["root_supermajority_bp"]
    return max(quorum, -(-voters * share_bp // 10_000))


def has_vote(ctx: Context, ballot: Ballot, code: str) -> bool:
    """Whether a code may vote on a ballot."""
    return is_voting(ctx, code) and not _is_judged(ballot, code)


def list_voters(ctx: Context, ballot: Ballot) -> list[str]:
    """Who may vote on a ballot, in the order of their codes."""
    return [code for code, _ in compute_validators(ctx.layer) if not _is_judged(ballot, code)]


def _is_judged(ballot: Ballot, code: str) -> bool:
    return ballot["matter"] in _WITHOUT_SUBJECT and ballot["subject"] == code


def is_carried(ctx: Context, ballot: Ballot) -> bool:
    """Whether enough voters have approved, and the notice has passed."""
    voters = list_voters(ctx, ballot)
    approved = sum(code in voters for code, _ in ballot["approvals"])
    threshold = compute_threshold(ctx, ballot["matter"], len(voters))
    return approved >= threshold and ctx.working_ms >= ballot["earliest_ms"]


def is_lost(ctx: Context, ballot: Ballot) -> bool:
    """Whether so many voters have rejected that the others cannot carry it."""
    voters = list_voters(ctx, ballot)
    rejected = sum(code in voters for code, _ in ballot["rejections"])
    return len(voters) - rejected < compute_threshold(ctx, ballot["matter"], len(voters))


def apply_end(
    ctx: Context, name: str, ballot: Ballot, event: str, closed_by: str, reason: str
) -> None:
    """End an open ballot."""
    ended: Ballot = {
        **ballot,
        "closed_by": closed_by,
        "judge_ms": 0,
        "reason": reason,
        "state": compute_next(LIFE, ballot["state"], event),
    }
    BALLOTS.put(ctx, make_ballot_key(name), ended)
    about = (name, ballot["proposer"], ballot["subject"])
    ctx.emit(f"ballot.{ended['state']}", about, matter=ballot["matter"], reason=reason)


def schedule_judgements(ctx: Context) -> None:
    """Let the next block judge what is carried now that the validators have become fewer."""
    for _, name in list(ctx.scan_derived(_OPEN_PREFIX)):
        key = make_ballot_key(name)
        ballot = BALLOTS.get(ctx, key)
        assert ballot is not None
        if is_carried(ctx, ballot):
            BALLOTS.put(ctx, key, {**ballot, "judge_ms": ctx.working_ms})


TABLES = (BALLOTS,)
