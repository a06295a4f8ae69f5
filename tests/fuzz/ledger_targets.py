"""What the ledger reads of others: encoding, transactions, blocks, records, certificates, codes."""

from functools import cache
from itertools import islice

from ledger import codec
from ledger.block import decode_block, decode_header
from ledger.code import format_code, parse_code, parse_grouped
from ledger.errors import CertificateError, EncodingError, FormatError, LedgerError
from ledger.genesis import decode_genesis
from ledger.proof import check_version, decode_version
from ledger.record import Record, decode_record, split_envelope
from ledger.result import decode_result
from ledger.transaction import Transaction, decode_transaction, join_signatures
from ledger.x509 import parse_certificate
from tests.fuzz import seeds
from tests.fuzz.target import Target, read_text

_BOTH = (EncodingError, FormatError)


def read_transaction(data: bytes) -> Transaction:
    """A transaction of the stage's chain."""
    return decode_transaction(data, seeds.get_stage().genesis.chain)


def write_transaction(transaction: Transaction) -> bytes:
    """Its bytes, out of its fields."""
    body = codec.encode(
        {
            "chain": seeds.get_stage().genesis.chain,
            "data": transaction.data,
            "kind": transaction.kind,
            "nonce": transaction.nonce,
            "signers": list(transaction.signers),
            "until": transaction.until,
            "v": 1,
        }
    )
    return join_signatures(body, transaction.signatures)


@cache
def list_values() -> tuple[bytes, ...]:
    """Canonical values, and some that are refused."""
    vector = seeds.load_vector("codec")
    found = [item["bytes"] for item in vector["values"]] + list(vector["refused"].values())
    return (*(bytes.fromhex(item) for item in found if item), seeds.get_body().header)


@cache
def list_results() -> tuple[bytes, ...]:
    """Results of transactions."""
    return tuple(result.encode() for result in seeds.get_sealed().results)


@cache
def list_envelopes() -> tuple[bytes, ...]:
    """Records of the genesis as they are stored."""
    state = seeds.get_stage().store.state
    return tuple(record.encode() for _, record in islice(state.scan(b""), 12))


def list_versions() -> tuple[bytes, ...]:
    """Versions of records, as proofs carry them."""
    record = Record({"price": 5}, 2, 1, 7, 0, bytes(range(32)), 3, b"next")
    first = Record([1, "a"], 1, 7, 7, 0, b"", 3, b"next")
    return tuple(
        codec.encode(
            [item.version, item.created, item.height, item.index, item.previous, item.value]
        )
        for item in (record, first)
    )


def list_certificates() -> tuple[bytes, ...]:
    """Certificates of every kind that a genesis has."""
    genesis = seeds.get_stage().genesis
    founder = genesis.regions[0]
    return (genesis.root_certificate, founder.certificate, founder.peer_certificate)


def list_codes() -> tuple[bytes, ...]:
    """Codes of founders."""
    return tuple(founder.code.encode() for founder in seeds.get_stage().genesis.founders)


def read_code(data: bytes) -> str:
    """A code as it was written."""
    text = read_text(data)
    parse_code(text)
    return text


TARGETS = (
    Target(
        "value",
        codec.decode,
        (EncodingError,),
        list_values,
        ("ledger.codec:decode",),
        codec.encode,
    ),
    Target(
        "transaction",
        read_transaction,
        _BOTH,
        lambda: seeds.get_body().raws,
        ("ledger.transaction:decode_transaction",),
        write_transaction,
    ),
    Target(
        "header",
        decode_header,
        _BOTH,
        lambda: (seeds.get_body().header, bytes.fromhex(seeds.load_vector("block")["header"])),
        ("ledger.block:decode_header",),
        lambda header: header.encode(),
    ),
    Target(
        "block",
        decode_block,
        _BOTH,
        lambda: (seeds.get_sealed().block.encode(),),
        ("ledger.block:decode_block",),
        lambda block: block.encode(),
    ),
    Target(
        "result",
        decode_result,
        _BOTH,
        list_results,
        ("ledger.result:decode_result",),
        lambda result: result.encode(),
    ),
    Target(
        "envelope",
        decode_record,
        _BOTH,
        list_envelopes,
        ("ledger.record:decode_record",),
        lambda record: record.encode(),
    ),
    Target(
        "split envelope",
        lambda data: split_envelope(3, data),
        _BOTH,
        list_envelopes,
        (),
    ),
    Target(
        "version",
        decode_version,
        _BOTH,
        list_versions,
        ("ledger.proof:decode_version",),
        lambda version: version.body,
    ),
    Target("checked version", check_version, (LedgerError,), list_versions, ()),
    Target(
        "genesis",
        decode_genesis,
        _BOTH,
        seeds.list_geneses,
        ("ledger.genesis:decode_genesis",),
        lambda genesis: genesis.data,
    ),
    Target(
        "x509",
        parse_certificate,
        (CertificateError,),
        list_certificates,
        ("ledger.x509:parse_certificate",),
        lambda certificate: certificate.der,
    ),
    Target(
        "code",
        read_code,
        (FormatError,),
        list_codes,
        ("ledger.code:parse_code",),
        str.encode,
    ),
    Target(
        "grouped code",
        lambda data: parse_grouped(read_text(data)),
        (FormatError,),
        lambda: tuple(format_code(code.decode()).encode() for code in list_codes()),
        ("ledger.code:parse_grouped",),
        lambda code: format_code(code).encode(),
    ),
)
