"""The trail: what the last blocks of a chain showed, carried from parent to child.

1. A block shows who is alive: its proposer, and those who signed the certificate of its parent,
   which the block carries and its header commits.
2. The trail of a block has a step for itself and for each of its ancestors, `MAX_STEPS` at most.
3. It follows from headers and parent certificates alone, so it is the same on every peer.
"""

from dataclasses import dataclass
from typing import Final

from ledger.primitives import Digest

MAX_STEPS: Final = 256


@dataclass(frozen=True, slots=True)
class Step:
    """What one block showed; `shown` are the codes of those who are alive by it."""

    height: int
    state_root: Digest
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trail:
    """The steps of the last blocks, the newest last.

    `members` are the codes of the validators of the newest block's epoch, by index: the certificate
    of that block, which its child carries, names its signers by them.
    """

    steps: tuple[Step, ...]
    members: tuple[str, ...]

    def extended(self, step: Step, members: tuple[str, ...]) -> "Trail":
        """The trail of a child."""
        assert not self.steps or step.height == self.steps[-1].height + 1
        return Trail((*self.steps[1 - MAX_STEPS :], step), members)

    def is_live(self, code: str, blocks: int) -> bool:
        """Whether one of the last `blocks` blocks shows that somebody is alive."""
        return any(code in step.shown for step in self.steps[-blocks:])

    def get_state_root(self, height: int) -> Digest | None:
        """The state after one of the last blocks; None where there is no step of that height."""
        at = height - self.steps[0].height if self.steps else -1
        return self.steps[at].state_root if 0 <= at < len(self.steps) else None
