"""The parameters of requests: declared once, parsed, refused and documented from there."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, cast

from aiohttp import web

from ledger.primitives import MAX_HEIGHT, Digest
from node.api.cursors import MAX_CURSOR
from node.api.problems import Problem

T = TypeVar("T")
Schema = Mapping[str, Any]

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, eq=False)
class Parameter(Generic[T]):
    """A parameter in a path or a query; `parse` raises ValueError with what is wanted."""

    name: str
    description: str
    parse: Callable[[str], T]
    schema: Schema
    default: T | None = None
    in_path: bool = False

    def read(self, request: web.Request) -> T:
        """The value; the default where the query has none; raises Problem."""
        if self.in_path:
            return self._parse(request.match_info[self.name])
        values = request.query.getall(self.name, ())
        if not values:
            return cast(T, self.default)
        if len(values) > 1:
            raise Problem("bad-parameter", f"{self.name} is given twice")
        return self._parse(values[0])

    def _parse(self, text: str) -> T:
        try:
            return self.parse(text)
        except ValueError as error:
            raise Problem("bad-parameter", f"{self.name}: {error}") from None


def parse_number(text: str, most: int = MAX_HEIGHT) -> int:
    """A decimal number without sign, leading zeros or fraction."""
    if not _NUMBER.fullmatch(text) or int(text) > most:
        raise ValueError(f"a whole number from 0 to {most} is wanted")
    return int(text)


def parse_digest(text: str) -> Digest:
    """64 lowercase hex digits."""
    if not _DIGEST.fullmatch(text):
        raise ValueError("64 lowercase hex digits are wanted")
    return Digest(bytes.fromhex(text))


def parse_switch(text: str) -> bool:
    """`true` or `false`."""
    if text not in ("true", "false"):
        raise ValueError("true or false is wanted")
    return text == "true"


def parse_seconds(text: str) -> float:
    """Seconds with at most three decimals."""
    if not _SECONDS.fullmatch(text):
        raise ValueError("seconds are wanted, such as 10 or 2.5")
    return float(text)


def parse_word(text: str) -> str:
    """A code, an object id, a kind or the type of an event."""
    if not 1 <= len(text) <= 80 or not (text.isascii() and text.isprintable()):
        raise ValueError("1 to 80 printable ASCII characters are wanted")
    return text


def parse_cursor(text: str) -> str:
    """A cursor, looked at where the list is known."""
    if not 1 <= len(text) <= MAX_CURSOR:
        raise ValueError("a cursor from an earlier page is wanted")
    return text


def parse_final(text: str) -> bool:
    """The only thing that can be waited for."""
    if text != "final":
        raise ValueError("final is wanted")
    return True


NUMBER: Final[Schema] = {"type": "string", "pattern": "^(0|[1-9][0-9]*)$"}
DIGEST: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
WORD: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 80}
SWITCH: Final[Schema] = {"type": "boolean"}

WAIT: Final = Parameter(
    "wait",
    "`final`: answer once it is no longer `accepted`, or after `timeout`.",
    parse_final,
    {"type": "string", "enum": ["final"]},
    False,
)
TIMEOUT: Final[Parameter[float | None]] = Parameter(
    "timeout",
    "Seconds to wait; a peer waits no longer than it allows (60 by default).",
    parse_seconds,
    {"type": "number", "minimum": 0, "default": 10},
)
LIMIT: Final[Parameter[int | None]] = Parameter(
    "limit",
    "Entries of a page, at most what the peer allows (500 by default).",
    lambda text: parse_number(text, 1_000_000),
    {"type": "integer", "minimum": 1, "default": 50},
)
CURSOR: Final[Parameter[str | None]] = Parameter(
    "cursor",
    "`next` of the page before.",
    parse_cursor,
    {"type": "string", "maxLength": MAX_CURSOR},
)
ID: Final = Parameter("id", "A transaction's id.", parse_digest, DIGEST, in_path=True)
