"""Signatures count for one purpose on one chain, under one key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.crypto import Domain, Purpose, SigningKey, sha256
from ledger.errors import FormatError, SignatureError
from ledger.primitives import Digest, PublicKey
from tests.ledger import vectors

CHAIN = Digest(b"\x01" * 32)
KEY = SigningKey.from_seed(b"\x02" * 32)
ORDER = (1 << 252) + 27742317777372353535851937790883648493


def test_the_format_is_pinned() -> None:
    assert vectors.load("crypto") == vectors.compute_crypto()


def test_what_is_signed_is_the_tag_the_chain_and_the_message() -> None:
    vector = vectors.load("crypto")
    tag = b"suanlian/vote/v1\x00" + bytes.fromhex(vector["genesis_hash"])
    bare = Domain.__new__(Domain)
    bare._prefix = b""
    bare.purpose = Purpose.VOTE
    signature = bytes.fromhex(vector["signatures"]["vote"])
    assert bare.is_valid(public_key_of(vector), signature, tag + bytes.fromhex(vector["message"]))


def public_key_of(vector: dict[str, str]) -> PublicKey:
    return PublicKey(bytes.fromhex(vector["public_key"]))


@given(st.binary(max_size=100), st.sampled_from(Purpose), st.sampled_from(Purpose))
def test_a_signature_serves_one_purpose(message: bytes, made: Purpose, used: Purpose) -> None:
    signature = Domain(made, CHAIN).sign(KEY, message)
    assert Domain(used, CHAIN).is_valid(KEY.public, signature, message) is (made is used)


def test_a_signature_serves_one_chain_key_and_message() -> None:
    domain, other = Domain(Purpose.VOTE, CHAIN), Domain(Purpose.VOTE, Digest(bytes(32)))
    signature = domain.sign(KEY, b"a")
    domain.verify(KEY.public, signature, b"a")
    stranger = SigningKey.from_seed(bytes(32)).public
    assert not other.is_valid(KEY.public, signature, b"a")
    assert not domain.is_valid(stranger, signature, b"a")
    with pytest.raises(SignatureError, match="vote signature"):
        domain.verify(KEY.public, signature, b"b")


@given(st.integers(0, 511))
def test_every_bit_of_a_signature_counts(bit: int) -> None:
    domain = Domain(Purpose.VOTE, CHAIN)
    signature = bytearray(domain.sign(KEY, b"a"))
    signature[bit // 8] ^= 1 << bit % 8
    assert not domain.is_valid(KEY.public, bytes(signature), b"a")


def test_odd_signatures_and_keys_are_refused() -> None:
    domain = Domain(Purpose.VOTE, CHAIN)
    signature = domain.sign(KEY, b"a")
    scalar = int.from_bytes(signature[32:], "little") + ORDER
    assert not domain.is_valid(KEY.public, signature[:32] + scalar.to_bytes(32, "little"), b"a")
    small_order = PublicKey(b"\x01" + bytes(31))
    assert not domain.is_valid(small_order, b"\x01" + bytes(63), b"a")
    assert not domain.is_valid(KEY.public, signature[:63], b"a")
    assert not domain.is_valid(PublicKey(KEY.public[:31]), signature, b"a")


def test_a_seed_has_32_bytes_and_stays_secret() -> None:
    with pytest.raises(FormatError):
        SigningKey.from_seed(b"short")
    assert KEY.seed.hex() not in repr(KEY)
    assert sha256(b"") == bytes.fromhex(
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )
