"""Validator sets: order, sizes, encoding."""

import pytest
from toy_chain import make_code

from consensus.validators import MAX_VALIDATORS, ValidatorSet
from ledger.codec import encode
from ledger.crypto import sha256
from ledger.errors import FormatError, LedgerError
from ledger.primitives import Code, PublicKey, View


def make(n: int) -> ValidatorSet:
    return ValidatorSet((make_code(i), PublicKey(sha256(b"%d" % i))) for i in range(n))


@pytest.mark.parametrize(
    ("n", "f", "quorum"), [(1, 0, 1), (2, 0, 2), (3, 0, 3), (4, 1, 3), (7, 2, 5), (34, 11, 23)]
)
def test_sizes(n: int, f: int, quorum: int) -> None:
    validators = make(n)
    assert (len(validators), validators.f, validators.quorum) == (n, f, quorum)
    assert 2 * quorum - n > f  # two quorums share an honest member


def test_members_stand_in_the_order_of_their_codes() -> None:
    pairs = list(zip(make(5).codes, make(5).keys, strict=True))
    shuffled = ValidatorSet(reversed(pairs))
    assert shuffled == make(5)
    assert hash(shuffled) == hash(make(5))
    assert shuffled.codes == tuple(sorted(shuffled.codes))
    assert [shuffled.find_index(code) for code in shuffled.codes] == list(range(5))
    assert shuffled.find_index(Code("stranger")) is None


def test_leaders_rotate() -> None:
    assert [make(4).leader(View(view)) for view in range(1, 10)] == [1, 2, 3, 0, 1, 2, 3, 0, 1]


def test_encoding() -> None:
    validators = make(4)
    assert ValidatorSet.decode(validators.encode()) == validators
    assert validators.hash == sha256(validators.encode())
    assert "n=4" in repr(validators)


def test_what_is_no_set_is_refused() -> None:
    key = PublicKey(bytes(32))
    other = PublicKey(bytes(31) + b"1")
    for pairs in (
        [],
        [(Code("a"), key), (Code("a"), other)],
        [(Code("a"), key), (Code("b"), key)],
        [(Code(""), key)],
        [(Code("a" * 65), key)],
        [(Code("a"), PublicKey(bytes(31)))],
    ):
        with pytest.raises(FormatError):
            ValidatorSet(pairs)
    with pytest.raises(FormatError):
        make(MAX_VALIDATORS + 1)
    for value in (None, [], [["a"]], [["a", 1]], [["b", key], ["a", other]], [[1, key]]):
        with pytest.raises(LedgerError):
            ValidatorSet.decode(encode(value))
