"""Receipts: what was used of a lease in one meter epoch, and what stands aside to pay for it.

Receipts lie in the record of their lease: those that are open, and the one settled last.

1. A receipt freezes its whole claim out of the lease's hold (`contracts.claim`).
2. While it is open: frozen + billed = claimed, cash and voucher together. Once settled nothing is
   frozen, and what was claimed and not billed has gone back to the hold.
3. A contested receipt carries its dispute (`contracts.dispute`). What was said in it stands in the
   transactions and their events: the record of a lease is written anew by all that happens to it,
   and stays small, however much is disputed.

Life: open -> signed -> agreed | deemed | forfeited | contested -> ruled | agreed.
"""

from typing import Final, NamedTuple, TypedDict

from contracts.errors import Failure, require
from contracts.life import Life, compute_next, compute_terminal

LIFE: Final = {
    ("open", "submit"): "signed",
    ("open", "agree"): "agreed",
    ("signed", "agree"): "agreed",
    ("signed", "deem"): "deemed",
    ("signed", "forfeit"): "forfeited",
    ("signed", "contest"): "contested",
    ("contested", "agree"): "agreed",
    ("contested", "rule"): "ruled",
}
DISPUTE_LIFE: Final = {
    ("open", "pay"): "evidence",
    ("open", "agree"): "agreed",
    ("evidence", "pass"): "evidence",
    ("evidence", "rule"): "ruled",
    ("evidence", "conclude"): "final",
    ("evidence", "lapse"): "final",
    ("evidence", "agree"): "agreed",
    ("ruled", "appeal"): "appealed",
    ("ruled", "lapse"): "final",
    ("ruled", "agree"): "agreed",
    ("appealed", "decide"): "final",
    ("appealed", "lapse"): "final",
    ("appealed", "agree"): "agreed",
    ("final", "execute"): "executed",
}
MAX_OPEN: Final = 16  # receipts of a lease
ENDED: Final = compute_terminal(LIFE)
DISPUTE_ENDED: Final = compute_terminal(DISPUTE_LIFE)


class Figures(NamedTuple):
    """What a bill follows from, beside the price."""

    used_unit_seconds: int
    availability_bp: int


NOTHING_USED: Final = Figures(0, 0)


class Evidence(TypedDict):
    """What one side laid before the arbiter; `digest` is the SHA-256 of a document."""

    digest: bytes
    party: str


class Ruling(TypedDict):
    """What an instance found, and who spoke for it."""

    availability_bp: int
    by: str
    used_unit_seconds: int


class Dispute(TypedDict):
    """What is contested of a receipt, and how far that has come.

    `instance` decides, or has ruled. `evidence_until_ms` and `deadline_ms` are working times: until
    the one both sides lay evidence before it, at the other the block goes on without whoever was to
    act. `opened_ms` and `paid_ms` are the times of the blocks in which it was opened and in which
    what is accepted was paid.
    """

    accepted_availability_bp: int
    accepted_unit_seconds: int
    appellant: str
    deadline_ms: int
    evidence: list[Evidence]
    evidence_until_ms: int
    instance: str
    opened_ms: int
    paid_ms: int
    ruling: Ruling | None
    state: str


class Receipt(TypedDict):
    """The usage of one meter epoch; open while signed or contested.

    `claimed_micro_yuan` is what was frozen for it at first, `frozen_micro_yuan` what is still kept
    aside out of the cash, `frozen_voucher_micro_yuan` out of the voucher. `billed_micro_yuan` was
    paid for it in all, `billed_voucher_micro_yuan` of that by the voucher.
    `deadline_ms` is the working time at which silence agrees. `asked` counts the questions for its
    samples.
    """

    asked: int
    availability_bp: int
    billed_micro_yuan: int
    billed_voucher_micro_yuan: int
    claimed_micro_yuan: int
    deadline_ms: int
    dispute: Dispute | None
    ends_ms: int
    epoch: int
    frozen_micro_yuan: int
    frozen_voucher_micro_yuan: int
    samples_count: int
    samples_root: bytes
    starts_ms: int
    state: str
    used_unit_seconds: int


MAX_SETTLED: Final = 8  # settled epochs that a lease keeps the figures of


class Settled(NamedTuple):
    """The figures of a settled epoch; in the record they are a list."""

    epoch: int
    duration_ms: int
    used_unit_seconds: int
    availability_bp: int
    billed_voucher_micro_yuan: int


class Challenge(TypedDict):
    """A question for one sample of a receipt, which waits for its answer until `deadline_ms`.

    The root and the count are those that the receipt had when it was asked; `actor` is who asked.
    """

    actor: str
    deadline_ms: int
    epoch: int
    index: int
    samples_count: int
    samples_root: bytes


def add_settled(settled: list[list[int]], receipt: Receipt) -> list[list[int]]:
    """The figures of the last epochs with those of one more."""
    figures = Settled(
        epoch=receipt["epoch"],
        duration_ms=receipt["ends_ms"] - receipt["starts_ms"],
        used_unit_seconds=receipt["used_unit_seconds"],
        availability_bp=receipt["availability_bp"],
        billed_voucher_micro_yuan=receipt["billed_voucher_micro_yuan"],
    )
    return [*settled, list(figures)][-MAX_SETTLED:]


def is_balanced(claim: Receipt) -> bool:
    """Whether an open receipt's claim is frozen or billed in all, and its dispute in order."""
    dispute = claim["dispute"]
    frozen = claim["frozen_micro_yuan"] + claim["frozen_voucher_micro_yuan"]
    paid = dispute is not None and dispute["paid_ms"] > 0
    return (
        claim["claimed_micro_yuan"] == frozen + claim["billed_micro_yuan"]
        and (paid or not claim["billed_micro_yuan"])
        and (claim["state"] == "contested") == (dispute is not None)
    )


def is_settled(receipt: Receipt) -> bool:
    """Whether a settled receipt is at an end, and paid out of what was frozen for it."""
    dispute = receipt["dispute"]
    ended = dispute is None or dispute["state"] in DISPUTE_ENDED
    frozen = receipt["frozen_micro_yuan"] + receipt["frozen_voucher_micro_yuan"]
    return (
        ended
        and receipt["state"] in ENDED
        and not frozen
        and receipt["billed_voucher_micro_yuan"] <= receipt["billed_micro_yuan"]
        and receipt["billed_micro_yuan"] <= receipt["claimed_micro_yuan"]
    )


def is_course(before: list[Receipt], after: list[Receipt], settled: list[list[int]]) -> bool:
    """Whether open receipts went on as their lives and those of their disputes allow.

    What is open no longer is settled, unless so much was settled since that it is forgotten.
    """
    known = {claim["epoch"]: claim for claim in after}
    done = {entry[0] for entry in settled}
    for claim in before:
        following = known.get(claim["epoch"])
        if following is None:
            if claim["epoch"] not in done and len(settled) < MAX_SETTLED:
                return False
        elif not _is_next(LIFE, claim["state"], following["state"]):
            return False
        elif claim["dispute"] is not None:
            dispute = following["dispute"]
            state = claim["dispute"]["state"]
            if dispute is None or not _is_next(DISPUTE_LIFE, state, dispute["state"]):
                return False
    return True


def _is_next(life: Life, state: str, following: str) -> bool:
    steps = ((start, end) for (start, _), end in life.items())
    return state == following or (state, following) in steps


def get_claimed(claim: Receipt) -> Figures:
    """The figures that its provider claims."""
    return Figures(claim["used_unit_seconds"], claim["availability_bp"])


def get_accepted(claim: Receipt) -> Figures:
    """The figures that its consumer accepts; nothing where it has not said."""
    dispute = claim["dispute"]
    if dispute is None:
        return NOTHING_USED
    return Figures(dispute["accepted_unit_seconds"], dispute["accepted_availability_bp"])


def get_paid(claim: Receipt) -> Figures:
    """The figures that were paid for already: those accepted, once a block has seen to them."""
    dispute = claim["dispute"]
    return NOTHING_USED if dispute is None or not dispute["paid_ms"] else get_accepted(claim)


def get_disputes(claims: list[Receipt]) -> list[Dispute]:
    """The disputes of open receipts."""
    return [claim["dispute"] for claim in claims if claim["dispute"] is not None]


def step_dispute(claim: Receipt, event: str) -> Receipt:
    """A receipt whose dispute, if it has one, went a step further."""
    dispute = claim["dispute"]
    if dispute is None:
        return claim
    state = compute_next(DISPUTE_LIFE, dispute["state"], event)
    return {**claim, "dispute": {**dispute, "state": state}}


def find_open(claims: list[Receipt], epoch: int) -> Receipt | None:
    """The open receipt of an epoch."""
    return next((claim for claim in claims if claim["epoch"] == epoch), None)


def require_signed(claims: list[Receipt], epoch: int) -> Receipt:
    """The receipt of an epoch that waits for its consumer; fails with `no-receipt`."""
    claim = find_open(claims, epoch)
    if claim is None or claim["state"] != "signed":
        raise Failure("no-receipt")
    return claim


def replace_open(claims: list[Receipt], changed: Receipt) -> list[Receipt]:
    """The open receipts with one of them as it has become."""
    return [changed if claim["epoch"] == changed["epoch"] else claim for claim in claims]


def check_range(claim: Receipt, figures: Figures) -> None:
    """Fail with `outside-claim` unless figures lie between what was accepted and claimed."""
    low, high = get_accepted(claim), get_claimed(claim)
    fits = all(
        least <= figure <= most for least, figure, most in zip(low, figures, high, strict=True)
    )
    require(fits, "outside-claim")
