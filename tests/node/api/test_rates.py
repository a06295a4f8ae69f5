"""What one client may take."""

import pytest

from node.api.problems import Problem
from node.api.rates import Buckets, Slots, client_of


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_empties_and_fills() -> None:
    clock = Clock()
    buckets = Buckets(10.0, 20, 100, clock)
    buckets.take("a", 20)
    with pytest.raises(Problem) as caught:
        buckets.take("a", 5)
    assert caught.value.code == "too-many-requests"
    assert caught.value.retry_after_s == pytest.approx(0.5)
    buckets.take("b", 20)  # another client has a bucket of its own
    clock.now += 0.5
    buckets.take("a", 5)
    clock.now += 100
    buckets.take("a", 20)  # never more than the burst
    with pytest.raises(Problem):
        buckets.take("a")


def test_only_so_many_clients_are_remembered() -> None:
    buckets = Buckets(1.0, 1, 3, Clock())
    for name in "abcd":
        buckets.take(name)
    buckets.take("a")  # forgotten, so it begins anew
    with pytest.raises(Problem):
        buckets.take("d")


def test_slots_are_given_back() -> None:
    slots = Slots("streams", 3, 2)
    with slots.hold("a"), slots.hold("a"):
        with pytest.raises(Problem) as caught, slots.hold("a"):
            pass
        assert caught.value.code == "too-many-open"
        with slots.hold("b"), pytest.raises(Problem), slots.hold("c"):
            pass
    assert slots.taken == 0
    with slots.hold("a"):
        assert slots.taken == 1


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_who_is_one_client(address: str, client: str) -> None:
    assert client_of(address) == client
