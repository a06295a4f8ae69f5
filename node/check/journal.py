"""The journal beside a store: its mark, and that every record, body and promise can be read."""

from consensus import journal as core_journal
from ledger import codec, shape
from ledger.block import compute_header_hash, decode_header, make_block_of_parts
from ledger.crypto import sha256
from ledger.errors import DiskError, FormatError, LedgerError
from ledger.keyvalue import Readable
from ledger.schema import META_JOURNAL
from ledger.transaction import decode_transaction
from node.check.scope import Scope
from node.journal import BARRED_PREFIX

_TABLE = "journal"


def check_journal(scope: Scope, journal: Readable) -> None:
    """All of a journal; a store without one has none to check."""
    records: list[bytes] = []
    barred = 0
    try:
        for key, value in journal.scan(b"", b"\xff"):
            wrong = _check_entry(scope, key, value)
            if wrong:
                scope.findings.add(_TABLE, key.hex(), wrong)
            if key[:1] == b"j":
                records.append(value)
            barred += key.startswith(BARRED_PREFIX)
        core_journal.replay(records)
        if journal.get(META_JOURNAL) != scope.get(META_JOURNAL):
            scope.findings.add(_TABLE, "mark", "is not the journal that belongs to this store")
    except DiskError as error:
        scope.findings.add(_TABLE, "-", f"cannot be read any further: {error}")
    except LedgerError as error:
        scope.findings.add(_TABLE, "records of consensus", str(error))
    scope.counts[_TABLE] = len(records)
    if barred:
        scope.facts.append(
            f"{barred} validator keys are barred: their journal was lost, and they vote no more"
        )


def _check_entry(scope: Scope, key: bytes, value: bytes) -> str:
    """What is wrong with an entry; nothing, if all is well."""
    try:
        match key[:1]:
            case b"j" if len(key) == 9:
                core_journal.decode_record(value)
            case b"y" if len(key) == 33:
                _check_body(scope, key[1:], value)
            case b"x" if len(key) == 33:
                if decode_transaction(value, scope.genesis.chain).id != key[1:]:
                    raise FormatError("is another transaction than its key says")
            case b"m" if key == META_JOURNAL or len(key) == len(BARRED_PREFIX) + 32:
                pass
            case _:
                raise FormatError("is nothing that a journal has")
    except LedgerError as error:
        return str(error)
    return ""


def _check_body(scope: Scope, hash_: bytes, value: bytes) -> None:
    header, raws, certificate = shape.check_tuple(codec.decode(value), "a body", 3)
    if type(header) is not bytes or type(raws) is not list or type(certificate) is not bytes:
        raise FormatError("is no block with its transactions")
    if compute_header_hash(header) != hash_:
        raise FormatError("is another block than its key says")
    for raw in raws:
        decode_transaction(raw, scope.genesis.chain)
    make_block_of_parts(decode_header(header), header, [sha256(raw) for raw in raws], certificate)
