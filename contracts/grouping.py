"""Rows of a view: integers added up by groups.

A group is a tuple of texts: a region's prefix, a resource class, a sector's letter, ... The rows
come out in the order of their groups.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ledger.code import parse_code

Row = dict[str, str | int]

PLACES: Final[Mapping[str, str]] = {
    "region": "province prefix of the resource (GB/T 2260)",
    "class": "resource class",
    "sector": "industry letter of the resource (GB/T 4754)",
}


class Groups:
    """Rows in the making; a column that nothing was added to is 0."""

    __slots__ = ("_columns", "_names", "_rows")

    def __init__(self, names: Sequence[str], columns: Iterable[str]) -> None:
        """`names` are the columns of the group, the others of `columns` those of integers."""
        self._names = tuple(names)
        self._columns = tuple(column for column in columns if column not in names)
        self._rows: dict[tuple[str, ...], dict[str, int]] = {}

    def get(self, group: tuple[str, ...]) -> dict[str, int]:
        """The integers of a group, to be changed in place."""
        row = self._rows.get(group)
        if row is None:
            row = self._rows[group] = dict.fromkeys(self._columns, 0)
        return row

    def add(self, group: tuple[str, ...], **amounts: int) -> None:
        """Add to the integers of a group."""
        row = self.get(group)
        for column, amount in amounts.items():
            row[column] += amount

    def list_rows(self) -> list[Row]:
        """The rows in the order of their groups."""
        return [
            {**dict(zip(self._names, group, strict=True)), **self._rows[group]}
            for group in sorted(self._rows)
        ]


def group_resource(code: str) -> tuple[str, str, str]:
    """Region, class and sector of a resource."""
    fields = parse_code(code)
    return fields.region, fields.resource_class, fields.industry


def apply_range(row: dict[str, int], least: str, most: str, value: int) -> None:
    """Widen the range of two columns by a value above 0; both are 0 while there is none."""
    row[least] = value if row[least] == 0 else min(row[least], value)
    row[most] = max(row[most], value)
