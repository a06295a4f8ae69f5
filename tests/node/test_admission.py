"""Places: what one may hold, and whom nobody can keep out."""

import pytest

from node.admission import Admission, Allowance
from node.errors import NetworkError


class Door:
    """A connection that remembers whether it was ended."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.is_open = True

    def abort(self) -> None:
        self.is_open = False


def test_one_guest_holds_one_place() -> None:
    admission = Admission(8, 2)
    doors = [Door("stranger") for _ in range(20)]
    for door in doors:
        admission.enter_guest(door, is_node=False)
    assert [door.is_open for door in doors] == [False] * 19 + [True]
    admission.enter_guest(Door("other"), is_node=False)
    admission.leave(doors[0])  # its place is another's by now
    with pytest.raises(NetworkError, match="no room") as raised:
        admission.enter_guest(Door("third"), is_node=False)
    assert raised.value.code == "busy"
    admission.leave(doors[-1])
    admission.enter_guest(Door("third"), is_node=False)


def test_strangers_keep_no_node_out() -> None:
    admission = Admission(8, 2)
    strangers = [Door("one"), Door("two")]
    for door in strangers:
        admission.enter_guest(door, is_node=False)
    admission.enter_guest(Door("node"), is_node=True)
    assert [door.is_open for door in strangers] == [False, True]
    admission.enter_guest(Door("second node"), is_node=True)
    with pytest.raises(NetworkError):
        admission.enter_guest(Door("third node"), is_node=True)


def test_members_have_what_guests_leave() -> None:
    admission = Admission(4, 2)
    for _ in range(3):
        admission.enter_guest(Door("stranger"), is_node=False)
    first = Door("member")
    admission.enter_member(first, is_voter=False)
    admission.enter_member(Door("member"), is_voter=False)
    assert first.is_open
    third = Door("member")
    admission.enter_member(third, is_voter=False)
    assert not first.is_open
    with pytest.raises(NetworkError):
        admission.enter_member(Door("other"), is_voter=False)
    admission.enter_member(Door("validator"), is_voter=True)
    admission.leave(third)
    admission.leave(first)


def test_an_allowance_fills_with_time() -> None:
    now = [0.0]
    allowance = Allowance(10, 3, lambda: now[0])
    assert [allowance.take() for _ in range(4)] == [True, True, True, False]
    now[0] = 0.25
    assert not allowance.take(3)
    assert [allowance.take() for _ in range(3)] == [True, True, False]
    now[0] = 100.0
    assert [allowance.take() for _ in range(4)] == [True, True, True, False]
