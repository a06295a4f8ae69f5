"""Who of those that come in has a place, and how much one of them may ask for.

1. A member (whoever gets the full channel) has room for two connections: the old one and the one
   that takes its place. Members together have what the guests leave, and a validator of the running
   epoch is never refused.
2. A guest has one connection, of which the newest stays. Guests have a few places of their own; a
   node on record takes that of the oldest stranger when all are taken. So nobody who merely holds a
   certificate keeps a node of the network out.
3. Places are taken before a word is said, so that silence holds no more of them than talk.
"""

import time
from collections.abc import Callable
from typing import Protocol

from node.errors import NetworkError

MEMBER_CONNECTIONS = 2


class Connection(Protocol):
    """What has a place."""

    code: str

    def abort(self) -> None:
        """End at once."""
        ...


class Admission:
    """The places of a peer for those that connect to it."""

    def __init__(self, connections: int, guests: int) -> None:
        self._most_members = connections - guests
        self._most_guests = guests
        self._members: list[Connection] = []
        self._guests: dict[str, tuple[Connection, bool]] = {}

    def enter_member(self, link: Connection, is_voter: bool) -> None:
        """Take a place for the full channel; raises NetworkError `busy`."""
        own = [member for member in self._members if member.code == link.code]
        if len(own) >= MEMBER_CONNECTIONS:
            self._members.remove(own[0])
            own[0].abort()
        elif len(self._members) >= self._most_members and not is_voter:
            raise NetworkError("this peer has no room for more connections", "busy")
        self._members.append(link)

    def enter_guest(self, link: Connection, is_node: bool) -> None:
        """Take a place for the sync channel; raises NetworkError `busy`."""
        if link.code in self._guests:
            self._evict(link.code)
        elif len(self._guests) >= self._most_guests:
            strangers = [code for code, (_, is_known) in self._guests.items() if not is_known]
            if not is_node or not strangers:
                raise NetworkError("this peer has no room for more sync channels", "busy")
            self._evict(strangers[0])
        self._guests[link.code] = (link, is_node)

    def leave(self, link: Connection) -> None:
        """Give the place back, if it still is this connection's."""
        if link in self._members:
            self._members.remove(link)
        held = self._guests.get(link.code)
        if held is not None and held[0] is link:
            del self._guests[link.code]

    def _evict(self, code: str) -> None:
        self._guests.pop(code)[0].abort()


class Allowance:
    """So many requests a second, and some at once."""

    def __init__(
        self, per_s: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._level = burst
        self._then = clock()

    @property
    def is_full(self) -> bool:
        """Whether it holds all it ever does."""
        return self._level + (self._clock() - self._then) * self._per_s >= self._burst

    def take(self, cost: float = 1.0) -> bool:
        """Whether there was enough left; if so it is taken."""
        now = self._clock()
        self._level = min(self._burst, self._level + (now - self._then) * self._per_s)
        self._then = now
        if self._level < cost:
            return False
        self._level -= cost
        return True
