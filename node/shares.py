"""What each peer may have under check here, and how often it may be wrong.

Signature checks are the dearest thing a peer can make this one do. A link gets a share of them,
and a peer whose signatures are wrong far more often than right is let go. An honest one has a few
that are: of parties whose key was rotated a moment ago.
"""

from collections import Counter

MAX_UNCHECKED = 8_192  # transactions of one peer whose signatures are not checked yet
MAX_WRONG = 1_000  # by so many may the wrong exceed the right before a peer is let go


class Shares:
    """Counts by peer."""

    def __init__(self) -> None:
        self._unchecked: Counter[str] = Counter()
        self._wrong: Counter[str] = Counter()

    @property
    def most(self) -> int:
        """How many the peer with the most has under check, at most `MAX_UNCHECKED`."""
        return max(self._unchecked.values(), default=0)

    def has_room(self, peer: str) -> bool:
        """Whether this peer may have one more under check."""
        return self._unchecked[peer] < MAX_UNCHECKED

    def begin(self, peer: str, count: int) -> None:
        """So many more of this peer's are under check."""
        self._unchecked[peer] += count

    def end(self, peer: str, right: int, wrong: int) -> bool:
        """So many were checked; whether the peer has been wrong too often."""
        self._unchecked[peer] -= right + wrong
        if not self._unchecked[peer]:
            del self._unchecked[peer]
        balance = max(0, self._wrong.pop(peer, 0) + wrong - right)
        if balance > MAX_WRONG:
            return True
        if balance:
            self._wrong[peer] = balance
        return False
