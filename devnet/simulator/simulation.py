"""One simulated network: processes, links, faults, clients and checkers, put together.

1. Under fire: faults as the seed drew them, clients at work; only safety is demanded.
2. Healed: everybody is up, nothing is lost, clocks agree. A probe is handed to every peer. Within
   `LIVENESS_US` all probes and all promises must be final (or expired) everywhere, and every
   liar of whom a validator had proved by then that it signs twice must be on record.
3. Audit: the stores are compared, rebuilt and replayed.
"""

from collections.abc import Callable, Sequence
from typing import Final

from devnet.simulator.adversaries.cast import make_process
from devnet.simulator.adversaries.liar import Liar
from devnet.simulator.audit import (
    Durability,
    check_evidence,
    check_replay,
    check_store,
    compare_stores,
    list_recorded,
)
from devnet.simulator.checkers import (
    Chain,
    VoteConsistency,
    check_memory,
    refuse_garbage,
    refuse_stop,
)
from devnet.simulator.kernel import MS, SECOND, Kernel, Watch
from devnet.simulator.links import Links
from devnet.simulator.load import Load
from devnet.simulator.mischief import Mischief
from devnet.simulator.plan import Plan
from devnet.simulator.population import START_MS, make_population
from devnet.simulator.process import Process, Setting
from devnet.simulator.suite import make_domain
from devnet.simulator.violation import Violation
from ledger.crypto import Domain, Purpose
from ledger.errors import LedgerError
from ledger.genesis import ConsensusLimits
from ledger.primitives import Digest
from ledger.sealed import SealedBlock
from ledger.store import read_height
from ledger.transaction import decode_transaction
from node.execution import compute_validator_set
from node.frames import Frame

LIVENESS_US: Final = 60 * SECOND
SAMPLE_US: Final = 250 * MS
LIMITS: Final = ConsensusLimits(
    block_interval_ms=50,
    delta_ms=300,
    heartbeat_ms=3_000,
    max_block_bytes=64 * 1024,
    max_block_transactions=40,
    transaction_window=200,
)


class Simulation:
    """A network that runs as planned."""

    def __init__(self, seed: int, plan: Plan, watch: Watch | None = None) -> None:
        self.plan = plan
        self.kernel = Kernel(seed, watch=watch)
        self.population = make_population(plan.n, LIMITS)
        self.weather = plan.faults.make_weather()
        self.chain = Chain()
        self.liars = frozenset(self.population.regions[part.place] for part in plan.cast)
        self.votes = VoteConsistency(self.liars)
        population, genesis = self.population, self.population.genesis
        self.links = Links(
            self.kernel, self.weather, population.regions, self._heard, plan.is_encoded
        )
        transactions = make_domain(Purpose.TRANSACTION, genesis.hash, plan.is_real)
        self.durability = Durability(transactions)
        setting = self._make_setting(transactions)
        codes = (*population.regions, *population.observers[: plan.observers])
        habits = {population.regions[part.place]: part.habits for part in plan.cast}
        self.processes = [
            make_process(
                setting,
                code,
                population.voter_keys(code),
                self,
                habits.get(code, ()),
                population.find_key(code),
            )
            for code in codes
        ]
        for place, process in enumerate(self.processes):
            process.is_archive = plan.is_archive(place)
            process.keep_blocks = 0 if process.is_archive else plan.keep_blocks
        self.honest = [item for item in self.processes if item.code not in self.liars]
        self.load = Load(
            self.kernel,
            population,
            transactions,
            self.durability,
            plan,
            self.chain.find_code,
            self.liars,
        )
        self.mischief = Mischief(
            self.kernel,
            plan.faults,
            plan.script,
            self.weather,
            self.links,
            self.processes,
            population.regions,
            len(plan.cast) + plan.count_spared(),
        )
        self.recorded = 0  # double signing, on the ledger
        self.settled_us = 0  # from healing until everything was settled
        self.listeners: list[Callable[[str, Frame], None]] = []
        self._is_healed = False
        self._probes: dict[str, Digest] = {}
        # When all healed: which start of each honest peer had proved who signed twice.
        self._proved: dict[str, tuple[int, list[str]]] = {}

    def _make_setting(self, transactions: Domain) -> Setting:
        genesis = self.population.genesis
        return Setting(
            self.kernel,
            self.weather,
            self.links,
            genesis,
            self.population.first,
            make_domain(Purpose.VOTE, genesis.hash, self.plan.is_real),
            transactions,
            self.plan.limits,
            START_MS,
            {},
            rules=self.plan.rules,
        )

    # --- what the processes report (process.Witness)

    def _heard(self, code: str, frame: Frame) -> None:
        self.votes.hear(code, frame)
        for listen in self.listeners:
            listen(code, frame)

    def may_crash(self, process: Process) -> bool:
        """Whether a process may crash just now."""
        return self.mischief.may_crash(process.code)

    def started(self, process: Process) -> None:
        """A process runs."""
        self.votes.meet(process.replica.validators)
        if process.code in self.liars:
            return
        self.chain.check_start(process)
        if process.replica.joiner is None:
            self.durability.check_start(process, self.chain)

    def emptied(self, process: Process) -> None:
        """A damaged store was replaced by an empty one."""
        self.durability.emptied.add(process.code)
        self.chain.forget(process.code)

    def lost_journal(self, process: Process) -> None:
        """A journal was lost."""
        self.durability.lose(process.code, self.chain)

    def crashed(self, process: Process) -> None:
        """A process is down."""
        self.mischief.crashed(process)

    def committed(self, process: Process, blocks: Sequence[SealedBlock]) -> None:
        """Blocks are durable in a store."""
        last = blocks[-1]
        if last.block.header.is_last_of_epoch:
            self.votes.meet(compute_validator_set(last.layer))
        if process.code not in self.liars:
            for sealed in blocks:
                if sealed.height > self.chain.height:
                    self.load.hear(sealed)
            self.chain.take(process.code, blocks)

    def installed(self, process: Process) -> None:
        """A snapshot is the store of a process now."""
        if process.code not in self.liars:
            self.chain.skip_to(process)

    def gave_up(self, process: Process, error: Exception) -> None:
        """A replica stopped by itself."""
        if process.code not in self.liars:
            refuse_stop(process, error)

    def heard_garbage(self, process: Process, sender: str, error: LedgerError) -> None:
        """A frame could not be read: whoever says such things is let go, as in `node.network`."""
        if sender in self.liars:
            self.links.hang_up(process.code, sender)
        elif process.code not in self.liars:
            refuse_garbage(process, sender, error)

    # --- phases

    def run(self) -> None:
        """All phases; raises Violation."""
        self.begin()
        self.endure()
        self.heal()
        self.demand_liveness()
        self.audit()

    def begin(self) -> None:
        """Everybody starts, and the faults begin."""
        self.start_all()
        self.mischief.begin()
        self._submit_next()

    def endure(self) -> None:
        """As long as the plan says."""
        fire_us, blocks = self.plan.fire_us, self.plan.fire_blocks
        while self.kernel.now_us < fire_us and not 0 < blocks <= self.chain.height:
            self.kernel.run_until(min(fire_us, self.kernel.now_us + 1 * SECOND))

    def heal(self) -> None:
        """No more faults, no more clients but the probes."""
        self._is_healed = True
        self.mischief.heal()
        for process in self.honest:
            if process.is_running:
                proved = list(process.replica.counters.double_signed)
                self._proved[process.code] = (process.starts, proved)

    def demand_liveness(self) -> None:
        """Liveness: within the bound everything promised is settled, and new things happen."""
        began_us = self.kernel.now_us
        end_us = began_us + LIVENESS_US
        probe_us = self.kernel.now_us + 2 * SECOND
        while self.kernel.now_us < end_us:
            self.kernel.run_until(self.kernel.now_us + SAMPLE_US)
            if self._is_settled():
                self.settled_us = self.kernel.now_us - began_us
                return
            if self.kernel.now_us >= probe_us:
                self._probe()
                probe_us += 1 * SECOND
        raise Violation("Liveness", self.describe())

    def audit(self) -> None:
        """Everything that can be checked at leisure."""
        self.durability.check(self.honest, self.chain)
        for process in self.honest:
            check_store(process, self.population.first)
        self.recorded = check_evidence(self.honest[0], self.liars)
        compare_stores(self.honest, self.chain)
        whole = [item for item in self.honest if item.replica.store.floor.has_body(1)]
        if not whole:
            raise Violation("StateRoots", "nobody honest has the whole chain")
        check_replay(self.kernel.random.choice(whole), self.population.first)

    # --- by hand, for tests of a single case

    def start_all(self) -> None:
        """Everybody starts, observers when they are to; no faults, no clients."""
        for process in self.processes[: self.plan.n]:
            process.start()
        for process in self.processes[self.plan.n :]:
            self._start_late(process)
        self._sample()

    def wait(self, is_done: Callable[[], bool], bound_us: int = LIVENESS_US) -> None:
        """Go on until something holds; raises Violation where it does not within the bound."""
        end_us = self.kernel.now_us + bound_us
        while not is_done():
            if self.kernel.now_us >= end_us:
                raise Violation("Liveness", self.describe())
            self.kernel.run_until(self.kernel.now_us + 5 * MS)

    def is_final(self, id_: Digest, processes: Sequence[Process] | None = None) -> bool:
        """Whether a transaction is final on all processes that are up."""
        chosen = self.honest if processes is None else processes
        stores = [process.replica.store for process in chosen if process.is_running]
        places = [store.find_transaction(id_) for store in stores]
        return all(
            place is not None and place[0] <= store.height
            for place, store in zip(places, stores, strict=True)
        )

    def hand_in(self, process: Process, raw: bytes) -> Digest:
        """A client hands in a transaction; its id."""
        self.load.submit(process, [raw])
        return decode_transaction(raw, self.population.genesis.chain).id

    # --- what goes on

    def _start_late(self, process: Process) -> None:
        def start() -> None:
            if not process.is_up:
                process.start()

        if self.plan.late_us:
            self.kernel.after(self.plan.late_us, f"{process.code} comes", start)
        else:
            process.start()

    def _submit_next(self) -> None:
        delay_us = int(self.kernel.random.expovariate(1 / self.plan.pause_us))

        def happen() -> None:
            if self.kernel.now_us < self.plan.fire_us and not self._is_healed:
                self.load.submit_some(self.processes)
                self._submit_next()

        self.kernel.after(delay_us, "client", happen)

    def _sample(self) -> None:
        for process in self.honest:
            if process.is_running:
                check_memory(process, self.plan.limits, len(self.processes) - 1)
        self.kernel.after(SAMPLE_US, "sample", self._sample)

    def _probe(self) -> None:
        """Every peer is handed something new, until it has taken one: it may have no room yet."""
        chain = self.population.genesis.chain
        for process in self.honest:
            if self._probes.get(process.code) not in self.durability.promises:
                raw = self.load.make_probe(process.replica.store.height)
                self._probes[process.code] = decode_transaction(raw, chain).id
                self.load.submit(process, [raw])

    def _is_settled(self) -> bool:
        if len(self._probes) < len(self.honest):
            return False
        stores = [process.replica.store for process in self.honest]
        if any(store.height != stores[0].height for store in stores):
            return False
        # What is on a disk and not told yet would be compared with what is not there elsewhere.
        if any(read_height(item.store_disk) != stores[0].height for item in self.honest):
            return False
        if not all(stores[0].find_transaction(id_) for id_ in self._probes.values()):
            return False
        if not self._list_to_record() <= list_recorded(self.honest[0]).keys():
            return False
        return all(
            not len(process.replica.mempool) and self.durability.is_settled(process)
            for process in self.honest
        )

    def _list_to_record(self) -> set[str]:
        """Whom validators that are still up and have a vote had proved of signing twice."""
        return {
            accused
            for process in self.honest
            for starts, proved in [self._proved.get(process.code, (0, []))]
            if process.starts == starts and process.replica.voter_key is not None
            for accused in proved
        }

    def count_double_signed(self) -> int:
        """How many contradictions the honest peers that run have proved."""
        running = [process.replica for process in self.honest if process.is_running]
        return sum(replica.counters.double_signed.total() for replica in running)

    def count_pruned(self) -> int:
        """How many honest peers have forgotten old blocks."""
        running = [process.replica for process in self.honest if process.is_running]
        return sum(replica.store.floor.body > 1 for replica in running)

    def count_lies(self) -> int:
        """How often a liar said something else than its replica."""
        return sum(process.lies for process in self.processes if isinstance(process, Liar))

    def describe(self) -> str:
        """Where everybody stands."""
        lines = [f"at {self.kernel.now_us // MS} ms, probes {len(self._probes)}"]
        for process in self.processes:
            if not process.is_running:
                lines.append(f"{process.code[:3]} is down")
                continue
            replica = process.replica
            status = replica.core.status()
            lines.append(
                f"{process.code[:3]} height {replica.store.height} epoch {status.epoch} view "
                f"{status.view} final {status.final_view} certified {status.certified_view} "
                f"votes {status.votes} recovering {status.recovering} reports {status.reports} "
                f"reasons {status.reasons} missing {status.missing_views} "
                f"unexecuted {len(status.unexecuted)} mempool {len(replica.mempool)} "
                f"parked {len(replica.judge)} outbox {len(replica.outbox)} "
                f"unfinalized {len(replica.chain)} syncing {replica.sync.is_running}"
            )
        return "\n  ".join(lines)
