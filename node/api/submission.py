"""What a submission's body says: one signed transaction or a batch, in MessagePack or JSON.

1. MessagePack: `[bin, [bin, ...]]` is one transaction, `[bin, ...]` a batch. Both are canonical;
   the inner bytes are handed on as they came and decoded once, by the peer.
2. JSON: `{"body": base64, "signatures": [base64, ...]}` is one, an array of those a batch.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ledger import codec
from ledger.codec import Value
from ledger.errors import EncodingError
from ledger.transaction import MAX_SIGNERS, MAX_TRANSACTION_BYTES
from node.api.problems import Problem


@dataclass(frozen=True, slots=True)
class Submission:
    """Signed transactions; `single` says that one was sent, not a batch of one."""

    raws: Sequence[bytes]
    single: bool


def read_msgpack(data: bytes, max_batch: int) -> Submission:
    """The submission of a MessagePack body; raises Problem."""
    try:
        value = codec.decode(data, len(data))
    except EncodingError as error:
        raise Problem(error.code, str(error)) from None
    if type(value) is not list:
        raise Problem("bad-batch", "the body is not an array")
    if len(value) == 2 and type(value[0]) is bytes and type(value[1]) is list:
        return Submission((data,), single=True)
    _check_batch(value, max_batch)
    for item in value:
        if type(item) is not bytes:
            raise Problem("bad-batch", "a batch holds signed transactions as byte strings only")
    return Submission(value, single=False)


def read_json(data: bytes, max_batch: int) -> Submission:
    """The submission of a JSON body; raises Problem."""
    try:
        value = json.loads(data, object_pairs_hook=_refuse_doubles)
    except (ValueError, RecursionError) as error:
        raise Problem("bad-json", f"the body is not JSON: {error}") from None
    if type(value) is list:
        _check_batch(value, max_batch)
        return Submission([_join(item) for item in value], single=False)
    return Submission((_join(value),), single=True)


def _check_batch(value: list[Value], max_batch: int) -> None:
    if not value:
        raise Problem("bad-batch", "the batch is empty")
    if len(value) > max_batch:
        raise Problem("too-large", f"{len(value)} transactions where {max_batch} are allowed")


def _join(value: Any) -> bytes:
    """The signed transaction of its JSON form."""
    if type(value) is not dict or value.keys() != {"body", "signatures"}:
        raise Problem("bad-json", "a transaction is an object of body and signatures")
    signatures = value["signatures"]
    if type(signatures) is not list or len(signatures) > MAX_SIGNERS:
        raise Problem("bad-json", f"signatures is an array of at most {MAX_SIGNERS}")
    body = _decode(value["body"], "body")
    return codec.encode([body, [_decode(item, "a signature") for item in signatures]])


def _decode(text: Any, name: str) -> bytes:
    if type(text) is not str:
        raise Problem("bad-json", f"{name} is not text in base64")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Problem("bad-json", f"{name} is not base64") from None
    if len(data) > MAX_TRANSACTION_BYTES:
        raise Problem("too-large", f"{name} has over {MAX_TRANSACTION_BYTES} bytes")
    return data


def _refuse_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object names a member twice")
    return value
