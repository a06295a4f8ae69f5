"""A transaction's data as people and programs write it: JSON, with a way to say bytes.

    {"$hex": "00ff"}        the bytes of this hex
    {"$base64": "AP8="}     the bytes of this base64
    {"$file": "meter.bin"}  the bytes of this file
    {"$pem": "node.pem"}    the DER bytes of the first certificate in this file
    {"$sha256": "plan.pdf"} the SHA-256 of this file, which itself stays where it is

Whole numbers only: amounts are micro-yuan, times milliseconds.
"""

import base64
import binascii
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ledger.transaction import MAX_TRANSACTION_BYTES
from node.cli.output import CommandError
from node.keys import load_certificates

MAX_TEXT: Final = 1024 * 1024


def read_data(text: str) -> dict[str, Any]:
    """The data of `--data`: JSON, `@file`, or `-` for stdin; raises CommandError."""
    source = _load(text)
    if len(source) > MAX_TEXT:
        raise CommandError(f"the data has more than {MAX_TEXT} characters")
    try:
        value = json.loads(source, parse_float=_refuse_fraction, parse_constant=_refuse_fraction)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"the data is not JSON: {error}") from None
    if type(value) is not dict:
        raise CommandError('the data is not a JSON object, such as {"code": "..."}')
    return {name: _convert(item, name) for name, item in value.items()}


def _load(text: str) -> str:
    if text == "-":
        return sys.stdin.read(MAX_TEXT + 1)
    return Path(text[1:]).read_text("utf-8") if text.startswith("@") else text


def _refuse_fraction(text: str) -> Any:
    raise ValueError(f"{text} is not a whole number: amounts are micro-yuan, times milliseconds")


def _convert(value: Any, name: str) -> Any:
    if type(value) is list:
        return [_convert(item, name) for item in value]
    if type(value) is not dict:
        return value
    tags = [key for key in value if key.startswith("$")]
    if not tags:
        return {key: _convert(item, f"{name}.{key}") for key, item in value.items()}
    read = _READERS.get(tags[0])
    text = value[tags[0]]
    if len(value) != 1 or read is None or type(text) is not str:
        known = ", ".join(_READERS)
        raise CommandError(f"{name}: bytes are an object of one of {known} and a text")
    try:
        return read(text)
    except (binascii.Error, ValueError) as error:
        raise CommandError(f"{name}: {text[:40]!r} is not {tags[0][1:]}: {error}") from None


def _read_base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _read_file(text: str) -> bytes:
    path = Path(text)
    if path.stat().st_size > MAX_TRANSACTION_BYTES:
        raise ValueError(f"larger than a transaction may be ({MAX_TRANSACTION_BYTES} bytes)")
    return path.read_bytes()


def _read_pem(text: str) -> bytes:
    return load_certificates(Path(text))[0].der


def _read_digest(text: str) -> bytes:
    with Path(text).open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


_READERS: Final[dict[str, Callable[[str], bytes]]] = {
    "$hex": bytes.fromhex,
    "$base64": _read_base64,
    "$file": _read_file,
    "$pem": _read_pem,
    "$sha256": _read_digest,
}
