"""The end of a path that names a state key: `{table}/{field}/...`."""

from typing import Final
from urllib.parse import unquote

from aiohttp import web

from ledger.errors import FormatError
from node.api import keys
from node.api.limits import MAX_FIELDS
from node.api.parameters import Parameter, parse_word
from node.api.problems import Problem

KEY: Final = Parameter(
    "key",
    "The table and the fields of a state key as segments; integers as `0x` and their hex.",
    parse_word,
    {"type": "string", "minLength": 1},
    in_path=True,
)


def read_fields(request: web.Request, prefix: str) -> list[str]:
    """The segments after `prefix`, percent-decoded one by one; raises Problem."""
    segments = request.rel_url.raw_path.removeprefix(prefix).split("/")
    if len(segments) > MAX_FIELDS:
        raise Problem("bad-parameter", f"key: at most {MAX_FIELDS} fields are wanted")
    try:
        return [unquote(segment, errors="strict") for segment in segments]
    except UnicodeDecodeError:
        raise Problem("bad-parameter", "key: a field is not UTF-8") from None


def read_key(request: web.Request, prefix: str) -> bytes:
    """The state key, or the prefix of keys, that a path names; raises Problem."""
    try:
        return keys.join(read_fields(request, prefix))
    except FormatError as error:
        raise Problem("bad-parameter", f"key: {error}") from None
