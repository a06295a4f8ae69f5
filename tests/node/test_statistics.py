"""Statistics out of a store: the same at any time later, at a pace that leaves room for others."""

import pytest

from contracts.table import make_object_key
from contracts.views import QUERIES, compute_digest
from node.past import read_past
from node.statistics import PIECE, Pace, PacedState, StatisticError, compute_statistic, find_query
from tests.node.publication import QUERY, make_publication


def test_a_height_gives_the_same_result_for_ever() -> None:
    store = make_publication().stage.store
    then = compute_statistic(read_past(store, 1), QUERIES[QUERY])
    now = compute_statistic(read_past(store, store.height), QUERIES[QUERY])
    assert [row["entries"] for row in then.result["rows"]] == [1]
    assert [row["entries"] for row in now.result["rows"]] == [0]
    assert (then.height, then.digest) == (1, compute_digest(then.result))
    assert then.state_root == read_past(store, 1).header.state_root
    assert then.result["time_ms"] == then.time_ms


class Clock:
    """A clock that a record costs a millisecond, and that remembers rests."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rests: list[float] = []

    def read(self) -> float:
        return self.now

    def rest(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds


def test_a_computation_rests_as_long_as_it_works() -> None:
    clock = Clock()
    pace = Pace(60.0, clock.read, clock.rest)
    for _ in range(3 * PIECE):
        clock.now += 0.001
        pace.step()
    assert clock.rests == pytest.approx([PIECE / 1000] * 3)


def test_a_computation_ends_when_its_time_is_over_or_it_is_told_to() -> None:
    clock = Clock()
    pace = Pace(1.0, clock.read, clock.rest)
    clock.now = 2.0
    with pytest.raises(StatisticError) as late:
        for _ in range(PIECE):
            pace.step()
    assert late.value.code == "too-long"
    pace.is_stopped = True
    with pytest.raises(StatisticError) as stopped:
        for _ in range(PIECE):
            pace.step()
    assert stopped.value.code == "stopped"


@pytest.mark.parametrize("name", QUERIES)
def test_a_pace_changes_no_result(name: str) -> None:
    store = make_publication().stage.store
    clock = Clock()
    past = read_past(store, store.height)
    paced = compute_statistic(past, QUERIES[name], Pace(60.0, clock.read, clock.rest))
    assert paced.digest == compute_statistic(past, QUERIES[name]).digest
    assert paced.height == store.height


def test_a_paced_state_reads_like_the_state() -> None:
    publication = make_publication()
    store = publication.stage.store
    past = read_past(store, store.height)
    paced = PacedState(past, Pace(60.0))
    key, _ = next(past.scan(b"account\x00"))
    assert paced.find_predecessor(key) == past.find_predecessor(key)
    objects = list(past.scan_derived(b"object\x00"))
    assert {name for name, _ in objects} >= {
        make_object_key(name) for name in (publication.right, publication.wrong)
    }
    assert [(key, paced.get_derived(key)) for key, _ in objects] == objects
    assert list(paced.scan_derived(b"object\x00")) == objects
    assert list(paced.scan_derived(b"object\x00", objects[0][0])) == objects[1:]


def test_an_unknown_query_is_said() -> None:
    with pytest.raises(StatisticError) as unknown:
        find_query("weather-1")
    assert unknown.value.code == "unknown-query"
