"""Canonical MessagePack: one byte string per value (docs/spec/encoding.md).

1. Integers take their shortest form and lie within -2^63 and 2^64 - 1.
2. Text is valid UTF-8 in `str`; bytes are `bin`.
3. Maps have text keys, strictly ascending in byte order, so none twice.
4. No floats, no extension types. Nesting is at most `MAX_DEPTH` deep.
5. A decoder accepts exactly what the encoder emits: it decodes, encodes again and compares.
"""

from typing import Any, TypeAlias, TypeGuard

import msgpack

from ledger.errors import EncodingError

# Any, not a recursive alias: values are read through the checking accessors of `ledger.shape`.
Value: TypeAlias = Any

MAX_DEPTH = 16
MAX_BYTES = 16 * 1024 * 1024
_SCALARS = frozenset((int, str, bytes, bool, type(None)))

_pack = msgpack.Packer(use_bin_type=True, autoreset=True).pack


def encode(value: Value) -> bytes:
    """The canonical bytes of a value of dict, list, tuple, str, bytes, int, bool and None."""
    try:
        return bytes(_pack(_ordered(value, MAX_DEPTH)))
    except (OverflowError, UnicodeEncodeError) as error:
        raise EncodingError(f"cannot encode: {error}") from None


def decode(data: bytes, max_bytes: int = MAX_BYTES) -> Value:
    """The value of canonical bytes; raises EncodingError for anything else."""
    if len(data) > max_bytes:
        raise EncodingError(f"{len(data)} bytes where at most {max_bytes} are allowed", "too-large")
    try:
        value = msgpack.unpackb(data, raw=False, strict_map_key=True)
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
        raise EncodingError(f"not MessagePack: {error or type(error).__name__}") from None
    _check(value, MAX_DEPTH)
    if _pack(value) != data:
        raise EncodingError("not in canonical form", "non-canonical")
    return value


def decode_trusted(data: bytes) -> Value:
    """The value of bytes that this process encoded itself and a checksum has guarded since."""
    return msgpack.unpackb(data, raw=False, strict_map_key=True)


def is_digest(value: Value) -> TypeGuard[bytes]:
    """Whether a decoded value has the shape of a digest."""
    return type(value) is bytes and len(value) == 32


def _ordered(value: Value, depth: int) -> Value:
    """The value with its maps in order; scalars are let through without a call of their own."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if depth == 0:
        raise EncodingError(f"nested deeper than {MAX_DEPTH}", "too-deep")
    if kind is dict:
        for key in value:
            if type(key) is not str:
                raise EncodingError("a map key is not text")
        return {
            key: item if type(item := value[key]) in _SCALARS else _ordered(item, depth - 1)
            for key in sorted(value)
        }
    if kind is list or kind is tuple:
        return [item if type(item) in _SCALARS else _ordered(item, depth - 1) for item in value]
    raise EncodingError(f"{kind.__name__} has no canonical encoding")


def _check(value: Value, depth: int) -> None:
    kind = type(value)
    if kind in _SCALARS:
        return
    if depth == 0:
        raise EncodingError(f"nested deeper than {MAX_DEPTH}", "too-deep")
    if kind is dict:
        last = None
        for key, item in value.items():
            if type(key) is not str:
                raise EncodingError("a map key is not text", "non-canonical")
            if last is not None and key <= last:
                raise EncodingError("map keys are not in order", "non-canonical")
            last = key
            if type(item) not in _SCALARS:
                _check(item, depth - 1)
    elif kind is list:
        for item in value:
            if type(item) not in _SCALARS:
                _check(item, depth - 1)
    else:
        raise EncodingError(f"{kind.__name__} has no canonical encoding", "non-canonical")
