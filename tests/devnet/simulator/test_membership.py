"""Who is alive decides who may leave: the same on all peers, restarted ones too."""

from contracts.nodes import NODES
from contracts.rules import VERSION_1
from devnet.simulator.kernel import MS, SECOND
from devnet.simulator.plan import Plan
from devnet.simulator.process import Process
from devnet.simulator.simulation import Simulation
from ledger.codec import Value
from ledger.result import Result
from node.trail import load_trail

N = 7  # two may be down


class Council:
    """A network of seven regions, and what they decide."""

    def __init__(self) -> None:
        self.simulation = Simulation(3, Plan(n=N, observers=1))
        self.simulation.start_all()
        self.simulation.kernel.run_until(1 * SECOND)
        self.regions = self.simulation.population.regions
        self.processes = self.simulation.processes

    def do(self, kind: str, data: dict[str, Value], code: str) -> Result:
        """A founder's transaction, handed to the first peer; its result."""
        first = self.processes[0]
        raw = self.simulation.load.make_by_founder(kind, data, code, first.replica.store.height)
        id_ = self.simulation.hand_in(first, raw)
        self.simulation.wait(lambda: self.simulation.is_final(id_))
        place = first.replica.store.find_transaction(id_)
        assert place is not None
        results = first.replica.store.get_results(place[0])
        assert results is not None
        return results[place[1]]

    def decide(self, matter: str, code: str, proposer: str) -> str:
        """Let five of those who are up vote, the proposer first; the code of the last vote."""
        up = [process.code for process in self.processes[:N] if process.is_up]
        voters = [voter for voter in up if voter != proposer]
        data = {"code": code, "matter": matter, "note": "", "reason": "investigation"}
        ballot = self.do("ballot.propose", data, proposer).events[0]["about"][0]
        for voter in voters[:4]:
            result = self.do("ballot.approve", {"ballot": ballot}, voter)
        return result.code

    def grow(self, blocks: int) -> None:
        """So many more blocks, none of which shows anybody who is down."""
        goal = self.processes[0].replica.store.height + blocks
        while self.processes[0].replica.store.height < goal:
            data: dict[str, Value] = {
                "account": self.regions[0],
                "amount_micro_yuan": 1,
                "reference": "",
            }
            self.do("settlement.deposit", data, self.simulation.population.bank)

    def voters(self, process: Process) -> list[str]:
        return list(process.replica.voters)


def test_the_dead_may_be_voted_out_and_the_living_stay() -> None:
    council = Council()
    simulation, processes = council.simulation, council.processes
    living, dead = council.regions[4], council.regions[6]
    for process in processes[5:N]:
        process.crash()
    # They still count as alive: without a live one five of six would be left.
    council.grow(VERSION_1["liveness_blocks"] + 5)
    # What a restarted peer knows of it comes from its disk.
    processes[1].crash()
    processes[1].start()
    simulation.kernel.run_until(simulation.kernel.now_us + 2 * SECOND)
    store, genesis = processes[1].replica.store, simulation.population.genesis
    trail = load_trail(store, genesis)
    assert [trail.is_live(code, VERSION_1["liveness_blocks"]) for code in council.regions] == [
        True, True, True, True, True, False, False,
    ]  # fmt: skip
    # Four of six would be alive, five are a quorum.
    assert council.decide("retirement", living, living) == "too-few-live"
    # Five of six are.
    assert council.decide("suspension", dead, council.regions[0]) == "ok"
    simulation.wait(lambda: len(council.voters(processes[0])) == N - 1)
    for process in processes[5:N]:
        process.start()
    simulation.kernel.run_until(simulation.kernel.now_us + 5 * SECOND)
    council.grow(3)
    status = processes[6].replica.store.state.get(NODES.make_key(dead))
    assert status is not None and status.value["status"] == "suspended"
    assert council.voters(processes[6]) == council.voters(processes[0])
    simulation.kernel.run_until(simulation.kernel.now_us + 500 * MS)
    simulation.audit()
