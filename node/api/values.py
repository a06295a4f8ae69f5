"""The ledger's values in JSON (docs/spec/http.md).

1. Integers are text: no amount, time or height passes through a double.
2. Byte strings are lowercase hex.
3. A state key is its table and the list of its fields.
"""

from collections.abc import Sequence
from typing import Any

from ledger.record import Record
from ledger.result import Result
from node.api import keys
from node.client.difference import show_value
from node.port import Status


def show_record(key: bytes, record: Record) -> dict[str, Any]:
    """A record with where it came from."""
    return {
        "key": keys.split(key),
        "value": show_value(record.value),
        "version": str(record.version),
        "created_height": str(record.created),
        "height": str(record.height),
        "index": str(record.index),
        "previous_hash": record.previous.hex() or None,
        "hash": record.hash.hex(),
    }


def show_status(status: Status) -> dict[str, Any]:
    """What became of a transaction; code, height and index where it has them."""
    shown = {"id": status.id.hex(), "status": status.phase.value}
    if status.code:
        shown["code"] = status.code
    if status.height >= 0:
        shown |= {"height": str(status.height), "index": str(status.index)}
    return shown


def show_result(result: Result) -> dict[str, Any]:
    """What a transaction or a due item did."""
    return {
        "code": result.code,
        "events": [show_value(event) for event in result.events],
        "changes": show_changes(result.changes),
    }


def show_changes(changes: Sequence[tuple[bytes, int]]) -> list[dict[str, Any]]:
    """The versions that a transaction wrote."""
    return [{"key": keys.split(key), "version": str(version)} for key, version in changes]
