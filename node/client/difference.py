"""Values for people, and what differs between two versions of one."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ledger.codec import Value

_ABSENT = object()
_LONG_HEX = re.compile(r"(?:[0-9a-f]{2}){65,}")  # longer than a digest, a key or a signature


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs; `before` or `after` is None where there was or is none.

    `path` names it from the value's top, `terms.price`; empty for the value as a whole. Both values
    are JSON as `show_value` makes it.
    """

    path: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.path or 'value'}: {show_text(self.before)} -> {show_text(self.after)}"


def show_value(value: Value) -> Any:
    """A decoded value in JSON: integers as text, bytes as lowercase hex."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int:
        return str(value)
    if kind is bytes:
        return value.hex()
    if kind is dict:
        return {key: show_value(item) for key, item in value.items()}
    return [show_value(item) for item in value]


def show_text(value: Any) -> str:
    """A value for people: of long bytes, such as a certificate, the beginning and the length."""
    if type(value) is not str:
        return json.dumps(value, ensure_ascii=False)
    if _LONG_HEX.fullmatch(value):
        return f"{value[:32]}... ({len(value) // 2} bytes)"
    return value


def show_key(key: bytes) -> str:
    """A state key on one line: its fields with slashes, or hex where they are not text."""
    body = key[:-1] if key.endswith(b"\x00") else key
    fields = body.split(b"\x00")
    if all(field and all(0x20 < byte < 0x7F for byte in field) for field in fields):
        return "/".join(field.decode("ascii") for field in fields)
    table, _, rest = body.partition(b"\x00")
    if table.isalnum() and rest:
        return f"{table.decode('ascii')}/0x{rest.hex()}"
    return f"0x{key.hex()}"


def iterate_fields(value: Any, path: str = "") -> Iterator[str]:
    """A value in JSON for people, one line a field: `terms.price: 5`."""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from iterate_fields(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from iterate_fields(item, f"{path}[{index}]")
    elif path or value != {}:
        yield f"{path or 'value'}: {show_text(value)}"


def compute_difference(before: Value, after: Value) -> list[Change]:
    """What differs, field by field through maps; lists differ as a whole."""
    return list(_walk("", before, after))


def _walk(path: str, before: Value, after: Value) -> list[Change]:
    if type(before) is dict and type(after) is dict:
        found: list[Change] = []
        for key in sorted({*before, *after}):
            inner = f"{path}.{key}" if path else key
            found += _walk(inner, before.get(key, _ABSENT), after.get(key, _ABSENT))
        return found
    # Equality of Python takes True for 1; the ledger does not.
    if type(before) is type(after) and before == after and repr(before) == repr(after):
        return []
    return [Change(path, _show(before), _show(after))]


def _show(value: Value) -> Any:
    return None if value is _ABSENT else show_value(value)
