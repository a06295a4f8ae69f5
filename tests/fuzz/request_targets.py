"""What a peer reads of its clients: submissions and parameters."""

import json
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from typing import Any

from ledger import codec
from ledger.errors import FormatError
from node.api import keys
from node.api.audit import parse_industry, parse_order, parse_region, parse_time
from node.api.cursors import compose_cursor, read_cursor
from node.api.parameters import (
    parse_cursor,
    parse_digest,
    parse_final,
    parse_number,
    parse_seconds,
    parse_switch,
    parse_word,
)
from node.api.problems import Problem
from node.api.statements import parse_code
from node.api.submission import Submission, read_json, read_msgpack
from node.config import parse_address
from tests.fuzz import seeds
from tests.fuzz.target import Target, read_text

MAX_BATCH = 64
SCOPE = ("a list", "filter", None)


def write_submission(submission: Submission) -> bytes:
    """The body of MessagePack that a submission came in."""
    return submission.raws[0] if submission.single else codec.encode(list(submission.raws))


@cache
def list_bodies() -> tuple[bytes, ...]:
    """Submissions in MessagePack."""
    raws = seeds.get_body().raws
    return (raws[0], codec.encode(list(raws)))


@cache
def list_json_bodies() -> tuple[bytes, ...]:
    """Submissions in JSON."""
    items = []
    for raw in seeds.get_body().raws:
        body, signatures = codec.decode(raw)
        shown = [b64encode(item).decode() for item in signatures]
        items.append({"body": b64encode(body).decode(), "signatures": shown})
    return (json.dumps(items[0]).encode(), json.dumps(items).encode())


def read_position(data: bytes) -> object:
    """A cursor of a list."""
    return read_cursor(parse_cursor(read_text(data)), SCOPE, (int, bytes))


_PARSERS: tuple[tuple[str, Callable[[str], Any], str], ...] = (
    ("node.api.parameters:parse_number", parse_number, "17"),
    ("node.api.parameters:parse_digest", parse_digest, "ab" * 32),
    ("node.api.parameters:parse_switch", parse_switch, "true"),
    ("node.api.parameters:parse_seconds", parse_seconds, "2.5"),
    ("node.api.parameters:parse_word", parse_word, "lease.close"),
    ("node.api.parameters:parse_cursor", parse_cursor, "AAAA"),
    ("node.api.parameters:parse_final", parse_final, "final"),
    ("node.api.audit:parse_time", parse_time, "2026-04-02T00:00:00+08:00"),
    ("node.api.audit:parse_order", parse_order, "newest"),
    ("node.api.audit:parse_region", parse_region, "52"),
    ("node.api.audit:parse_industry", parse_industry, "I"),
    ("node.api.statements:parse_code", parse_code, seeds.MEMBER),
    ("node.config:parse_address", parse_address, "[::1]:8080"),
)


def _make_parameter(entry: str, parse: Callable[[str], Any], seed: str) -> Target:
    name = f"parameter {entry.partition(':')[2]}"
    return Target(
        name, lambda data: parse(read_text(data)), (ValueError,), lambda: (seed.encode(),), (entry,)
    )


TARGETS = (
    Target(
        "submission",
        lambda data: read_msgpack(data, MAX_BATCH),
        (Problem,),
        list_bodies,
        ("node.api.submission:read_msgpack",),
        write_submission,
    ),
    Target(
        "submission in JSON",
        lambda data: read_json(data, MAX_BATCH),
        (Problem,),
        list_json_bodies,
        ("node.api.submission:read_json",),
        is_json=True,
    ),
    Target(
        "cursor",
        read_position,
        (Problem, ValueError),
        lambda: (compose_cursor(SCOPE, [7, b"key"]).encode(),),
        ("node.api.cursors:read_cursor",),
        lambda position: compose_cursor(SCOPE, position).encode(),
    ),
    Target(
        "fields of a key",
        lambda data: keys.join(read_text(data).split("/")),
        (FormatError,),
        lambda: (b"lease/R520000000001000000001VO/0x0000000000000007", b"price/gpu-1"),
        (),
    ),
    *(_make_parameter(*parser) for parser in _PARSERS),
)
