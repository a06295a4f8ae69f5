"""Reading a cluster trace: nodes and jobs of two CSV files, which nobody vouches for.

    openb_node_list_all_node.csv    sn, cpu_milli, memory_mib, gpu, model
    openb_pod_list_default.csv      name, cpu_milli, memory_mib, num_gpu, gpu_milli, gpu_spec, qos,
                                    pod_phase, creation_time, deletion_time, scheduled_time

Times are whole seconds; an empty scheduled_time is a job that was never scheduled. `gpu_spec` names
the models that will do, separated by `|`; empty, any will. Everything is checked, and what is wrong
is named by file, line and column.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from devnet.errors import DevnetError

NODE_FILE = "openb_node_list_all_node.csv"
JOB_FILE = "openb_pod_list_default.csv"
NODE_COLUMNS = ("sn", "cpu_milli", "memory_mib", "gpu", "model")
JOB_COLUMNS = (
    "name",
    "cpu_milli",
    "memory_mib",
    "num_gpu",
    "gpu_milli",
    "gpu_spec",
    "qos",
    "pod_phase",
    "creation_time",
    "deletion_time",
    "scheduled_time",
)
MAX_BYTES = 64 * 1024 * 1024
MAX_ROWS = 1_000_000
MAX_NUMBER = 10**12
MAX_GPUS = 64
WHOLE = 1000

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SPEC = re.compile(r"[A-Za-z0-9._|-]{0,256}")
T = TypeVar("T")


class TraceError(DevnetError):
    """The trace cannot be used; the message names the place."""

    code = "trace"


@dataclass(frozen=True, slots=True)
class TraceNode:
    """A machine; `gpus` cards of a model, or none."""

    name: str
    cpu_milli: int
    memory_mib: int
    gpus: int
    model: str


@dataclass(frozen=True, slots=True)
class TraceJob:
    """A job; with one card `gpu_milli` is the share of it. Times are seconds of the trace."""

    name: str
    cpu_milli: int
    memory_mib: int
    gpus: int
    gpu_milli: int
    models: tuple[str, ...]
    qos: str
    phase: str
    created_s: int
    deleted_s: int
    scheduled_s: int | None

    @property
    def units(self) -> int:
        """Thousandths of cards, or of cores for a job without cards."""
        return self.gpus * self.gpu_milli if self.gpus else self.cpu_milli


@dataclass(frozen=True, slots=True)
class Trace:
    """Nodes in the order of the file, jobs by their creation."""

    nodes: tuple[TraceNode, ...]
    jobs: tuple[TraceJob, ...]


def load_trace(folder: Path) -> Trace:
    """The trace of a folder; raises TraceError."""
    nodes = tuple(_read(folder / NODE_FILE, NODE_COLUMNS, _read_node))
    jobs = tuple(_read(folder / JOB_FILE, JOB_COLUMNS, _read_job))
    _check_names(NODE_FILE, [node.name for node in nodes])
    _check_names(JOB_FILE, [job.name for job in jobs])
    return Trace(nodes, tuple(sorted(jobs, key=lambda job: (job.created_s, job.name))))


class _Row:
    """A line of a file, read column by column."""

    def __init__(self, place: str, values: Mapping[str | None, str | list[str] | None]) -> None:
        self.place = place
        self._values = values

    def fail(self, column: str, message: str) -> TraceError:
        """What is wrong with a column."""
        return TraceError(f"{self.place}, column {column}: {message}")

    def text(self, column: str, pattern: re.Pattern[str]) -> str:
        """A short text of plain characters."""
        value = self._values[column]
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise self.fail(column, f"{str(value)[:40]!r} is not {pattern.pattern}")
        return value

    def number(self, column: str, least: int = 0, most: int = MAX_NUMBER) -> int:
        """A whole number within bounds."""
        value = self._values[column]
        if not isinstance(value, str) or not (value.isascii() and value.isdigit()):
            raise self.fail(column, f"{str(value)[:40]!r} is not a whole number")
        if len(value) > len(str(most)) or not least <= int(value) <= most:
            raise self.fail(column, f"{value[:40]} is not from {least} to {most}")
        return int(value)

    def time_or_none(self, column: str) -> int | None:
        """A time in seconds; None where it is empty."""
        return None if self._values[column] == "" else self.number(column)


def _read(path: Path, columns: tuple[str, ...], read: Callable[[_Row], T]) -> Iterator[T]:
    """Each row of a file; raises TraceError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise TraceError(f"{path} has over {MAX_BYTES} bytes")
        with path.open(encoding="utf-8", newline="") as file:
            yield from _read_rows(path.name, csv.DictReader(file, strict=True), columns, read)
    except OSError as error:
        raise TraceError(
            f"cannot read {path}: {error.strerror}. --trace names a folder with {NODE_FILE} and "
            f"{JOB_FILE}"
        ) from None
    except UnicodeDecodeError as error:
        raise TraceError(f"{path} is not UTF-8 at byte {error.start}") from None
    except csv.Error as error:
        raise TraceError(f"{path} is not CSV: {error}") from None


def _read_rows(
    name: str, reader: "csv.DictReader[str]", columns: tuple[str, ...], read: Callable[[_Row], T]
) -> Iterator[T]:
    found = tuple(reader.fieldnames or ())
    missing = [column for column in columns if column not in found]
    if missing:
        raise TraceError(f"{name} has no column {', '.join(missing)}; it has {', '.join(found)}")
    if len(set(found)) != len(found):
        raise TraceError(f"{name} has a column twice")
    rows = 0
    for values in reader:
        rows += 1
        place = f"{name}, line {reader.line_num}"
        if rows > MAX_ROWS:
            raise TraceError(f"{name} has over {MAX_ROWS} rows")
        if None in values or None in values.values():
            raise TraceError(f"{place}: not {len(found)} values")
        yield read(_Row(place, values))
    if not rows:
        raise TraceError(f"{name} has no rows")


def _read_node(row: _Row) -> TraceNode:
    gpus = row.number("gpu", most=MAX_GPUS)
    model = row.text("model", _NAME) if gpus else ""
    return TraceNode(
        name=row.text("sn", _NAME),
        cpu_milli=row.number("cpu_milli", 1),
        memory_mib=row.number("memory_mib", 1),
        gpus=gpus,
        model=model,
    )


def _read_job(row: _Row) -> TraceJob:
    gpus = row.number("num_gpu", most=MAX_GPUS)
    created_s = row.number("creation_time")
    deleted_s = row.number("deletion_time", created_s)
    scheduled_s = row.time_or_none("scheduled_time")
    if scheduled_s is not None and not created_s <= scheduled_s <= deleted_s:
        raise row.fail("scheduled_time", "not between creation and deletion")
    share = row.number("gpu_milli", 1 if gpus else 0, WHOLE)
    if gpus > 1 and share != WHOLE:
        raise row.fail("gpu_milli", "several cards are taken whole")
    return TraceJob(
        name=row.text("name", _NAME),
        cpu_milli=row.number("cpu_milli", 0 if gpus else 1),
        memory_mib=row.number("memory_mib"),
        gpus=gpus,
        gpu_milli=share if gpus else 0,
        models=tuple(filter(None, row.text("gpu_spec", _SPEC).split("|"))),
        qos=row.text("qos", _NAME),
        phase=row.text("pod_phase", _NAME),
        created_s=created_s,
        deleted_s=deleted_s,
        scheduled_s=scheduled_s,
    )


def _check_names(name: str, names: list[str]) -> None:
    seen: set[str] = set()
    for item in names:
        if item in seen:
            raise TraceError(f"{name} names {item} twice")
        seen.add(item)
