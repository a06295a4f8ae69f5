"""Reading a trace that nobody vouches for."""

import os
from pathlib import Path

import pytest

from devnet.trace import (
    JOB_COLUMNS,
    JOB_FILE,
    MAX_GPUS,
    NODE_COLUMNS,
    NODE_FILE,
    Trace,
    TraceError,
    load_trace,
)

REAL = os.environ.get("SUANLIAN_TRACE", "")  # the folder of the real trace, which is not ours
NODE = "node-a,96000,393216,8,G2"
JOB = "job-1,4000,8192,1,500,T4|P100,LS,Running,100,900,120"


def load(folder: Path, nodes: list[str], jobs: list[str]) -> Trace:
    (folder / NODE_FILE).write_text("\n".join([",".join(NODE_COLUMNS), *nodes]) + "\n", "utf-8")
    (folder / JOB_FILE).write_text("\n".join([",".join(JOB_COLUMNS), *jobs]) + "\n", "utf-8")
    return load_trace(folder)


def test_nodes_and_jobs_are_read(tmp_path: Path) -> None:
    trace = load(tmp_path, [NODE, "node-b,32000,65536,0,"], [JOB])
    assert [(node.gpus, node.model) for node in trace.nodes] == [(8, "G2"), (0, "")]
    (job,) = trace.jobs
    assert (job.units, job.models, job.created_s, job.scheduled_s) == (
        500,
        ("T4", "P100"),
        100,
        120,
    )


def test_jobs_stand_by_their_creation(tmp_path: Path) -> None:
    later = JOB.replace("job-1", "job-0").replace(",100,900,120", ",200,900,")
    trace = load(tmp_path, [NODE], [later, JOB])
    assert [job.name for job in trace.jobs] == ["job-1", "job-0"]
    assert trace.jobs[1].scheduled_s is None


def test_a_job_without_cards_counts_cores(tmp_path: Path) -> None:
    (job,) = load(tmp_path, [NODE], ["job-1,2500,8192,0,0,,BE,Running,1,2,1"]).jobs
    assert (job.gpus, job.units) == (0, 2500)


@pytest.mark.parametrize(
    ("job", "column"),
    [
        (JOB.replace("4000", "-1"), "cpu_milli"),
        (JOB.replace("4000", "4e3"), "cpu_milli"),
        (JOB.replace("4000", "9" * 30), "cpu_milli"),
        (JOB.replace("4000", "４０００"), "cpu_milli"),
        (JOB.replace(",1,500,", ",1,1001,"), "gpu_milli"),
        (JOB.replace(",1,500,", ",1,0,"), "gpu_milli"),
        (JOB.replace(",1,500,", ",2,500,"), "gpu_milli"),
        (JOB.replace(",1,500,", f",{MAX_GPUS + 1},1000,"), "num_gpu"),
        (JOB.replace("T4|P100", "T4;DROP"), "gpu_spec"),
        (JOB.replace("job-1", "job 1"), "name"),
        (JOB.replace("job-1", "../etc"), "name"),
        (JOB.replace(",100,900,", ",900,100,"), "deletion_time"),
        (JOB.replace(",120", ",99"), "scheduled_time"),
        (JOB.replace(",120", ",901"), "scheduled_time"),
        (JOB.replace(",100,", ",,"), "creation_time"),
        (JOB.replace(",0,", ",0.5,").replace("120", "1.5"), "scheduled_time"),
    ],
)
def test_what_is_wrong_is_named_by_file_line_and_column(
    tmp_path: Path, job: str, column: str
) -> None:
    with pytest.raises(TraceError) as caught:
        load(tmp_path, [NODE], [JOB.replace("job-1", "first"), job])
    assert f"{JOB_FILE}, line 3, column {column}" in str(caught.value)


@pytest.mark.parametrize(
    ("node", "column"),
    [
        (NODE.replace("G2", ""), "model"),
        (NODE.replace("G2", "G 2"), "model"),
        (NODE.replace(",96000,", ",0,"), "cpu_milli"),
        (NODE.replace(",8,", ",eight,"), "gpu"),
    ],
)
def test_a_wrong_node_is_named(tmp_path: Path, node: str, column: str) -> None:
    with pytest.raises(TraceError, match=f"line 2, column {column}"):
        load(tmp_path, [node], [JOB])


def test_what_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="job-1 twice"):
        load(tmp_path, [NODE], [JOB, JOB])


@pytest.mark.parametrize("row", [JOB + ",more", "job-1,4000"])
def test_rows_of_another_length_are_refused(tmp_path: Path, row: str) -> None:
    with pytest.raises(TraceError, match="line 2: not 11 values"):
        load(tmp_path, [NODE], [row])


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="no rows"):
        load(tmp_path, [NODE], [])


def test_missing_columns_are_named(tmp_path: Path) -> None:
    (tmp_path / NODE_FILE).write_text("sn,gpu\nnode-a,1\n", "utf-8")
    with pytest.raises(TraceError, match="no column cpu_milli, memory_mib, model; it has sn, gpu"):
        load_trace(tmp_path)


def test_a_column_twice_is_refused(tmp_path: Path) -> None:
    header = ",".join([*NODE_COLUMNS, "sn"])
    (tmp_path / NODE_FILE).write_text(f"{header}\n{NODE},x\n", "utf-8")
    with pytest.raises(TraceError, match="twice"):
        load_trace(tmp_path)


def test_a_folder_without_files_says_what_it_should_hold(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=NODE_FILE):
        load_trace(tmp_path)


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"sn,cpu_milli\x00", b'"never ends'])
def test_what_is_no_table_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / NODE_FILE).write_bytes(data)
    with pytest.raises(TraceError):
        load_trace(tmp_path)


@pytest.mark.skipif(not REAL, reason="SUANLIAN_TRACE does not name the folder of the trace")
def test_the_real_trace_is_read() -> None:
    trace = load_trace(Path(REAL))
    assert (len(trace.nodes), len(trace.jobs)) == (1523, 8152)
    assert sum(job.scheduled_s is None for job in trace.jobs) == 897
