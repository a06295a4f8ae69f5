"""Catching up over long ranges, while the judge has room for few blocks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from consensus.certificate import Certificate
from ledger.block import Block
from node.frames import MAX_RANGE, Range, WantRange
from node.judge import MAX_PARKED, Judge, Outcome
from node.ports import Ports
from node.sync import ANSWER_TIMEOUT_MS, MAX_IN_FLIGHT, Sync, compose_range
from tests.ledger.chain import Chain

PEER = "R1"


@dataclass
class FakeJudge:
    """Parks blocks, lets go of the farthest when full, executes when the test says so."""

    parked: dict[int, Callable[[Outcome, str], None]] = field(default_factory=dict)
    most: int = 0
    instant: bool = False

    def park(
        self,
        block: Block,
        _raws: Sequence[bytes],
        _source: str,
        heard: Callable[[Outcome, str], None],
        is_certified: bool,
    ) -> None:
        assert is_certified
        if self.instant:
            heard(Outcome.EXECUTED, "")
            return
        if len(self.parked) >= MAX_PARKED:
            del self.parked[max(self.parked)]
        self.parked[block.header.height] = heard
        self.most = max(self.most, len(self.parked))

    def execute(self, height: int) -> None:
        self.parked.pop(height)(Outcome.EXECUTED, "")


@dataclass
class FakePorts:
    now_ms: int = 0
    sent: list[WantRange] = field(default_factory=list)
    timers: dict[str, tuple[int, Callable[[], None]]] = field(default_factory=dict)

    def monotonic_ms(self) -> int:
        return self.now_ms

    def list_connected(self) -> list[str]:
        return [PEER]

    def send(self, _to: Sequence[str], frame: Any) -> None:
        self.sent.append(frame)

    def set_timer(self, name: str, at_ms: int, fire: Callable[[], None]) -> None:
        self.timers[name] = at_ms, fire

    def cancel_timer(self, name: str) -> None:
        self.timers.pop(name, None)

    def sleep(self, duration_ms: int) -> None:
        self.now_ms += duration_ms
        for name, (at_ms, fire) in list(self.timers.items()):
            if at_ms <= self.now_ms:
                del self.timers[name]
                fire()


@dataclass
class World:
    """A peer without blocks, beside one that has many."""

    blocks: int
    judge: FakeJudge = field(default_factory=FakeJudge)
    ports: FakePorts = field(default_factory=FakePorts)
    synced: list[Certificate] = field(default_factory=list)
    decided: int = 0

    def __post_init__(self) -> None:
        self.chain = Chain()
        for _ in range(self.blocks):
            self.chain.extend()
        self.sync = Sync(
            self.chain.store,
            cast(Judge, self.judge),
            cast(Ports, self.ports),
            self.chain.votes,
            lambda certificate, _block: self.synced.append(certificate),
            lambda block, reason: self.fail(f"{block.header.height}: {reason}"),
            lambda: self.decided,
            lambda: False,
        )
        self.sync.validators = self.chain.validators
        self.sync.hear_height(PEER, self.blocks)

    def fail(self, reason: str) -> None:
        raise AssertionError(reason)

    def answer(self) -> Range:
        """Answer the last request as the other peer would."""
        range_ = compose_range(self.chain.store, self.ports.sent[-1])
        self.sync.receive(PEER, range_)
        return range_


def test_a_range_longer_than_the_judge_has_room_for_comes_through() -> None:
    world = World(blocks=MAX_RANGE)
    assert len(world.answer().blocks) > MAX_PARKED
    for height in range(1, MAX_RANGE + 1):
        world.judge.execute(height)
    assert world.judge.most <= MAX_IN_FLIGHT < MAX_PARKED
    assert len(world.synced) == 1
    assert not world.sync.is_running


def test_blocks_that_are_executed_already_pass_at_once() -> None:
    world = World(blocks=MAX_RANGE, judge=FakeJudge(instant=True))
    world.answer()
    assert len(world.synced) == 1


def test_what_became_final_another_way_makes_room_for_the_rest() -> None:
    world = World(blocks=40)
    world.answer()
    world.judge.parked.clear()
    world.decided = 30
    world.sync.abandon()
    assert sorted(world.judge.parked) == list(range(31, 41))
    for height in range(31, 41):
        world.judge.execute(height)
    assert len(world.synced) == 1


def test_a_range_that_is_wholly_final_is_given_up() -> None:
    world = World(blocks=40)
    world.answer()
    world.decided = 40
    world.sync.abandon()
    assert world.ports.sent[-1].first == 41


def test_a_range_that_makes_no_progress_is_asked_for_anew() -> None:
    world = World(blocks=40)
    world.answer()
    world.judge.parked.clear()  # as a judge that is full does, without a word
    asked = len(world.ports.sent)
    world.ports.sleep(ANSWER_TIMEOUT_MS)
    assert len(world.ports.sent) == asked + 1
    world.answer()
    for height in range(1, 41):
        world.judge.execute(height)
    assert len(world.synced) == 1
