"""A counterexample in words."""

from collections.abc import Iterator

from devnet.model.choice import (
    Answers,
    Arrives,
    Choice,
    Counts,
    Crashes,
    Learns,
    Step,
    TimesOut,
    find_sender,
)
from devnet.model.explorer import Counterexample, Turn
from devnet.model.peer import Peer, describe_work
from devnet.model.statement import (
    Said,
    SaidInquiry,
    SaidProposal,
    SaidRecovered,
    SaidReport,
    SaidVote,
    Statement,
)


def tell(counterexample: Counterexample) -> list[str]:
    """The steps, numbered, then what they break."""
    if not counterexample.turns:
        return [counterexample.broken]
    byzantine = counterexample.turns[0].before.case.byzantine
    lines: list[str] = []
    for number, turn in enumerate(counterexample.turns, 1):
        told = [_tell_choice(choice, turn.before, byzantine) for choice in turn.choices]
        lines.append(f"{number}. validator {turn.before.index} {', then '.join(told)}")
        lines += [f"     {line}" for line in _tell_outcome(turn)]
    return [*lines, f"broken: {counterexample.broken}"]


def _tell_choice(choice: Choice, peer: Peer, byzantine: int | None) -> str:
    match choice:
        case Crashes(keeps_unsynced, None):
            journal = "whole" if keeps_unsynced or peer.synced == len(peer.journal) else "synced"
            return f"crashes and restarts from its {journal} journal"
        case Crashes(_, during, writes):
            assert during is not None
            step = _tell_step(during, peer, byzantine)
            return f"{step}, crashes after write {writes} with what waits for it unsent, restarts"
        case _:
            return _tell_step(choice, peer, byzantine)


def _tell_step(step: Step, peer: Peer, byzantine: int | None) -> str:
    match step:
        case Arrives(said):
            liar = " (Byzantine)" if find_sender(said) == byzantine else ""
            return f"gets {_tell_said(said)} from {find_sender(said)}{liar}"
        case Counts(statement, signers):
            named = " and ".join(
                f"{who} (Byzantine)" if who == byzantine else str(who) for who in signers
            )
            return f"counts {statement} by {named}"
        case Learns(statement):
            return f"gets the certificate of {statement}"
        case TimesOut():
            return "times out"
        case Answers(place):
            return f"has {describe_work(peer.work[place])}" if place < len(peer.work) else "goes on"


def _tell_said(said: Said) -> str:
    match said:
        case SaidProposal(_, statement, _):
            return f"the proposal {statement}"
        case SaidVote(_, statement):
            return str(statement)
        case SaidInquiry():
            return "an inquiry"
        case SaidReport(_, _, _, votes, certificates):
            return f"a report ({_join([*votes, *certificates]) or 'nothing seen'})"
        case SaidRecovered():
            return "word that it votes again"


def _join(statements: list[Statement]) -> str:
    return ", ".join(map(str, sorted(statements)))


def _tell_outcome(turn: Turn) -> Iterator[str]:
    new = turn.after.sent - turn.before.sent
    votes = sorted(said.statement for said in new if isinstance(said, SaidVote))
    if votes:
        yield f"says {_join(votes)}"
    for said in new:
        if isinstance(said, SaidReport):
            yield f"answers {said.asker} with {_tell_said(said)}"
        elif isinstance(said, SaidInquiry):
            yield "asks the others what they know of its votes"
    for statement in sorted(turn.after.finals - turn.before.finals):
        yield f"holds {statement.block} final"
    if turn.after.core.view != turn.before.core.view:
        yield f"enters view {turn.after.core.view}"
