"""A core's state: a copy of it to go on from, and a fingerprint that tells it from others.

Left out of the fingerprint is what cannot matter in a model: clock, deadlines and limits of
answers (any time may have passed), how timers grow, who was silent (views are too few), which
quorum signed, bodies, and what belongs to views that are over.
"""

from functools import cache
from typing import Any

from consensus.ancestry import Ancestry
from consensus.core import Core
from consensus.courier import Courier
from consensus.event import TimerKind
from consensus.judgement import Judgement
from consensus.limiter import Limiter
from consensus.message import Proposal
from consensus.presence import Presence
from consensus.recovery import Recovery
from consensus.settings import Settings
from consensus.tally import Tally
from consensus.timers import Timers
from consensus.voting import Voting
from devnet.model.cast import EPOCH, ROOT_VIEW, SET, is_valid
from devnet.model.statement import (
    Renaming,
    Statement,
    find_name,
    read_certificate,
    read_statement,
)

PARTS = (Ancestry, Courier, Judgement, Limiter, Presence, Recovery, Tally, Timers, Voting)
NESTED = ("_Round", "_Said")  # parts of Tally and Voting


def clone(core: Core) -> Core:
    """A copy that shares nothing that changes; any time has passed since its last answer."""
    copied: Core = _copy(core, {})
    copied._courier._limiter = Limiter()
    return copied


def _copy(value: Any, known: dict[int, Any]) -> Any:
    kind: Any = type(value)
    if kind is dict:
        return {key: _copy(item, known) for key, item in value.items()}
    if kind is list:
        return [_copy(item, known) for item in value]
    if kind is set:
        return set(value)
    fields = list_fields(kind)
    if not fields:
        return value
    if id(value) not in known:
        copied = known[id(value)] = object.__new__(kind)
        for name in fields:
            setattr(copied, name, _copy(getattr(value, name), known))
    return known[id(value)]


@cache
def list_fields(kind: type) -> tuple[str, ...]:
    """The fields of a kind of part that changes; none of what does not."""
    if issubclass(kind, Core):
        return _FIELDS
    if issubclass(kind, PARTS) or kind.__name__ in NESTED:
        return tuple(name for base in kind.__mro__ for name in getattr(base, "__slots__", ()))
    return ()


_FIELDS = tuple(vars(Core(Settings(), EPOCH, SET, ROOT_VIEW, None, is_valid)))


def make_fingerprint(core: Core, by: Renaming, is_slow: bool) -> tuple[Any, ...]:
    """All that may matter, renamed; votes that wait are left to `make_count`."""
    ancestry, timers, recovery = core._ancestry, core._timers, core._recovery
    request = core._request
    return (
        core._view,
        core._is_over,
        core._may_vote,
        core._is_opened,
        core._pending,
        core._stored_view,
        None if request is None else (request.view, request.parent_view),
        by.maybe(read_certificate(ancestry.final)),
        by.all(read_statement(held.vote) for held in ancestry.notarizations.values()),
        frozenset(ancestry.nullifications),
        by.all(read_statement(own.signed.vote) for own in core._voting.list_all()),
        _read_judgement(core._judgement, ancestry, core._view, by, is_slow),
        timers.is_set(TimerKind.LEADER) or timers.is_set(TimerKind.ADVANCE),
        (timers.running, timers.heartbeat_due, timers.idle_due, timers.is_set(TimerKind.IDLE)),
        recovery.is_over,
        None
        if recovery.is_over
        else frozenset(by.validators[index] for index in recovery._reports),
    )


def _read_judgement(
    judgement: Judgement, ancestry: Ancestry, view: int, by: Renaming, is_slow: bool
) -> tuple[Any, ...]:
    held = frozenset(
        (at, *read_proposal(proposal, by)) for at, proposal in judgement._proposals.items()
    )
    asked = [vote for votes in judgement._asked.values() for vote in votes]
    if is_slow:
        return (
            held,
            frozenset(
                (by.block(find_name(block)), last) for block, last in judgement._executed.items()
            ),
            by.all(map(read_statement, asked)),
            by.all(map(read_statement, judgement._verdicts)),
        )
    certified = [item.block for item in ancestry.notarizations.values()] + [ancestry.final_block]
    return (
        held,
        frozenset(by.block(find_name(item)) for item in certified if judgement.is_executed(item)),
        by.all(read_statement(vote) for vote in asked if vote.view >= view),
    )


def read_proposal(proposal: Proposal, by: Renaming) -> tuple[Statement, Statement | None]:
    """What a proposal says, renamed."""
    statement = read_statement(proposal.signed.vote)
    return by.statement(statement), by.maybe(read_certificate(proposal.parent_certificate))


def make_count(core: Core, by: Renaming) -> frozenset[tuple[Statement, frozenset[int]]]:
    """The votes that are counted for what is not certified yet, renamed."""
    return frozenset(
        (
            by.statement(read_statement(next(iter(votes.values())).vote)),
            frozenset(by.validators[index] for index in votes),
        )
        for view, round_ in core._tally._rounds.items()
        for (kind, _, _), votes in round_.votes.items()
        if votes and core._ancestry.is_news(kind, view)
    )
