"""Canonical MessagePack: one byte string per value, and no other byte string for it."""

import ast
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger import codec
from ledger.errors import EncodingError
from tests.ledger import vectors

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.text(st.characters(codec="utf-8"), max_size=40)
    | st.binary(max_size=300)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=20)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), inner, max_size=20)
    ),
    max_leaves=30,
)


def test_the_format_is_pinned() -> None:
    assert vectors.load("codec") == vectors.compute_codec()


def test_pinned_values_are_read_back() -> None:
    for vector in vectors.load("codec")["values"]:
        value = ast.literal_eval(vector["value"])
        assert codec.encode(value).hex() == vector["bytes"]
        assert codec.decode(bytes.fromhex(vector["bytes"])) == value


@pytest.mark.parametrize("name", vectors.load("codec")["refused"])
def test_what_no_value_encodes_to_is_refused(name: str) -> None:
    with pytest.raises(EncodingError):
        codec.decode(bytes.fromhex(vectors.load("codec")["refused"][name]))


@given(values)
def test_a_value_survives_the_round_trip(value: Any) -> None:
    assert codec.decode(codec.encode(value)) == value


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.lists(scalars, max_size=3)))
def test_the_order_of_insertion_does_not_matter(value: dict[str, Any]) -> None:
    backwards = dict(reversed(value.items()))
    data = codec.encode(value)
    assert codec.encode(backwards) == data
    keys = [key.encode() for key in codec.decode(data)]
    assert keys == sorted(keys)


def test_a_tuple_is_a_list() -> None:
    assert codec.encode((1, (2,))) == codec.encode([1, [2]])


@given(values, st.data())
def test_the_decoder_accepts_what_the_encoder_emits_and_nothing_else(
    value: Any, data: st.DataObject
) -> None:
    encoded = bytearray(codec.encode(value))
    at = data.draw(st.integers(0, len(encoded) - 1))
    action = data.draw(st.sampled_from(("flip", "insert", "delete", "cut")))
    byte = data.draw(st.integers(0, 255))
    if action == "flip":
        encoded[at] = byte
    elif action == "insert":
        encoded.insert(at, byte)
    elif action == "delete":
        del encoded[at]
    else:
        del encoded[at:]
    _accepts_only_canonical(bytes(encoded))


@given(st.binary(max_size=64))
@example(b"\xdd\xff\xff\xff\xff")
@example(b"\xdf\xff\xff\xff\xff")
@example(b"\xc6\xff\xff\xff\xff")
@example(b"\x91" * 5000)
def test_noise_is_refused_or_canonical(data: bytes) -> None:
    _accepts_only_canonical(data)


def _accepts_only_canonical(data: bytes) -> None:
    try:
        value = codec.decode(data)
    except EncodingError:
        return
    assert codec.encode(value) == data


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        {1: 2},
        {b"a": 1},
        {"b": 1, 1: 2},
        {"b": [], 1: 2},
        {1, 2},
        1 << 64,
        -(1 << 63) - 1,
        "\ud800",
        {"\ud800": 1},
        object(),
        [bytearray(b"a")],
        type("Text", (str,), {})("a"),
    ],
)
def test_what_has_no_canonical_encoding_is_not_encoded(value: Any) -> None:
    with pytest.raises(EncodingError):
        codec.encode(value)
    assert codec.encode(1) == b"\x01", "a failure leaves nothing behind in the encoder"


def nest(depth: int, leaf: Any) -> Any:
    for _ in range(depth):
        leaf = [leaf]
    return leaf


@pytest.mark.parametrize("leaf", [1, {"a": 1}, [[]]])
def test_depth_is_bounded_alike_on_both_sides(leaf: Any) -> None:
    deepest = codec.MAX_DEPTH - (0 if leaf == 1 else 1 if type(leaf) is dict else 2)
    assert codec.decode(codec.encode(nest(deepest, leaf))) == nest(deepest, leaf)
    with pytest.raises(EncodingError, match="deeper"):
        codec.encode(nest(deepest + 1, leaf))
    with pytest.raises(EncodingError, match="deeper"):
        codec.decode(b"\x91" * (deepest + 1) + codec.encode(leaf))


def test_size_is_bounded() -> None:
    data = codec.encode(bytes(100))
    assert codec.decode(data, len(data)) == bytes(100)
    with pytest.raises(EncodingError) as caught:
        codec.decode(data, len(data) - 1)
    assert caught.value.code == "too-large"


def test_threads_do_not_mix_their_bytes() -> None:
    items = [{"n": n, "list": [n] * 50} for n in range(200)]
    with ThreadPoolExecutor(4) as pool:
        encoded = list(pool.map(codec.encode, items))
    assert [codec.decode(data) for data in encoded] == items


@given(values)
def test_trusted_bytes_give_the_same_value(value: Any) -> None:
    assert codec.decode_trusted(codec.encode(value)) == value


def test_a_digest_is_32_bytes() -> None:
    assert codec.is_digest(bytes(32))
    assert not codec.is_digest(bytes(31))
    assert not codec.is_digest("a" * 32)
