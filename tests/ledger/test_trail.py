"""The trail: bounded, in order, and it knows who was shown of late."""

from ledger.crypto import sha256
from ledger.trail import MAX_STEPS, Step, Trail


def make_step(height: int, *shown: str) -> Step:
    return Step(height, sha256(b"%d" % height), shown)


def make_trail(length: int) -> Trail:
    trail = Trail((), ())
    for height in range(length):
        trail = trail.extended(make_step(height, f"R{height}"), ("A", "B"))
    return trail


def test_it_begins_with_the_first_block() -> None:
    trail = make_trail(3)
    assert [step.height for step in trail.steps] == [0, 1, 2]
    assert trail.members == ("A", "B")
    assert Trail((), ()).get_state_root(0) is None


def test_it_is_bounded() -> None:
    trail = make_trail(MAX_STEPS + 10)
    assert len(trail.steps) == MAX_STEPS
    assert trail.get_state_root(9) is None
    assert trail.get_state_root(10) == sha256(b"10")
    assert trail.get_state_root(MAX_STEPS + 9) == sha256(b"%d" % (MAX_STEPS + 9))
    assert trail.get_state_root(MAX_STEPS + 10) is None


def test_alive_is_who_was_shown_of_late() -> None:
    trail = make_trail(10)
    assert trail.is_live("R9", 1)
    assert not trail.is_live("R8", 1)
    assert trail.is_live("R8", 2)
    assert not trail.is_live("R5", 4)
    assert trail.is_live("R0", 1000)
    assert not trail.is_live("R10", 1000)


def test_a_parent_is_not_touched_by_its_children() -> None:
    parent = make_trail(MAX_STEPS)
    left = parent.extended(make_step(MAX_STEPS, "left"), ("A",))
    right = parent.extended(make_step(MAX_STEPS, "right"), ("A", "B"))
    assert parent == make_trail(MAX_STEPS)
    assert (left.is_live("left", 1), right.is_live("left", 1)) == (True, False)
