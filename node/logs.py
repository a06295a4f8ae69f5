"""Logs: one JSON object a line, for machines first and legible to people.

    {"time": "2026-04-02T00:00:00.000Z", "level": "info", "logger": "node.sync",
     "message": "caught up", "height": 1200, ...}

Fields are given as `logger.info("caught up", extra={"height": 1200})`. Bytes are written in hex and
anything unknown as its text, so that a log call never fails. A `SigningKey` shows its public key
only, and fields whose names speak of secrets are masked.
"""

import json
import logging
import sys
import time
from typing import Any, TextIO

MASK = "***"
MAX_TEXT = 4_096

_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"asctime", "message", "taskName"}
_RESERVED = ("time", "level", "logger", "message", "error", "trace")
_SECRET = ("seed", "secret", "password", "private", "token")
# Chatty below warning, and never about what this peer does.
_QUIET = ("asyncio", "aiohttp.access", "httpx", "httpcore")


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON, its `extra` fields included."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record, without the newline."""
        line: dict[str, Any] = {
            "time": format_time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _cut(record.getMessage()),
        }
        for name, value in record.__dict__.items():
            if name not in _OWN:
                line[f"{name}_" if name in _RESERVED else name] = _mask(name, value)
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = f"{record.exc_info[0].__name__}: {record.exc_info[1]}"
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=_describe)


def setup_logs(level: str, stream: TextIO | None = None) -> None:
    """Send every log of `level` (debug, info, warning, error) and above to `stream`, or stderr.

    Replaces what was set up before; the handlers of libraries are left out.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def format_time(seconds: float) -> str:
    """RFC 3339 in UTC with milliseconds."""
    whole = int(seconds)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
    return f"{text}.{int((seconds - whole) * 1000):03}Z"


def _mask(name: str, value: Any) -> Any:
    if any(part in name.lower() for part in _SECRET):
        return MASK
    return _make_plain(value)


def _make_plain(value: Any) -> Any:
    """The value with bytes as hex and keys as text, masked within."""
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, dict):
        return {str(name): _mask(str(name), item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_make_plain(item) for item in value]
    return value


def _describe(value: object) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}..."
