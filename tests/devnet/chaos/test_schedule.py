"""What is done to whom: the seed's doing, and nothing else's."""

import pytest

from devnet.chaos.schedule import Kind, draw_schedule

VOTERS = ("region-11", "region-31", "region-44", "region-52")
LABELS = ("national", *VOTERS)


def draw(seed: int, seconds: float) -> list[str]:
    schedule = draw_schedule(seed, seconds, LABELS, VOTERS, VOTERS[1])
    return [f"{episode.at_s} {episode.describe()}" for episode in schedule]


def test_a_seed_is_a_schedule() -> None:
    assert draw(3, 600) == draw(3, 600)
    assert draw(3, 600) != draw(4, 600)


@pytest.mark.parametrize("seed", range(20))
def test_every_kind_comes_once_before_any_comes_twice(seed: int) -> None:
    schedule = draw_schedule(seed, 600, LABELS, VOTERS, VOTERS[1])
    kinds = [episode.acts[0].kind for episode in schedule]
    assert len(kinds) >= len(Kind)
    for start in range(0, len(kinds) - len(Kind), len(Kind)):
        assert set(kinds[start : start + len(Kind)]) == set(Kind)


@pytest.mark.parametrize("seconds", [20, 600])
def test_episodes_follow_each_other_within_the_time(seconds: int) -> None:
    schedule = draw_schedule(1, seconds, LABELS, VOTERS, VOTERS[1])
    assert schedule
    ends = [0.0, *(episode.at_s + episode.hold_s for episode in schedule)]
    begins = [*(episode.at_s for episode in schedule), float(seconds)]
    assert all(end < begin for end, begin in zip(ends, begins, strict=True))


def test_acts_are_on_whom_they_can_be() -> None:
    for episode in draw_schedule(5, 3_600, LABELS, VOTERS, VOTERS[1]):
        for act in episode.acts:
            assert set(act.labels) <= set(LABELS)
            match act.kind:
                case Kind.FULL_DISK:
                    assert act.labels == (VOTERS[1],)
                case Kind.KILL_ALL:
                    assert act.labels == LABELS
                case Kind.PAUSE_TWO | Kind.PARTITION:
                    assert len(set(act.labels)) == 2
                case Kind.CLOCK:
                    assert act.offset_ms
                case _:
                    assert len(act.labels) == 1
