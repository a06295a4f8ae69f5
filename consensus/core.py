"""Simplex BFT as a pure state machine: event in, actions out."""

from dataclasses import dataclass

from consensus.action import Action
from consensus.certificate import Certificate
from consensus.event import Event
from consensus.journal import Journal
from consensus.settings import Settings
from consensus.validators import ValidatorSet
from consensus.vote import IsValid, Sign
from ledger.primitives import Digest, Epoch, View


@dataclass(frozen=True, slots=True)
class Root:
    """View 0 of an epoch: the last block of the one before, with its finalization and the set that
    signed it. The genesis has neither."""

    block: Digest
    certificate: Certificate | None = None
    validators: ValidatorSet | None = None


@dataclass(frozen=True, slots=True)
class Voice:
    """A validator's own vote: its index in the set, and how it signs."""

    index: int
    sign: Sign


@dataclass(frozen=True, slots=True)
class Status:
    """Where a core stands and what it waits for, for people (`why-stuck`) and metrics."""

    epoch: Epoch
    view: View
    leader: int
    final_view: View
    certified_view: View
    voted: tuple[str, ...]
    reasons: tuple[str, ...]
    missing_views: tuple[View, ...]
    unexecuted: tuple[Digest, ...]
    may_vote: bool
    recovering: bool
    reports: int
    silent: tuple[int, ...]
    limit_shift: int


class Core:
    """The consensus of one epoch. `step` is atomic: an event that no rule admits changes nothing.

    Arguments:
        settings: times and limits of the network.
        epoch, validators: the epoch and its set.
        root: view 0.
        voice: None for a peer without a vote, which follows and finalizes but never votes.
        is_valid: checks a vote's signature (`Domain(Purpose.VOTE, genesis).is_valid`).
        journal: what `replay` made of the journal after a restart, None in an epoch entered live.
        recovering: True after every start of the process, False in an epoch entered live.
        may_vote: False where the journal is missing, damaged or from a backup.
    """

    def __init__(
        self,
        settings: Settings,
        epoch: Epoch,
        validators: ValidatorSet,
        root: Root,
        voice: Voice | None,
        is_valid: IsValid,
        journal: Journal | None = None,
        recovering: bool = False,
        may_vote: bool = True,
    ) -> None:
        raise NotImplementedError

    def step(self, event: Event, now_ms: int) -> list[Action]:
        """Let `event` happen at `now_ms` of a monotonic clock; answers the actions, in order."""
        raise NotImplementedError

    def records(self) -> tuple[bytes, ...]:
        """All journal records that still count, to begin a new journal file with."""
        raise NotImplementedError

    def status(self) -> Status:
        """Where this core stands."""
        raise NotImplementedError
