"""Transactions: who asks for what, until when, signed by whom (docs/spec/transaction.md).

signed transaction = [body: bin, signatures: [bin64, ...]]
body = {chain, data, kind, nonce, signers, until, v}
id   = SHA-256(body)                 what happens at most once
hash = SHA-256(signed transaction)   what proposals name and transactions_root commits
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from ledger import codec, shape
from ledger.codec import Value
from ledger.crypto import Domain, SigningKey, sha256
from ledger.errors import FormatError
from ledger.primitives import (
    KEY_BYTES,
    MAX_HEIGHT,
    NONCE_BYTES,
    SIGNATURE_BYTES,
    Digest,
    Height,
    PublicKey,
    Signature,
)

VERSION = 1
MAX_TRANSACTION_BYTES = 64 * 1024
MAX_SIGNERS = 8
MAX_KIND = 48
_KEYS = ("chain", "data", "kind", "nonce", "signers", "until", "v")
_KIND = re.compile(r"[a-z]+\.[a-z]+(_[a-z]+)*")
_CODE = re.compile(r"[0-9A-Z]{24}")
_KEY_SIGNER = re.compile(r"key:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Transaction:
    """A well-formed signed transaction; its signatures are not checked yet.

    `raw` are the bytes that came: they are forwarded and stored as they are. `payload` is what the
    contracts made of kind and data, kept so that they do so once.
    """

    raw: bytes
    body: bytes
    id: Digest
    hash: Digest
    kind: str
    data: dict[str, Value]
    signers: tuple[str, ...]
    until: Height
    nonce: bytes
    signatures: tuple[Signature, ...]
    payload: object = field(default=None, compare=False, repr=False)

    @property
    def actor(self) -> str:
        """The first signer, who acts; the others consent."""
        return self.signers[0]


def decode_transaction(raw: bytes, chain: str) -> Transaction:
    """The transaction of its bytes; raises EncodingError or FormatError.

    FormatError carries the codes `wrong-chain` and `format`; whether the kind exists and the
    signatures hold is for the caller to ask.
    """
    outer = shape.check_tuple(codec.decode(raw, MAX_TRANSACTION_BYTES), "a signed transaction", 2)
    body = shape.check_blob(outer[0], "body", MAX_TRANSACTION_BYTES)
    fields = shape.check_map(codec.decode(body), "body", _KEYS)
    if fields["v"] != VERSION or type(fields["v"]) is not int:
        raise FormatError(f"transactions of version {fields['v']!r} are not known here")
    if fields["chain"] != chain:
        raise FormatError(f"the transaction is for another chain than {chain}", "wrong-chain")
    if type(fields["data"]) is not dict:
        raise FormatError("data is not a map")
    signers = _check_signers(fields["signers"])
    return Transaction(
        raw=raw,
        body=body,
        id=sha256(body),
        hash=sha256(raw),
        kind=_check_kind(fields["kind"]),
        data=fields["data"],
        signers=signers,
        until=Height(shape.check_integer(fields["until"], "until", 1, MAX_HEIGHT)),
        nonce=shape.check_bytes(fields["nonce"], "nonce", NONCE_BYTES),
        signatures=_check_signatures(outer[1], len(signers)),
    )


def compose_body(
    chain: str, kind: str, data: dict[str, Value], signers: Sequence[str], until: int, nonce: bytes
) -> bytes:
    """The body that all signers sign; `nonce` is 16 bytes that make it unlike any other."""
    body = codec.encode(
        {
            "chain": chain,
            "data": data,
            "kind": kind,
            "nonce": nonce,
            "signers": list(signers),
            "until": until,
            "v": VERSION,
        }
    )
    if len(body) > MAX_TRANSACTION_BYTES:
        raise FormatError("the transaction is too large", "too-large")
    return body


def sign_body(body: bytes, domain: Domain, keys: Iterable[SigningKey]) -> bytes:
    """The signed transaction: one signature per key, in the order of the body's signers."""
    return join_signatures(body, [domain.sign(key, body) for key in keys])


def join_signatures(body: bytes, signatures: Sequence[bytes]) -> bytes:
    """The signed transaction of a body and signatures that were made apart."""
    return codec.encode([body, list(signatures)])


@lru_cache(maxsize=65536)
def parse_key_signer(signer: str) -> PublicKey | None:
    """The key of a `key:<64 hex>` signer; None for a code."""
    if signer.startswith("key:"):
        return PublicKey(bytes.fromhex(signer[4:]))
    return None


def key_signer(key: PublicKey) -> str:
    """The signer that stands for a bare key."""
    assert len(key) == KEY_BYTES
    return f"key:{key.hex()}"


def _check_kind(value: Value) -> str:
    kind = shape.check_text(value, "kind", MAX_KIND)
    if not _is_kind(kind):
        raise FormatError("kind is not of the form contract.verb")
    return kind


@lru_cache(maxsize=1024)
def _is_kind(kind: str) -> bool:
    return _KIND.fullmatch(kind) is not None


@lru_cache(maxsize=65536)
def _is_signer(signer: str) -> bool:
    return bool(_CODE.fullmatch(signer) or _KEY_SIGNER.fullmatch(signer))


def _check_signers(value: Value) -> tuple[str, ...]:
    signers = shape.check_list(value, "signers", MAX_SIGNERS, 1)
    for signer in signers:
        if type(signer) is not str or len(signer) > 68 or not _is_signer(signer):
            raise FormatError("a signer is neither a code nor key:<64 hex>")
    if len(signers) > 1 and len(set(signers)) != len(signers):
        raise FormatError("a signer stands twice")
    return tuple(signers)


def _check_signatures(value: Value, count: int) -> tuple[Signature, ...]:
    signatures = shape.check_list(value, "signatures", MAX_SIGNERS)
    if len(signatures) != count:
        raise FormatError(f"{count} signers, but {len(signatures)} signatures", "signature-count")
    return tuple(
        Signature(shape.check_bytes(item, "a signature", SIGNATURE_BYTES)) for item in signatures
    )
