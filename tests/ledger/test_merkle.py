"""RFC 9162: its roots and proofs, against a twin that follows the text word by word."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import merkle
from ledger.errors import ProofError
from ledger.merkle import Accumulator
from ledger.primitives import Digest
from tests.ledger import vectors

# The roots over the first n of the leaves that certificate-transparency implementations share.
SHARED_ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
LEAVES = [n.to_bytes(2, "big") for n in range(40)]
HASHES = [merkle.compute_leaf_hash(leaf) for leaf in LEAVES]


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162 section 2.1.1."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = naive_split(len(leaves))
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_split(size: int) -> int:
    k = 1
    while k * 2 < size:
        k *= 2
    return k


def naive_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 9162 section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = naive_split(len(leaves))
    if index < k:
        return [*naive_path(index, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(index - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(old: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 9162 section 2.1.4.1."""
    if old == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = naive_split(len(leaves))
    if old <= k:
        return [*naive_subproof(old, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_subproof(old - k, leaves[k:], False), naive_root(leaves[:k])]


SIZES = range(1, len(LEAVES) + 1)


def test_the_format_is_pinned() -> None:
    assert vectors.load("merkle") == vectors.compute_merkle()
    assert tuple(vectors.load("merkle")["roots"]) == SHARED_ROOTS


def test_roots_are_those_of_the_text() -> None:
    for size in range(len(LEAVES) + 1):
        assert merkle.compute_root(HASHES[:size]) == naive_root(LEAVES[:size])


@pytest.mark.parametrize("size", SIZES)
def test_every_inclusion_path_is_that_of_the_text_and_holds(size: int) -> None:
    root = merkle.compute_root(HASHES[:size])
    for index in range(size):
        path = merkle.compute_inclusion_proof(HASHES[:size], index)
        assert path == naive_path(index, LEAVES[:size])
        merkle.verify_inclusion(HASHES[index], index, size, path, root)


@pytest.mark.parametrize("size", SIZES)
def test_every_consistency_proof_is_that_of_the_text_and_holds(size: int) -> None:
    root = merkle.compute_root(HASHES[:size])
    for old in range(1, size + 1):
        path = merkle.compute_consistency_proof(HASHES[:size], old)
        assert path == naive_subproof(old, LEAVES[:size], True)
        merkle.verify_consistency(old, merkle.compute_root(HASHES[:old]), size, root, path)


sizes = st.integers(1, len(LEAVES))
digests = st.binary(min_size=32, max_size=32)


@given(sizes, st.data())
def test_an_inclusion_proof_holds_for_nothing_else(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    root = merkle.compute_root(HASHES[:size])
    path = merkle.compute_inclusion_proof(HASHES[:size], index)
    other_index = data.draw(st.integers(-1, size + 2))
    other_path = data.draw(st.just(path) | mutated(path))
    if other_index != index or other_path != path:
        with pytest.raises(ProofError):
            merkle.verify_inclusion(HASHES[index], other_index, size, other_path, root)
    with pytest.raises(ProofError):
        merkle.verify_inclusion(bytes(32), index, size, path, root)


@given(sizes, st.data())
def test_a_consistency_proof_holds_for_nothing_else(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    old_root, root = merkle.compute_root(HASHES[:old]), merkle.compute_root(HASHES[:size])
    path = merkle.compute_consistency_proof(HASHES[:size], old)
    bad_path = data.draw(mutated(path))
    with pytest.raises(ProofError):
        merkle.verify_consistency(old, old_root, size, root, bad_path)
    with pytest.raises(ProofError):
        merkle.verify_consistency(old, bytes(32), size, root, path)
    with pytest.raises(ProofError):
        merkle.verify_consistency(old, old_root, size, bytes(32), path)
    for bad_old, bad_size in ((0, size), (size + 1, size), (-1, size)):
        with pytest.raises(ProofError):
            merkle.verify_consistency(bad_old, old_root, bad_size, root, path)


@st.composite
def mutated(draw: st.DrawFn, path: list[Digest]) -> list[bytes]:
    """A path with one node changed, dropped or added."""
    changed: list[bytes] = list(path)
    action = draw(st.sampled_from(("change", "drop", "add"))) if path else "add"
    at = draw(st.integers(0, max(0, len(path) - 1)))
    if action == "change":
        changed[at] = draw(digests.filter(lambda node: node != path[at]))
    elif action == "drop":
        del changed[at]
    else:
        changed.insert(draw(st.integers(0, len(path))), draw(digests))
    return changed


def test_a_path_beyond_all_bounds_is_refused() -> None:
    with pytest.raises(ProofError):
        merkle.verify_inclusion(HASHES[0], 0, 1 << 70, [bytes(32)] * 70, bytes(32))
    with pytest.raises(ProofError):
        merkle.verify_consistency(1, HASHES[0], 1 << 140, bytes(32), [bytes(32)] * 140)


@given(st.integers(0, 300))
def test_the_accumulator_has_the_root_of_all_its_leaves(size: int) -> None:
    accumulator, hashes = Accumulator(), [bytes([n % 256]) * 32 for n in range(size)]
    for leaf in hashes:
        accumulator.append(leaf)
    assert accumulator.compute_root() == merkle.compute_root(hashes)
    assert len(accumulator.peaks) == size.bit_count()


def test_a_copied_accumulator_goes_its_own_way() -> None:
    first = Accumulator()
    first.append(HASHES[0])
    second = first.copy()
    second.append(HASHES[1])
    assert first.compute_root() == merkle.compute_root(HASHES[:1])
    assert second.compute_root() == merkle.compute_root(HASHES[:2])
    again = Accumulator(second.count, second.peaks)
    again.append(HASHES[2])
    assert again.compute_root() == merkle.compute_root(HASHES[:3])
