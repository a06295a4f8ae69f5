"""What peers wrote: nothing of it may be an error, but for what was provoked."""

import contextlib
import json
from collections.abc import Callable, Iterator

from devnet.folder import Folder

GRAVE = ("error", "critical")


class Logs:
    """The logs of a devnet; `expecting` passes over what is written while it lasts."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._passed: dict[str, list[tuple[int, int]]] = {}

    @contextlib.contextmanager
    def expecting(self, label: str) -> Iterator[Callable[[], str]]:
        """Errors are expected in here; gives what reads all that was written."""
        start = self._measure(label)
        end = start

        def written() -> str:
            return self._folder.log(label).read_bytes()[start:end].decode("utf-8", "replace")

        try:
            yield written
        finally:
            end = self._measure(label)
            self._passed.setdefault(label, []).append((start, end))

    def list_errors(self, label: str) -> list[str]:
        """The messages of every other error."""
        data = self._folder.log(label).read_bytes()
        for start, end in self._passed.get(label, []):
            data = data[:start] + b" " * (end - start) + data[end:]
        lines = filter(None, (line.strip() for line in data.decode("utf-8", "replace").split("\n")))
        return [message for line in lines if (message := _read_error(line))]

    def _measure(self, label: str) -> int:
        return self._folder.log(label).stat().st_size


def _read_error(line: str) -> str:
    """What a line complains of; a killed peer's last one may be cut short."""
    try:
        entry = json.loads(line)
    except ValueError:
        return "" if line.startswith('{"time"') else line
    if entry.get("level") not in GRAVE:
        return ""
    return f"{entry['message']} {entry.get('error', '')}".strip()
