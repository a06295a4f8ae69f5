"""What a check found: each thing that is wrong with its table and place, as many as people read."""

from dataclasses import dataclass
from typing import Final

MAX_LISTED: Final = 20  # of each table; the rest is counted

TABLES: Final = {
    "m": "about the store",
    "h": "headers",
    "k": "heights by header hash",
    "n": "header tree",
    "e": "ends of epochs",
    "f": "finalizations",
    "b": "bodies",
    "r": "results",
    "t": "places of transactions",
    "i": "index",
    "s": "records",
    "l": "slots",
    "v": "versions",
    "d": "derived values",
    "journal": "journal",
}
"""Every table of a store by the byte that its keys begin with, and the journal."""

_NUMBERED: Final = "hefbrl"  # by height, epoch or slot
_NUMBERED_BYTES: Final = 9


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it must be: in which table, where in it, and what was expected."""

    table: str
    place: str
    wrong: str


class Findings:
    """Collects what is wrong; `counts` has all of it by table, `listed` the first of each."""

    __slots__ = ("counts", "listed")

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.listed: list[Finding] = []

    def add(self, table: str, place: object, wrong: str) -> None:
        """One more thing that is wrong."""
        count = self.counts.get(table, 0)
        self.counts[table] = count + 1
        if count < MAX_LISTED:
            self.listed.append(Finding(table, str(place), wrong))

    @property
    def total(self) -> int:
        """How much is wrong, with what is not listed."""
        return sum(self.counts.values())


def show_key(key: bytes) -> str:
    """A key for people: fields with slashes between them, or hex where there are other bytes."""
    fields = key.rstrip(b"\x00").split(b"\x00")
    if all(field.isascii() and field.decode("ascii").isprintable() for field in fields):
        return b"/".join(fields).decode("ascii")
    return key.hex()


def show_place(key: bytes) -> str:
    """A key of a store without its table: the number where that is all of it."""
    is_number = len(key) == _NUMBERED_BYTES and chr(key[0]) in _NUMBERED
    return str(int.from_bytes(key[1:], "big")) if is_number else show_key(key[1:])
