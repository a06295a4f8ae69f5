"""Virtual time: one queue of events, one source of randomness, nothing else.

Events of one instant happen in the order in which they were set. The digest covers every event, so
that two runs of one seed are the same run exactly when their digests are.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

Act = Callable[[], None]
Watch = Callable[[int, str], None]

MS = 1_000  # of virtual time, which is counted in microseconds
SECOND = 1_000 * MS


class OutOfEvents(Exception):
    """More events happened than a run may have: something talks without end."""


@dataclass(order=True, slots=True)
class Event:
    """Something that will happen; `act` is None once it is cancelled."""

    at_us: int
    number: int
    label: str = field(compare=False)
    act: Act | None = field(compare=False)

    def cancel(self) -> None:
        """It will not happen."""
        self.act = None


class Kernel:
    """The clock of a simulated network. `watch` hears of every event."""

    def __init__(self, seed: int, max_events: int = 1_000_000, watch: Watch | None = None) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.now_us = 0
        self.events = 0
        self._max_events = max_events
        self._heap: list[Event] = []
        self._number = 0
        self._hash = sha256()
        self._watch = watch

    def after(self, delay_us: int, label: str, act: Act) -> Event:
        """Let something happen after a while."""
        self._number += 1
        event = Event(self.now_us + max(0, delay_us), self._number, label, act)
        heapq.heappush(self._heap, event)
        return event

    def note(self, text: str) -> None:
        """Take something that happened into the digest."""
        self._hash.update(f"{self.now_us} {text}\n".encode())
        if self._watch is not None:
            self._watch(self.now_us, text)

    @property
    def digest(self) -> str:
        """The hash over everything that happened so far."""
        return self._hash.hexdigest()

    def run_until(self, end_us: int) -> None:
        """Let everything up to an instant happen."""
        while self._heap and self._heap[0].at_us <= end_us:
            event = heapq.heappop(self._heap)
            if event.act is None:
                continue
            self.now_us = event.at_us
            self.events += 1
            if self.events > self._max_events:
                raise OutOfEvents(f"{self._max_events} events by {self.now_us // MS} ms")
            self.note(event.label)
            act, event.act = event.act, None
            act()
        self.now_us = max(self.now_us, end_us)
