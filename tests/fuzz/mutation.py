"""Bytes that are nearly right: seeds with something changed, cut, repeated or put in."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

from ledger import codec
from ledger.errors import LedgerError
from tests.fuzz.target import Target

ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 127, 128, 1 << 31, (1 << 63) - 1, 1 << 63, (1 << 64) - 1,
    -(1 << 63), "", "a", "\x00", "é", "0", "1" * 70, "key:", b"", b"\x00", bytes(32), bytes(64),
    [], [[]], {}, {"": None},
)  # fmt: skip
ODD_JSON: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, float("inf"), float("nan"), 10**18, 10**30, "", "0", "00", "-1", "é",
    "\ud800", "\x00", "AA==", "A", "ff" * 32, "1" * 20, [], [[]], {}, {"type": []},
)  # fmt: skip
ODD_BYTES = (
    b"", b"\x00", b"\xff", b"\x80", b"\x90", b"\xc0", b"\xc1", b"\xc4\x20", b"\xca\x00\x00\x00\x00",
    b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xd9\xff",
    b"1e999", b"NaN", b"null", b"[", b"]", b'"', b"{", b"-", b"\xed\xa0\x80", b"9" * 5000,
    b"[" * 5000, b"\x91" * 500, b"\x30\x84\xff\xff\xff\xff",
)  # fmt: skip


def mutate(target: Target, random: Random) -> bytes:
    """A seed of a target, changed."""
    seed = random.choice(target.seeds())
    if random.random() < 0.4:
        changed = _change_value(target, seed, random)
        if changed is not None:
            return changed
    for _ in range(random.choice((1, 1, 2, 4))):
        seed = _change_bytes(seed, random)
    return seed


def _change_bytes(data: bytes, random: Random) -> bytes:
    at = random.randint(0, len(data))
    until = min(len(data), at + random.choice((0, 1, 1, 2, 8, 64)))
    match random.randrange(6):
        case 0:
            return data[:at] + random.choice(ODD_BYTES) + data[until:]
        case 1:
            return data[:at] + random.randbytes(until - at) + data[until:]
        case 2:
            return data[:at] + data[until:]
        case 3:
            return data[:at] + data[at:until] * 2 + data[until:]
        case 4:
            return data[:at]
        case _:
            return data + random.choice(ODD_BYTES)


def _change_value(target: Target, data: bytes, random: Random) -> bytes | None:
    """The same form with another value somewhere in it; None where it has none."""
    load: Callable[[bytes], Any] = json.loads if target.is_json else codec.decode
    try:
        value = load(data)
    except (ValueError, LedgerError):
        return None
    _replace(value, ODD_JSON if target.is_json else ODD_VALUES, random)
    try:
        return _dump(value) if target.is_json else codec.encode(value)
    except LedgerError:
        return None


def _dump(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _replace(place: Any, odd: tuple[Any, ...], random: Random) -> None:
    """Change one entry, at any depth, of a list or a map."""
    while type(place) in (dict, list) and place:
        key = random.choice(sorted(place)) if type(place) is dict else random.randrange(len(place))
        inner = place[key]
        if type(inner) in (dict, list) and inner and random.random() < 0.7:
            place = inner
            continue
        match random.randrange(4):
            case 0:
                del place[key]
            case 1 if type(place) is dict:
                place["odd"] = random.choice(odd)
            case 1:
                place.append(inner)
            case _:
                place[key] = random.choice(odd)
        return


def list_amplifiers(target: Target) -> list[bytes]:
    """Few bytes that ask for much."""
    if target.is_json:
        many = b"[" + b"[]," * 10_000 + b"[]]"
        return [
            many,
            b'{"a":' * 400 + b"1" + b"}" * 400,
            b"[" * 20_000,
            b'"' + b"A" * 60_000 + b'"',
        ]
    count = (20_000).to_bytes(4, "big")
    return [
        b"\xdd" + count + b"\x90" * 20_000,
        b"\xdd" + count + b"\xc0" * 20_000,
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff\xa0",
        b"\xc6\xff\xff\xff\xff",
        b"\x91" * 20_000,
        b"\x30\x84\x7f\xff\xff\xff" + bytes(1000),
    ]
