"""Signing by several parties: the body goes out as a file, signatures come back as files.

    draft      {"format": "suanlian-draft-1", "genesis": hex, "body": base64,
                "signatures": {signer: base64, ...}}
    signature  {"format": "suanlian-signature-1", "id": hex, "signer": ..., "signature": base64}

Both are JSON, small enough for a letter. A draft with all its signatures is a transaction. Every
signature is checked against the body when it is joined, where the key is known: a `key:` signer's
always, a code's by the peer.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ledger import codec
from ledger.codec import Value
from ledger.crypto import Domain, Purpose, SigningKey, sha256
from ledger.errors import LedgerError
from ledger.primitives import SIGNATURE_BYTES, Digest
from ledger.transaction import decode_transaction, join_signatures, parse_key_signer
from node.client.composer import Signed
from node.client.errors import PartError

DRAFT_FORMAT: Final = "suanlian-draft-1"
SIGNATURE_FORMAT: Final = "suanlian-signature-1"
MAX_FILE_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """One signer's signature of the transaction `id`."""

    id: str
    signer: str
    signature: bytes

    def encode(self) -> str:
        """The signature file."""
        return _dump(
            {
                "format": SIGNATURE_FORMAT,
                "id": self.id,
                "signer": self.signer,
                "signature": base64.b64encode(self.signature).decode(),
            }
        )


@dataclass(frozen=True, slots=True)
class Draft:
    """A body on its way to its signers."""

    genesis_hash: Digest
    body: bytes
    signatures: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The transaction's id in hex."""
        return sha256(self.body).hex()

    @property
    def fields(self) -> dict[str, Value]:
        """What the body says: chain, data, kind, nonce, signers, until, v."""
        fields: dict[str, Value] = codec.decode(self.body)
        return fields

    @property
    def signers(self) -> tuple[str, ...]:
        """All who must sign, in order."""
        return tuple(self.fields["signers"])

    @property
    def missing(self) -> tuple[str, ...]:
        """Those who have not signed yet."""
        return tuple(signer for signer in self.signers if signer not in self.signatures)

    def sign(self, signer: str, key: SigningKey) -> Part:
        """One signer's signature; raises PartError when the body does not ask for it."""
        if signer not in self.signers:
            raise PartError(f"{signer} is not a signer: {', '.join(self.signers)}")
        return Part(self.id, signer, self._domain.sign(key, self.body))

    def joined(self, parts: Iterable[Part]) -> "Draft":
        """The draft with further signatures; raises PartError."""
        signatures = dict(self.signatures)
        for part in parts:
            self._check(part)
            signatures[part.signer] = part.signature
        return replace(self, signatures=signatures)

    def finish(self) -> Signed:
        """The signed transaction; raises PartError while signatures are missing."""
        if self.missing:
            raise PartError(f"not signed yet by {', '.join(self.missing)}")
        raw = join_signatures(self.body, [self.signatures[signer] for signer in self.signers])
        return Signed(raw, self.body)

    def encode(self) -> str:
        """The draft file."""
        signatures = {
            signer: base64.b64encode(self.signatures[signer]).decode()
            for signer in self.signers
            if signer in self.signatures
        }
        return _dump(
            {
                "format": DRAFT_FORMAT,
                "genesis": self.genesis_hash.hex(),
                "body": base64.b64encode(self.body).decode(),
                "signatures": signatures,
            }
        )

    @property
    def _domain(self) -> Domain:
        return Domain(Purpose.TRANSACTION, self.genesis_hash)

    def _check(self, part: Part) -> None:
        if part.id != self.id:
            raise PartError(f"the signature of {part.signer} is for another body, {part.id[:16]}")
        if part.signer not in self.signers:
            raise PartError(f"{part.signer} is not a signer: {', '.join(self.signers)}")
        key = parse_key_signer(part.signer)
        if key is not None and not self._domain.is_valid(key, part.signature, self.body):
            raise PartError(f"the signature of {part.signer} is wrong")


def make_draft(genesis_hash: Digest, body: bytes) -> Draft:
    """A draft without signatures; raises PartError unless the body is one of this chain."""
    draft = Draft(genesis_hash, body)
    try:
        fields = codec.decode(body)
        chain = fields["chain"]
        placeholder = [bytes(SIGNATURE_BYTES)] * len(fields["signers"])
        decode_transaction(join_signatures(body, placeholder), chain)
    except (LedgerError, KeyError, TypeError) as error:
        raise PartError(f"the body is not that of a transaction: {error}") from None
    if not chain.endswith(f"-{genesis_hash.hex()[:16]}"):
        raise PartError(f"the body is for {chain}, which is not the chain of this genesis hash")
    return draft


def read_draft(text: str) -> Draft:
    """The draft of a file; raises PartError."""
    fields = _load(text, DRAFT_FORMAT, ("format", "genesis", "body", "signatures"))
    try:
        genesis_hash = Digest(bytes.fromhex(fields["genesis"]))
    except (TypeError, ValueError):
        raise PartError("the draft's genesis is not hex") from None
    draft = make_draft(genesis_hash, _decode(fields["body"], "body"))
    if type(fields["signatures"]) is not dict:
        raise PartError("the draft's signatures are not an object")
    parts = [
        Part(draft.id, signer, _decode_signature(text))
        for signer, text in fields["signatures"].items()
    ]
    return draft.joined(parts)


def read_part(text: str) -> Part:
    """The signature of a file; raises PartError."""
    fields = _load(text, SIGNATURE_FORMAT, ("format", "id", "signer", "signature"))
    if type(fields["id"]) is not str or type(fields["signer"]) is not str:
        raise PartError("the signature file is damaged")
    return Part(fields["id"], fields["signer"], _decode_signature(fields["signature"]))


def _load(text: str, format_: str, names: tuple[str, ...]) -> dict[str, Any]:
    if len(text) > MAX_FILE_BYTES:
        raise PartError(f"a file has at most {MAX_FILE_BYTES} bytes")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise PartError("the file is not JSON") from None
    if type(fields) is not dict or fields.get("format") != format_:
        raise PartError(f"the file is not a {format_}")
    if fields.keys() != set(names):
        raise PartError(f"a {format_} has exactly: {', '.join(names)}")
    return fields


def _decode(text: Any, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise PartError(f"{name} is not base64") from None


def _decode_signature(text: Any) -> bytes:
    signature = _decode(text, "a signature")
    if len(signature) != SIGNATURE_BYTES:
        raise PartError(f"a signature has {SIGNATURE_BYTES} bytes")
    return signature


def _dump(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2) + "\n"
