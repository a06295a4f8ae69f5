"""Records: what the value hash binds, and the envelope that the store keeps."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import codec
from ledger.errors import FormatError, LedgerError
from ledger.proof import make_version
from ledger.record import MAX_KEY_BYTES, Record, compute_value_hash, decode_record, make_key

FIELDS = ("version", "created", "height", "index", "previous", "value")


def make_record(**fields: Any) -> Record:
    plain: dict[str, Any] = {
        "value": {"a": 1},
        "version": 2,
        "created": 3,
        "height": 4,
        "index": 5,
        "previous": b"\x06" * 32,
        "slot": 7,
        "next_key": b"next\x00",
    }
    return Record(**(plain | fields))


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("value", {"a": 2}),
        ("version", 3),
        ("created", 2),
        ("height", 5),
        ("index", 6),
        ("previous", b"\x07" * 32),
    ],
)
def test_the_value_hash_binds_every_field_of_the_version(name: str, other: Any) -> None:
    assert make_record(**{name: other}).hash != make_record().hash


def test_the_value_hash_does_not_bind_the_place_in_the_tree() -> None:
    moved = make_record().placed(70, b"other\x00")
    assert (moved.slot, moved.next_key) == (70, b"other\x00")
    assert moved.hash == make_record().hash == make_record(slot=8).hash


def test_the_value_hash_is_that_of_the_fields() -> None:
    record = make_record()
    assert record.hash == compute_value_hash(*(getattr(record, name) for name in FIELDS))
    assert record.hash == make_version(record).hash


def test_a_successor_names_the_version_before_it() -> None:
    record = make_record()
    after = record.successor({"a": 9}, 10, 11)
    assert (after.version, after.created, after.previous) == (3, 3, record.hash)
    assert (after.height, after.index, after.value) == (10, 11, {"a": 9})
    assert (after.slot, after.next_key) == (record.slot, record.next_key)


def test_a_replaced_version_is_the_same_version() -> None:
    record = make_record()
    before = record.hash
    other = record.replaced({"a": 9}, 10, 11)
    assert (other.version, other.created, other.previous) == (2, 3, record.previous)
    assert other.hash != before == record.hash


def test_an_envelope_is_read_back() -> None:
    record = decode_record(make_record().encode())
    assert record.encode() == make_record().encode()
    assert record.hash == make_record().hash


@pytest.mark.parametrize("index", [1, 6])
def test_an_envelope_of_other_shape_is_refused(index: int) -> None:
    fields = codec.decode(make_record().encode())
    fields[index] = "text"
    with pytest.raises(FormatError):
        decode_record(codec.encode(fields))
    with pytest.raises(FormatError):
        decode_record(codec.encode(fields[:-1]))


@given(st.binary(max_size=60))
def test_noise_is_no_envelope(data: bytes) -> None:
    try:
        record = decode_record(data)
    except LedgerError:
        return
    assert record.encode() == data


@given(st.lists(st.text("abc-", max_size=3), max_size=3), st.text("abc", min_size=1, max_size=3))
def test_the_fields_of_a_prefix_are_whole(fields: list[str], table: str) -> None:
    key = make_key(table, *fields)
    assert key.endswith(b"\x00")
    longer = make_key(table, *fields, "x")
    assert longer.startswith(key)
    assert not make_key(table + "x", *fields).startswith(key)


def test_key_fields_are_text_or_fixed_bytes_and_bounded() -> None:
    assert make_key("t", "a", (5).to_bytes(2, "big")) == b"t\x00a\x00\x00\x05\x00"
    with pytest.raises(FormatError):
        make_key("t", "a" * MAX_KEY_BYTES)
