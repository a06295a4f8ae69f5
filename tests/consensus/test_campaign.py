"""Seeds of the campaign: safety under faults and liars, then healing, then liveness.

A failure names its seed; `run_seed(seed)` plays it again.
"""

import pytest
from toy_byzantine import HABITS, Byzantine
from toy_campaign import Campaign, run_seed

SEEDS = 240
CHUNK = 12


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_agreement_and_liveness(first: int) -> None:
    for seed in range(first, first + CHUNK):
        run_seed(seed)


@pytest.mark.parametrize("habit", HABITS)
def test_agreement_and_liveness_against(habit: str) -> None:
    class OneHabit(Byzantine):
        habits = (habit,)

    for seed in range(1_000, 1_006):
        campaign = Campaign(seed, n=4, byzantine_type=OneHabit, byzantine=[seed % 4])
        campaign.epochs = True
        campaign.run()


def test_a_seed_replays_exactly() -> None:
    first, second = run_seed(7), run_seed(7)
    assert first.count.steps == second.count.steps
    assert first.agreed == second.agreed


def test_the_campaign_reaches_what_it_is_for() -> None:
    """The faults happen: nullified views, epochs, restarts that recover, contradictions proven."""
    worlds = [run_seed(seed) for seed in range(20)]
    assert sum(world.count.nullifies for world in worlds) > 80
    assert sum(world.count.epochs for world in worlds) > 10
    assert sum(len(world.count.recovered) for world in worlds) > 80
    assert sum(bool(world.count.double_signed) for world in worlds) > 1
