"""The proof bundle: one self-contained JSON document (docs/spec/proof.md).

    {"anchor": {"certificate", "header"}, "claims": [...], "digest", "epochs": [...],
     "format": "suanlian-proof-1", "genesis", "headers": [...]}

1. The text is canonical: sorted keys, no spaces, ASCII, one newline at the end. Digests are
   lowercase hex, other bytes standard base64, numbers decimal text. Anything else is refused, so
   that a bundle has one byte string.
2. `digest` is the SHA-256 of the text that has it empty. It proves nothing; it tells a damaged
   bundle from one that says something else.

This module knows the form. `node.client.verify` says whether it is true.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from ledger.crypto import sha256
from ledger.errors import LedgerError, ProofError
from ledger.leaf_proof import Leaf, Path
from ledger.primitives import Digest
from ledger.proof import (
    NeighbourProof,
    PrefixProof,
    RecordProof,
    Version,
    check_version,
)

FORMAT: Final = "suanlian-proof-1"
MAX_BUNDLE_BYTES: Final = 64 * 1024 * 1024
_KEYS = ("anchor", "claims", "digest", "epochs", "format", "genesis", "headers")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")
_HEX = re.compile(r"[0-9a-f]{64}")
T = TypeVar("T")


class BundleError(ProofError):
    """A bundle that proves nothing; `part` is what broke, the message how."""

    code = "bundle"

    def __init__(self, part: str, message: str) -> None:
        super().__init__(f"{part}: {message}")
        self.part = part


@dataclass(frozen=True, slots=True)
class Certified:
    """A canonical header and its finalization certificate."""

    header: bytes
    certificate: bytes


@dataclass(frozen=True, slots=True)
class EpochLink:
    """The last block of an epoch, and the canonical validator set of the next."""

    header: bytes
    certificate: bytes
    next_validators: bytes


@dataclass(frozen=True, slots=True)
class PastHeader:
    """A header below the anchor, with its inclusion path under the anchor's `history_root`."""

    header: bytes
    path: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class RecordClaim:
    """A record stands, with this value."""

    record: RecordProof


@dataclass(frozen=True, slots=True)
class AbsenceClaim:
    """No record stands under the key."""

    key: bytes
    neighbour: NeighbourProof


@dataclass(frozen=True, slots=True)
class PrefixClaim:
    """These are all the records under a prefix."""

    prefix: PrefixProof


@dataclass(frozen=True, slots=True)
class VersionsClaim:
    """A record stands, and these are the versions before it, newest first."""

    record: RecordProof
    older: tuple[Version, ...]


@dataclass(frozen=True, slots=True)
class TransactionClaim:
    """A signed transaction is at a place of history, and this is its result."""

    height: int
    index: int
    transaction: bytes
    path: tuple[Digest, ...]
    result: bytes
    result_path: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class ResultClaim:
    """A due item was executed by a block itself, with this result."""

    height: int
    index: int
    result: bytes
    result_path: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class ConsistencyClaim:
    """The history below one header is the beginning of that below a later one."""

    height: int
    later: int
    path: tuple[Digest, ...]


Claim: TypeAlias = (
    RecordClaim
    | AbsenceClaim
    | PrefixClaim
    | VersionsClaim
    | TransactionClaim
    | ResultClaim
    | ConsistencyClaim
)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A proof bundle; `genesis` is the canonical document."""

    genesis: bytes
    epochs: tuple[EpochLink, ...]
    anchor: Certified
    headers: tuple[PastHeader, ...]
    claims: tuple[Claim, ...]

    def encode(self) -> bytes:
        """The canonical text."""
        document = {
            "anchor": _show(
                certificate=_blob(self.anchor.certificate), header=_blob(self.anchor.header)
            ),
            "claims": [_show_claim(claim) for claim in self.claims],
            "digest": "",
            "epochs": [
                _show(
                    certificate=_blob(link.certificate),
                    header=_blob(link.header),
                    next_validators=_blob(link.next_validators),
                )
                for link in self.epochs
            ],
            "format": FORMAT,
            "genesis": _blob(self.genesis),
            "headers": [
                _show(header=_blob(past.header), path=_digests(past.path)) for past in self.headers
            ],
        }
        document["digest"] = compute_digest(document).hex()
        return compose_text(document)


def compose_text(document: Any) -> bytes:
    """The canonical text of a JSON value."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return text.encode() + b"\n"


def compute_digest(document: dict[str, Any]) -> Digest:
    """The digest of a document, whatever digest it has."""
    return sha256(compose_text(document | {"digest": ""}))


def decode_bundle(data: bytes) -> tuple[Bundle, bool]:
    """The bundle of its text, and whether the digest is right; raises BundleError.

    The digest is for the caller to judge once nothing else was found broken, because everything
    else says more precisely what is.
    """
    document = _load(data)
    fields = _Fields(document, "document", _KEYS)
    if fields.text("format") != FORMAT:
        raise BundleError("format", f"not a {FORMAT}")
    stated = fields.digest("digest")
    anchor = _Fields(fields.item("anchor"), "anchor", ("certificate", "header"))
    bundle = Bundle(
        genesis=_read_blob(fields.item("genesis"), "genesis", "the document"),
        epochs=fields.each("epochs", "epoch", _read_epoch),
        anchor=Certified(anchor.blob("header"), anchor.blob("certificate")),
        headers=fields.each("headers", "header", _read_past),
        claims=fields.each("claims", "claim", _read_claim),
    )
    return bundle, stated == compute_digest(document)


def _load(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_BUNDLE_BYTES:
        raise BundleError("text", f"longer than {MAX_BUNDLE_BYTES} bytes")
    try:
        text = data.decode("ascii")
        document = json.loads(text)
        canonical = compose_text(document)
    except UnicodeDecodeError as error:
        raise BundleError("text", f"not ASCII at character {error.start}") from None
    except json.JSONDecodeError as error:
        raise BundleError("text", f"not JSON at character {error.pos}") from None
    except (ValueError, RecursionError):
        raise BundleError("text", "not JSON of a bundle") from None
    if canonical != data:
        at = next(
            (n for n, (a, b) in enumerate(zip(canonical, data, strict=False)) if a != b),
            min(len(canonical), len(data)),
        )
        raise BundleError("text", f"not in canonical form at character {at}")
    if type(document) is not dict:
        raise BundleError("text", "not a JSON object")
    return document


class _Fields:
    """The fields of one JSON object, each checked as it is read."""

    __slots__ = ("_fields", "part")

    def __init__(self, value: Any, part: str, names: Iterable[str]) -> None:
        wanted = set(names)
        if type(value) is not dict or value.keys() != wanted:
            raise BundleError(part, f"has not exactly the fields {', '.join(sorted(wanted))}")
        self._fields: dict[str, Any] = value
        self.part = part

    def item(self, name: str) -> Any:
        return self._fields[name]

    def text(self, name: str) -> str:
        value = self._fields[name]
        if type(value) is not str:
            raise BundleError(self.part, f"{name} is not text")
        return value

    def number(self, name: str) -> int:
        value = self.text(name)
        if not _NUMBER.fullmatch(value):
            raise BundleError(self.part, f"{name} is not a number")
        return int(value)

    def digest(self, name: str) -> Digest:
        return self._digest(self._fields[name], name)

    def blob(self, name: str) -> bytes:
        return _read_blob(self._fields[name], self.part, name)

    def blobs(self, name: str) -> tuple[bytes, ...]:
        return tuple(_read_blob(item, self.part, name) for item in self._list(name))

    def digests(self, name: str) -> tuple[Digest, ...]:
        return tuple(self._digest(item, name) for item in self._list(name))

    def each(self, name: str, part: str, read: Callable[[Any, str], T]) -> tuple[T, ...]:
        return tuple(read(item, f"{part} {n}") for n, item in enumerate(self._list(name)))

    def _list(self, name: str) -> list[Any]:
        value = self._fields[name]
        if type(value) is not list:
            raise BundleError(self.part, f"{name} is not a list")
        return value

    def _digest(self, value: Any, name: str) -> Digest:
        if type(value) is not str or not _HEX.fullmatch(value):
            raise BundleError(self.part, f"{name} is not a digest of 64 lowercase hex characters")
        return Digest(bytes.fromhex(value))


def _read_blob(value: Any, part: str, name: str) -> bytes:
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise BundleError(part, f"{name} is not base64") from None
    if _blob(data) != value:
        raise BundleError(part, f"{name} is not the one base64 of its bytes")
    return data


def _blob(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _digests(path: Iterable[bytes]) -> list[str]:
    return [node.hex() for node in path]


def _show(**fields: Any) -> dict[str, Any]:
    return fields


def _read_epoch(value: Any, part: str) -> EpochLink:
    fields = _Fields(value, part, ("certificate", "header", "next_validators"))
    return EpochLink(
        fields.blob("header"), fields.blob("certificate"), fields.blob("next_validators")
    )


def _read_past(value: Any, part: str) -> PastHeader:
    fields = _Fields(value, part, ("header", "path"))
    return PastHeader(fields.blob("header"), fields.digests("path"))


def _show_claim(claim: Claim) -> dict[str, Any]:
    match claim:
        case RecordClaim(record):
            return _show(type="record", record=_show_record(record))
        case AbsenceClaim(key, neighbour):
            return _show(type="absence", key=_blob(key), neighbour=_show_neighbour(neighbour))
        case PrefixClaim(proof):
            return _show(
                type="prefix",
                prefix=_blob(proof.prefix),
                before=_show_neighbour(proof.before),
                records=[_show_record(record) for record in proof.records],
            )
        case VersionsClaim(record, older):
            bodies = [_blob(version.body) for version in older]
            return _show(type="versions", record=_show_record(record), older=bodies)
        case TransactionClaim():
            return _show(
                type="transaction",
                transaction=_blob(claim.transaction),
                path=_digests(claim.path),
                **_show_result(claim),
            )
        case ResultClaim():
            return _show(type="result", **_show_result(claim))
        case ConsistencyClaim(height, later, path):
            return _show(
                type="consistency", height=str(height), later=str(later), path=_digests(path)
            )


def _show_result(claim: TransactionClaim | ResultClaim) -> dict[str, Any]:
    return _show(
        height=str(claim.height),
        index=str(claim.index),
        result=_blob(claim.result),
        result_path=_digests(claim.result_path),
    )


def _show_path(path: Path) -> dict[str, Any]:
    return _show(count=str(path.count), path=[_blob(level) for level in path.siblings])


def _show_record(proof: RecordProof) -> dict[str, Any]:
    return _show(
        key=_blob(proof.key),
        next_key=_blob(proof.next_key),
        record=_blob(proof.version.body),
        slot=str(proof.slot),
        **_show_path(proof.path),
    )


def _show_neighbour(proof: NeighbourProof) -> dict[str, Any]:
    return _show(
        key=_blob(proof.leaf.key),
        next_key=_blob(proof.leaf.next_key),
        slot=str(proof.leaf.slot),
        value_hash=proof.leaf.value_hash.hex(),
        **_show_path(proof.path),
    )


def _read_record(value: Any, part: str) -> RecordProof:
    fields = _Fields(value, part, ("count", "key", "next_key", "path", "record", "slot"))
    return RecordProof(
        fields.number("slot"),
        fields.blob("key"),
        fields.blob("next_key"),
        _read_version(fields.blob("record"), part),
        Path(fields.number("count"), fields.blobs("path")),
    )


def _read_neighbour(value: Any, part: str) -> NeighbourProof:
    fields = _Fields(value, part, ("count", "key", "next_key", "path", "slot", "value_hash"))
    leaf = Leaf(
        fields.number("slot"),
        fields.blob("key"),
        fields.blob("next_key"),
        fields.digest("value_hash"),
    )
    return NeighbourProof(leaf, Path(fields.number("count"), fields.blobs("path")))


def _read_version(body: bytes, part: str) -> Version:
    try:
        return check_version(body)
    except LedgerError as error:
        raise BundleError(part, str(error)) from None


def _read_claim(value: Any, part: str) -> Claim:
    kind = value.get("type") if type(value) is dict else None
    read = _CLAIMS.get(kind) if type(kind) is str else None
    if read is None:
        raise BundleError(part, f"the type of claim {kind!r} is not known")
    names, make = read
    return make(_Fields(value, f"{part} ({kind})", ("type", *names)))


def _make_record(fields: _Fields) -> Claim:
    return RecordClaim(_read_record(fields.item("record"), fields.part))


def _make_absence(fields: _Fields) -> Claim:
    return AbsenceClaim(fields.blob("key"), _read_neighbour(fields.item("neighbour"), fields.part))


def _make_prefix(fields: _Fields) -> Claim:
    before = _read_neighbour(fields.item("before"), f"{fields.part} before")
    records = fields.each("records", f"{fields.part} record", _read_record)
    return PrefixClaim(PrefixProof(fields.blob("prefix"), before, records))


def _make_versions(fields: _Fields) -> Claim:
    older = tuple(
        _read_version(body, f"{fields.part} version {n} back")
        for n, body in enumerate(fields.blobs("older"), start=1)
    )
    return VersionsClaim(_read_record(fields.item("record"), fields.part), older)


def _make_transaction(fields: _Fields) -> Claim:
    return TransactionClaim(
        fields.number("height"),
        fields.number("index"),
        fields.blob("transaction"),
        fields.digests("path"),
        fields.blob("result"),
        fields.digests("result_path"),
    )


def _make_result(fields: _Fields) -> Claim:
    return ResultClaim(
        fields.number("height"),
        fields.number("index"),
        fields.blob("result"),
        fields.digests("result_path"),
    )


def _make_consistency(fields: _Fields) -> Claim:
    return ConsistencyClaim(fields.number("height"), fields.number("later"), fields.digests("path"))


_RESULT_FIELDS = ("height", "index", "result", "result_path")
_CLAIMS: Final[dict[str, tuple[tuple[str, ...], Callable[[_Fields], Claim]]]] = {
    "absence": (("key", "neighbour"), _make_absence),
    "consistency": (("height", "later", "path"), _make_consistency),
    "prefix": (("before", "prefix", "records"), _make_prefix),
    "record": (("record",), _make_record),
    "result": (_RESULT_FIELDS, _make_result),
    "transaction": (("path", "transaction", *_RESULT_FIELDS), _make_transaction),
    "versions": (("older", "record"), _make_versions),
}
