"""BoundedMemory complains of whatever holds more than it may."""

from collections.abc import Callable
from typing import Any

import pytest

from devnet.simulator.checkers import check_memory
from devnet.simulator.process import Process
from devnet.simulator.simulation import Simulation
from devnet.simulator.violation import Violation
from ledger.primitives import View
from node.joiner import Joiner
from tests.devnet.simulator.test_cases import start
from tests.devnet.simulator.test_snapshots import begin

MANY = 60_000
Overfill = Callable[[Any], None]


class Votes:
    """The votes of one validator in a view."""

    def __init__(self, count: int) -> None:
        self.said = {0: range(count)}


def fill(path: str, key: Callable[[int], Any], value: Any = None) -> Overfill:
    """Puts one thing, under very many keys, into what a path of attributes leads to."""

    def overfill(held: Any) -> None:
        for name in path.split("."):
            held = getattr(held, name)
        held.update((key(number), value) for number in range(MANY))

    return overfill


def check(simulation: Simulation, process: Process) -> None:
    check_memory(process, simulation.plan.limits, len(simulation.processes) - 1)


def expect(simulation: Simulation, process: Process, name: str) -> None:
    with pytest.raises(Violation, match=rf"^BoundedMemory: .*: {name} \d+, at most \d+$"):
        check(simulation, process)


@pytest.mark.parametrize(
    ("name", "overfill"),
    [
        ("views with votes", fill("core._tally._rounds", View, Votes(0))),
        ("votes", fill("core._tally._rounds", lambda _: View(1), Votes(MANY))),
        ("certificates", fill("core._ancestry.nullifications", View)),
        ("views with own votes", fill("core._voting._said", View)),
        ("proposals", fill("core._judgement._proposals", View)),
        ("judgements", fill("core._judgement._asked", View, (None,))),
        ("judged blocks", fill("core._judgement._executed", str)),
        ("answered peers", fill("core._courier._limiter._last_ms", str)),
        ("reports of views", fill("core._recovery._reports", int)),
        ("wanted transactions", fill("judge._wanted", str)),
        ("unchecked transactions", lambda it: it.intake._unverified.update(range(MANY))),
        ("unchecked transactions of a peer", lambda it: it.intake._shares.begin("P", MANY)),
        ("recent statuses", fill("intake._recent", str)),
        ("accepted transactions", fill("intake._accepted", str)),
        ("blocks of a range", lambda it: it.sync._queue.extend(range(MANY))),
        ("blocks of a range in the judge", lambda it: setattr(it.sync, "_fed", MANY)),
        ("heights", fill("sync._heights", str, 1)),
        ("claims", fill("scout._claims", str, 1)),
        ("claims", fill("scout._asked_at_ms", str, 1)),
    ],
)
def test_a_peer_that_keeps_too_much_is_found(name: str, overfill: Overfill) -> None:
    simulation = start()
    process = simulation.processes[0]
    check(simulation, process)
    overfill(process.replica)
    expect(simulation, process, name)


@pytest.mark.parametrize(
    ("name", "overfill"),
    [
        ("peers of a joiner", lambda it: it._heights.update((str(at), 1) for at in range(MANY))),
        ("peers of a joiner", lambda it: it.liars.update((str(at), "") for at in range(MANY))),
        ("parts on their way to the disk", lambda it: setattr(it, "_writing", MANY)),
        ("missing pieces", lambda it: it._wanted.extend(range(MANY))),
        ("results in part", lambda it: it._target.pieces._leaves.update(enumerate([[]] * MANY))),
        (
            "pieces asked of a peer",
            lambda it: next(iter(it._sources.values())).asked.update(enumerate(range(MANY))),
        ),
    ],
)
def test_a_joiner_that_keeps_too_much_is_found(name: str, overfill: Overfill) -> None:
    simulation, late = begin()
    late.start()

    def is_fetching() -> bool:
        joiner: Joiner | None = late.replica.joiner if late.is_running else None
        return joiner is not None and joiner.load.total > 0

    simulation.wait(is_fetching)
    check(simulation, late)
    overfill(late.replica.joiner)
    expect(simulation, late, name)
