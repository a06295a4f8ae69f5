"""Catching up by range: what is asked, what is believed, what is served."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from consensus.certificate import Certificate
from consensus.vote import VoteKind
from ledger.block import Block
from ledger.errors import FormatError, LedgerError
from ledger.primitives import Epoch
from ledger.sealed import SealedBlock
from node.errors import Fork
from node.frames import MAX_RANGE, BlockBody, Range, WantRange
from node.judge import MAX_PARKED
from node.serving import body_of_sealed, compose_range
from node.sync import (
    ANSWER_TIMEOUT_MS,
    IDLE_RETRY_MS,
    PROGRESS_TIMEOUT_MS,
    Sync,
    block_of_body,
)
from tests.node.stage import Stage, change, digest


class Follower(Stage):
    """A stage with a sync on it, which is behind as long as told."""

    def __init__(self, *connected: str) -> None:
        super().__init__()
        self.ports.connected = list(connected)
        self.synced: list[tuple[Certificate, Block]] = []
        self.diverged: list[tuple[Block, str]] = []
        self.is_behind = True
        self.sync = Sync(
            self.store,
            self.judge,
            self.ports,
            self.votes,
            lambda certificate, block: self.synced.append((certificate, block)),
            lambda block, reason: self.diverged.append((block, reason)),
            lambda: (self.chain.decided_height, self.chain.decided_hash),
            lambda: self.is_behind,
        )
        self.sync.validators = self.validators

    def asked(self) -> list[tuple[str, int]]:
        """Whom it asked for what since the last time."""
        found = [
            (code, frame.first)
            for (code,), frame in self.ports.sent
            if isinstance(frame, WantRange)
        ]
        self.ports.sent.clear()
        return found

    def want(self) -> None:
        """Ask now."""
        self.sync.want(0)
        self.ports.advance(0)


def make_range(leader: Stage, blocks: Sequence[SealedBlock]) -> Range:
    certificate = leader.certify(blocks[-1].block)
    return Range(tuple(body_of_sealed(item) for item in blocks), certificate.encode())


def test_a_range_is_asked_for_checked_and_executed() -> None:
    leader, follower = Stage(), Follower("A")
    blocks = leader.grow([leader.deposit()], [], [leader.deposit()])
    follower.want()
    assert follower.asked() == [("A", 1)]
    follower.sync.receive("A", make_range(leader, blocks))
    assert follower.sync.is_running
    follower.ports.check()
    ((certificate, last),) = follower.synced
    assert last.hash == certificate.block == blocks[-1].block.hash
    assert len(follower.chain) == 3
    assert not follower.sync.is_running


def test_a_long_range_fits_among_what_the_judge_holds() -> None:
    leader, follower = Stage(), Follower("A")
    blocks = leader.grow(*([leader.deposit()] for _ in range(MAX_PARKED + 30)))
    follower.want()
    follower.sync.receive("A", make_range(leader, blocks))
    assert len(follower.judge) < MAX_PARKED // 2
    follower.ports.check()
    assert len(follower.synced) == 1
    assert len(follower.chain) == len(blocks)


def test_who_does_not_answer_is_passed_over() -> None:
    follower = Follower("A", "B")
    follower.want()
    (first,) = follower.asked()
    follower.ports.advance(ANSWER_TIMEOUT_MS)
    (second,) = follower.asked()
    assert {first[0], second[0]} == {"A", "B"}


def test_who_has_nothing_is_followed_by_the_next() -> None:
    follower = Follower("A", "B")
    follower.want()
    ((first, _),) = follower.asked()
    follower.sync.receive(first, Range((), b""))
    follower.ports.advance(IDLE_RETRY_MS // 2)
    ((second, _),) = follower.asked()
    assert second != first
    follower.sync.receive(second, Range((), b""))
    follower.ports.advance(IDLE_RETRY_MS // 2)
    assert follower.asked() == []
    follower.ports.advance(IDLE_RETRY_MS)
    assert len(follower.asked()) == 1


def test_nothing_is_asked_when_nothing_is_missing() -> None:
    follower = Follower("A")
    follower.is_behind = False
    follower.want()
    follower.sync.hear_height("A", 0)
    follower.ports.advance(10_000)
    assert follower.asked() == []
    follower.sync.hear_height("A", 5)
    follower.ports.advance(10_000)
    assert follower.asked()[0] == ("A", 1)


def test_who_is_ahead_is_asked_first() -> None:
    follower = Follower("A", "B", "C")
    follower.sync.hear_height("B", 7)
    for _ in range(3):
        follower.want()
        assert follower.asked() == [("B", 1)]
        follower.sync.forget("B")
        follower.sync.hear_height("B", 7)


def test_with_nobody_there_it_asks_later() -> None:
    follower = Follower()
    follower.want()
    assert follower.asked() == []
    follower.ports.connected = ["A"]
    follower.ports.advance(IDLE_RETRY_MS)
    assert follower.asked() == [("A", 1)]
    follower.sync.forget("A")
    follower.ports.advance(0)
    assert follower.asked() == [("A", 1)]


def test_only_what_was_asked_for_is_looked_at() -> None:
    leader, follower = Stage(), Follower("A", "B")
    range_ = make_range(leader, leader.grow([]))
    follower.sync.receive("A", range_)
    follower.want()
    ((asked, _),) = follower.asked()
    follower.sync.receive("A" if asked == "B" else "B", range_)
    assert follower.synced == []
    follower.sync.receive(asked, range_)
    assert len(follower.synced) == 1


def forge(leader: Stage, blocks: Sequence[SealedBlock], how: str) -> Range:
    right = make_range(leader, blocks)
    last = blocks[-1].block
    match how:
        case "notarization":
            proof = leader.certify(last, VoteKind.NOTARIZE).encode()
        case "too few":
            proof = leader.certify(last, signers=(0, 1)).encode()
        case "another block":
            proof = leader.certify(blocks[0].block).encode()
        case "garbage":
            proof = b"garbage"
        case "signature":
            certificate = leader.certify(last)
            proof = replace(
                certificate, signatures=(*certificate.signatures[:2], certificate.signatures[0])
            ).encode()
        case "gap":
            return Range((right.blocks[0], right.blocks[2]), right.finalization)
        case _:
            body = right.blocks[0]
            wrong = BlockBody(body.header, (), body.parent_certificate)
            return Range((wrong, *right.blocks[1:]), right.finalization)
    return Range(right.blocks, proof)


@pytest.mark.parametrize(
    "how",
    ["notarization", "too few", "another block", "garbage", "signature", "gap", "body"],
)
def test_forged_ranges_are_refused_before_they_are_executed(how: str) -> None:
    leader, follower = Stage(), Follower("A")
    blocks = leader.grow([leader.deposit()], [], [])
    follower.want()
    with pytest.raises(LedgerError):
        follower.sync.receive("A", forge(leader, blocks, how))
    assert len(follower.judge) == len(follower.chain) == 0
    follower.asked()
    follower.ports.advance(0)
    assert follower.asked() == [("A", 1)]


def test_a_range_of_another_epoch_is_left() -> None:
    leader, follower = Stage(), Follower("A")
    range_ = make_range(leader, leader.grow([]))
    follower.sync.epoch = Epoch(1)
    follower.want()
    follower.sync.receive("A", range_)
    assert follower.synced == []
    assert not follower.sync.is_running


def test_a_final_block_that_executes_differently_is_a_divergence() -> None:
    leader, follower = Stage(), Follower("A")
    blocks = leader.grow([leader.deposit()])
    wrong = change(blocks[0], state_root=digest(1))
    body = replace(body_of_sealed(blocks[0]), header=wrong.header_bytes)
    follower.want()
    follower.sync.receive("A", Range((body,), leader.certify(wrong).encode()))
    follower.ports.check()
    ((block, reason),) = follower.diverged
    assert block.hash == wrong.hash
    assert "state_root" in reason


def test_a_final_block_beside_a_final_block_is_a_fork() -> None:
    leader, follower = Stage(), Follower("A")
    other = leader.make(view=9)
    follower.finish(follower.grow([]))
    child = leader.make(above=other, view=10)
    follower.want()
    assert follower.asked() == [("A", 2)]
    with pytest.raises(Fork):
        follower.sync.receive("A", make_range(leader, [child]))


def test_a_range_that_makes_no_progress_is_asked_for_anew() -> None:
    leader, follower = Stage(), Follower("A")
    blocks = leader.grow([leader.deposit()], [])
    follower.want()
    follower.sync.receive("A", make_range(leader, blocks))
    follower.ports.verifying.clear()
    follower.asked()
    follower.ports.advance(PROGRESS_TIMEOUT_MS)
    assert follower.asked() == [("A", 1)]


def test_it_goes_on_when_the_range_became_final_another_way() -> None:
    leader, follower = Stage(), Follower("A")
    blocks = leader.grow([leader.deposit()])
    follower.want()
    follower.sync.receive("A", make_range(leader, blocks))
    mine = follower.make(blocks[0].transactions)
    follower.chain.add(mine)
    follower.finish([mine])
    follower.sync.resume()
    follower.ports.advance(0)
    assert follower.asked()[-1] == ("A", 2)


def test_ranges_end_at_a_finalization_and_within_bounds() -> None:
    stage = Stage()
    runs = [stage.grow(*([] for _ in range(3)))]
    stage.finish(runs[0])
    runs.append(stage.grow([stage.deposit()]))
    stage.finish(runs[1])
    whole = compose_range(stage.store, WantRange(1, MAX_RANGE))
    assert [block_of_body(body).header.height for body in whole.blocks] == [1, 2, 3, 4]
    assert Certificate.decode(whole.finalization).block == runs[1][-1].block.hash
    part = compose_range(stage.store, WantRange(2, 3))
    assert [block_of_body(body).header.height for body in part.blocks] == [2, 3]
    assert compose_range(stage.store, WantRange(5, 9)) == Range((), b"")


def test_a_range_that_ends_too_early_is_proved_by_the_headers_that_follow() -> None:
    leader, follower = Stage(), Follower("A")
    blocks = leader.grow([leader.deposit()], [], [leader.deposit()])
    leader.finish(blocks)
    part = compose_range(leader.store, WantRange(1, 1))
    assert (len(part.blocks), len(part.headers)) == (1, 2)
    follower.want()
    assert follower.asked() == [("A", 1)]
    follower.sync.receive("A", part)
    follower.ports.check()
    assert follower.synced == []
    follower.ports.advance(0)
    assert follower.asked() == [("A", 2)]
    follower.sync.receive("A", compose_range(leader.store, WantRange(2, 3)))
    follower.ports.check()
    ((_, block),) = follower.synced
    assert block.hash == blocks[-1].block.hash


def test_headers_behind_a_range_must_lead_to_the_finalized_block() -> None:
    leader, follower = Stage(), Follower("A")
    leader.finish(leader.grow([], [], []))
    part = compose_range(leader.store, WantRange(1, 1))
    for headers in ((), part.headers[:1], part.headers[::-1], part.headers[1:]):
        follower.want()
        with pytest.raises(FormatError):
            follower.sync.receive("A", replace(part, headers=headers))
        follower.ports.advance(0)


def test_a_range_that_begins_too_high_is_garbage_and_no_fork() -> None:
    leader, follower = Stage(), Follower("A")
    blocks = leader.grow([], [], [])
    follower.want()
    with pytest.raises(FormatError, match="above what was asked"):
        follower.sync.receive("A", make_range(leader, blocks[1:]))


def test_a_long_idle_chain_is_caught_up_with_in_one_range() -> None:
    leader, follower = Stage(), Follower("A")
    blocks = leader.grow(*([] for _ in range(MAX_RANGE)))
    follower.want()
    follower.sync.receive("A", make_range(leader, blocks))
    ((_, block),) = follower.synced
    assert block.header.height == MAX_RANGE
    assert follower.diverged == []


def test_a_body_must_fit_its_header() -> None:
    (sealed,) = Stage().grow([])
    body = body_of_sealed(sealed)
    assert block_of_body(body) == sealed.block
    with pytest.raises(FormatError):
        block_of_body(replace(body, parent_certificate=b"other"))
