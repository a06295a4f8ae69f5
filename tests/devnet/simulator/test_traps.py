"""What stopped other networks, or a prototype of this one; each with whole replicas."""

from collections import Counter
from typing import Any

import pytest

from consensus.certificate import Certificate
from consensus.journal import Held, OwnVote, decode_record
from consensus.message import CertificateMessage, Proposal, VoteMessage
from consensus.vote import Vote, VoteKind
from devnet.simulator import ports
from devnet.simulator.adversaries import cast
from devnet.simulator.adversaries.cast import Part
from devnet.simulator.adversaries.habit import Habit, Said, make_frame
from devnet.simulator.disk import SimulatedDisk
from devnet.simulator.kernel import MS, SECOND
from devnet.simulator.process import Process
from devnet.simulator.simulation import LIMITS, Plan, Simulation
from devnet.simulator.thread import SimulatedDiskThread
from ledger.primitives import View
from ledger.store import read_height
from ledger.transaction import decode_transaction
from node.frames import Frame, Transactions
from tests.devnet.simulator.censor import Censor, read
from tests.devnet.simulator.test_cases import agree, rotate, start
from tests.devnet.simulator.test_membership import Council

HEARTBEAT_US = LIMITS.heartbeat_ms * MS


def count_votes(simulation: Simulation) -> Counter[VoteKind]:
    """From now on: how often which vote leaves, proposals included."""
    counts: Counter[VoteKind] = Counter()

    def listen(_: str, frame: Frame) -> None:
        message = read(frame)
        if isinstance(message, Proposal | VoteMessage):
            counts[message.signed.vote.kind] += 1

    simulation.listeners.append(listen)
    return counts


def list_durable(process: Process) -> set[Vote]:
    """The votes that a journal would have after a loss of power just now."""
    disk = process.journal_disk.copy()
    disk._undo = list(process.journal_disk._undo)
    disk.crash(0)
    records = [decode_record(data) for _, data in disk.scan(b"j", b"k")]
    votes = {record.signed.vote for record in records if isinstance(record, OwnVote)}
    return votes | {record.certificate.vote for record in records if isinstance(record, Held)}


def list_held(process: Process) -> list[Vote]:
    """What the certificates in a journal say."""
    records = [decode_record(data) for _, data in process.journal_disk.scan(b"j", b"k")]
    return [record.certificate.vote for record in records if isinstance(record, Held)]


def keep_all(disk: SimulatedDisk) -> None:
    """A crash loses nothing of this disk."""
    disk.crash = lambda _: SimulatedDisk.crash(disk, disk.unsynced)  # type: ignore[method-assign]


def test_no_vote_leaves_before_its_fsync_has_ended() -> None:
    simulation = start()
    simulation.weather.fsync_us = (1 * MS, 400 * MS)
    by_code = {process.code: process for process in simulation.processes}
    left: list[tuple[str, Vote]] = []

    def listen(code: str, frame: Frame) -> None:
        message = read(frame)
        process = by_code[code]
        if isinstance(message, Proposal | VoteMessage):
            signed = message.signed
            if process.replica.validators.codes[signed.signer] == code:
                assert signed.vote in list_durable(process), signed.vote
                left.append((code, signed.vote))

    simulation.listeners.append(listen)
    victim = simulation.processes[1]
    crashes = 0
    for turn in range(40):
        simulation.load.submit_some(simulation.processes)
        simulation.kernel.run_until(simulation.kernel.now_us + 150 * MS)
        if victim.is_up and turn % 5 == 4:
            victim.crash()  # in the middle of whatever it is writing
            crashes += 1
        elif not victim.is_up:
            victim.start()
    if not victim.is_up:
        victim.start()
    assert crashes >= 4
    assert len({vote.view for _, vote in left}) > 5
    agree(simulation, victim)
    simulation.audit()


class Hoarder(Habit):
    """Keeps everything that it has to say to itself until it is told to speak."""

    is_hoarding = False

    def __init__(self, liar: Any) -> None:
        super().__init__(liar)
        self.hoard: list[Said] = []

    def say(self, to: Any, frame: Frame) -> list[Said]:
        if not Hoarder.is_hoarding:
            return [(to, frame)]
        self.hoard.append((to, frame))
        return []

    def release(self) -> None:
        Hoarder.is_hoarding = False
        for to, frame in self.hoard:
            self.liar.tell(to, frame)


def test_the_hoarded_votes_for_an_epochs_last_block_come_too_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One validator alone can certify an epoch's last block E, and waits until E has lost."""
    monkeypatch.setitem(cast.HABITS, "Hoarder", Hoarder)  # type: ignore[arg-type]
    monkeypatch.setattr(Hoarder, "is_hoarding", False)
    simulation = Simulation(4, Plan(cast=(Part(3, ("Hoarder",)),)))
    simulation.start_all()
    simulation.kernel.run_until(1 * SECOND)
    agree(simulation, simulation.processes[0])
    liar: Any = simulation.processes[3]
    honest = simulation.honest
    simulation.wait(lambda: honest[0].replica.core.status().leader == honest[0].code)
    view = honest[0].replica.core.view
    censor = Censor(simulation)

    # What the three say for a block in this view, the liar alone hears.
    def drops(_: str, code: str, frame: Frame) -> bool:
        message = read(frame)
        if isinstance(message, VoteMessage):
            vote = message.signed.vote
            return (vote.view, vote.kind) == (view, VoteKind.NOTARIZE) and code != liar.code
        return False

    censor.drops = drops
    Hoarder.is_hoarding = True
    raw = simulation.load.make_voter_rotation(honest[1].code, honest[0].replica.store.height)
    id_ = simulation.hand_in(honest[0], raw)
    simulation.wait(lambda: view in liar.replica.core._ancestry.notarizations)
    hoarded = liar.replica.core._ancestry.notarizations[view]
    # The others give up on the view, and certify another block in a later one.
    simulation.wait(
        lambda: (
            any(
                later > view
                for process in honest
                for later in process.replica.core._ancestry.notarizations
            )
            or all(process.replica.core.status().final_view > view for process in honest)
            or honest[0].replica.core.status().epoch == 1
        )
    )
    assert all(view not in process.replica.core._ancestry.notarizations for process in honest)
    censor.drops = None
    (habit,) = liar.habits
    habit.release()
    liar.tell(liar.list_peers(), _frame(hoarded))
    simulation.wait(lambda: simulation.is_final(id_))
    simulation.wait(lambda: all(item.replica.core.status().epoch == 1 for item in honest))
    places = {process.replica.store.find_transaction(id_) for process in honest}
    assert len(places) == 1
    agree(simulation, honest[1])
    simulation.audit()


def _frame(certificate: Certificate) -> Frame:
    return make_frame(CertificateMessage(certificate))


def test_three_that_each_lack_another_nullification_give_them_to_each_other() -> None:
    """The fourth, which had them all, is silent."""
    simulation = start()
    *three, fourth = simulation.processes
    first = max(process.replica.core.view for process in simulation.processes)
    lacking = {process.code: View(first + at) for at, process in enumerate(three)}
    censor = Censor(simulation)

    def drops(_: str, code: str, frame: Frame) -> bool:
        message = read(frame)
        if isinstance(message, Proposal):
            return True
        if isinstance(message, VoteMessage):
            vote = message.signed.vote
        elif isinstance(message, CertificateMessage):
            vote = message.certificate.vote
        else:
            return False
        return vote.kind is VoteKind.NULLIFY and vote.view == lacking.get(code)

    censor.drops = drops
    id_ = simulation.hand_in(three[0], simulation.load.make_probe(1))
    last = View(first + len(three))
    simulation.wait(lambda: all(item.replica.core.view > last for item in three))
    for process in three:
        held = process.replica.core._ancestry.nullifications
        assert lacking[process.code] not in held
        assert {first + at for at in range(3)} - set(held) == {lacking[process.code]}
    fourth.crash()
    censor.drops = None
    simulation.wait(lambda: simulation.is_final(id_, three))
    fourth.start()
    agree(simulation, fourth)
    simulation.audit()


def test_an_idle_network_makes_heartbeats_and_nothing_else() -> None:
    simulation = start(observers=1)
    simulation.kernel.run_until(simulation.kernel.now_us + 2 * SECOND)
    counts, height = count_votes(simulation), simulation.chain.height
    idle_us = 300 * SECOND
    simulation.kernel.run_until(simulation.kernel.now_us + idle_us)
    blocks = simulation.chain.height - height
    assert idle_us // HEARTBEAT_US - 5 <= blocks <= idle_us // HEARTBEAT_US + 1
    assert not any(len(simulation.chain.blocks[height + 1 + at].transactions) for at in range(9))
    assert counts[VoteKind.NULLIFY] == 0
    assert counts[VoteKind.NOTARIZE] <= 4 * (blocks + 1)
    assert sum(process.replica.counters.nullifications for process in simulation.processes) == 0


def test_the_last_transaction_of_a_burst_does_not_wait_for_a_heartbeat() -> None:
    simulation = start()
    process = simulation.processes[2]
    raws = [simulation.load.make_probe(1) for _ in range(3 * LIMITS.max_block_transactions + 1)]
    ids = [simulation.hand_in(process, raw) for raw in raws]
    began_us = simulation.kernel.now_us
    simulation.wait(lambda: all(map(simulation.is_final, ids)))
    assert simulation.kernel.now_us - began_us < HEARTBEAT_US // 2


def test_a_removed_validator_hands_on_what_it_accepted() -> None:
    council = Council()
    simulation = council.simulation
    removed = council.processes[6]
    censor = Censor(simulation)
    censor.drops = lambda sender, _, frame: (
        sender == removed.code
        and (isinstance(frame, Transactions) or isinstance(read(frame), Proposal))
    )
    id_ = simulation.hand_in(removed, simulation.load.make_probe(40))
    simulation.wait(lambda: id_ in simulation.durability.promises)
    assert council.decide("suspension", removed.code, council.regions[0]) == "ok"
    simulation.wait(lambda: removed.code not in council.voters(removed))
    assert not simulation.is_final(id_)
    censor.drops = None
    simulation.wait(lambda: simulation.is_final(id_))
    simulation.audit()


def test_a_leader_and_a_follower_die_after_a_notarization_and_a_third_has_no_body() -> None:
    simulation = start()
    leader = simulation.processes[1]
    simulation.wait(lambda: leader.replica.core.status().leader == leader.code)
    view = leader.replica.core.view
    _, _, witness, bodiless = (leader, *(p for p in simulation.processes if p is not leader))
    follower = next(
        item for item in simulation.processes if item not in (leader, witness, bodiless)
    )
    censor = Censor(simulation)

    def drops(_: str, code: str, frame: Frame) -> bool:
        message = read(frame)
        if isinstance(message, Proposal) and message.signed.vote.view == view:
            return code == bodiless.code
        if isinstance(message, VoteMessage) and message.signed.vote.kind is VoteKind.FINALIZE:
            return True
        return code == bodiless.code and type(frame).__name__ in ("BlockBody", "Transactions")

    censor.drops = drops
    ids = [simulation.hand_in(leader, simulation.load.make_probe(1)) for _ in range(3)]
    core = bodiless.replica.core
    simulation.wait(lambda: view in core._ancestry.notarizations)
    certified = core._ancestry.notarizations[view].block
    leader.crash()
    follower.crash()
    assert bodiless.replica.chain.get(certified) is None
    assert witness.replica.chain.get(certified) is not None
    censor.drops = None
    simulation.wait(lambda: bodiless.replica.chain.get(certified) is not None)
    follower.start()
    simulation.wait(lambda: all(simulation.is_final(id_) for id_ in ids))
    leader.start()
    agree(simulation, leader)
    simulation.audit()


def test_two_clocks_that_run_fast_cost_their_own_proposals_only() -> None:
    """Nobody votes for a time that is more than two seconds above the own clock."""
    simulation = start()
    for process in simulation.processes[:2]:
        process.skew_ms = 6_000
    times = []
    for process in simulation.processes:
        agree(simulation, process)
        header = process.replica.store.header
        times.append(header.time_ms - simulation.processes[3].wall_ms())
        assert header.proposer not in {item.code for item in simulation.processes[:2]}
    assert max(times) <= 2_000
    for process in simulation.processes[:2]:
        process.skew_ms = 0
    agree(simulation, simulation.processes[0])
    simulation.audit()


def test_a_validator_is_suspended_in_the_block_that_needs_its_vote() -> None:
    """Two of seven go down before the last approval: the five that are left are just a quorum."""
    council = Council()
    simulation = council.simulation
    suspended = council.processes[4]
    first, *others = (council.regions[at] for at in (0, 5, 1, 2))
    data: dict[str, Any] = {
        "code": suspended.code, "matter": "suspension", "note": "", "reason": "investigation",
    }  # fmt: skip
    ballot = council.do("ballot.propose", data, first).events[0]["about"][0]
    for voter in others:
        council.do("ballot.approve", {"ballot": ballot}, voter)
    for process in council.processes[5:7]:
        process.crash()
    result = council.do("ballot.approve", {"ballot": ballot}, council.regions[3])
    assert result.code == "ok"
    simulation.wait(lambda: suspended.code not in council.voters(council.processes[0]))
    store = council.processes[0].replica.store
    end = store.get_epoch_end(0)
    assert end is not None
    signers = Certificate.decode(end.finalization).signers
    assert signers == (0, 1, 2, 3, 4)
    assert not suspended.replica.is_validator
    for process in council.processes[5:7]:  # of the six that are left, five are a quorum
        process.start()
    agree(simulation, council.processes[6])
    simulation.audit()


def test_members_whose_certificates_have_expired_still_agree() -> None:
    """Expiry ends business, not consensus: a validator is known by its registered key."""
    simulation = start()
    for process in simulation.processes:
        process.skew_ms += 60 * 365 * 24 * 3_600_000
    before = simulation.processes[0].replica.voters
    for process in simulation.processes:
        id_ = agree(simulation, process)
        assert simulation.chain.find_code(id_) == "signer-expired"
    assert simulation.processes[0].replica.voters == before
    simulation.audit()


def test_a_block_that_takes_longer_than_the_timers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Timers grow and blocks shrink until they fit."""
    simulation = start()
    nullified = count_votes(simulation)
    monkeypatch.setattr(ports, "CHECK_US", 60 * MS)  # forty transactions: 2.4 s, the timers 0.9 s
    censor = Censor(simulation)
    gossip_until_us = simulation.kernel.now_us + 30 * SECOND

    def drops(_: str, __: str, frame: Frame) -> bool:
        """Nobody knows a transaction before it stands in a block."""
        return (
            isinstance(frame, Transactions)
            and simulation.kernel.now_us < gossip_until_us
            and (len(frame.raws) > 40)
        )

    censor.drops = drops
    process = simulation.processes[0]
    raws = [simulation.load.make_probe(1) for _ in range(120)]
    process.replica.submit(raws, lambda _: None)
    chain = simulation.population.genesis.chain
    ids = [decode_transaction(raw, chain).id for raw in raws]
    simulation.wait(lambda: all(map(simulation.is_final, ids)), 300 * SECOND)
    assert nullified[VoteKind.NULLIFY] > 0
    assert sum(item.replica.counters.nullifications for item in simulation.processes) > 0
    sizes = [len(block.transactions) for block in simulation.chain.blocks.values()]
    assert max(sizes) <= LIMITS.max_block_transactions
    monkeypatch.undo()
    agree(simulation, process)
    simulation.audit()


def test_a_restart_of_everybody_in_the_middle_of_an_epochs_end() -> None:
    """The new set begins, whoever of it remembers what."""
    simulation = start()
    simulation.weather.fsync_us = (50 * MS, 200 * MS)
    raw = simulation.load.make_voter_rotation(simulation.population.regions[1], 1)
    id_ = simulation.hand_in(simulation.processes[1], raw)
    simulation.wait(lambda: id_ in simulation.durability.promises)
    simulation.wait(lambda: any(len(item.replica.chain) for item in simulation.processes))
    for process in simulation.processes:
        process.crash()
    for process in simulation.processes:
        process.start()
    simulation.wait(lambda: simulation.is_final(id_))
    simulation.wait(lambda: len({item.replica.store.height for item in simulation.processes}) == 1)
    rotate(simulation, simulation.processes[2])
    simulation.audit()


@pytest.mark.parametrize("blocks", [1, 3])
def test_all_restart_before_any_store_has_what_is_final(blocks: int) -> None:
    """The votes of a quorum made blocks final that stand in journals only: nobody can sync them."""
    simulation = start()
    for process in simulation.processes:
        process.store_disk.is_full = True
        keep_all(process.journal_disk)
    simulation.weather.fsync_us = (100 * MS, 100 * MS)
    ids = []
    for _ in range(blocks):
        ids.append(simulation.hand_in(simulation.processes[0], simulation.load.make_probe(1)))
        simulation.kernel.run_until(simulation.kernel.now_us + 100 * MS)
    simulation.wait(lambda: not any(process.is_up for process in simulation.processes))
    certificates = [list_held(process) for process in simulation.processes]
    heights = [read_height(process.store_disk) for process in simulation.processes]
    assert len(set(heights)) == 1
    assert all(held[-1].kind is VoteKind.FINALIZE for held in certificates)
    for process in simulation.processes:
        process.mend_disks()
        process.start()
    simulation.weather.heal()
    simulation.wait(lambda: all(map(simulation.is_final, ids)))
    simulation.audit()


def test_all_restart_when_many_blocks_are_final_and_in_no_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The journals went on while the commits of all stores hung."""
    simulation = start()
    stored = [process.replica.store.height for process in simulation.processes]
    monkeypatch.setattr(SimulatedDiskThread, "run", lambda *_: None)
    for process in simulation.processes:
        keep_all(process.journal_disk)
    ids = []
    while min(item.replica.chain.decided_height for item in simulation.processes) < 45:
        ids.append(simulation.hand_in(simulation.processes[0], simulation.load.make_probe(1)))
        simulation.kernel.run_until(simulation.kernel.now_us + 60 * MS)
    assert [process.replica.store.height for process in simulation.processes] == stored
    promised = [id_ for id_ in ids if id_ in simulation.durability.promises]
    assert len(promised) > 40
    monkeypatch.undo()
    for process in simulation.processes:
        process.crash()
    for process in simulation.processes:
        process.start()
    simulation.wait(lambda: all(map(simulation.is_final, promised)))
    simulation.audit()
