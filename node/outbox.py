"""Persist before you speak: what consensus says leaves in order, behind what it had to write.

1. An item leaves at once when nothing before it waits.
2. Behind a write that must be synced everything waits until the disk has it.
3. Writes that wait together go to the disk together: one fsync for all of them.
4. A write without sync holds nothing back. The disk keeps the order of writes, so that a later sync
   covers it.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ledger.keyvalue import Change

WriteJournal = Callable[[Sequence[Change], bool, Callable[[], None]], None]


@dataclass(frozen=True, slots=True)
class _Write:
    changes: tuple[Change, ...]
    sync: bool


class Outbox:
    """The order between a peer's journal and its voice.

    `write(changes, sync, done)` puts changes on the disk and calls `done` when they are there.
    """

    def __init__(self, write: WriteJournal) -> None:
        self._write = write
        self._waiting: deque[_Write | Callable[[], None]] = deque()
        self._is_writing = False

    def __len__(self) -> int:
        return len(self._waiting)

    def persist(self, changes: Sequence[Change], sync: bool) -> None:
        """Write before anything that is said later."""
        if sync or self._waiting or self._is_writing:
            self._waiting.append(_Write(tuple(changes), sync))
            self._pump()
        else:
            self._write(changes, False, _ignore)

    def say(self, speak: Callable[[], None]) -> None:
        """Speak once everything before is on the disk."""
        if self._waiting or self._is_writing:
            self._waiting.append(speak)
        else:
            speak()

    def _pump(self) -> None:
        while self._waiting and not self._is_writing:
            item = self._waiting[0]
            if isinstance(item, _Write):
                self._start_write()
            else:
                self._waiting.popleft()
                item()

    def _start_write(self) -> None:
        writes = [item for item in self._waiting if isinstance(item, _Write)]
        said = [item for item in self._waiting if not isinstance(item, _Write)]
        self._waiting = deque(said)
        changes = [change for item in writes for change in item.changes]
        self._is_writing = any(item.sync for item in writes)
        self._write(changes, self._is_writing, self._written if self._is_writing else _ignore)

    def _written(self) -> None:
        self._is_writing = False
        self._pump()


def _ignore() -> None:
    """Nobody waits for a write without sync."""
