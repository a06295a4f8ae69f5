"""The replica put together: starts, epochs, barred keys, offers, and ends."""

from consensus.message import VoteMessage
from devnet.simulator.kernel import MS, SECOND
from devnet.simulator.plan import Plan
from devnet.simulator.simulation import Simulation
from node.frames import Range
from node.journal import MARK_KEY, Journal
from node.port import Phase, Status
from node.serving import body_of_sealed
from tests.node.test_conductor import Actor, make


def start(observers: int = 0) -> Simulation:
    simulation = Simulation(11, Plan(observers=observers))
    simulation.start_all()
    simulation.kernel.run_until(1 * SECOND)
    return simulation


def test_a_lost_journal_silences_its_key_until_it_is_replaced() -> None:
    simulation = start()
    victim, other = simulation.processes[1], simulation.processes[2]
    id_ = simulation.hand_in(other, simulation.load.make_probe(0))
    simulation.wait(lambda: simulation.is_final(id_))
    victim.crash()
    for key, _ in list(victim.journal_disk.scan(b"", b"\xff")):
        victim.journal_disk.write([(key, None)], sync=True)
    # The operator starts it with the key it had, and adds a new one later.
    keys = simulation.population.voter_keys(simulation.population.regions[1])
    victim.hold(keys[:1])
    victim.start()
    journal = Journal(victim.journal_disk)
    assert journal.is_barred(keys[0].public)
    simulation.kernel.run_until(simulation.kernel.now_us + 2 * SECOND)
    status = victim.replica.core.status()
    assert not status.votes
    assert not status.recovering
    victim.crash()
    victim.hold(keys)
    victim.start()
    simulation.kernel.run_until(simulation.kernel.now_us + 1 * SECOND)
    assert not victim.replica.core.status().votes
    raw = simulation.load.make_voter_rotation(simulation.population.regions[1], 1)
    simulation.hand_in(other, raw)
    simulation.wait(lambda: victim.replica.core.status().epoch == 1)
    simulation.wait(lambda: victim.replica.core.status().votes)
    assert victim.journal_disk.get(MARK_KEY) == victim.store_disk.get(MARK_KEY)


def test_peers_without_a_vote_say_nothing_of_consensus() -> None:
    simulation = start(observers=1)
    observer = simulation.processes[-1]
    spoken: list[str] = []
    simulation.listeners.append(lambda code, frame: spoken.append(code))
    id_ = simulation.hand_in(observer, simulation.load.make_probe(0))
    simulation.wait(lambda: simulation.is_final(id_))
    status = observer.replica.core.status()
    assert not status.votes
    assert not observer.replica.is_validator
    assert observer.replica.intake.get_status(id_) is not None
    assert observer.code in spoken
    assert simulation.votes.votes > 0


def test_what_was_accepted_is_offered_to_who_connects() -> None:
    actor = make()
    item = actor.deposit()
    actor.replica.submit([item.raw], lambda _: None)
    actor.settle()
    actor.ports.offered.clear()
    newcomer = actor.ports.connected[1]
    actor.replica.disconnected(newcomer)
    actor.replica.connected(newcomer, 0)
    assert actor.ports.offered == [((newcomer,), (item.raw,))]
    actor.replica.connected("N0000000000000000000004Q", 0)
    assert len(actor.ports.offered) == 1


def test_what_was_accepted_is_offered_every_heartbeat() -> None:
    actor = make()
    item = actor.deposit()
    actor.replica.submit([item.raw], lambda _: None)
    actor.settle()
    actor.ports.offered.clear()
    actor.ports.advance(actor.genesis.consensus.heartbeat_ms)
    assert (tuple(actor.ports.connected), (item.raw,)) in actor.ports.offered
    assert actor.replica.quiet_ms() >= actor.genesis.consensus.heartbeat_ms


def test_a_fork_ends_the_peer() -> None:
    actor = make()
    one = actor.make(view=1)
    other = actor.make(view=2)
    actor.replica.chain.add(one)
    actor.replica.chain.decide(one.block.hash)
    child = actor.make(above=other, view=3)
    actor.replica.sync.hear_height(actor.ports.connected[0], 9)
    actor.ports.advance(2_000)
    asked = actor.replica.sync._asked
    finalization = actor.certify(child.block, signers=(1, 2, 3)).encode()
    actor.replica.receive(asked, Range((body_of_sealed(child),), finalization))
    (error,) = actor.ports.stopped
    assert "keep its folder as evidence" in str(error)


def test_a_restart_takes_up_where_the_disks_are() -> None:
    simulation = start()
    process = simulation.processes[0]
    ids = []
    for _ in range(3):
        ids.append(simulation.hand_in(process, simulation.load.make_probe(0)))
        simulation.kernel.run_until(simulation.kernel.now_us + 50 * MS)
    simulation.wait(lambda: all(simulation.is_final(id_) for id_ in ids))
    process.crash()
    process.start()
    replica = process.replica
    assert replica.store.height == simulation.chain.height
    assert replica.core.status().recovering
    for id_ in ids:
        status = replica.intake.get_status(id_)
        assert isinstance(status, Status)
        assert status.phase is Phase.FINAL
    simulation.wait(lambda: process.replica.core.status().votes)


def test_nothing_is_voted_before_the_others_have_reported() -> None:
    actor = Actor()
    sealed = actor.lead(1)
    actor.hear(actor.leader(1), actor.propose(sealed))
    actor.settle()
    said = [item for code in actor.ports.connected for item in actor.said(code)]
    assert not any(isinstance(item, VoteMessage) for item in said)
    actor.recover()
    actor.settle()
    assert actor.replica.core.status().votes


def test_a_store_older_than_its_journal_does_not_let_a_validator_vote_twice() -> None:
    simulation = start()
    victim, other = simulation.processes[1], simulation.processes[2]
    backup = list(victim.store_disk.scan(b"", b"\xff"))
    raw = simulation.load.make_voter_rotation(simulation.population.regions[3], 1)
    simulation.hand_in(other, raw)
    simulation.wait(lambda: victim.replica.core.status().epoch == 1)
    id_ = simulation.hand_in(other, simulation.load.make_probe(0))
    simulation.wait(lambda: simulation.is_final(id_))
    victim.crash()
    gone = [(key, None) for key, _ in victim.store_disk.scan(b"", b"\xff")]
    victim.store_disk.write([*gone, *backup], sync=True)
    records = list(victim.journal_disk.scan(b"j", b"k"))
    simulation.chain.heights[victim.code] = 0  # the checker need not complain of the backup
    victim.start()
    status = victim.replica.core.status()
    assert (status.epoch, status.votes) == (0, False)
    assert list(victim.journal_disk.scan(b"j", b"k")) == records
    simulation.wait(lambda: victim.replica.core.status().epoch == 1)
    # What it voted in that epoch is known again, and asked for.
    simulation.wait(lambda: victim.replica.core.status().votes)
    simulation.wait(lambda: victim.replica.store.height == other.replica.store.height)
    simulation.audit()


def test_what_others_accepted_is_offered_once_it_has_waited() -> None:
    actor = make()
    item = actor.deposit()
    actor.replica.intake.receive([item.raw], actor.ports.connected[0])
    actor.settle()
    actor.ports.offered.clear()
    beat_ms = actor.genesis.consensus.heartbeat_ms
    actor.ports.advance(beat_ms)
    assert actor.ports.offered == []
    actor.ports.advance(beat_ms)
    assert (tuple(actor.ports.connected), (item.raw,)) in actor.ports.offered
