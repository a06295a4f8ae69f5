"""What one peer may cost, and when it is let go."""

from node.shares import MAX_UNCHECKED, MAX_WRONG, Shares


def test_a_peer_has_a_share_of_what_is_unchecked() -> None:
    shares = Shares()
    shares.begin("A", MAX_UNCHECKED)
    assert not shares.has_room("A")
    assert shares.has_room("B")
    shares.end("A", MAX_UNCHECKED, 0)
    assert shares.has_room("A")


def test_a_peer_that_is_mostly_wrong_is_let_go_and_begins_anew() -> None:
    shares = Shares()
    shares.begin("A", 2 * MAX_WRONG + 2)
    assert not shares.end("A", 0, MAX_WRONG)
    assert shares.end("A", 0, 1)
    assert not shares.end("A", 0, MAX_WRONG)


def test_what_is_right_makes_up_for_what_is_wrong() -> None:
    shares = Shares()
    shares.begin("A", 1_000_000)
    for _ in range(10):
        assert not shares.end("A", MAX_WRONG, MAX_WRONG)
