"""What a status document means: why a peer is stuck, from whom it waits, since when, what to do.

1. `diagnose` is a pure function of the document that `/v1/status` shows (`node.status`), so that a
   saved one tells as much as a running peer.
2. Findings come in the order of their importance. *Stuck* is what keeps the peer from its work now,
   and what `/readyz` answers 503 for; all else is a warning.
3. What a document does not say is not guessed at: a finding needs its facts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

MAX_CLOCK_OFFSET_MS: Final = 1_000
QUIET_HEARTBEATS: Final = 4  # an idle network makes a block every one to one and a half
FAR_BLOCKS: Final = 2  # what is further behind is catching up
UNSIGNED_BLOCKS: Final = 64  # a validator that none of so many show
WARNING_DAYS: Final = 30  # before a certificate expires
LITTLE_FREE_BYTES: Final = 1 << 30
NO_FREE_BYTES: Final = 64 << 20
SLOW_SYNC_MS: Final = 100.0
STALLED_MS: Final = 5_000.0
DAY_MS: Final = 86_400_000

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not well; `since_ms` is None where nobody knows, `who` are codes."""

    code: str
    what: str
    advice: str
    is_stuck: bool = False
    since_ms: int | None = None
    who: Sequence[str] = ()

    def to_document(self) -> dict[str, Any]:
        """As JSON: times are text."""
        since = {} if self.since_ms is None else {"since_ms": str(self.since_ms)}
        return {
            "code": self.code,
            "stuck": self.is_stuck,
            "what": self.what,
            **since,
            "who": list(self.who),
            "advice": self.advice,
        }


def diagnose(status: Document) -> list[Finding]:
    """What a status document says that is not well, the most important first."""
    findings = [finding for examine in _EXAMINATIONS for finding in examine(status)]
    return sorted(findings, key=lambda finding: not finding.is_stuck)


def _check_end(status: Document) -> Iterator[Finding]:
    if status["stopping"]:
        yield Finding("stopping", "this peer is stopping", "see its last log line", is_stuck=True)


def _check_joining(status: Document) -> Iterator[Finding]:
    joining = status["joining"]
    if joining:
        yield Finding(
            "joining",
            f"joining by a snapshot: {joining['phase']}, {joining['missing']} of "
            f"{joining['pieces']} pieces are missing",
            "wait; those named sent wrong pieces: tell their operators",
            is_stuck=True,
            who=list(joining["dropped"]),
        )


def _check_reach(status: Document) -> Iterator[Finding]:
    reach = status["reach"]
    missing: Mapping[str, str] = reach["missing"]
    here, quorum = int(reach["validators"]), int(reach["quorum"])
    since_ms = max((int(at_ms) for at_ms in missing.values()), default=None)
    if reach["through_others"]:
        if not here:
            yield Finding(
                "no-validator-connected",
                "no validator is connected",
                "look at the nodes that the configuration names under `connect`, at the network, "
                "and whether this node is still active",
                True,
                since_ms,
                list(missing),
            )
        return
    if here < quorum:
        yield Finding(
            "quorum-out-of-reach",
            f"{here} of {reach['of']} validators are in reach, {quorum} are a quorum; "
            f"missing: {', '.join(missing)}",
            "look at those named and at the network between; nothing is lost meanwhile",
            True,
            since_ms,
            list(missing),
        )
    elif missing:
        yield Finding(
            "out-of-reach",
            f"{len(missing)} of {reach['of']} validators are out of reach",
            "look at those named: a quorum is left",
            since_ms=since_ms,
            who=list(missing),
        )


def _check_voice(status: Document) -> Iterator[Finding]:
    if status["role"] != "validator" or status["votes"]:
        return
    consensus = status["consensus"]
    silence = "journal-old" if consensus["silenced"] else consensus["silence"]
    if silence in _SILENCES:
        why, advice = _SILENCES[silence]
        text = f"this validator's key is missing or barred: it does not vote ({why})"
        yield Finding(silence, text, advice, is_stuck=True)
    elif status["recovering"]:
        wanted, blocks = int(consensus["reports_needed"]), len(consensus["missing_blocks"])
        yield Finding(
            "recovering",
            "this validator was restarted and does not vote yet: "
            f"{consensus['reports']} of {wanted} reports came, {blocks} certified blocks are "
            "missing",
            "wait; if it lasts, f + 1 validators are not connected to it",
            is_stuck=True,
        )


_NEW_KEY: Final = "make a new validator key, register it (identity.rotate_validator), add it"
_SILENCES: Final[Mapping[str, tuple[str, str]]] = {
    "key-missing": ("it does not hold its key of this epoch", "add the key that is registered"),
    "key-barred": ("its journal was lost, or its key ran elsewhere", _NEW_KEY),
    "journal-old": ("others have votes of it that its journal has not", _NEW_KEY),
    "store-old": ("its store is older than its journal", "wait until it has caught up"),
}


def _check_disk(status: Document) -> Iterator[Finding]:
    disk = status["disk"]
    if not disk:
        return
    waiting_ms, median_ms = float(disk["waiting_ms"]), float(disk["sync_median_ms"])
    free = int(disk["free_bytes"])
    if waiting_ms > STALLED_MS:
        yield Finding(
            "disk-stalled",
            f"a write to the disk has not ended for {waiting_ms / 1000:.0f} s",
            "look at the disk: nothing leaves this peer before it is written",
            True,
            int(status["now_ms"]) - int(waiting_ms),
        )
    if free < LITTLE_FREE_BYTES:
        yield Finding(
            "disk-full",
            f"{free >> 20} MiB are free on the disk",
            "make room: a full disk ends the peer, cleanly",
            is_stuck=free < NO_FREE_BYTES,
        )
    if median_ms > SLOW_SYNC_MS:
        yield Finding(
            "disk-slow",
            f"a synced write takes {median_ms:.0f} ms in the median, the last "
            f"{float(disk['sync_last_ms']):.0f} ms",
            "each vote waits for one: give the peer a faster disk, or one of its own",
        )


def _check_clock(status: Document) -> Iterator[Finding]:
    offset_ms = int(status["clock_offset_ms"])
    if abs(offset_ms) > MAX_CLOCK_OFFSET_MS:
        yield Finding(
            "clock-off",
            f"this clock is {-offset_ms} ms off the others': check NTP",
            "set the clock and see that NTP keeps it: validators wait with blocks that are ahead",
            is_stuck=True,
        )
        return
    offsets = {
        code: int(peer["clock_offset_ms"])
        for code, peer in status["peers"].items()
        if peer["channel"] == "full"
    }
    wrong = {code: ms for code, ms in offsets.items() if abs(ms - offset_ms) > MAX_CLOCK_OFFSET_MS}
    if wrong:
        yield Finding(
            "clock-of-others",
            "; ".join(
                f"the clock of {code} is {ms:+} ms off this one" for code, ms in wrong.items()
            ),
            "tell their operators to check NTP",
            who=list(wrong),
        )


def _check_progress(status: Document) -> Iterator[Finding]:
    sync, height = status["sync"], int(status["height"])
    goal, epoch = int(sync["goal"]), int(status["epoch"])
    if sync["running"] and goal > height + FAR_BLOCKS:
        yield Finding(
            "catching-up",
            f"catching up: block {height} of {goal}",
            "wait; if the height stands still, the peers it asks do not answer",
            True,
            int(status["final_at_ms"]),
        )
    if int(sync["epoch"]) > epoch:
        yield Finding(
            "epoch-behind",
            f"the others are in epoch {sync['epoch']}, and this peer in {epoch}",
            "wait while it catches up: epochs are followed one after the other",
            since_ms=int(status["final_at_ms"]),
        )


def _check_finality(status: Document) -> Iterator[Finding]:
    quiet_ms = int(status["now_ms"]) - int(status["final_at_ms"])
    consensus = status["consensus"]
    if quiet_ms <= QUIET_HEARTBEATS * int(status["heartbeat_ms"]):
        return
    missing, of = consensus["missing_votes"], len(status["validators"])
    text = f"no block has become final for {quiet_ms // 1000} s"
    if status["role"] == "validator":  # others are not sent votes
        text += (
            f": in view {status['view']} of epoch {status['epoch']}, led by {status['leader']}, "
            f"{of - len(missing)} of {of} have voted"
        )
    yield Finding(
        "no-finality",
        text,
        "ask the validators, those first that have not voted: fewer than a quorum may run",
        True,
        int(status["final_at_ms"]),
        missing if status["role"] == "validator" else (),
    )
    if consensus["missing_blocks"] or consensus["missing_views"]:
        yield Finding(
            "missing-parts",
            f"{len(consensus['missing_blocks'])} certified blocks and the certificates of "
            f"{len(consensus['missing_views'])} views are not here yet",
            "wait: they are asked for; if it lasts, those who have them are out of reach",
            since_ms=int(consensus["view_at_ms"]),
        )


def _check_signers(status: Document) -> Iterator[Finding]:
    unsigned: Mapping[str, str] = status["consensus"]["blocks_unsigned"]
    absent = [code for code, blocks in unsigned.items() if int(blocks) >= UNSIGNED_BLOCKS]
    if absent:
        yield Finding(
            "not-signing",
            f"the last {min(int(unsigned[code]) for code in absent)} blocks show nothing of "
            f"{len(absent)} of {len(unsigned)} validators",
            "tell their operators; one that stays away can be suspended or retired by a ballot",
            who=absent,
        )


def _check_certificates(status: Document) -> Iterator[Finding]:
    certificates, now_ms = status["certificates"], int(status["now_ms"])
    expire_ms = {code: int(at_ms) for code, at_ms in certificates["expire_ms"].items()}
    quorum_ms = certificates.get("quorum_ms")
    if quorum_ms is not None and int(quorum_ms) - now_ms < WARNING_DAYS * DAY_MS:
        days = _count_days(int(quorum_ms) - now_ms)
        yield Finding(
            "quorum-expires",
            f"in {days} days the certificates of those who are left are no quorum any more"
            if days > 0
            else "the certificates that have not expired are no quorum any more",
            "renew them now (identity.rotate, identity.rotate_peer): blocks go on, business does "
            "not",
            who=[code for code, at_ms in expire_ms.items() if at_ms <= int(quorum_ms)],
        )
    own = status["code"]
    for code, at_ms in sorted(expire_ms.items(), key=lambda item: (item[0] != own, item[1])):
        left_ms = at_ms - now_ms
        if left_ms >= WARNING_DAYS * DAY_MS:
            continue
        whose = "this node's own certificates" if code == own else f"a certificate of {code}"
        is_expired = left_ms <= 0
        yield Finding(
            "certificate-expired" if is_expired else "certificate-expires",
            f"of {whose} one expired {_count_days(-left_ms)} days ago"
            if is_expired
            else f"of {whose} one expires in {_count_days(left_ms)} days",
            "renew it: it works while expired, and only new business stops until then",
            since_ms=at_ms if is_expired else None,
            who=[code],
        )


def _count_days(ms: int) -> int:
    return max(0, ms) // DAY_MS


def _check_evidence(status: Document) -> Iterator[Finding]:
    evidence = status["evidence"]
    if int(evidence["seen"]):
        yield Finding(
            "double-signing",
            f"{evidence['seen']} double signings were seen since the start, of which "
            f"{evidence['unreported']} are not on the ledger yet",
            "`suanlian audit evidence` names who; a ballot decides (ballot.accuse)",
        )


_EXAMINATIONS: Final[tuple[Callable[[Document], Iterator[Finding]], ...]] = (
    _check_end,
    _check_joining,
    _check_voice,
    _check_reach,
    _check_disk,
    _check_clock,
    _check_progress,
    _check_finality,
    _check_signers,
    _check_certificates,
    _check_evidence,
)
