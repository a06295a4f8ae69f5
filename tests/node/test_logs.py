"""Logs: one JSON object a line, whatever is logged, and no secrets."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from ledger.crypto import SigningKey
from node.logs import MASK, MAX_TEXT, format_time, setup_logs

KEY = SigningKey.from_seed(b"\x07" * 32)


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    made = io.StringIO()
    setup_logs("info", made)
    yield made
    root.handlers, root.level = handlers, level


def read(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_is_one_line_with_its_fields(stream: io.StringIO) -> None:
    logging.getLogger("node.sync").info("caught\nup", extra={"height": 7, "hash": b"\x01\xff"})
    (line,) = read(stream)
    assert line["message"] == "caught\nup"
    assert (line["level"], line["logger"]) == ("info", "node.sync")
    assert (line["height"], line["hash"]) == (7, "01ff")
    assert line["time"].endswith("Z")


def test_lower_levels_and_chatty_libraries_are_left_out(stream: io.StringIO) -> None:
    logging.getLogger("node").debug("no")
    logging.getLogger("asyncio").info("no")
    logging.getLogger("asyncio").warning("yes")
    assert [line["message"] for line in read(stream)] == ["yes"]


def test_an_exception_comes_with_its_trace(stream: io.StringIO) -> None:
    try:
        raise ValueError("wrong")
    except ValueError:
        logging.getLogger("node").exception("failed")
    (line,) = read(stream)
    assert line["error"] == "ValueError: wrong"
    assert "Traceback" in line["trace"]


def test_secrets_are_masked(stream: io.StringIO) -> None:
    logging.getLogger("node").info(
        "key %s", KEY, extra={"seed": KEY.seed, "keys": [KEY], "inner": {"api_token": "t", "x": 1}}
    )
    text = stream.getvalue()
    assert KEY.seed.hex() not in text
    assert repr(KEY.seed) not in text
    (line,) = read(stream)
    assert line["seed"] == MASK
    assert line["inner"] == {"api_token": MASK, "x": 1}
    assert line["keys"] == [str(KEY)]


def test_a_log_call_never_fails(stream: io.StringIO) -> None:
    logging.getLogger("node").info(
        "odd",
        extra={
            "set": {1},
            "object": object,
            "map": {b"k": memoryview(b"v")},
            "time": 1,
            "算": "力",
        },
    )
    (line,) = read(stream)
    assert line["set"] == [1]
    assert line["map"] == {"b'k'": "76"}
    assert line["time_"] == 1
    assert line["算"] == "力"


def test_long_text_is_cut(stream: io.StringIO) -> None:
    logging.getLogger("node").info("x" * 10_000, extra={"more": "y" * 10_000})
    (line,) = read(stream)
    assert len(line["message"]) == len(line["more"]) == MAX_TEXT + 3


def test_times_are_rfc_3339() -> None:
    assert format_time(0) == "1970-01-01T00:00:00.000Z"
    assert format_time(1_775_059_200.25) == "2026-04-01T16:00:00.250Z"
