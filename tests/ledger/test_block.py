"""Headers and blocks: every field bound, every commitment checked."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import codec
from ledger.block import (
    MAX_BLOCK_TRANSACTIONS,
    MAX_HEADER_BYTES,
    Header,
    compute_certificate_hash,
    compute_header_hash,
    compute_results_root,
    compute_transactions_root,
    compute_validators_hash,
    decode_block,
    decode_header,
    header_as_json,
    make_block,
)
from ledger.crypto import sha256
from ledger.errors import EncodingError, FormatError, LedgerError
from ledger.merkle import EMPTY_ROOT
from ledger.primitives import MAX_AMOUNT, MAX_HEIGHT, Digest
from tests.ledger import vectors
from tests.ledger.chain import make_header

HASHES = tuple(sha256(bytes([n])) for n in range(3))
CERTIFICATE = b"certificate"
HEADER = make_header(
    transactions_count=3,
    transactions_root=compute_transactions_root(HASHES),
    parent_certificate_hash=compute_certificate_hash(CERTIFICATE),
)


def test_the_format_is_pinned() -> None:
    assert vectors.load("block") == vectors.compute_block()


def test_a_header_is_read_back() -> None:
    assert decode_header(HEADER.encode()) == HEADER


def test_the_largest_header_fits() -> None:
    big = make_header(
        chain="c" * 64,
        proposer="R" * 24,
        epoch=MAX_HEIGHT,
        view=MAX_HEIGHT,
        height=MAX_HEIGHT,
        time_ms=MAX_AMOUNT,
        transactions_count=MAX_BLOCK_TRANSACTIONS,
        results_count=2 * MAX_BLOCK_TRANSACTIONS,
        rules_version=1 << 32,
    )
    assert len(big.encode()) <= MAX_HEADER_BYTES
    assert decode_header(big.encode()) == big


@pytest.mark.parametrize("name", list(Header.__dataclass_fields__))
def test_every_field_is_bound_by_the_hash(name: str) -> None:
    value = getattr(HEADER, name)
    other: Any = Digest(b"\xee" * 32) if isinstance(value, bytes) else value + type(value)(1)
    assert replace(HEADER, **{name: other}).encode() != HEADER.encode()


BAD: list[tuple[str, Any]] = [
    ("chain", ""),
    ("chain", "c" * 65),
    ("proposer", "R" * 25),
    ("height", -1),
    ("height", MAX_HEIGHT + 1),
    ("time_ms", MAX_AMOUNT + 1),
    ("epoch", True),
    ("state_root", b"\x01" * 31),
    ("parent", "text"),
    ("transactions_count", MAX_BLOCK_TRANSACTIONS + 1),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_header_out_of_range_is_refused(name: str, value: Any) -> None:
    fields = codec.decode(HEADER.encode())
    fields[name] = value
    with pytest.raises(FormatError):
        decode_header(codec.encode(fields))


def test_a_header_has_all_its_fields_and_no_other() -> None:
    fields = codec.decode(HEADER.encode())
    for changed in (fields | {"zeal": 1}, {k: v for k, v in fields.items() if k != "view"}):
        with pytest.raises(FormatError, match="missing or extra"):
            decode_header(codec.encode(changed))


def test_a_block_is_read_back() -> None:
    block = make_block(HEADER, HASHES, CERTIFICATE)
    assert decode_block(block.encode()) == block
    assert block.hash == compute_header_hash(HEADER.encode())


@pytest.mark.parametrize(
    ("hashes", "certificate", "why"),
    [
        (HASHES[:2], CERTIFICATE, "counts"),
        ((*HASHES[:2], HASHES[0]), CERTIFICATE, "root"),
        ((HASHES[1], HASHES[0], HASHES[2]), CERTIFICATE, "root"),
        (HASHES, b"other", "certificate"),
    ],
)
def test_a_block_that_its_header_does_not_commit_is_refused(
    hashes: tuple[Digest, ...], certificate: bytes, why: str
) -> None:
    with pytest.raises(FormatError, match=why):
        decode_block(make_block(HEADER, hashes, certificate).encode())


@given(st.data())
def test_a_changed_byte_never_gives_the_same_block(data: st.DataObject) -> None:
    encoded = bytearray(make_block(HEADER, HASHES, CERTIFICATE).encode())
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] ^= data.draw(st.integers(1, 255))
    try:
        block = decode_block(bytes(encoded))
    except LedgerError as error:
        assert isinstance(error, EncodingError | FormatError)
        return
    assert block.hash != make_block(HEADER, HASHES, CERTIFICATE).hash


def test_the_roots_of_nothing_are_the_root_of_nothing() -> None:
    assert compute_transactions_root(()) == compute_results_root(()) == EMPTY_ROOT


def test_an_epoch_ends_where_the_next_set_differs() -> None:
    assert not HEADER.is_last_of_epoch
    assert replace(HEADER, next_validators_hash=Digest(bytes(32))).is_last_of_epoch


def test_json_has_digests_in_hex_and_numbers_as_text() -> None:
    shown = header_as_json(HEADER)
    assert shown["height"] == "1"
    assert shown["state_root"] == "03" * 32
    assert all(type(value) is str for value in shown.values())


def test_the_validators_hash_is_that_of_the_pairs() -> None:
    pairs = [("A", b"\x01" * 32), ("B", b"\x02" * 32)]
    assert compute_validators_hash(pairs) == sha256(codec.encode([list(pair) for pair in pairs]))
