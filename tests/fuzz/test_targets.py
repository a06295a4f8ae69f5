"""No bytes from outside raise anything but what is named, cost more than their share, or are taken
for what they are not. `make fuzz` does the same for longer, led by coverage.
"""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.findings import FINDINGS
from tests.fuzz.mutation import list_amplifiers, mutate
from tests.fuzz.registry import EXEMPT, TARGETS, list_entries
from tests.fuzz.target import Finding, Target, check, check_memory

NAMES = sorted(TARGETS)
REFUSES_ITS_SEEDS = {
    "answer: problem",  # a problem is an error
    "state part",  # whose chunk nobody certified
}


def test_every_way_in_has_a_target() -> None:
    covered = {entry for target in TARGETS.values() for entry in target.covers}
    assert not covered & EXEMPT.keys()
    assert set(list_entries()) == covered | EXEMPT.keys()


@pytest.mark.parametrize("name", NAMES)
def test_real_objects_are_taken(name: str) -> None:
    target = TARGETS[name]
    taken = [check(target, seed) for seed in target.seeds()]
    assert any(taken) or name in REFUSES_ITS_SEEDS


@pytest.mark.parametrize("name", NAMES)
@given(random=st.randoms(use_true_random=False))
def test_nearly_right_bytes(name: str, random: Random) -> None:
    check(TARGETS[name], mutate(TARGETS[name], random))


@pytest.mark.parametrize("name", NAMES)
@given(data=st.binary(max_size=200))
def test_any_bytes(name: str, data: bytes) -> None:
    check(TARGETS[name], data)


@pytest.mark.parametrize("name", NAMES)
def test_memory_is_in_proportion(name: str) -> None:
    target = TARGETS[name]
    for data in (*target.seeds(), *list_amplifiers(target)):
        check(target, data)  # what is made once is not counted
        check_memory(target, data)


@pytest.mark.parametrize("name", [name for name in NAMES if TARGETS[name].is_json])
def test_any_depth(name: str) -> None:
    """Reading gives up at one depth, writing at another."""
    for depth in range(850, 1001):
        check(TARGETS[name], b"[" * depth + b"]" * depth + b"\n")
        check(TARGETS[name], b'{"a":' * depth + b"1" + b"}" * depth + b"\n")


@pytest.mark.parametrize(("name", "data"), FINDINGS)
def test_what_was_found_stays_fixed(name: str, data: bytes) -> None:
    assert not check(TARGETS[name], data)


def test_the_check_finds_what_it_is_for() -> None:
    def fail(data: bytes) -> bytes:
        if data == b"crash":
            raise KeyError("x")
        if data == b"much":
            return bytes(10_000_000)[:1]
        return data[:1]

    target = Target("a target", fail, (ValueError,), lambda: (b"a",), (), lambda value: value)
    assert check(target, b"a")
    with pytest.raises(Finding, match="raises KeyError"):
        check(target, b"crash")
    with pytest.raises(Finding, match="does not reproduce"):
        check(target, b"ab")
    with pytest.raises(Finding, match="bytes of memory"):
        check_memory(Target("a target", fail, (), lambda: (b"a",), ()), b"much")
