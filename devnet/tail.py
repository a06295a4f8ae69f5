"""Log files as people read them: the newest lines, and those that come."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import typer

POLL_S = 0.2


def print_logs(files: Sequence[tuple[str, Path]], lines: int, follow: bool) -> None:
    """Print the last lines of each file in the order of their times, then go on if asked to."""
    offsets: dict[Path, int] = {}
    found: list[tuple[str, str]] = []
    for label, path in files:
        text = _read(path, 0)
        offsets[path] = len(text)
        rows = text.decode("utf-8", "replace").splitlines()
        found += [_render(label, row) for row in rows[len(rows) - min(lines, len(rows)) :]]
    for _, line in sorted(found, key=lambda item: item[0]):
        typer.echo(line)
    while follow:
        for label, path in files:
            text = _read(path, offsets[path])
            whole = text[: text.rfind(b"\n") + 1]
            offsets[path] += len(whole)
            for row in whole.decode("utf-8", "replace").splitlines():
                typer.echo(_render(label, row)[1])
        time.sleep(POLL_S)


def _read(path: Path, offset: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read()
    except OSError:
        return b""


def _render(label: str, row: str) -> tuple[str, str]:
    """When a line was written, and the line for people; one that is no log line as it is."""
    try:
        entry = json.loads(row)
        when, level, message = entry["time"], entry["level"], entry["message"]
    except (ValueError, KeyError, TypeError):
        return "", f"{label:<12} {row}"
    detail = f" ({entry['error']})" if entry.get("error") else ""
    return when, f"{when[11:23]} {label:<12} {level:<8} {message}{detail}"
