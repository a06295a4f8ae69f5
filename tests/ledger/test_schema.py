"""Keys of the store: no table reaches into another, and byte order is the order of history."""

from hypothesis import given
from hypothesis import strategies as st

from ledger import schema
from ledger.primitives import Digest

heights = st.integers(0, (1 << 48) - 1)


def test_every_table_has_its_own_first_byte() -> None:
    digest = Digest(bytes(32))
    keys = [
        schema.META_FORMAT,
        schema.header_key(0),
        schema.header_hash_key(digest),
        schema.body_key(0),
        schema.results_key(0),
        schema.finalization_key(0),
        schema.epoch_key(0),
        schema.node_key(0, 0),
        schema.transaction_key(digest),
        schema.record_key(b""),
        schema.slot_key(0),
        schema.version_key(b"", 1),
        schema.derived_key(b""),
        schema.subject_prefix(""),
    ]
    assert len({key[:1] for key in keys}) == len(keys)


@given(heights, heights)
def test_byte_order_is_the_order_of_heights(a: int, b: int) -> None:
    for make in (schema.header_key, schema.body_key, schema.finalization_key):
        assert (make(a) < make(b)) is (a < b)


@given(st.tuples(heights, st.integers(0, 1 << 20)), st.tuples(heights, st.integers(0, 1 << 20)))
def test_places_are_in_the_order_of_history(a: tuple[int, int], b: tuple[int, int]) -> None:
    assert (schema.place(*a) < schema.place(*b)) is (a < b)
    assert schema.parse_place(schema.place(*a)) == a


@given(st.binary(max_size=8), st.binary(max_size=8), st.integers(1, 9))
def test_the_versions_of_one_key_are_not_among_anothers(a: bytes, b: bytes, n: int) -> None:
    if a != b:
        assert not schema.version_key(a, n).startswith(schema.version_prefix(b))


@given(st.text("ab-", max_size=4), st.text("ab-", max_size=4), heights)
def test_the_entries_of_one_subject_are_not_among_anothers(a: str, b: str, height: int) -> None:
    if a != b:
        entry = schema.subject_prefix(a) + schema.place(height, 0)
        assert not entry.startswith(schema.subject_prefix(b))
