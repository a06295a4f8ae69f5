"""The claims of a bundle, each against the roots of the headers that stand (docs/spec/proof.md).

State claims lead to the state root of the anchor, claims about transactions and results to the
roots of their block's header. Identity records that the bundle proves give the keys against which
transactions are checked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from ledger import merkle
from ledger.block import Header
from ledger.codec import Value, encode
from ledger.crypto import Domain, Purpose, sha256
from ledger.errors import LedgerError, ProofError
from ledger.genesis import Genesis
from ledger.primitives import Digest, PublicKey
from ledger.proof import (
    RecordProof,
    Version,
    find_standing,
    verify_absence,
    verify_prefix,
    verify_record,
    verify_versions,
)
from ledger.record import make_key
from ledger.result import Result, decode_result
from ledger.transaction import Transaction, decode_transaction, parse_key_signer
from node.client.bundle import (
    AbsenceClaim,
    BundleError,
    Claim,
    ConsistencyClaim,
    PrefixClaim,
    RecordClaim,
    ResultClaim,
    TransactionClaim,
    VersionsClaim,
)
from node.client.difference import compute_difference, iterate_fields, show_key, show_value
from node.client.verified import Proved, show_span, show_time


def make_identity_key(code: str) -> bytes:
    """The key of the record that holds a code's public key under `key`."""
    return make_key("identity", code)


@dataclass(slots=True)
class Ground:
    """What a bundle's claims stand on: the anchor, and headers by height, the anchor's included."""

    genesis: Genesis
    genesis_hash: Digest
    anchor: Header
    headers: dict[int, Header]
    versions: dict[bytes, list[Version]] = field(default_factory=dict)
    _laid_down: dict[bytes, Value] | None = None

    def get_header(self, height: int, part: str) -> Header:
        """The header of a claim about a block."""
        header = self.headers.get(height)
        if header is None:
            raise BundleError(part, f"the bundle has no header of block {height}")
        return header

    def is_laid_down(self, key: bytes, value: Value) -> bool:
        """Whether the genesis document has this record."""
        if self._laid_down is None:
            self._laid_down = dict(self.genesis.records)
        return key in self._laid_down and encode(self._laid_down[key]) == encode(value)

    def learn(self, key: bytes, versions: Sequence[Version]) -> None:
        """Keep versions, newest first, that were proved."""
        known = self.versions.get(key, [])
        self.versions[key] = max(known, list(versions), key=len)


def verify_claims(ground: Ground, claims: Sequence[Claim]) -> tuple[Proved, ...]:
    """What the claims prove, in their order; raises BundleError."""
    proved: dict[int, Proved] = {}
    # Records come first, because they prove the keys that transactions are checked against.
    order = sorted(range(len(claims)), key=lambda n: isinstance(claims[n], TransactionClaim))
    for number in order:
        part = f"claim {number}"
        try:
            proved[number] = _verify(ground, claims[number], part)
        except BundleError:
            raise
        except LedgerError as error:
            raise BundleError(f"{part}, {describe(claims[number])}", str(error)) from None
    return tuple(proved[number] for number in range(len(claims)))


def describe(claim: Claim) -> str:
    """A claim in a few words."""
    match claim:
        case RecordClaim(record) | VersionsClaim(record):
            return f"record {show_key(record.key)}"
        case AbsenceClaim(key):
            return f"absence of {show_key(key)}"
        case PrefixClaim(proof):
            return f"records under {show_key(proof.prefix)}"
        case TransactionClaim(height, index):
            return f"transaction {index} of block {height}"
        case ResultClaim(height, index):
            return f"result {index} of block {height}"
        case ConsistencyClaim(height, later):
            return f"history between blocks {height} and {later}"
        case _:
            assert_never(claim)


def _verify(ground: Ground, claim: Claim, part: str) -> Proved:
    match claim:
        case RecordClaim(record):
            return _verify_record(ground, record)
        case AbsenceClaim():
            return _verify_absence(ground, claim)
        case PrefixClaim():
            return _verify_prefix(ground, claim)
        case VersionsClaim():
            return _verify_versions(ground, claim)
        case TransactionClaim():
            return _verify_transaction(ground, claim, part)
        case ResultClaim():
            return _verify_due(ground, claim, part)
        case ConsistencyClaim():
            return _verify_consistency(ground, claim, part)
        case _:
            assert_never(claim)


def _check_record(ground: Ground, proof: RecordProof) -> None:
    try:
        verify_record(proof, ground.anchor.state_root)
    except ProofError as error:
        raise ProofError(f"{error} of block {ground.anchor.height}") from None
    _check_written(ground, proof.key, proof.version)


def _check_written(ground: Ground, key: bytes, version: Version) -> None:
    """A record that says it is of the genesis must be there."""
    if version.height > ground.anchor.height:
        raise ProofError("written after the anchor")
    if version.height == 0 and not ground.is_laid_down(key, version.value):
        raise ProofError("written at block 0, but not in the genesis document")


def _verify_record(ground: Ground, proof: RecordProof) -> Proved:
    _check_record(ground, proof)
    ground.learn(proof.key, [proof.version])
    lines = (
        f"stands after block {ground.anchor.height}",
        _show_written(ground, proof.version),
        *_show_lines(proof.version),
    )
    return Proved("record", show_key(proof.key), lines, _show_version(ground, proof.version))


def _verify_absence(ground: Ground, claim: AbsenceClaim) -> Proved:
    verify_absence(claim.key, claim.neighbour, ground.anchor.state_root)
    leaf = claim.neighbour.leaf
    following = show_key(leaf.next_key) if leaf.next_key else "nothing"
    before = show_key(leaf.key) if leaf.key else "the beginning"
    lines = (
        f"no record stands under it after block {ground.anchor.height}",
        f"{before} is followed by {following}",
    )
    fields = {"at_height": str(ground.anchor.height)}
    return Proved("absence", show_key(claim.key), lines, fields)


def _verify_prefix(ground: Ground, claim: PrefixClaim) -> Proved:
    verify_prefix(claim.prefix, ground.anchor.state_root)
    records = claim.prefix.records
    for record in records:
        _check_written(ground, record.key, record.version)
        ground.learn(record.key, [record.version])
    lines = (
        f"these {len(records)} records are all that stand under it after block "
        f"{ground.anchor.height}",
        *(f"{show_key(record.key)}, version {record.version.version}" for record in records),
    )
    shown = [
        {"key": show_key(record.key)} | _show_version(ground, record.version) for record in records
    ]
    fields = {"at_height": str(ground.anchor.height), "complete": True, "records": shown}
    return Proved("prefix", show_key(claim.prefix.prefix), lines, fields)


def _verify_versions(ground: Ground, claim: VersionsClaim) -> Proved:
    proof = claim.record
    _check_record(ground, proof)
    verify_versions(proof.version, claim.older)
    versions = [proof.version, *claim.older]
    _check_written(ground, proof.key, versions[-1])
    ground.learn(proof.key, versions)
    oldest = versions[-1].version
    lines = [f"stands after block {ground.anchor.height} in version {proof.version.version}"]
    if oldest > 1:
        lines.append(f"versions before {oldest} are not in this bundle")
    before: Any = None
    for version in reversed(versions):
        lines.append(_show_written(ground, version))
        if version.version == oldest:
            lines += [f"  {line}" for line in _show_lines(version)]
        else:
            changes = compute_difference(before, version.value)
            lines += [f"  {change}" for change in changes] or ["  nothing changed"]
        before = version.value
    fields = {
        "complete": oldest == 1,
        "versions": [_show_version(ground, version) for version in versions],
    }
    return Proved("versions", show_key(proof.key), tuple(lines), fields)


def _verify_transaction(ground: Ground, claim: TransactionClaim, part: str) -> Proved:
    header = ground.get_header(claim.height, part)
    transaction = decode_transaction(claim.transaction, ground.genesis.chain)
    leaf = merkle.compute_leaf_hash(transaction.hash)
    count = header.transactions_count
    try:
        merkle.verify_inclusion(leaf, claim.index, count, claim.path, header.transactions_root)
    except ProofError as error:
        raise ProofError(
            f"not in the transactions root of block {header.height}: {error}"
        ) from None
    result = _verify_result(claim, header)
    if result.id != transaction.id:
        raise ProofError("the result is another transaction's")
    checks = [
        _check_signer(ground, transaction, n, claim.height) for n in range(len(transaction.signers))
    ]
    lines = (
        f"{transaction.kind}, {_show_code(result)}",
        f"transaction {claim.index} of block {claim.height}, {_show_when(ground, header)}",
        *(line for line, _ in checks),
        f"under rules version {header.rules_version}",
        *_show_changes(result),
    )
    fields = _show_result(result, header) | {
        "kind": transaction.kind,
        "signers": [shown for _, shown in checks],
    }
    return Proved("transaction", transaction.id.hex(), lines, fields)


def _verify_due(ground: Ground, claim: ResultClaim, part: str) -> Proved:
    header = ground.get_header(claim.height, part)
    result = _verify_result(claim, header)
    if claim.index < header.transactions_count:
        raise ProofError("the result is a transaction's, which is missing")
    lines = (
        f"work that was due, executed by block {claim.height} itself, {_show_when(ground, header)}",
        f"under rules version {header.rules_version}",
        *_show_changes(result),
    )
    return Proved("result", result.id.hex(), lines, _show_result(result, header))


def _verify_result(claim: TransactionClaim | ResultClaim, header: Header) -> Result:
    leaf = merkle.compute_leaf_hash(claim.result)
    root, count = header.results_root, header.results_count
    try:
        merkle.verify_inclusion(leaf, claim.index, count, claim.result_path, root)
    except ProofError as error:
        raise ProofError(f"not in the results root of block {header.height}: {error}") from None
    result = decode_result(claim.result)
    if (result.height, result.index) != (claim.height, claim.index):
        raise ProofError("the result is of another place")
    return result


def _verify_consistency(ground: Ground, claim: ConsistencyClaim, part: str) -> Proved:
    old, later = ground.get_header(claim.height, part), ground.get_header(claim.later, part)
    merkle.verify_consistency(
        old.height, old.history_root, later.height, later.history_root, claim.path
    )
    hashes = {height: sha256(header.encode()).hex() for height, header in ground.headers.items()}
    lines = (
        f"the {old.height} blocks below block {old.height} are the beginning of the "
        f"{later.height} below block {later.height}: nothing was changed or taken away",
        f"block {old.height} is {hashes[old.height]}",
        f"block {later.height} is {hashes[later.height]}",
    )
    fields = {
        "height": str(old.height),
        "block": hashes[old.height],
        "later": str(later.height),
        "later_block": hashes[later.height],
    }
    return Proved("consistency", f"of blocks {old.height} and {later.height}", lines, fields)


def _check_signer(
    ground: Ground, transaction: Transaction, position: int, height: int
) -> tuple[str, dict[str, Any]]:
    """How a signature was checked; a code's key is that of the parent block's state."""
    signer = transaction.signers[position]
    key, basis = parse_key_signer(signer), "the signer is a key itself"
    if key is None:
        standing = _find_identity(ground, signer, height - 1)
        if standing is None:
            line = f"signed by {signer}; its key is not in this bundle, the validators checked it"
            return line, {"signer": signer, "key": None}
        key = PublicKey(standing.value["key"])
        basis = f"its key {key.hex()[:16]} is proved, written at block {standing.height}"
    domain = Domain(Purpose.TRANSACTION, ground.genesis_hash)
    if not domain.is_valid(key, transaction.signatures[position], transaction.body):
        raise ProofError(f"the signature of {signer} is wrong under the key proved for it")
    return f"signed by {signer}, checked: {basis}", {"signer": signer, "key": key.hex()}


def _find_identity(ground: Ground, code: str, height: int) -> Version | None:
    versions = ground.versions.get(make_identity_key(code), [])
    standing = find_standing(versions, height)
    if standing is None:
        if versions and versions[0].created > height:
            raise ProofError(f"{code} was not registered yet at block {height}")
        return None
    value = standing.value
    key = value.get("key") if type(value) is dict else None
    if type(key) is not bytes or len(key) != 32:
        raise ProofError(f"the identity of {code} has no key")
    return standing


def _show_written(ground: Ground, version: Version) -> str:
    if version.height == 0:
        return f"version {version.version}, laid down in the genesis document"
    header = ground.headers.get(version.height)
    when = f", {_show_when(ground, header)}" if header else ""
    place = f"item {version.index} of block {version.height}"
    return f"version {version.version}, written by {place}{when}"


def _show_when(ground: Ground, header: Header) -> str:
    when = show_time(header.time_ms)
    if header.height == ground.anchor.height:
        return f"{when}, the anchor"
    return f"{when}, {show_span(ground.anchor.time_ms - header.time_ms)} before the anchor"


def _show_lines(version: Version) -> tuple[str, ...]:
    return tuple(iterate_fields(show_value(version.value)))


def _show_version(ground: Ground, version: Version) -> dict[str, Any]:
    header = ground.headers.get(version.height)
    return {
        "version": str(version.version),
        "created_height": str(version.created),
        "height": str(version.height),
        "index": str(version.index),
        "time_ms": str(header.time_ms) if header else None,
        "value": show_value(version.value),
    }


def _show_code(result: Result) -> str:
    return "which succeeded" if result.code == "ok" else f"which failed: {result.code}"


def _show_changes(result: Result) -> list[str]:
    return [f"wrote version {version} of {show_key(key)}" for key, version in result.changes]


def _show_result(result: Result, header: Header) -> dict[str, Any]:
    return {
        "height": str(result.height),
        "index": str(result.index),
        "time_ms": str(header.time_ms),
        "rules_version": str(header.rules_version),
        "code": result.code,
        "events": [show_value(event) for event in result.events],
        "changes": [
            {"key": show_key(key), "version": str(version)} for key, version in result.changes
        ],
    }
