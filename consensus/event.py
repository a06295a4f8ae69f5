"""What happens to the core: the arguments of `Core.step`.

The replica feeds them in the order in which they happened, each with the time of a monotonic
millisecond clock. An event that no longer matters (a late answer, a cancelled timer, a message that
no window admits) changes nothing and is safe to feed.
"""

import enum
from dataclasses import dataclass
from typing import TypeAlias

from consensus.certificate import Certificate
from consensus.message import Message
from consensus.vote import Vote
from ledger.primitives import Code, Digest, Epoch, View


class TimerKind(enum.Enum):
    """One timer of each kind may be set at a time."""

    LEADER = "leader"  # the leader has not proposed
    ADVANCE = "advance"  # the view has not been left
    IDLE = "idle"  # as leader: how long to wait for a finalization before an empty block
    HEARTBEAT = "heartbeat"  # nothing has happened for long
    RETRY = "retry"  # send again what may have been lost


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer as it was set; epoch and number tell it from earlier ones of its kind."""

    kind: TimerKind
    epoch: Epoch
    number: int


class Verdict(enum.Enum):
    """What the replica found about a proposal."""

    VALID = "valid"
    INVALID = "invalid"  # proven wrong, for ever; what cannot be judged yet gets no verdict


@dataclass(frozen=True, slots=True)
class Started:
    """The first event of every core, once."""


@dataclass(frozen=True, slots=True)
class Received:
    """A decoded message over an authenticated link from `sender`."""

    sender: Code
    message: Message


@dataclass(frozen=True, slots=True)
class Proposed:
    """The answer to `Propose`: a block made and executed here, with its payload.

    `block` is the hash of a header whose view is `view` and whose parent is `parent`, both echoed
    from the request. `is_last` says that the block changes the validator set. The answer may come
    late or never.
    """

    view: View
    parent: Digest
    block: Digest
    payload: bytes
    is_last: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """The answer to `Judge`; `vote` is that of the judged proposal, echoed.

    VALID: the payload hashes to `vote.block`; its header has the epoch, view, proposer, parent and
    parent certificate hash that the proposal claims; header and body are well formed; executed on
    the parent's state, every root agrees. INVALID: one of these is provably not so. Undecided
    (missing body, parent not executed yet, time ahead of this clock) gets no answer until it is.
    """

    vote: Vote
    verdict: Verdict
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class Executed:
    """The answer to `Fetch`: the body is here and was executed on its parent's state.

    `matches` is False where a root differs from the header's. A quorum certified this block, so
    that the peer has then diverged.
    """

    block: Digest
    is_last: bool
    matches: bool = True


@dataclass(frozen=True, slots=True)
class Synced:
    """The replica has executed and stored all blocks up to that of this *verified* finalization.

    The answer to `Finalized`, and the news after block sync.
    """

    certificate: Certificate
    is_last: bool


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer is due."""

    timer: Timer


@dataclass(frozen=True, slots=True)
class PendingChanged:
    """Whether transactions wait that are in no certified ancestor; fed when it changes."""

    pending: bool


Event: TypeAlias = (
    Started | Received | Proposed | Judged | Executed | Synced | TimerFired | PendingChanged
)
