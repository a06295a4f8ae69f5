"""What the core wants done: the results of `Core.step`.

The driver performs the actions of all steps strictly in order. Nothing that comes after a
`Persist(sync=True)` is performed before it is durable; later steps may run meanwhile, their actions
queue up behind it. (A driver may write several `Persist`s that wait in its queue with one fsync,
and may perform `SetTimer` and `CancelTimer` at once, as nobody else sees them.)
"""

from dataclasses import dataclass
from typing import TypeAlias

from consensus.certificate import Certificate
from consensus.event import Timer, TimerKind
from consensus.message import Message, Proposal
from consensus.vote import SignedVote
from ledger.primitives import Code, Digest, Epoch, View


@dataclass(frozen=True, slots=True)
class Persist:
    """Append journal records (opaque bytes, in order) and, where named, the body of a block.

    With `sync` records and body, and all that was appended before, must be durable before any
    later action; without, they may be lost in a crash.
    """

    records: tuple[bytes, ...]
    body: Digest | None
    sync: bool


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Send to every connected peer of the consensus channel but oneself.

    Votes matter to validators only; proposals and certificates also to peers without a vote.
    """

    message: Message


@dataclass(frozen=True, slots=True)
class Send:
    """Send to one peer; dropped where it is not connected."""

    to: Code
    message: Message


@dataclass(frozen=True, slots=True)
class Judge:
    """Judge this proposal, now or when it becomes possible; answered by `Judged`.

    It names its parent by `parent_certificate` (None: the genesis). Once the view is over without
    its block certified, the answer no longer matters.
    """

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Fetch:
    """A certified block was not judged valid here: get its body from `signers` (who persisted it,
    so has to keep asking them), execute it, answer by `Executed`.

    Emitted also where `Judge` is still at work on the same block, whose work then goes on with more
    sources, and where only the disk has it after a restart. Over when a later block is final.
    """

    block: Digest
    certificate: Certificate
    signers: tuple[Code, ...]


@dataclass(frozen=True, slots=True)
class Propose:
    """Make a block for `view` on `parent` (certified in `parent_view`), answered by `Proposed`.

    The parent is executed here. `empty_only`: without transactions. Otherwise the block limits are
    shifted right by `limit_shift`. With nothing to include the block is empty.
    """

    view: View
    parent_view: View
    parent: Digest
    parent_certificate: Certificate | None
    empty_only: bool
    limit_shift: int


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Feed `TimerFired(timer)` at `deadline_ms`; replaces an earlier timer of its kind.

    A LEADER timer, and each RETRY timer while transactions are pending, means that somebody is
    waiting: the replica offers the pending transactions again.
    """

    timer: Timer
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Forget the timer of this kind."""

    kind: TimerKind


@dataclass(frozen=True, slots=True)
class Certified:
    """A block is certified (a notarization): it may become final, and may still lose."""

    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Finalized:
    """A block and all its ancestors are final (a finalization).

    Not each block gets its own. The replica stores them, once they are executed or synced from
    peers, and feeds `Synced`, always. Comes again after a restart.
    """

    certificate: Certificate


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """The epoch's last block is final and stored here (`Synced` said so). The replica keeps this
    certificate for ever and makes the next epoch's core of it; this core does nothing any more."""

    certificate: Certificate


@dataclass(frozen=True, slots=True)
class OlderEpoch:
    """`to` is in an epoch that has ended: send it that epoch's final certificate."""

    to: Code
    epoch: Epoch


@dataclass(frozen=True, slots=True)
class Diverged:
    """A quorum certified a block that executes differently here. The core has stopped: so must the
    peer, loudly."""

    block: Digest
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Forked:
    """A second finalization for the last final view, of another block (`DoubleSigned` names who
    said both). The core has stopped: so must the peer, loudly."""

    held: Certificate
    rival: Certificate


@dataclass(frozen=True, slots=True)
class DoubleSigned:
    """Evidence: two valid votes of one validator that contradict each other, in canonical order."""

    first: SignedVote
    second: SignedVote


@dataclass(frozen=True, slots=True)
class KeyElsewhere:
    """A valid vote of one's own that is not in one's journal: the journal is old, or the key runs
    twice. The core votes no more in this epoch; a new key is needed."""

    evidence: SignedVote


@dataclass(frozen=True, slots=True)
class Recovered:
    """The restarted validator votes again."""

    view: View


Action: TypeAlias = (
    Persist
    | Broadcast
    | Send
    | Judge
    | Fetch
    | Propose
    | SetTimer
    | CancelTimer
    | Certified
    | Finalized
    | EpochEnded
    | OlderEpoch
    | Diverged
    | Forked
    | DoubleSigned
    | KeyElsewhere
    | Recovered
)
