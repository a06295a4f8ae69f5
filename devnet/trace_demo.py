"""`suanlian devnet demo --trace FOLDER`: a real cluster's jobs, traded on the ledger.

Machines become resources and offers; jobs become demands, leases, meters and closes in the order of
the trace. A validator is killed in the middle and comes back. At the end one lease is audited and
proved, and all money is counted.
"""

import time
from pathlib import Path

from rich.console import Console

from contracts.rules import VERSION_1
from devnet import summary
from devnet.cluster import Cluster, make_party_specs
from devnet.demo import DemoResult, open_scene
from devnet.finale import Finale
from devnet.founding import PROVINCES, DevnetSpec, make_short_rules
from devnet.market import YUAN, show_yuan
from devnet.outage import bring_back, wait_for_vote
from devnet.parties import Party, register_parties
from devnet.placement import Book
from devnet.replay import Breakage, JobRun, Replay
from devnet.scene import Order, Scene, require
from devnet.stage import Stage
from devnet.timeline import MAX_SILENCE_S, Timeline, make_timeline
from devnet.trace import Trace, load_trace
from devnet.traffic import Traffic

JOBS = 200
RUN_S = 70
EPOCH_MS = 10_000
CONSUMERS = 2  # in each region
DEPOSIT = 100_000_000 * YUAN
HOME, AWAY, VICTIM = "region-52", "region-11", "region-31"


def run_trace_demo(
    trace_folder: Path,
    path: Path | None,
    keep: bool,
    console: Console,
    jobs: int = JOBS,
    run_s: int = RUN_S,
) -> DemoResult:
    """Run the demo on a trace; raises DevnetError when a step does not come out as it must."""
    stage = Stage(console)
    stage.title("Suanlian: a GPU cluster's jobs, traded on the ledger")
    with stage.step(f"read the trace in {trace_folder}") as step:
        trace = load_trace(trace_folder)
        chosen = trace.jobs[:jobs]
        timeline = make_timeline(chosen, run_s)
        never = sum(job.scheduled_s is None for job in chosen)
        step.note(f"{len(trace.nodes)} machines, {len(trace.jobs)} jobs")
        step.note(f"the first {len(chosen)} jobs are played; {never} were never scheduled")
        step.note(
            f"one second stands for {timeline.scale} seconds of the trace; silences of over "
            f"{MAX_SILENCE_S // 60} minutes are cut short"
        )
    spec = DevnetSpec(rules=make_short_rules(EPOCH_MS))
    with open_scene(stage, path, keep, spec) as scene:
        story = TraceStory(stage, scene, trace, timeline)
        story.run()
        return story.finish()


class TraceStory:
    """The steps of the demo on a trace."""

    def __init__(self, stage: Stage, scene: Scene, trace: Trace, timeline: Timeline) -> None:
        self.stage = stage
        self.scene = scene
        self.trace = trace
        self.timeline = timeline
        self.rules = {**VERSION_1, **make_short_rules(EPOCH_MS)}

    def run(self) -> None:
        """All of it, in order."""
        self.stage.title("The market opens")
        self._register()
        self._open_market()
        self.stage.title("The trace runs")
        self._replay()
        self._come_back()
        self._count_money()
        self.stage.title("Who did what, and can it be proved")
        trade = max(self.replay.finished, key=_interest).trade
        self.finale = Finale(self.stage, self.scene, trade)
        self.finale.run()

    def finish(self) -> DemoResult:
        """Print the tables."""
        end, console = self.finale, self.stage.console
        summary.print_jobs(console, self.replay.finished, self.timeline.scale)
        summary.print_outcome(console, self.replay)
        summary.print_history(console, self.scene, end.deeds)
        summary.print_figures(console, self.scene, end.height, end.state_root)
        return DemoResult(end.height, end.state_root, self.scene.tally.sent)

    def _register(self) -> None:
        with self.stage.step("register providers and consumers of all regions") as step:
            regions = {province: f"region-{province}" for province in PROVINCES}
            specs = make_party_specs(regions, CONSUMERS)
            parties = register_parties(self.scene, HOME, specs)
            self.providers = [party for party in parties if party.code[0] == "P"]
            self.consumers = [party for party in parties if party.code[0] == "U"]
            step.note(f"{len(self.providers)} providers, {len(self.consumers)} consumers")
        with self.stage.step("the bank records deposits") as step:
            self.scene.execute_many(HOME, [self._deposit(party) for party in self.consumers])
            step.note(f"{show_yuan(DEPOSIT)} each")

    def _deposit(self, party: Party) -> Order:
        data = {"account": party.code, "amount_micro_yuan": DEPOSIT, "reference": "trace"}
        return Order("settlement.deposit", data, (self.scene.operator("bank"),))

    def _open_market(self) -> None:
        with self.stage.step("describe, attest and offer every machine") as step:
            self.cluster = Cluster(self.scene, HOME, self.timeline.scale, step.progress)
            now_ms = time.time_ns() // 1_000_000
            self.cluster.register(self.trace.nodes, self.providers, now_ms)
            gpus = sum(node.gpus for node in self.trace.nodes)
            step.note(f"{len(self.trace.nodes)} resources and offers, {gpus} cards in all")
            step.note(
                f"prices are per hour of the trace, so {self.timeline.scale} times as much per "
                "hour of the ledger's clock"
            )

    def _replay(self) -> None:
        begin_ms, end_ms = (
            self.timeline.duration_ms * 35 // 100,
            self.timeline.duration_ms * 6 // 10,
        )
        breakage = Breakage(self.scene, VICTIM, HOME, begin_ms, end_ms)
        book = Book(self.trace.nodes)
        self.scene.tally.latencies_ms.clear()  # those of the bulk before tell nothing of a trade
        self.replay = Replay(self.scene, HOME, self.cluster, book, self.consumers, self.rules)
        with self.stage.step(f"demands, leases, meters; {VICTIM} is killed on the way") as step:
            self.replay.run(self.timeline, breakage, step.progress)
            for line in breakage.notes:
                step.note(line)
            step.note(
                f"{len(self.replay.finished)} jobs placed and settled, {len(self.replay.expired)} "
                f"expired, {len(self.replay.unplaced)} found no offer"
            )

    def _come_back(self) -> None:
        payer, payee = self.consumers[0].signer, self.consumers[1].code
        with (
            self.stage.step(f"{VICTIM} has caught up and votes") as step,
            Traffic(self.scene, AWAY, payer, payee),
        ):
            goal = bring_back(self.scene, VICTIM, HOME, step.progress)
            signed = wait_for_vote(self.scene, VICTIM, goal)
            step.note(f"caught up with block {goal}; its signature stands under block {signed}")

    def _count_money(self) -> None:
        with self.stage.step("count all money, to the micro-yuan") as step:
            billed = sum(run.billed_micro_yuan for run in self.replay.finished)
            earned = sum(self._balance(party) for party in self.providers)
            left = sum(self._balance(party) for party in self.consumers)
            aside = sum(self._budgets(party) for party in self.consumers)
            issued = int(self.scene.read(HOME, "account", self._bank)["issued"])
            require(earned == billed, f"providers have {earned}, and bills say {billed}")
            whole = f"{earned} + {left} + {aside} is not the {issued} issued"
            require(earned + left + aside == issued, whole)
            step.note(f"settled {show_yuan(billed)}; balances and budgets are what the bank issued")

    @property
    def _bank(self) -> str:
        return self.scene.operator("bank").code

    def _balance(self, party: Party) -> int:
        return self.scene.balance(HOME, party.code)

    def _budgets(self, party: Party) -> int:
        """What a consumer's demands have set aside."""
        demands = self.scene.client(HOME).iterate_records("demand", party.code)
        return sum(int(demand["value"]["held_micro_yuan"]) for demand in demands)


def _interest(run: JobRun) -> tuple[bool, int]:
    """Across regions, and with many receipts: that lease shows most."""
    return run.is_across, len(run.trade.receipts)
