"""Whoever makes things go wrong, at moments that the seed draws, until healing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from devnet.simulator.faults import Faults, Weather
from devnet.simulator.kernel import MS, SECOND, Kernel
from devnet.simulator.links import Links
from devnet.simulator.process import Process

DOWN_US = (50 * MS, 6 * SECOND)


@dataclass(slots=True)
class Tally:
    """How often what happened."""

    crashes: int = 0
    partitions: int = 0
    pauses: int = 0
    clock_steps: int = 0
    counts: dict[str, int] = field(default_factory=dict)


class Mischief:
    """Crashes, cuts, pauses and steps of clocks."""

    def __init__(
        self,
        kernel: Kernel,
        faults: Faults,
        weather: Weather,
        links: Links,
        processes: Sequence[Process],
        voters: Sequence[str],
    ) -> None:
        self._kernel = kernel
        self._faults = faults
        self._weather = weather
        self._links = links
        self._processes = processes
        self._voters = frozenset(voters)
        self._is_begun = self._is_over = False
        self.tally = Tally()

    def begin(self) -> None:
        """Draw the clocks and let every kind of fault begin."""
        faults, rng = self._faults, self._kernel.random
        self._is_begun = True
        for process in self._processes:
            if faults.skew_ms:
                process.skew_ms = rng.randint(-faults.skew_ms, faults.skew_ms)
            if faults.drift:
                process.drift = rng.uniform(-faults.drift, faults.drift)
        self._repeat("crash", faults.crash_every_us, self._crash_one)
        self._repeat("blackout", faults.blackout_every_us, self._black_out)
        self._repeat("partition", faults.partition_every_us, self._partition)
        self._repeat("pause", faults.pause_every_us, self._pause)
        self._repeat("clock", faults.step_every_us, self._step_clock)

    def heal(self) -> None:
        """Everything is well from now on."""
        self._is_over = True
        self._weather.heal()
        self._links.unblock()
        for process in self._processes:
            process.skew_ms = 0
            if not process.is_up:
                process.start()

    def may_crash(self, code: str) -> bool:
        """Whether one more may go down."""
        down = sum(not item.is_up for item in self._processes if item.code in self._voters)
        return code not in self._voters or down < self._faults.max_down

    def crashed(self, process: Process) -> None:
        """A process is down: it comes back after a while, where faults are not made by hand."""
        self.tally.crashes += 1
        if not self._is_begun:
            return
        delay_us = self._kernel.random.randint(*DOWN_US)
        self._kernel.after(delay_us, f"{process.code} comes back", lambda: self._restart(process))

    def _restart(self, process: Process) -> None:
        if not process.is_up:
            process.start()

    def _repeat(self, name: str, mean_us: int, act: Callable[[], None]) -> None:
        if not mean_us:
            return

        def happen() -> None:
            if not self._is_over:
                act()
                again()

        def again() -> None:
            delay_us = int(self._kernel.random.expovariate(1 / mean_us))
            self._kernel.after(delay_us, f"mischief {name}", happen)

        again()

    # --- one fault

    def _draw_up(self) -> Process | None:
        up = [process for process in self._processes if process.is_up]
        return self._kernel.random.choice(up) if up else None

    def _crash_one(self) -> None:
        process = self._draw_up()
        if process is not None and self.may_crash(process.code):
            process.crash()

    def _black_out(self) -> None:
        """The power fails everywhere, or nearly."""
        for process in self._processes:
            if self._kernel.random.random() < 0.9:
                process.crash()

    def _partition(self) -> None:
        rng = self._kernel.random
        self.tally.partitions += 1
        codes = [process.code for process in self._processes]
        cut = rng.sample(codes, rng.randint(1, len(codes) // 2))
        rest = [code for code in codes if code not in cut]
        pairs = [(a, b) for a in cut for b in rest]
        if self._faults.one_way and rng.random() < 0.5:
            pairs = [(b, a) for a, b in pairs] if rng.random() < 0.5 else pairs
        else:
            pairs += [(b, a) for a, b in pairs]
        self._links.block(pairs, is_noticed=rng.random() < 0.5)
        duration_us = rng.randint(200 * MS, 8 * SECOND)
        self._kernel.after(duration_us, "the partition ends", self._links.unblock)

    def _pause(self) -> None:
        process = self._draw_up()
        if process is not None:
            self.tally.pauses += 1
            process.pause(self._kernel.random.randint(10 * MS, 4 * SECOND))

    def _step_clock(self) -> None:
        process = self._draw_up()
        if process is not None:
            self.tally.clock_steps += 1
            process.skew_ms += self._kernel.random.randint(-2_000, 2_000)
