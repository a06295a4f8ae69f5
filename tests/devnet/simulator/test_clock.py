"""Clocks of simulated processes: they drift, and are mended."""

from devnet.simulator.kernel import SECOND
from devnet.simulator.plan import Plan
from devnet.simulator.simulation import Simulation


def test_a_mended_clock_is_right_and_never_goes_back() -> None:
    simulation = Simulation(1, Plan())
    fast, slow, right, _ = simulation.processes
    fast.drift, slow.drift, slow.skew_ms = 0.05, -0.05, 700
    simulation.start_all()
    simulation.kernel.run_until(100 * SECOND)
    assert fast.wall_ms() - right.wall_ms() == 5_000
    assert slow.wall_ms() - right.wall_ms() == 700 - 5_000
    before = [process.monotonic_ms() for process in simulation.processes]
    for process in simulation.processes:
        process.mend_clock()
    assert [process.monotonic_ms() for process in simulation.processes] == before
    assert fast.wall_ms() == slow.wall_ms() == right.wall_ms()
    simulation.kernel.run_until(101 * SECOND)
    after = [process.monotonic_ms() for process in simulation.processes]
    assert [late - early for late, early in zip(after, before, strict=True)] == [1_000] * 4


def test_a_timer_waits_for_a_clock_that_was_made_slower() -> None:
    simulation = Simulation(1, Plan())
    fast = simulation.processes[0]
    fast.drift = 0.05
    simulation.start_all()
    ports, fired = fast.replica._ports, list[int]()
    at_ms = fast.monotonic_ms() + 10_000
    ports.set_timer("alarm", at_ms, lambda: fired.append(fast.monotonic_ms()))
    simulation.kernel.run_until(1 * SECOND)
    fast.mend_clock()
    simulation.kernel.run_until(12 * SECOND)
    assert len(fired) == 1
    assert fired[0] >= at_ms
