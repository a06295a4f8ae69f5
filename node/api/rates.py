"""What one client may take: token buckets for rates, slots for what lasts."""

import ipaddress
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

from node.api.problems import Problem


@lru_cache(maxsize=4096)
def client_of(address: str) -> str:
    """Who is counted as one: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False))


class Buckets:
    """One token bucket a client, the longest unused forgotten first."""

    __slots__ = ("_burst", "_clock", "_levels", "_most", "_per_s")

    def __init__(self, per_s: float, burst: int, most: int, clock: Callable[[], float]) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._most = most
        self._clock = clock
        self._levels: dict[str, tuple[float, float]] = {}  # client: tokens, when counted

    def take(self, client: str, tokens: int = 1) -> None:
        """Take tokens; raises Problem `too-many-requests` with the time until there are enough."""
        level = self._fill(client)
        if level >= tokens:
            self._put(client, level - tokens)
        else:
            self._put(client, level)
            raise Problem(
                "too-many-requests",
                f"this address may send {self._per_s:g} a second and {self._burst:g} at once",
                retry_after_s=max(0.001, (tokens - level) / self._per_s),
            )

    def charge(self, client: str, tokens: int) -> None:
        """Take what was used already, into debt if need be: the next `take` waits for it."""
        self._put(client, self._fill(client) - tokens)

    def _fill(self, client: str) -> float:
        now = self._clock()
        level, then = self._levels.pop(client, (self._burst, now))
        return min(self._burst, level + (now - then) * self._per_s)

    def _put(self, client: str, level: float) -> None:
        self._levels[client] = (level, self._clock())
        if len(self._levels) > self._most:
            del self._levels[next(iter(self._levels))]


class Costs:
    """What work costs, by client and of all together: known, and charged, only when it is done."""

    __slots__ = ("_all", "_clients")

    def __init__(self, clients: Buckets, all_: Buckets) -> None:
        self._clients = clients
        self._all = all_

    def check(self, client: str) -> None:
        """Raise Problem `too-many-requests` while what was used is not paid."""
        self._clients.take(client)
        self._all.take("")

    def charge(self, client: str, records: int, size: int) -> None:
        """Charge for records that were read, or for KiB that were made, whichever is more."""
        tokens = max(records, size // 1024)
        self._clients.charge(client, tokens)
        self._all.charge("", tokens)


class Slots:
    """Places for what lasts: so many in all, so many a client."""

    __slots__ = ("_held", "_most", "_noun", "_per_client", "taken")

    def __init__(self, noun: str, most: int, per_client: int) -> None:
        self._noun = noun
        self._most = most
        self._per_client = per_client
        self._held: dict[str, int] = {}
        self.taken = 0

    @contextmanager
    def hold(self, client: str, places: int = 1) -> Iterator[None]:
        """Hold places; raises Problem `too-many-open` when there are none."""
        held = self._held.get(client, 0)
        if self.taken + places > self._most or held + places > self._per_client:
            raise Problem(
                "too-many-open",
                f"{self._noun}: at most {self._per_client} an address, {self._most} in all",
                retry_after_s=1.0,
            )
        self._held[client] = held + places
        self.taken += places
        try:
            yield
        finally:
            self.taken -= places
            left = self._held[client] - places
            if left:
                self._held[client] = left
            else:
                del self._held[client]
