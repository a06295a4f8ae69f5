"""What peers claim of their chains: a claim costs one request, and stalls nobody."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from devnet.simulator.kernel import MS, SECOND
from devnet.simulator.plan import Plan
from devnet.simulator.process import Process
from devnet.simulator.simulation import Simulation
from ledger import install
from ledger.install import STATE, is_installing, read_roots
from ledger.keyvalue import KeyValue
from ledger.primitives import MAX_HEIGHT
from ledger.snapshot import BodyPart, HeaderPart, ResultPart, StatePart
from node import joiner, pieces
from node.frames import Frame, Hello
from node.joiner import Joiner, Phase
from node.offers import Answer
from node.snapshot_frames import Offer, WantPart, WantSnapshot
from tests.devnet.simulator.test_cases import agree
from tests.devnet.simulator.test_snapshots import (
    INTERVAL,
    PLAN,
    begin,
    check,
    corrupt,
    expect_garbage,
    grow,
    has_joined,
    lie_about_parts,
)

PARTS = (StatePart, HeaderPart, ResultPart, BodyPart)
HEIGHTS = pytest.mark.parametrize("height", [1 << 60, MAX_HEIGHT])


@pytest.fixture(autouse=True)
def _shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is far is nearer here, and patience is shorter."""
    monkeypatch.setattr(pieces, "SPAN", 4)
    monkeypatch.setattr(joiner, "PATIENCE", 8)
    monkeypatch.setattr(joiner, "BARRED_MS", 4_000)


def claim(simulation: Simulation, liar: Process, to: Sequence[Process], height: int) -> None:
    """A greeting that is true but for the height."""
    hello = Hello(1, simulation.population.genesis.hash, liar.code, height, liar.wall_ms())
    simulation.links.send(liar.code, [process.code for process in to], hello)


def keep_claiming(
    simulation: Simulation, liar: Process, to: Sequence[Process], height: int, seconds: int
) -> None:
    """Ten such greetings a second."""
    for _ in range(10 * seconds):
        claim(simulation, liar, to, height)
        simulation.kernel.run_until(simulation.kernel.now_us + 100 * MS)


def count_requests(simulation: Simulation) -> Counter[tuple[str, str]]:
    """What is asked from now on: by whom, and with which frame."""
    asked: Counter[tuple[str, str]] = Counter()

    def hear(code: str, frame: Frame) -> None:
        if type(frame).__name__.startswith("Want"):
            asked[code, type(frame).__name__] += 1

    simulation.listeners.append(hear)
    return asked


@HEIGHTS
def test_an_absurd_height_takes_nobody_from_its_chain(height: int) -> None:
    """A validator and an observer, both young, in a chain where nobody is far ahead."""
    simulation = Simulation(5, PLAN)
    simulation.start_all()
    simulation.kernel.run_until(1 * SECOND)
    grow(simulation, 3)
    asked, seconds = count_requests(simulation), 20
    victims, liar = [simulation.processes[0], simulation.processes[4]], simulation.processes[3]
    replicas = [process.replica for process in victims]
    keep_claiming(simulation, liar, victims, height, seconds)
    for process, before in zip(victims, replicas, strict=True):
        assert process.starts == 1
        assert process.replica is before
        assert asked[process.code, "WantSnapshot"] <= 1 + seconds // 5
        assert asked[process.code, "WantRange"] <= 2 * seconds
    grow(simulation, 3)
    agree(simulation, victims[1])
    simulation.audit()


def test_a_height_that_is_none_is_no_greeting() -> None:
    simulation = Simulation(5, replace(PLAN, is_encoded=True))
    heard = expect_garbage(simulation)
    simulation.start_all()
    simulation.kernel.run_until(1 * SECOND)
    liar, late = simulation.processes[3:5]
    claim(simulation, liar, [late], 1 << 60)
    simulation.wait(lambda: bool(heard))
    assert heard == [(late.code, liar.code)]
    assert late.starts == 1


@HEIGHTS
def test_an_absurd_height_does_not_hold_up_who_joins(height: int) -> None:
    simulation, late = begin()
    liar = simulation.processes[3]
    corrupt(liar, lambda answer: Offer(None) if isinstance(answer, Offer) else answer)
    asked = count_requests(simulation)
    late.start()
    simulation.wait(lambda: late.is_running and late.replica.joiner is not None)
    began_us = simulation.kernel.now_us
    while not has_joined(simulation, late):
        claim(simulation, liar, [late], height)
        simulation.kernel.run_until(simulation.kernel.now_us + 50 * MS)
    assert simulation.kernel.now_us - began_us < 10 * SECOND
    assert asked[late.code, "WantSnapshot"] <= 10
    check(simulation, late)


def test_one_honest_peer_far_ahead_is_enough_among_liars_who_stall() -> None:
    """All but one claim the end of time and offer nothing: the one that proves it is believed."""
    simulation, late = begin()
    liars, honest = simulation.processes[1:4], simulation.processes[0]
    for liar in liars:
        corrupt(liar, lambda answer: Offer(None) if isinstance(answer, Offer) else answer)
    asked = count_requests(simulation)
    late.start()
    simulation.wait(lambda: late.is_running)
    for liar in liars:
        claim(simulation, liar, [late], MAX_HEIGHT)
    simulation.wait(lambda: has_joined(simulation, late), 20 * SECOND)
    assert late.starts == 3  # to look, to join, to go on
    assert asked[late.code, "WantSnapshot"] <= 20
    assert honest.replica.offers.heights
    check(simulation, late)


def begin_in_part(plan: Plan = PLAN) -> tuple[Simulation, Process, Joiner]:
    """A peer that has a part of a snapshot."""
    simulation, late = begin(plan)
    late.start()
    simulation.wait(lambda: is_installing(late.store_disk))
    found = late.replica.joiner
    assert found is not None
    return simulation, late, found


def withhold(answer: Answer) -> Answer:
    """No snapshot is here, nor a part of one."""
    match answer:
        case Offer():
            return Offer(None)
        case StatePart() | ResultPart():
            return replace(answer, before=b"", after=b"", **{_contents(answer): ()})
        case HeaderPart():
            return replace(answer, headers=())
        case BodyPart():
            return replace(answer, bodies=())
        case _:
            return answer


def _contents(part: StatePart | ResultPart) -> str:
    return "records" if isinstance(part, StatePart) else "blocks"


def test_a_part_of_a_snapshot_that_nobody_has_is_given_up_for_the_chain() -> None:
    simulation, late, _ = begin_in_part()
    for process in simulation.processes[:4]:
        corrupt(process, withhold)
    first = simulation.processes[0].replica
    simulation.wait(
        lambda: late.is_running and late.replica.store.height >= first.store.height, 60 * SECOND
    )
    assert not is_installing(late.store_disk)
    assert late.code not in simulation.chain.joined
    assert late.replica.store.get_block(1) is not None
    agree(simulation, late)
    simulation.audit()


def test_a_crash_while_a_snapshot_is_given_up_leaves_no_note_of_what_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It ends in the middle of the wiping, and then there are snapshots again."""
    monkeypatch.setattr(install, "BATCH", 16)
    simulation, late, found = begin_in_part()
    wipe = install.wipe

    def wipe_in_part(disk: KeyValue) -> None:
        late.store_disk.writes_left = 3
        wipe(disk)

    monkeypatch.setattr(install, "wipe", wipe_in_part)
    for process in simulation.processes[:4]:
        corrupt(process, withhold)
    simulation.wait(lambda: not late.is_up, 60 * SECOND)
    assert found.phase is Phase.WIPING
    late.store_disk.writes_left = None
    assert is_installing(late.store_disk)
    assert not read_roots(late.store_disk, STATE)
    for process in simulation.processes[:4]:
        process.crash()
        process.start()
    late.start()
    simulation.wait(lambda: has_joined(simulation, late), 30 * SECOND)
    check(simulation, late)


def test_who_was_named_as_a_liar_is_asked_again_after_a_while() -> None:
    """All of them lie once, and nobody else has the rest of what is here in part."""
    simulation, late, found = begin_in_part()
    heard = expect_garbage(simulation)
    servers = simulation.processes[:4]
    honest = [process.replica.offers.answer for process in servers]
    for process in servers:
        corrupt(process, lie_about_parts)
    simulation.wait(lambda: len(set(heard)) == 4, 20 * SECOND)
    for process, answer in zip(servers, honest, strict=True):
        process.replica.offers.answer = answer  # type: ignore[method-assign]
    assert sorted(found.liars) == sorted(process.code for process in servers)
    assert not has_joined(simulation, late)
    simulation.wait(lambda: has_joined(simulation, late), 30 * SECOND)
    check(simulation, late)


def join_past(simulation: Simulation, late: Process) -> None:
    """It joins under load, whatever one of the four does."""
    end_us = simulation.kernel.now_us + 90 * SECOND
    while not has_joined(simulation, late):
        assert simulation.kernel.now_us < end_us
        grow(simulation, 1)
    check(simulation, late)


def test_who_offers_what_nobody_has_does_not_stand_before_the_others() -> None:
    """An old snapshot is offered again and again by the one that claims most, without parts."""
    simulation, late = begin()
    liar = simulation.processes[3]
    old, offer = liar.replica.offers.heights[0], liar.replica.offers.answer(WantSnapshot())

    def answer_without_parts(answer: Answer) -> Answer:
        if isinstance(answer, Offer):
            return offer
        return withhold(answer) if isinstance(answer, PARTS) else answer

    corrupt(liar, answer_without_parts)
    grow(simulation, 3)
    for process in simulation.processes[:3]:
        process.crash()
        process.start()  # they have the old one no more
    simulation.wait(lambda: all(process.is_running for process in simulation.processes[:3]))
    assert all(old not in process.replica.offers.heights for process in simulation.processes[:3])
    grow(simulation, INTERVAL)
    # The liar is the first that can be asked.
    others = [process.code for process in simulation.processes[:3]]
    pairs = [(late.code, code) for code in others]
    simulation.links.block([*pairs, *((b, a) for a, b in pairs)], is_noticed=True)
    asked = count_requests(simulation)

    def boast(code: str, frame: Frame) -> None:
        if code == late.code and isinstance(frame, WantPart):
            found = late.replica.joiner
            assert found is not None
            found.hear_height(liar.code, old + 900)

    simulation.listeners.append(boast)
    late.start()
    simulation.wait(lambda: asked[late.code, "WantPart"] > 0)
    simulation.links.unblock()
    join_past(simulation, late)
    assert asked[late.code, "WantSnapshot"] <= 10


def test_who_never_answers_does_not_keep_a_snapshot_alive() -> None:
    """The others have it no more; one may have it, and says nothing."""
    simulation, late, _ = begin_in_part()
    silent, *others = simulation.processes[3::-1]
    deliver = late.deliver

    def lose(sender: str, frame: Frame) -> None:
        if not (sender == silent.code and isinstance(frame, (*PARTS, Offer))):
            deliver(sender, frame)

    late.deliver = lose  # type: ignore[method-assign]
    for process in others:
        process.crash()
        process.start()
    join_past(simulation, late)
