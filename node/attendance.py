"""Who of the validators is in reach, since when they are not, and which epoch they are in.

For people and metrics: nothing here decides anything.
"""

from collections.abc import Iterable


class Attendance:
    """What connections and messages show of others; times are of the monotonic clock."""

    def __init__(self, now_ms: int) -> None:
        self._began_ms = now_ms
        self._here: set[str] = set()
        self._gone_ms: dict[str, int] = {}
        self._epochs: dict[str, int] = {}

    def arrive(self, peer: str) -> None:
        """A connection to a peer stands."""
        self._here.add(peer)
        self._gone_ms.pop(peer, None)

    def leave(self, peer: str, now_ms: int) -> None:
        """The connection to a peer ended."""
        if peer in self._here:
            self._here.remove(peer)
            self._gone_ms[peer] = now_ms

    def hear_epoch(self, peer: str, epoch: int) -> None:
        """A connected peer speaks of an epoch; that it is in it is its word alone."""
        if peer in self._here and epoch > self._epochs.get(peer, -1):
            self._epochs[peer] = epoch

    def find_gone_ms(self, peer: str) -> int:
        """Since when a peer has been out of reach: since the start at the latest."""
        return self._gone_ms.get(peer, self._began_ms)

    def find_epoch(self, voters: Iterable[str], f: int) -> int:
        """The newest epoch that f + 1 of the voters speak of: one of them is honest."""
        heard = [self._epochs[code] for code in voters if code in self._epochs]
        return sorted(heard, reverse=True)[f] if len(heard) > f else 0
