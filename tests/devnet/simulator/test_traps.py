"""What stopped other networks, or a prototype of this one; each with whole replicas."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from consensus.certificate import Certificate
from consensus.journal import Held, OwnVote, decode_record
from consensus.message import CertificateMessage, Proposal, VoteMessage
from consensus.vote import Vote, VoteKind
from devnet.simulator.adversaries import cast
from devnet.simulator.adversaries.habit import Habit, Said, make_frame
from devnet.simulator.adversaries.part import Part
from devnet.simulator.disk import SimulatedDisk
from devnet.simulator.kernel import MS, SECOND
from devnet.simulator.plan import Plan
from devnet.simulator.population import START_MS
from devnet.simulator.process import Process
from devnet.simulator.simulation import LIMITS, Simulation
from devnet.simulator.thread import SimulatedDiskThread
from ledger.primitives import Code, Digest, View
from ledger.store import read_height
from ledger.transaction import key_signer
from node.enrolment import DAY_MS, Validity, derive_key, issue
from node.frames import Frame, Transactions
from tests.devnet.simulator.censor import Censor, read
from tests.devnet.simulator.test_cases import agree, rotate, start
from tests.devnet.simulator.test_lost_block import step_until
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
    # A heartbeat may just be on its way to the disks.
    simulation.wait(lambda: len({it.replica.store.height for it in simulation.processes}) == 1)
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

    # What the three say for a block in this view, the liar alone hears; no later one is final.
    def drops(_: str, code: str, frame: Frame) -> bool:
        message = read(frame)
        if not isinstance(message, VoteMessage):
            return False
        vote = message.signed.vote
        if vote.kind is VoteKind.FINALIZE:
            return vote.view >= view
        return (vote.view, vote.kind) == (view, VoteKind.NOTARIZE) and code != liar.code

    censor.drops = drops
    Hoarder.is_hoarding = True
    raw = simulation.load.make_voter_rotation(Code(honest[1].code), honest[0].replica.store.height)
    id_ = simulation.hand_in(honest[0], raw)
    simulation.wait(lambda: view in liar.replica.core._ancestry.notarizations)
    hoarded = liar.replica.core._ancestry.notarizations[view]
    last = liar.replica.chain.get(hoarded.block)
    assert last.block.header.is_last_of_epoch
    # The others give up on the view, and certify another block in a later one.
    simulation.wait(
        lambda: all(item.replica.core.status().certified_view > view for item in honest)
    )
    for process in honest:
        core = process.replica.core
        assert view in core._ancestry.nullifications
        assert view not in core._ancestry.notarizations
        assert not core._ancestry.is_certified(hoarded.block)
        assert core.status().final_view < view
        assert core.status().epoch == 0
    (habit,) = liar.habits
    habit.release()
    liar.tell(liar.list_peers(), make_frame(CertificateMessage(hoarded)))
    simulation.wait(
        lambda: all(item.replica.core._ancestry.is_certified(hoarded.block) for item in honest)
    )
    assert all(item.replica.core.status().final_view < view for item in honest)
    censor.drops = None
    simulation.wait(lambda: simulation.is_final(id_))
    simulation.wait(lambda: all(item.replica.core.status().epoch == 1 for item in honest))
    assert last.height in simulation.chain.blocks
    assert simulation.chain.blocks[last.height].block.hash != last.block.hash
    places = {process.replica.store.find_transaction(id_) for process in honest}
    assert len(places) == 1
    agree(simulation, honest[1])
    simulation.audit()


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
    made = [simulation.chain.blocks[height + 1 + at] for at in range(blocks)]
    assert not any(block.results for block in made)
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
    follower, witness, bodiless = (item for item in simulation.processes if item is not leader)
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


def test_a_member_whose_certificate_alone_has_expired_is_needed_and_votes() -> None:
    """It took a new key with a certificate for a day; two days later another one is down."""
    simulation = start()
    population, load = simulation.population, simulation.load
    member, other, *_ = simulation.processes
    key, code = derive_key(b"short", member.code), Code(member.code)
    validity = Validity.from_days(START_MS, 1)
    certificate = issue(
        code, population.observers[0], key.public, population.founded.root, validity, True
    )
    signers = [(code, population.identity_key(code)), (key_signer(key.public), key)]
    rotation = {"certificate": certificate, "code": code}
    id_ = simulation.hand_in(member, load._sign("identity.rotate", rotation, signers, 100))
    simulation.wait(lambda: simulation.is_final(id_))
    assert simulation.chain.find_code(id_) == "ok"
    for process in simulation.processes:
        process.skew_ms += 2 * DAY_MS
    other.crash()
    payment = {"amount_micro_yuan": 1, "reference": "", "to": other.code}
    late = load._sign("settlement.pay", payment, [(code, key)], 100)
    outcomes = [agree(simulation, member), simulation.hand_in(member, late)]
    simulation.wait(lambda: all(map(simulation.is_final, outcomes)))
    assert list(map(simulation.chain.find_code, outcomes)) == ["ok", "signer-expired"]
    held = [decode_record(data) for _, data in member.journal_disk.scan(b"j", b"k")]
    newest = max(
        (item.certificate for item in held if isinstance(item, Held)), key=lambda it: it.view
    )
    assert member.replica.validators.find_index(code) in newest.signers
    other.start()
    agree(simulation, other)
    simulation.audit()


def list_last(process: Process) -> list[Digest]:
    """The epoch's last block, or several that could be it, executed and not stored."""
    headers = {sealed.block.hash: sealed.block.header for sealed in process.replica.chain}
    return [hash_ for hash_, header in headers.items() if header.is_last_of_epoch]


def is_executed(process: Process) -> bool:
    """The process knows the epoch's last block."""
    return bool(list_last(process))


def is_certified(process: Process) -> bool:
    """The process knows that it is certified."""
    return any(map(process.replica.core._ancestry.is_certified, list_last(process)))


def is_decided(process: Process) -> bool:
    """The process knows that it is final, and has not stored it yet."""
    return process.replica.core._ancestry.final_block in list_last(process)


@pytest.mark.parametrize(
    ("holds", "count"), [(is_executed, 3), (is_certified, 1), (is_certified, 4), (is_decided, 1)]
)
def test_a_restart_of_everybody_in_the_middle_of_an_epochs_end(
    holds: Callable[[Process], bool], count: int
) -> None:
    """The new set begins, whoever of it remembers what."""
    simulation = start()
    simulation.weather.fsync_us = (50 * MS, 200 * MS)
    raw = simulation.load.make_voter_rotation(simulation.population.regions[1], 1)
    id_ = simulation.hand_in(simulation.processes[1], raw)
    step_until(simulation, lambda: sum(map(holds, simulation.processes)) >= count)
    assert id_ in simulation.durability.promises
    assert any(map(is_decided, simulation.processes)) == (holds is is_decided)
    assert id_ not in simulation.chain.places, "no store has it"
    for process in simulation.processes:
        process.crash()
    for process in simulation.processes:
        process.start()
    assert all(process.replica.core.status().epoch == 0 for process in simulation.processes)
    simulation.wait(lambda: simulation.is_final(id_))
    simulation.wait(lambda: all(it.replica.core.status().epoch == 1 for it in simulation.processes))
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
