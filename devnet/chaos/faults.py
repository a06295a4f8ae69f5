"""Doing what the schedule says, and undoing it; what a peer must do at it is checked on the spot.

CleanStop   who is told to stop ends in time, with exit code 0; who finds its disk full ends by
            itself, with exit code 1 and a sentence that says so, and does not start on it either
"""

import time

from devnet.chaos.logs import Logs
from devnet.chaos.network import ChaosNetwork
from devnet.chaos.schedule import Act, Kind
from devnet.chaos.votes import Votes
from devnet.simulator.violation import Violation

FULL_S = 45.0
POLL_S = 0.1


class Faults:
    """Acts upon a network; `down` are those that are down or stand still because of them."""

    def __init__(self, network: ChaosNetwork, votes: Votes, logs: Logs) -> None:
        self._network = network
        self._launcher = network.launcher
        self._votes = votes
        self._logs = logs
        self.down: set[str] = set()

    def begin(self, act: Act) -> None:
        """Do it; raises Violation."""
        match act.kind:
            case Kind.KILL | Kind.KILL_ALL:
                self._kill(act.labels)
            case Kind.RESTART:
                self._stop(act.labels[0])
            case Kind.PAUSE | Kind.PAUSE_TWO:
                self._pause(act.labels)
            case Kind.FULL_DISK:
                self._fill(act.labels[0])
            case Kind.CLOCK:
                self._network.set_clock(act.labels[0], act.offset_ms)
            case _:
                pairs = self._network.find_links(frozenset(act.labels))
                self._network.set_links(pairs, act.condition)

    def end(self, act: Act) -> None:
        """Undo it: who is down is started, and nothing is waited for."""
        match act.kind:
            case Kind.KILL | Kind.KILL_ALL | Kind.RESTART | Kind.FULL_DISK:
                if act.kind is Kind.FULL_DISK:
                    self._network.disk.free()
                for label in act.labels:
                    self._votes.read_journal(label)
                self._launcher.start(act.labels)
                self.down.difference_update(act.labels)
            case Kind.PAUSE | Kind.PAUSE_TWO:
                for label in act.labels:
                    self._launcher.process(label).resume()
                self.down.difference_update(act.labels)
            case Kind.CLOCK:
                self._network.set_clock(act.labels[0], 0)
            case _:
                self._network.set_links(self._network.find_links(frozenset(act.labels)))

    def check_running(self) -> None:
        """Raise Violation if somebody ended whom nobody ended."""
        for label in self._network.labels:
            if label not in self.down and not self._launcher.process(label).is_running:
                code = self._launcher.process(label).exit_code
                tail = self._launcher.read_tail(label)
                raise Violation("NobodyStops", f"{label} ended with {code}; its log ends\n{tail}")

    def _kill(self, labels: tuple[str, ...]) -> None:
        self.down.update(labels)
        self._launcher.kill_all(labels)

    def _pause(self, labels: tuple[str, ...]) -> None:
        self.down.update(labels)
        for label in labels:
            self._launcher.process(label).pause()

    def _stop(self, label: str) -> None:
        self.down.add(label)
        killed = self._launcher.stop([label])
        code = self._launcher.process(label).exit_code
        if killed or code != 0:
            raise Violation("CleanStop", f"{label} was told to stop and ended with {code}")

    def _fill(self, label: str) -> None:
        """Fill the disk of a peer under load: it ends, and cannot start."""
        disk = self._network.disk
        self.down.add(label)
        with self._logs.expecting(label) as written:
            disk.fill()
            self._wait_end(label)
            if disk.stays_full:
                self._launcher.start([label])
                self._wait_end(label)
        text = written()
        if disk.stays_full and ("stopping: " not in text or "Traceback" in text):
            raise Violation("CleanStop", f"{label} does not say that its disk is full:\n{text}")

    def _wait_end(self, label: str) -> None:
        process, deadline = self._launcher.process(label), time.monotonic() + FULL_S
        while process.is_running:
            if time.monotonic() > deadline:
                raise Violation("CleanStop", f"{label} goes on although its disk is full")
            time.sleep(POLL_S)
            self._network.disk.fill()
        if process.exit_code != 1:
            code = process.exit_code
            raise Violation("CleanStop", f"{label} ended with {code} at a full disk, not with 1")
