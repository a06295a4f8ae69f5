"""New peers join by a snapshot: under load, past liars, through a crash, over several epochs."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from devnet.simulator.adversaries.false_snapshot import forge_manifest, forge_part, is_forgeable
from devnet.simulator.disk import SimulatedDisk
from devnet.simulator.kernel import MS, SECOND
from devnet.simulator.plan import Plan
from devnet.simulator.process import Process
from devnet.simulator.sabotage import sabotage
from devnet.simulator.simulation import Simulation
from devnet.simulator.violation import Violation
from ledger.block import decode_header
from ledger.errors import LedgerError
from ledger.install import is_installing
from ledger.snapshot import BodyPart, HeaderPart, ResultPart, StatePart
from node import pieces
from node.offers import Answer, Want
from node.snapshot_frames import EpochEnds, Offer, PartKind, WantPart
from node.snapshot_rules import SnapshotRules
from tests.devnet.simulator.test_cases import agree, rotate

FAR, INTERVAL = 20, 16
PLAN = Plan(observers=1, rules=SnapshotRules(True, INTERVAL, FAR))


def grow(simulation: Simulation, blocks: int) -> None:
    """Load on the peers that are up, until the chain has so many blocks more."""
    goal = simulation.chain.height + blocks
    while simulation.chain.height < goal:
        up = [process for process in simulation.processes if process.is_running]
        simulation.load.submit_some(up)
        simulation.kernel.run_until(simulation.kernel.now_us + 60 * MS)


@pytest.fixture(autouse=True)
def _shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is far is nearer here: a chain takes its time."""
    monkeypatch.setattr(pieces, "SPAN", 4)


def begin(plan: Plan = PLAN, seed: int = 5, blocks: int = 2 * FAR) -> tuple[Simulation, Process]:
    """A chain that is long enough, and a peer that has nothing yet."""
    simulation = Simulation(seed, plan)
    *others, late = simulation.processes
    for process in others:
        process.start()
    simulation.kernel.run_until(1 * SECOND)
    grow(simulation, blocks // 2)
    rotate(simulation, others[1])
    grow(simulation, blocks // 2)
    return simulation, late


def has_joined(simulation: Simulation, process: Process) -> bool:
    return process.code in simulation.chain.joined and process.is_running


def check(simulation: Simulation, late: Process) -> None:
    """It has joined, follows, and is like the others from then on."""
    assert has_joined(simulation, late)
    agree(simulation, late)
    first = simulation.processes[0].replica
    simulation.wait(lambda: late.replica.store.height == first.store.height)
    assert late.replica.store.hash == first.store.hash
    assert late.replica.chain.find_parent(late.replica.store.hash) is not None
    simulation.audit()


def test_a_new_peer_joins_by_a_snapshot_under_load() -> None:
    simulation, late = begin(blocks=300)
    late.start()
    while not has_joined(simulation, late):
        grow(simulation, 1)
    assert simulation.chain.joined[late.code] % INTERVAL == 0
    assert simulation.chain.joined[late.code] > 300 - INTERVAL
    assert late.replica.store.get_block(1) is None
    executed = late.replica.counters.blocks
    grow(simulation, 20)
    check(simulation, late)
    assert late.replica.counters.blocks - executed < 100
    assert late.replica.offers.heights, "who has joined offers snapshots itself"


def test_a_validator_that_lost_its_folder_joins_by_a_snapshot_and_contradicts_nothing() -> None:
    """Its journal is as empty as its store. Where others still know of a vote of it above the last
    final view, it is silent; where they do not, all that it said is over (VoteConsistency)."""
    simulation, late = begin(replace(PLAN, observers=0))
    late.start()
    simulation.wait(lambda: has_joined(simulation, late), 20 * SECOND)
    simulation.wait(lambda: late.replica.core.status().votes)
    grow(simulation, 5)
    late.crash()
    late.store_disk, late.journal_disk = SimulatedDisk(), SimulatedDisk()
    # With its disks went what it had promised.
    simulation.chain.heights.pop(late.code)
    promises = simulation.durability.promises
    for id_ in [id_ for id_, promise in promises.items() if promise.code == late.code]:
        del promises[id_]
    late.start()
    simulation.wait(lambda: late.code in simulation.chain.heights and late.is_running)
    check(simulation, late)
    assert not late.replica.core.status().recovering
    grow(simulation, 20)
    check(simulation, late)


Lie = Callable[[Answer], Answer]


def flip(data: bytes) -> bytes:
    return data[:-1] + bytes((data[-1] ^ 1,)) if data else b"\x01"


def lie_about_parts(answer: Answer) -> Answer:
    """Everything that it serves is wrong in one bit."""
    match answer:
        case StatePart(_, _, _, ((key, envelope), *rest), _):
            return replace(answer, records=((key, flip(envelope)), *rest))
        case HeaderPart(_, _, (header, *rest)):
            return replace(answer, headers=(flip(header), *rest))
        case ResultPart(_, _, _, ((leaf, *leaves), *rest), _):
            return replace(answer, blocks=((flip(leaf), *leaves), *rest))
        case BodyPart(_, _, (body, *rest)):
            lie = replace(body, parent_certificate=flip(body.parent_certificate))
            return replace(answer, bodies=(lie, *rest))
        case _:
            return answer


def lie_about_the_manifest(answer: Answer) -> Answer:
    if isinstance(answer, Offer) and answer.manifest is not None:
        manifest = replace(answer.manifest, state_roots=flip(answer.manifest.state_roots))
        return replace(answer, manifest=manifest)
    return answer


def lie_about_the_certificate(answer: Answer) -> Answer:
    if isinstance(answer, Offer):
        return replace(answer, finalization=flip(answer.finalization))
    return answer


def lie_about_epochs(answer: Answer) -> Answer:
    if isinstance(answer, EpochEnds) and answer.ends:
        end = replace(answer.ends[0], next_validators=flip(answer.ends[0].next_validators))
        return replace(answer, ends=(end, *answer.ends[1:]))
    return answer


def hide_epochs(answer: Answer) -> Answer:
    return replace(answer, ends=()) if isinstance(answer, EpochEnds) else answer


def corrupt(process: Process, lie: Lie) -> None:
    served = process.replica.offers
    answer = served.answer

    def answer_wrongly(want: Want) -> Answer:
        return lie(answer(want))

    served.answer = answer_wrongly  # type: ignore[method-assign]


def expect_garbage(simulation: Simulation) -> list[tuple[str, str]]:
    """Who was heard to lie, and to whom; without it each lie is a violation."""
    heard: list[tuple[str, str]] = []

    def hear(process: Process, sender: str, error: LedgerError) -> None:
        heard.append((process.code, sender))
        simulation.links.hang_up(process.code, sender)

    simulation.heard_garbage = hear  # type: ignore[method-assign]
    return heard


@pytest.mark.parametrize(
    "lie",
    [lie_about_the_manifest, lie_about_the_certificate, lie_about_epochs, hide_epochs],
)
def test_liars_are_named_and_left_out(lie: Lie) -> None:
    """Two of four: one lies in its offer, the other in all that it serves."""
    simulation, late = begin()
    heard = expect_garbage(simulation)
    liars = simulation.processes[2:4]
    corrupt(liars[0], lie_about_parts)
    corrupt(liars[1], lie)
    # The second one is the only one that can be asked for an offer, until it has lied.
    others = [process.code for process in simulation.processes[:3]]
    pairs = [(late.code, code) for code in others]
    simulation.links.block([*pairs, *((b, a) for a, b in pairs)], is_noticed=True)
    late.start()
    simulation.wait(lambda: bool(heard))
    simulation.links.unblock()
    while not has_joined(simulation, late):
        grow(simulation, 1)
    assert sorted(set(heard)) == [(late.code, process.code) for process in liars]
    check(simulation, late)


def lie_about_all(liar: Process) -> Lie:
    """The snapshot that it offers is whole, and another one: only its proof is missing."""

    def lie(answer: Answer) -> Answer:
        match answer:
            case Offer(manifest, _) if manifest is not None:
                height = decode_header(manifest.header).height
                part = liar.replica.offers.answer(WantPart(height, PartKind.STATE, 0, 0))
                assert isinstance(part, StatePart)
                return replace(answer, manifest=forge_manifest(manifest, part))
            case StatePart() if is_forgeable(answer):
                return forge_part(answer)
            case _:
                return answer

    return lie


def offer_a_whole_lie() -> tuple[Simulation, Process, Process]:
    """A peer that joins can ask the last validator only, whose snapshot is whole and false."""
    simulation, late = begin()
    liar = simulation.processes[3]
    corrupt(liar, lie_about_all(liar))
    others = [process.code for process in simulation.processes[:3]]
    pairs = [(late.code, code) for code in others]
    simulation.links.block([*pairs, *((b, a) for a, b in pairs)], is_noticed=True)
    late.start()
    return simulation, late, liar


def test_a_whole_and_false_snapshot_is_refused_and_the_liar_named() -> None:
    simulation, late, liar = offer_a_whole_lie()
    heard = expect_garbage(simulation)
    simulation.wait(lambda: bool(heard))
    assert heard == [(late.code, liar.code)]
    assert not is_installing(late.store_disk), "nothing of it was fetched"
    simulation.links.unblock()
    while not has_joined(simulation, late):
        grow(simulation, 1)
    check(simulation, late)


def test_without_the_proof_of_finality_a_whole_lie_becomes_a_store() -> None:
    """All else about it is in order: so it is the proof that the test above is about."""
    with sabotage("any-snapshot"):
        simulation, late, _ = offer_a_whole_lie()
        with pytest.raises(Violation, match="Agreement"):
            simulation.wait(lambda: has_joined(simulation, late))


def test_an_absurd_height_is_only_a_claim() -> None:
    """Who claims to be at the end of time is asked first, has nothing, and costs nothing."""
    simulation, late = begin()
    late.start()
    simulation.wait(lambda: late.is_running and late.replica.joiner is not None)
    joiner = late.replica.joiner
    assert joiner is not None
    joiner.hear_height(simulation.processes[3].code, (1 << 48) - 1)
    simulation.wait(lambda: has_joined(simulation, late), 20 * SECOND)
    check(simulation, late)


def test_a_snapshot_that_nobody_has_is_given_up_for_the_chain() -> None:
    simulation, late = begin()
    for process in simulation.processes[:4]:
        corrupt(process, lambda answer: Offer(None) if isinstance(answer, Offer) else answer)
    late.start()
    first = simulation.processes[0].replica
    simulation.wait(lambda: late.is_running and late.replica.store.height >= first.store.height)
    assert late.code not in simulation.chain.joined
    agree(simulation, late)
    simulation.audit()


def test_a_crash_in_the_middle_goes_on_with_what_is_here() -> None:
    """A write later each time, until the last one is done."""
    simulation, late = begin()
    late.start()
    simulation.wait(lambda: late.is_running and late.replica.joiner is not None)
    crashes = 0
    while not has_joined(simulation, late):
        late.store_disk.writes_left = 1 + crashes
        simulation.wait(lambda: not late.is_up or has_joined(simulation, late), 30 * SECOND)
        late.store_disk.writes_left = None
        if not late.is_up:
            crashes += 1
            assert is_installing(late.store_disk) or crashes == 1
            late.start()
    assert crashes > 5
    check(simulation, late)


def test_a_snapshot_that_goes_away_is_followed_by_a_newer_one() -> None:
    """All servers restart while it is fetched: they have others then; what is here still counts."""
    simulation, late = begin()
    late.start()
    simulation.wait(lambda: is_installing(late.store_disk))
    for process in simulation.processes[:4]:
        process.crash()
    for process in simulation.processes[:4]:
        process.start()
    simulation.wait(lambda: has_joined(simulation, late), 30 * SECOND)
    check(simulation, late)


def test_who_was_level_with_the_others_stays_on_its_chain() -> None:
    """A peer that took part, stood still, and is far behind then, shows no lower height after."""
    simulation = Simulation(5, PLAN)
    simulation.start_all()
    grow(simulation, 5)
    process = simulation.processes[3]
    process.pause(20 * SECOND)
    before = process.replica.store.height
    others = simulation.processes[:3]
    while others[0].replica.store.height <= before + FAR + INTERVAL:
        simulation.load.submit_some(others)
        simulation.kernel.run_until(simulation.kernel.now_us + 60 * MS)
    while process.replica.store.height < others[0].replica.store.height:
        simulation.kernel.run_until(simulation.kernel.now_us + 5 * MS)
        assert process.is_running
        assert process.replica.store.height >= before
    assert process.code not in simulation.chain.joined
    simulation.audit()


def test_who_serves_block_by_block_keeps_nobody_from_a_snapshot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ranges that were executed do not make a peer level with the others."""
    simulation, late = begin()
    *others, miser, _ = simulation.processes
    serving = miser.replica.serving
    compose = serving.compose_range
    monkeypatch.setattr(
        serving, "compose_range", lambda want: compose(replace(want, last=want.first))
    )
    corrupt(miser, lambda answer: Offer(None) if isinstance(answer, Offer) else answer)
    pairs = [(late.code, process.code) for process in others]
    simulation.links.block([*pairs, *((b, a) for a, b in pairs)], is_noticed=True)
    late.start()
    simulation.wait(lambda: late.is_running and late.replica.store.height > 0)
    miser.crash()
    simulation.links.unblock()
    simulation.wait(lambda: has_joined(simulation, late))
    miser.start()
    check(simulation, late)


def test_the_power_fails_when_a_snapshot_is_a_store_and_nobody_knows_it_yet() -> None:
    simulation, late = begin()
    late.start()
    simulation.wait(lambda: is_installing(late.store_disk))
    while is_installing(late.store_disk):
        simulation.kernel.run_until(simulation.kernel.now_us + 50)
    assert late.replica.joiner is not None
    late.crash()
    late.start()
    check(simulation, late)


def test_a_snapshot_of_what_no_honest_peer_has_written_yet_is_held_to_the_chain_later() -> None:
    """A liar can be the first that has a finalization."""
    simulation, late = begin()
    chain = simulation.chain
    late.start()
    simulation.wait(lambda: is_installing(late.store_disk))
    blocks = dict(chain.blocks)
    chain.blocks.clear()
    simulation.wait(lambda: has_joined(simulation, late))
    height = chain.joined[late.code]
    assert list(chain.ahead) == [height]
    right = blocks[height]
    wrong = replace(right, block=replace(right.block, header_bytes=blocks[1].block.header_bytes))
    with pytest.raises(Violation, match="Agreement"):
        replace(chain, ahead=dict(chain.ahead))._add(wrong)
    chain._add(right)
    assert not chain.ahead
