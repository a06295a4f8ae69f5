"""The ledger's values in JSON (docs/spec/http.md).

1. Integers are text: no amount, time or height passes through a double.
2. Byte strings are lowercase hex.
3. A state key is its table and the list of its fields.
"""

from typing import Any

from ledger.codec import Value
from ledger.primitives import Digest
from ledger.record import Record
from ledger.result import Result
from node.api import keys
from node.port import Status


def show(value: Value) -> Any:
    """A decoded value in JSON."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int:
        return str(value)
    if kind is bytes:
        return value.hex()
    if kind is dict:
        return {key: show(item) for key, item in value.items()}
    return [show(item) for item in value]


def show_record(key: bytes, record: Record) -> dict[str, Any]:
    """A record with where it came from."""
    return {
        "key": keys.split(key),
        "value": show(record.value),
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
        "events": [show(event) for event in result.events],
        "changes": [
            {"key": keys.split(key), "version": str(version)} for key, version in result.changes
        ],
    }


def show_place(height: int, index: int, id_: Digest) -> dict[str, str]:
    """Where a transaction stands."""
    return {"id": id_.hex(), "height": str(height), "index": str(index)}
