"""The clock of a trace."""

from hypothesis import given
from hypothesis import strategies as st

from devnet.timeline import MAX_SILENCE_S, Stage, make_timeline
from devnet.trace import TraceJob


def make_job(name: str, created_s: int, scheduled_s: int | None, deleted_s: int) -> TraceJob:
    return TraceJob(
        name, 1000, 1024, 1, 1000, (), "BE", "Running", created_s, deleted_s, scheduled_s
    )


def test_events_stand_in_the_order_of_the_trace() -> None:
    jobs = [make_job("a", 0, 10, 30), make_job("b", 5, None, 20)]
    timeline = make_timeline(jobs, 30)
    assert timeline.scale == 1
    assert [(event.at_ms, event.job.name, event.stage) for event in timeline.events] == [
        (0, "a", Stage.CREATED),
        (5_000, "b", Stage.CREATED),
        (10_000, "a", Stage.SCHEDULED),
        (20_000, "b", Stage.DELETED),
        (30_000, "a", Stage.DELETED),
    ]


def test_at_one_second_a_jobs_events_keep_their_order() -> None:
    timeline = make_timeline([make_job("a", 7, 7, 7)], 10)
    assert [event.stage for event in timeline.events] == list(Stage)


def test_silences_are_cut_short() -> None:
    timeline = make_timeline([make_job("a", 0, 10**6, 10**6 + 10)], 60)
    assert timeline.cut_s == 10**6 - MAX_SILENCE_S
    assert timeline.duration_ms <= 60_000


@st.composite
def jobs(draw: st.DrawFn) -> TraceJob:
    times = sorted(draw(st.lists(st.integers(0, 10**9), min_size=3, max_size=3)))
    scheduled = draw(st.booleans())
    name = draw(st.uuids()).hex
    return make_job(name, times[0], times[1] if scheduled else None, times[2])


@given(st.lists(jobs(), min_size=1, max_size=30), st.integers(10, 100))
def test_every_timeline_fits_and_keeps_the_order(found: list[TraceJob], run_s: int) -> None:
    timeline = make_timeline(found, run_s)
    times = [event.at_ms for event in timeline.events]
    assert times == sorted(times)
    assert times[0] == 0
    assert times[-1] <= run_s * 1000
    for job in found:
        stages = [event.stage for event in timeline.events if event.job is job]
        assert stages == sorted(stages)
        assert len(stages) == (2 if job.scheduled_s is None else 3)
