"""The network: who is connected to whom, and what happens to what is said.

1. Regions are connected with one another, peers without a vote with the regions.
2. A connection ends when a side crashes or hangs up. What is under way is lost with it, but what a
   side said before it crashed may still come. It comes back by itself once both sides are up.
3. A message takes the delay of its link, jitter, sometimes far more; it may be lost or come twice.
   Links keep their order in some runs (as TCP does) and in others not.
4. Whatever is said between two sides of a partition is lost, in one direction or both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol
from zlib import crc32

from devnet.simulator.faults import Weather
from devnet.simulator.kernel import MS, Kernel
from ledger.errors import LedgerError
from node.frames import Consensus, Frame, Transactions, decode_frame, encode_frame

RECONNECT_US = (10 * MS, 400 * MS)


class Endpoint(Protocol):
    """A process, as the network sees it."""

    code: str
    is_up: bool

    def connect(self, peer: str) -> None:
        """A connection stands."""
        ...

    def disconnect(self, peer: str) -> None:
        """A connection ended."""
        ...

    def deliver(self, sender: str, frame: Frame) -> None:
        """A frame came."""
        ...

    def garble(self, sender: str, error: LedgerError) -> None:
        """Bytes came that are no frame."""
        ...


@dataclass(slots=True)
class _Link:
    """One direction; `session` tells a connection from the one before it."""

    delay_us: int
    session: int = 0
    last_us: int = 0
    last_words: int | None = None  # the session that ended with a crash, and is still heard


class Links:
    """All connections. `heard` is told of every frame that leaves a peer."""

    def __init__(
        self,
        kernel: Kernel,
        weather: Weather,
        voters: Sequence[str],
        heard: Callable[[str, Frame], None],
        is_encoded: bool,
    ) -> None:
        self._kernel = kernel
        self._weather = weather
        self._voters = frozenset(voters)
        self._heard = heard
        self._is_encoded = is_encoded
        self._ends: dict[str, Endpoint] = {}
        self._links: dict[tuple[str, str], _Link] = {}
        self._connected: dict[tuple[str, str], None] = {}
        self._blocked: dict[tuple[str, str], None] = {}
        self._parting: dict[tuple[str, str], None] = {}  # who has not noticed yet whom it lost
        self.frames = 0

    def add(self, end: Endpoint) -> None:
        """A process that may connect once it is up."""
        for other in self._ends:
            if end.code in self._voters or other in self._voters:
                for pair in ((end.code, other), (other, end.code)):
                    delay_us = self._kernel.random.randint(*self._weather.delay_us)
                    self._links[pair] = _Link(delay_us)
        self._ends[end.code] = end

    def list_connected(self, code: str) -> list[str]:
        """Who is connected to a process."""
        return sorted(other for mine, other in self._connected if mine == code)

    # --- connections

    def is_up(self, code: str) -> None:
        """A process started: it finds its peers."""
        for other in self._ends:
            if (code, other) in self._links:
                self._reconnect(code, other)

    def is_down(self, code: str) -> None:
        """A process ended: its connections end. What it has said may arrive, or not."""
        for other in self.list_connected(code):
            link = self._links[code, other]
            link.last_words = link.session if self._kernel.random.random() < 0.5 else None
            self.hang_up(code, other)
        for other in self._ends:
            if self._parting.pop((code, other), True) is None:  # nobody is left to hear it
                self._links[other, code].last_words = None

    def hang_up(self, code: str, other: str) -> None:
        """End a connection; it is made anew after a while."""
        for pair in ((code, other), (other, code)):
            self._connected.pop(pair, None)
            self._links[pair].session += 1
        for mine, peer in ((code, other), (other, code)):
            if self._ends[mine].is_up:
                self._part(mine, peer)
        self._reconnect(code, other)

    def _part(self, code: str, other: str) -> None:
        """Find out that a connection ended, when the last of it has come."""
        self._parting[code, other] = None
        link, now_us = self._links[other, code], self._kernel.now_us
        at_us = now_us + 1 * MS if link.last_words is None else max(link.last_us, now_us) + 1 * MS
        notice = partial(self._lost, code, other)
        self._kernel.after(at_us - now_us, f"{code} lost {other}", notice)

    def _lost(self, code: str, other: str) -> None:
        if (code, other) in self._parting:
            del self._parting[code, other]
            self._links[other, code].last_words = None
            if self._ends[code].is_up:
                self._ends[code].disconnect(other)

    def _reconnect(self, code: str, other: str) -> None:
        delay_us = self._kernel.random.randint(*RECONNECT_US)
        self._kernel.after(delay_us, f"{code} dials {other}", lambda: self._connect(code, other))

    def _connect(self, code: str, other: str) -> None:
        pair, back = (code, other), (other, code)
        if pair in self._connected or not (self._ends[code].is_up and self._ends[other].is_up):
            return
        if pair in self._blocked or back in self._blocked:
            self._reconnect(code, other)
            return
        for mine, peer in (pair, back):
            self._lost(mine, peer)
        if not (self._ends[code].is_up and self._ends[other].is_up):
            return  # the notice was the end of one
        self._connected[pair] = self._connected[back] = None
        for mine, peer in (pair, back):
            self._links[mine, peer].session += 1
        for mine, peer in (pair, back):
            if (mine, peer) in self._connected:
                self._ends[mine].connect(peer)

    # --- partitions

    def block(self, pairs: Sequence[tuple[str, str]], is_noticed: bool) -> None:
        """Nothing passes from the first to the second of each pair."""
        self._blocked = dict.fromkeys(pairs)
        if is_noticed:
            for code, other in pairs:
                if (code, other) in self._connected:
                    self.hang_up(code, other)

    def unblock(self) -> None:
        """Everything passes again."""
        self._blocked = {}

    # --- what is said

    def send(self, sender: str, to: Sequence[str], frame: Frame) -> None:
        """Send a frame to connected peers."""
        targets = [code for code in to if (sender, code) in self._connected]
        if not targets:
            return
        self._heard(sender, frame)
        label = _describe(frame)
        data = encode_frame(frame) if self._is_encoded else None
        for code in targets:
            self._send_one(sender, code, frame, data, label)

    def _send_one(
        self, sender: str, code: str, frame: Frame, data: bytes | None, label: str
    ) -> None:
        rng, weather = self._kernel.random, self._weather
        self.frames += 1
        if (sender, code) in self._blocked or (weather.loss and rng.random() < weather.loss):
            return
        link = self._links[sender, code]
        session = link.session
        copies = 1
        if weather.duplication and rng.random() < weather.duplication:
            copies = 2

        def arrive() -> None:
            if session in (link.session, link.last_words):
                self._arrive(sender, code, frame, data)

        for _ in range(copies):
            at_us = self._kernel.now_us + self._draw_delay_us(link)
            if weather.is_ordered:
                at_us = max(at_us, link.last_us + 1)
            link.last_us = max(link.last_us, at_us)
            self._kernel.after(
                at_us - self._kernel.now_us, f"{sender[:3]}>{code[:3]} {label}", arrive
            )

    def _arrive(self, sender: str, code: str, frame: Frame, data: bytes | None) -> None:
        end = self._ends[code]
        try:
            got = frame if data is None else decode_frame(data)
        except LedgerError as error:
            end.garble(sender, error)
            return
        end.deliver(sender, got)

    def _draw_delay_us(self, link: _Link) -> int:
        rng, weather = self._kernel.random, self._weather
        delay_us = link.delay_us
        if weather.jitter_us:
            delay_us += rng.randrange(weather.jitter_us)
        if weather.slow_rate and rng.random() < weather.slow_rate:
            delay_us += rng.randrange(weather.slow_us)
        return delay_us


def _describe(frame: Frame) -> str:
    """A short name of a frame that tells different ones apart."""
    match frame:
        case Consensus(message):
            return f"Consensus {crc32(message):08x}"
        case Transactions(raws):
            return f"Transactions {len(raws)} {crc32(b''.join(raws)):08x}"
        case _:
            return f"{type(frame).__name__} {crc32(encode_frame(frame)):08x}"
