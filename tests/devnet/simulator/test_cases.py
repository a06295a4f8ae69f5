"""Named cases with whole replicas, each of which stopped somebody's network once."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from consensus.certificate import Certificate
from consensus.message import Proposal, VoteMessage, decode_message
from consensus.vote import VoteKind
from contracts.agreement import LEASES
from devnet.simulator.disk import SimulatedDisk
from devnet.simulator.kernel import MS, SECOND
from devnet.simulator.plan import Plan
from devnet.simulator.process import Process
from devnet.simulator.simulation import Simulation
from ledger.primitives import Digest, View
from node.frames import Consensus, Frame
from node.peer import RunningPeer


def start(n: int = 4, observers: int = 0, seed: int = 1) -> Simulation:
    """A calm network that has agreed on something."""
    simulation = Simulation(seed, Plan(n=n, observers=observers))
    simulation.start_all()
    simulation.kernel.run_until(1 * SECOND)
    agree(simulation, simulation.processes[0])
    return simulation


def agree(simulation: Simulation, process: Process) -> Digest:
    """Something handed to a peer becomes final on all that are up."""
    height = process.replica.store.height
    id_ = simulation.hand_in(process, simulation.load.make_probe(height))
    simulation.wait(lambda: simulation.is_final(id_))
    return id_


class NoNetwork:
    """What readiness asks of a network: here the replica knows who is connected."""

    contacts: ClassVar[dict[str, object]] = {}

    def compute_offset_ms(self) -> int:
        return 0


def list_reasons(process: Process) -> list[str]:
    """Why a peer says that it is not ready."""
    network: Any = NoNetwork()
    metrics: Any = None
    return list(RunningPeer(process.replica, network, metrics).get_readiness().reasons)


def heights(processes: Sequence[Process]) -> list[int]:
    return [process.replica.store.height for process in processes if process.is_up]


def test_a_lone_transaction_makes_one_block() -> None:
    simulation = start()
    simulation.kernel.run_until(simulation.kernel.now_us + 500 * MS)
    before = simulation.chain.height
    agree(simulation, simulation.processes[1])
    simulation.kernel.run_until(simulation.kernel.now_us + 500 * MS)
    assert simulation.chain.height == before + 1


def test_due_work_has_its_block_when_its_time_comes() -> None:
    """A lease that nobody activates fails at its deadline, not at somebody's next heartbeat."""
    simulation = start()
    first = simulation.processes[0]
    load, store = simulation.load, first.replica.store
    leases: list[Any] = []
    while not leases:
        simulation.hand_in(first, load.make_step(store.height))
        simulation.kernel.run_until(simulation.kernel.now_us + 100 * MS)
        leases = [record.value for _, record in store.state.scan(LEASES.prefix)]
    assert leases[0]["state"] == "matched"
    simulation.kernel.run_until(simulation.kernel.now_us + 6 * SECOND)
    (lease,) = (record.value for _, record in store.state.scan(LEASES.prefix))
    assert (lease["state"], lease["reason"]) == ("failed", "not-dispatched")
    assert 0 <= lease["ended_ms"] - lease["deadline_ms"] < 50


def test_observers_follow() -> None:
    simulation = start(observers=2)
    observer = simulation.processes[-1]
    began_us = simulation.kernel.now_us
    agree(simulation, observer)
    assert simulation.kernel.now_us - began_us < 200 * MS
    simulation.audit()


def test_all_four_restart_at_once() -> None:
    simulation = start()
    ids = [agree(simulation, process) for process in simulation.processes]
    for process in simulation.processes:
        process.crash()
    for process in simulation.processes:
        process.start()
    agree(simulation, simulation.processes[2])
    assert all(simulation.is_final(id_) for id_ in ids)
    assert all(process.replica.core.status().votes for process in simulation.processes)
    simulation.audit()


def test_a_crash_under_load_is_caught_up_and_votes_again() -> None:
    simulation = start()
    victim = simulation.processes[3]
    for turn in range(6):
        simulation.load.submit_some(simulation.processes)
        simulation.kernel.run_until(simulation.kernel.now_us + (7 + turn) * MS)
    victim.crash()
    for _ in range(30):
        simulation.load.submit_some(simulation.processes[:3])
        simulation.kernel.run_until(simulation.kernel.now_us + 100 * MS)
    victim.start()
    agree(simulation, victim)
    simulation.wait(lambda: victim.replica.core.status().votes)
    # With another one down its vote is needed.
    simulation.processes[0].crash()
    agree(simulation, victim)
    simulation.processes[0].start()
    agree(simulation, simulation.processes[0])
    simulation.audit()


def test_two_down_stop_the_chain_and_come_back() -> None:
    simulation = start()
    left, gone = simulation.processes[:2], simulation.processes[2:]
    for process in gone:
        process.crash()
    id_ = simulation.hand_in(left[0], simulation.load.make_probe(1))
    simulation.kernel.run_until(simulation.kernel.now_us + 30 * SECOND)
    assert len(set(heights(left))) == 1
    assert not simulation.is_final(id_, left)
    for process in left:
        status = process.replica.core.status()
        assert len(process.replica.list_voters()) + 1 < process.replica.validators.quorum
        assert "transactions are pending" in status.reasons
        assert set(status.silent) <= {item.code for item in gone}
        missing, quiet = list_reasons(process)
        assert missing.startswith("2 of 4 validators are")
        assert all(item.code in missing for item in gone)
        assert quiet.startswith("no block has become final for")
    for process in gone:
        process.start()
    simulation.wait(lambda: simulation.is_final(id_))
    simulation.wait(lambda: not any(list_reasons(process) for process in simulation.processes))
    simulation.audit()


def test_a_journal_from_a_backup_is_found_out() -> None:
    """What it says is true, but not all: the others remember what it has forgotten."""
    simulation = start()
    victim = simulation.processes[0]
    backup = victim.journal_disk.copy()
    for _ in range(3):
        agree(simulation, victim)
    victim.crash()
    victim.journal_disk = backup
    victim.start()
    agree(simulation, simulation.processes[1])
    status = victim.replica.core.status()
    assert not status.recovering
    assert not status.votes
    rotate(simulation, simulation.processes[1])
    simulation.wait(lambda: victim.replica.core.status().epoch == 1)
    simulation.kernel.run_until(simulation.kernel.now_us + 5 * SECOND)
    # The next epoch does not help a key whose votes are forgotten: a new key does.
    assert not victim.replica.core.status().votes
    mine = simulation.load.make_voter_rotation(simulation.population.regions[0], 1)
    simulation.hand_in(simulation.processes[1], mine)
    simulation.wait(lambda: victim.replica.core.status().votes)
    assert victim.replica.core.status().epoch == 2
    simulation.audit()


@pytest.mark.parametrize("is_validator", [True, False])
def test_a_peer_that_joins_late_catches_up(is_validator: bool) -> None:
    simulation = Simulation(3, Plan(observers=1))
    late = simulation.processes[3 if is_validator else 4]
    others = [process for process in simulation.processes if process is not late]
    for process in others:
        process.start()
    simulation.kernel.run_until(1 * SECOND)
    for _ in range(90):
        agree(simulation, others[0])
    rotate(simulation, others[1])
    for _ in range(5):
        agree(simulation, others[0])
    assert simulation.chain.height > 90
    late.start()
    simulation.wait(
        lambda: late.replica.store.height >= others[0].replica.store.height, 20 * SECOND
    )
    agree(simulation, late)
    assert late.replica.core.status().epoch == 1
    simulation.audit()


def rotate(simulation: Simulation, process: Process) -> None:
    """A region takes a new validator key: an epoch ends."""
    code = simulation.population.regions[1]
    epoch = process.replica.core.status().epoch
    raw = simulation.load.make_voter_rotation(code, process.replica.store.height)
    id_ = simulation.hand_in(process, raw)
    simulation.wait(lambda: simulation.is_final(id_))
    simulation.wait(lambda: process.replica.core.status().epoch == epoch + 1)


def test_views_given_up_are_counted_in_each_epoch() -> None:
    """Views begin at 1 again with each."""
    simulation = start()
    counters, absent = simulation.processes[0].replica.counters, simulation.processes[3]
    for _ in range(2):
        for _ in range(8):
            agree(simulation, simulation.processes[0])
        before = counters.nullifications
        absent.crash()
        for _ in range(4):
            agree(simulation, simulation.processes[0])
        assert counters.nullifications > before
        absent.start()
        rotate(simulation, simulation.processes[1])


def test_epochs_follow_each_other() -> None:
    simulation = start(observers=1)
    for _ in range(3):
        rotate(simulation, simulation.processes[1])
        agree(simulation, simulation.processes[4])
    assert {process.replica.core.status().epoch for process in simulation.processes} == {3}
    simulation.audit()


def test_a_last_block_certified_beside_nullifies_of_half_is_final_all_the_same() -> None:
    """Two give up on the view in which the epoch's last block is certified.

    They cannot finalize it there any more, so that the two finalizes of the others are all that it
    gets in that view. It is proposed again, as it is, and becomes final in a later one.
    """
    simulation = start()
    links, population = simulation.links, simulation.population
    status = simulation.processes[0].replica.core.status()
    leader = status.leader
    deaf = [code for code in population.regions if code != leader][:2]
    (other,) = [code for code in population.regions if code not in (leader, *deaf)]
    apart = [(deaf[0], deaf[1]), (deaf[1], deaf[0]), *((other, code) for code in deaf)]
    links.block(apart, is_noticed=False)
    said: dict[tuple[VoteKind, View], set[str]] = {}

    def listen(code: str, frame: Frame) -> None:
        message = decode_message(frame.message) if isinstance(frame, Consensus) else None
        if isinstance(message, VoteMessage):
            vote = message.signed.vote
            said.setdefault((vote.kind, vote.view), set()).add(code)
        elif isinstance(message, Proposal) and code == leader:
            more = [*apart, *((leader, item) for item in deaf)]
            simulation.kernel.after(0, "cut off", lambda: links.block(more, is_noticed=False))

    simulation.listeners.append(listen)
    raw = simulation.load.make_voter_rotation(population.regions[1], simulation.chain.height)
    process = next(item for item in simulation.processes if item.code == leader)
    id_ = simulation.hand_in(process, raw)
    simulation.wait(lambda: said.get((VoteKind.NULLIFY, status.view), set()) >= set(deaf))
    assert said[VoteKind.FINALIZE, status.view] == {leader, other}
    assert not simulation.is_final(id_)
    simulation.listeners.clear()
    links.unblock()
    simulation.wait(lambda: simulation.is_final(id_))
    simulation.wait(
        lambda: {item.replica.voters for item in simulation.processes} == {process.replica.voters}
    )
    store = process.replica.store
    place = store.find_transaction(id_)
    assert place is not None
    header = simulation.chain.blocks[place[0]].block.header
    assert header.view == status.view
    assert header.is_last_of_epoch
    end = store.get_epoch_end(0)
    assert end is not None
    assert Certificate.decode(end.finalization).view > status.view
    assert agree(simulation, process)
    simulation.audit()


@pytest.mark.parametrize("which", ["store_disk", "journal_disk"])
def test_the_power_may_fail_at_every_write(which: str) -> None:
    """At each write boundary of one peer's store and journal in turn, from the very first on."""
    for writes in range(14):
        simulation = Simulation(7, Plan())
        victim = simulation.processes[0]
        disk: SimulatedDisk = getattr(victim, which)
        disk.writes_left = writes
        for process in simulation.processes:
            process.start()
        for _ in range(60):
            simulation.kernel.run_until(simulation.kernel.now_us + 100 * MS)
            simulation.load.submit_some(simulation.processes)
            if not victim.is_up:
                break
        assert not victim.is_up
        disk.writes_left = None
        victim.start()
        agree(simulation, simulation.processes[1])
        agree(simulation, victim)
        simulation.audit()


@pytest.mark.parametrize("sends", range(7))
def test_a_crash_between_two_sends_of_one_step(sends: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of the others are told what the rest is not; whoever said it is bound by it."""
    simulation = start()
    speaker, other, *_ = simulation.processes
    told: list[str] = []
    send = simulation.links.send

    def listen(sender: str, to: Sequence[str], frame: Frame) -> None:
        if sender == speaker.code:
            told.extend(to)
        send(sender, to, frame)

    monkeypatch.setattr(simulation.links, "send", listen)
    speaker.fail_at_send(sends)
    simulation.hand_in(other, simulation.load.make_probe(0))
    simulation.wait(lambda: not speaker.is_up)
    assert len(told) == sends
    speaker.start()
    agree(simulation, speaker)
    simulation.wait(lambda: speaker.replica.core.status().votes)
    simulation.audit()


def test_a_connection_is_not_made_with_one_that_its_notice_ended() -> None:
    """The power may fail in the very event by which a peer hears that another was lost."""
    simulation = start()
    one, other, *_ = simulation.processes
    other.crash()
    one.crash_at.append(one.events + 1)
    other.start()
    links = simulation.links
    links._parting[one.code, other.code] = None  # it has not noticed yet
    links._connect(one.code, other.code)
    assert not one.is_up
    assert other.code not in links.list_connected(one.code)
    one.start()
    agree(simulation, one)


def test_last_words_are_not_heard_by_who_came_after() -> None:
    simulation = start()
    hearer, speaker, *_ = simulation.processes
    links = simulation.links
    link = links._links[speaker.code, hearer.code]
    while link.last_words is None:
        speaker.crash()
        if link.last_words is None:
            speaker.start()
            agree(simulation, speaker)
    hearer.crash()
    assert link.last_words is None
