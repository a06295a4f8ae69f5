"""Whoever makes things go wrong, as the script says, until healing."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from devnet.simulator.faults import Faults, Weather
from devnet.simulator.kernel import SECOND, Kernel
from devnet.simulator.links import Links
from devnet.simulator.process import Process
from devnet.simulator.script import CUTS, Deed, DeedKind

DOWN_US: Final = 1 * SECOND  # of a crash that no deed planned


@dataclass(slots=True)
class Tally:
    """How often what happened."""

    crashes: int = 0
    partitions: int = 0
    pauses: int = 0
    clock_steps: int = 0
    disk_failures: int = 0


class Mischief:
    """Crashes, cuts, pauses, steps of clocks, and disks that fail.

    `faulty` is how many validators lie; whoever loses its disk for good counts with them, so that
    never more than f have no honest vote.
    """

    def __init__(
        self,
        kernel: Kernel,
        faults: Faults,
        script: Sequence[Deed],
        weather: Weather,
        links: Links,
        processes: Sequence[Process],
        voters: Sequence[str],
        faulty: int = 0,
    ) -> None:
        self._kernel = kernel
        self._faults = faults
        self._script = script
        self._weather = weather
        self._links = links
        self._processes = processes
        self._voters = frozenset(voters)
        self._losses_left = (len(voters) - 1) // 3 - faulty
        self._is_begun = self._is_over = False
        self._down_us: dict[str, int] = {}
        self._at_event: dict[tuple[str, int], int] = {}
        self.tally = Tally()

    def begin(self) -> None:
        """Draw the clocks and set every deed of the script for its moment."""
        faults, rng = self._faults, self._kernel.random
        self._is_begun = True
        for process in self._processes:
            if faults.skew_ms:
                process.skew_ms = rng.randint(-faults.skew_ms, faults.skew_ms)
            if faults.drift:
                process.drift = rng.uniform(-faults.drift, faults.drift)
        for deed in self._script:
            if deed.kind is DeedKind.CRASH_AT:
                process = self._processes[deed.victims[0]]
                process.crash_at.append(deed.amount)
                self._at_event[process.code, deed.amount] = deed.duration_us
            else:
                self._kernel.after(deed.at_us, f"deed {deed.kind}", partial(self._do, deed))

    def heal(self) -> None:
        """Everything is well from now on."""
        self._is_over = True
        self._weather.heal()
        self._links.unblock()
        for process in self._processes:
            process.mend_clock()
            process.sends_left = None
            process.mend_disks()
            if not process.is_up:
                process.start()

    def may_crash(self, code: str) -> bool:
        """Whether one more may go down."""
        down = sum(not item.is_up for item in self._processes if item.code in self._voters)
        return not self._is_over and (code not in self._voters or down < self._faults.max_down)

    def crashed(self, process: Process) -> None:
        """A process is down: it comes back after a while, where faults are not made by hand."""
        self.tally.crashes += 1
        if not self._is_begun:
            return
        planned_us = self._at_event.get((process.code, process.events), DOWN_US)
        delay_us = self._down_us.pop(process.code, planned_us)
        self._kernel.after(delay_us, f"{process.code} comes back", lambda: self._restart(process))

    def _restart(self, process: Process) -> None:
        if not process.is_up:
            process.mend_disks()
            process.start()

    # --- one deed

    def _do(self, deed: Deed) -> None:
        if self._is_over:
            return
        victims = [self._processes[place] for place in deed.victims]
        if deed.kind in CUTS:
            self._cut(deed, [process.code for process in victims])
            return
        for process in victims:
            if process.is_up:
                self._strike(deed, process)

    def _strike(self, deed: Deed, process: Process) -> None:
        match deed.kind:
            case DeedKind.PAUSE:
                self.tally.pauses += 1
                process.pause(deed.duration_us)
            case DeedKind.STEP:
                self.tally.clock_steps += 1
                process.skew_ms += deed.amount
            case DeedKind.BLACKOUT:
                self._down_us[process.code] = deed.duration_us
                process.crash()
            case _ if self.may_crash(process.code):
                self._down_us[process.code] = deed.duration_us
                self._strike_one(deed, process)

    def _strike_one(self, deed: Deed, process: Process) -> None:
        match deed.kind:
            case DeedKind.BAD_SYNC:
                self.tally.disk_failures += 1
                process.fail_next_sync()
            case DeedKind.FULL:
                self.tally.disk_failures += 1
                process.fill_disks()
            case DeedKind.POWER:
                self.tally.disk_failures += 1
                process.fail_at_write(deed.amount)
            case DeedKind.FLIP if self._may_lose(process):
                self.tally.disk_failures += 1
                process.damage_store()
            case DeedKind.LOSS if self._may_lose(process):
                self.tally.disk_failures += 1
                process.crash()
                process.lose_journal()
            case DeedKind.CRASH_SEND:
                process.fail_at_send(deed.amount)
            case DeedKind.CRASH:
                process.crash()

    def _may_lose(self, process: Process) -> bool:
        """Whether one more may lose its store, and with it the right to vote under its key."""
        if process.code not in self._voters:
            return True
        self._losses_left -= 1
        return self._losses_left >= 0

    def _cut(self, deed: Deed, cut: Sequence[str]) -> None:
        self.tally.partitions += 1
        rest = [process.code for process in self._processes if process.code not in cut]
        pairs = []
        if deed.kind is not DeedKind.CUT_IN:
            pairs += [(code, other) for code in cut for other in rest]
        if deed.kind is not DeedKind.CUT_OUT:
            pairs += [(other, code) for code in cut for other in rest]
        self._links.block(pairs, is_noticed=deed.is_noticed)
        self._kernel.after(deed.duration_us, "the partition ends", self._links.unblock)
