"""The events of a trace on a clock that runs fast, and skips what is silent.

1. Every job is created and deleted; most are scheduled in between. Events keep the order of the
   trace; at one second, those of a job keep theirs.
2. A silence of more than `MAX_SILENCE_S` is cut to that: the trace has months in which nothing
   begins.
3. The rest passes at a whole number of trace seconds a wall second, so that all events fit into the
   time that the run is to take.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from devnet.trace import TraceJob

MAX_SILENCE_S = 600


class Stage(enum.IntEnum):
    """What happens to a job, in the order in which it can."""

    CREATED = 0
    SCHEDULED = 1
    DELETED = 2


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens to a job; `at_ms` is the wall time since the run began."""

    at_ms: int
    job: TraceJob
    stage: Stage


@dataclass(frozen=True, slots=True)
class Timeline:
    """All events in order. `scale` is trace seconds a wall second; `cut_s` what was skipped."""

    events: tuple[Event, ...]
    scale: int
    cut_s: int

    @property
    def duration_ms(self) -> int:
        """When the last event is."""
        return self.events[-1].at_ms


def make_timeline(jobs: Sequence[TraceJob], run_s: int) -> Timeline:
    """The events of jobs, fit into a run of so many seconds."""
    listed = sorted(
        (second, number, stage)
        for number, job in enumerate(jobs)
        for stage, second in _list_stages(job)
    )
    passed_s, cut_s = 0, 0
    last_s = listed[0][0]
    compressed: list[tuple[int, TraceJob, Stage]] = []
    for second, number, stage in listed:
        silence_s = second - last_s
        passed_s += min(silence_s, MAX_SILENCE_S)
        cut_s += max(0, silence_s - MAX_SILENCE_S)
        last_s = second
        compressed.append((passed_s, jobs[number], stage))
    scale = max(1, -(-passed_s // run_s))
    events = tuple(Event(at_s * 1000 // scale, job, stage) for at_s, job, stage in compressed)
    return Timeline(events, scale, cut_s)


def _list_stages(job: TraceJob) -> list[tuple[Stage, int]]:
    stages = [(Stage.CREATED, job.created_s), (Stage.DELETED, job.deleted_s)]
    if job.scheduled_s is not None:
        stages.append((Stage.SCHEDULED, job.scheduled_s))
    return stages
