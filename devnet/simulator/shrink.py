"""A failing run, made small: what can be left out while the same checker still complains, is.

Greedy, a part at a time: deeds (halves first, as in delta debugging), liars, noise, observers,
load, time. Each trial is a whole run, so that what is left fails by itself, exactly as written.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from devnet.simulator.case import Case
from devnet.simulator.faults import Faults
from devnet.simulator.kernel import SECOND
from devnet.simulator.plan import Plan
from devnet.simulator.run import run_seed
from node.mempool import MempoolLimits
from node.snapshot_rules import ALONE

MAX_TRIALS = 250
_NOISE = (
    ("loss", "duplication", "slow_rate", "jitter_us", "busy_us", "is_ordered"),
    ("delay_us",),
    ("fsync_us",),
    ("skew_ms", "drift"),
)
Tell = Callable[[int, Case], None]


class Shrinker:
    """Tries smaller plans; `tell(trials, case)` hears of each that still fails."""

    def __init__(self, case: Case, checker: str, tell: Tell, max_trials: int = MAX_TRIALS) -> None:
        self.case = case
        self.trials = 0
        self._checker = checker
        self._tell = tell
        self._max_trials = max_trials

    def run(self) -> Case:
        """The smallest failing case that was found."""
        before = None
        while before != self.case.plan and self.trials < self._max_trials:
            before = self.case.plan
            for smaller in (self._shrink_script, self._shrink_rest):
                smaller()
        return self.case

    def _fails(self, plan: Plan) -> bool:
        if self.trials >= self._max_trials:
            return False
        self.trials += 1
        report = run_seed(self.case.seed, plan)
        if name_checker(report.violation) != self._checker:
            return False
        self.case = Case(self.case.seed, plan)
        self._tell(self.trials, self.case)
        return True

    def _shrink_script(self) -> None:
        """Leave out ever smaller runs of deeds."""
        size = len(self.case.plan.script)
        while size:
            start = 0
            while start < len(self.case.plan.script):
                script = self.case.plan.script
                fewer = script[:start] + script[start + size :]
                if not self._fails(replace(self.case.plan, script=fewer)):
                    start += size
            size //= 2

    def _shrink_rest(self) -> None:
        for make in (_list_casts, _list_noise, _list_sizes):
            self._try_each(make)

    def _try_each(self, make: Callable[[Plan], Iterator[Plan]]) -> None:
        """As long as one of the plans fails, go on from it."""
        while any(plan != self.case.plan and self._fails(plan) for plan in make(self.case.plan)):
            pass


def name_checker(violation: str) -> str:
    """Who complained."""
    return violation.split(":", 1)[0]


def _list_casts(plan: Plan) -> Iterator[Plan]:
    for part in plan.cast:
        rest = tuple(other for other in plan.cast if other != part)
        yield replace(plan, cast=rest)
        if len(part.habits) > 1:
            for habit in part.habits:
                yield replace(plan, cast=(*rest, replace(part, habits=(habit,))))


def _list_noise(plan: Plan) -> Iterator[Plan]:
    calm = Faults()
    for names in (*_NOISE, *((name,) for name in _NOISE[0])):
        quiet = {name: getattr(calm, name) for name in names}
        yield replace(plan, faults=replace(plan.faults, **quiet))


def _list_sizes(plan: Plan) -> Iterator[Plan]:
    if plan.observers and not _names_observer(plan):
        yield replace(plan, observers=plan.observers - 1)
    yield replace(plan, late_us=0)
    yield replace(plan, keep_blocks=0)
    yield replace(plan, rules=ALONE)
    yield replace(plan, rotations=0)
    yield replace(plan, ballots=False)
    yield replace(plan, anything=False)
    yield replace(plan, limits=MempoolLimits())
    yield replace(plan, is_real=False, is_encoded=False)
    if plan.fire_us > SECOND:
        yield replace(plan, fire_us=plan.fire_us // 2)
    if plan.pause_us < SECOND:
        yield replace(plan, pause_us=plan.pause_us * 2)


def _names_observer(plan: Plan) -> bool:
    last = plan.n + plan.observers - 1
    return any(last in deed.victims for deed in plan.script)


def shrink(seed: int, plan: Plan, violation: str, tell: Tell) -> Case:
    """The smallest case found in which the checker of this violation still complains."""
    return Shrinker(Case(seed, plan), name_checker(violation), tell).run()
