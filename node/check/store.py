"""A whole store checked: everything that can be computed from something else is, and compared.

1. The genesis document gives block 0; headers, their tree and the certificates lead from there to
   the last final block.
2. Headers commit bodies, results and the records; from bodies and results follow the indexes, from
   records their slots and the derived values, and versions lead up to the records.
3. So nothing that is in the store is taken as it is; and nothing is there that nobody asked for.
4. What a store need not have is told as a fact. What is wrong is told with its table and place.

Transactions are not executed again: `node.replay` does that, and takes far longer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from ledger import schema
from ledger.crypto import Domain, Purpose
from ledger.errors import LedgerError
from ledger.floor import read_floor
from ledger.genesis import Genesis
from ledger.keyvalue import KeyValue, Readable, prefix_end
from ledger.primitives import MAX_HEIGHT
from ledger.sealed import SealedBlock
from node.check.blocks import check_blocks
from node.check.certificates import check_certificates
from node.check.finding import TABLES, Finding
from node.check.headers import check_headers, read_final
from node.check.journal import check_journal
from node.check.records import check_derived, check_records, check_versions
from node.check.scope import Saw, Scope

_LETTERS: Final = sorted(letter for letter in TABLES if len(letter) == 1)
_MARK_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found: `counts` are the entries of each table, `wrong` what is wrong in all."""

    chain: str
    height: int
    counts: dict[str, int]
    facts: tuple[str, ...]
    findings: tuple[Finding, ...]
    wrong: int


def check_store(
    disk: KeyValue,
    genesis: Genesis,
    first: SealedBlock,
    saw: Saw,
    journal: Readable | None = None,
    votes: Domain | None = None,
) -> Checked:
    """Check a store, and the journal beside it where there is one; nothing is written."""
    domain = votes or Domain(Purpose.VOTE, genesis.hash)
    scope = Scope(disk.snapshot(), genesis, first, domain, saw)
    if _check_meta(scope):
        _check_tables(scope, disk)
    if journal is not None:
        check_journal(scope, journal)
    findings = scope.findings
    return Checked(
        genesis.chain,
        scope.height,
        {table: scope.counts[table] for table in TABLES if table in scope.counts},
        tuple(scope.facts),
        tuple(findings.listed),
        findings.total,
    )


def _check_tables(scope: Scope, disk: KeyValue) -> None:
    _check_strangers(scope)
    check_headers(scope)
    check_certificates(scope)
    check_blocks(scope)
    is_right = check_records(scope)
    check_versions(scope)
    if is_right:
        check_derived(scope, disk)
    else:
        scope.facts.append("derived values were not compared, because records are wrong")


def _check_meta(scope: Scope) -> bool:
    """What the store says of itself; False where that is not enough to go on."""
    known: dict[bytes, Callable[[bytes], str]] = {
        schema.META_FORMAT: _check_format,
        schema.META_GENESIS: lambda data: _check_genesis(scope, data),
        schema.META_FINAL: lambda data: _take_final(scope, data),
        schema.META_FLOOR: lambda _: _take_floor(scope),
        schema.META_JOURNAL: _check_mark,
        schema.META_INSTALL: lambda _: "a snapshot is on its way here: start the peer, to go on",
    }
    needed = (schema.META_FORMAT, schema.META_GENESIS, schema.META_FINAL)
    told = dict.fromkeys(needed, "is missing")
    for key, value in scope.scan("m"):
        told[key] = known[key](value) if key in known else "is nothing that a store has"
    if "m" in scope.unreadable and scope.height < 0:
        scope.height = _find_last_header(scope, schema.header_key(MAX_HEIGHT))
        return True
    for key, text in told.items():
        if text:
            scope.findings.add("m", key.decode("ascii", "replace"), text)
    is_ours = not (told[schema.META_FORMAT] or told[schema.META_GENESIS])
    is_whole = schema.META_INSTALL not in told
    return is_ours and is_whole and scope.height >= 0


def _check_format(data: bytes) -> str:
    if data == str(schema.FORMAT_VERSION).encode():
        return ""
    return f"is {data.decode('ascii', 'replace')}, and this version reads {schema.FORMAT_VERSION}"


def _check_genesis(scope: Scope, data: bytes) -> str:
    return "" if data == scope.genesis.hash else f"is {data.hex()}: another chain's store"


def _take_final(scope: Scope, data: bytes) -> str:
    try:
        scope.height, scope.peaks = read_final(data)
    except LedgerError as error:
        return str(error)
    if scope.get_header_bytes(scope.height) is not None:
        return ""
    said, last = scope.height, _find_last_header(scope, schema.header_key(scope.height))
    if said <= last + 1 or "h" in scope.unreadable:
        return ""  # the header was lost: that is said of it
    scope.height, scope.peaks = last, ()
    return f"names block {said}, and the last header is {last}"


def _take_floor(scope: Scope) -> str:
    try:
        floor = scope.floor = read_floor(scope.view)
    except LedgerError as error:
        return str(error)
    scope.facts.append(
        f"bodies are here from block {floor.body} on, results from {floor.results}, the index from "
        f"{floor.index}; states can be read from {floor.state} on"
    )
    return ""


def _find_last_header(scope: Scope, below: bytes) -> int:
    headers = scope.scan_between("h", schema.header_key(0), below, reverse=True)
    return max((int.from_bytes(key[1:9], "big") for key, _ in islice(headers, 1)), default=0)


def _check_mark(data: bytes) -> str:
    return "" if len(data) == _MARK_BYTES else "is no mark of a journal"


def _check_strangers(scope: Scope) -> None:
    """Nothing lies between or beside the tables."""
    start = b""
    for letter in [*_LETTERS, None]:
        stop = letter.encode("ascii") if letter else schema.END
        for key, _ in scope.scan_between("m", start, stop):
            scope.findings.add("m", key.hex(), "is of no table")
        start = prefix_end(stop) if letter else stop
