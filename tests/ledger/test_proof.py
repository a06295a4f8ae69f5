"""State proofs: they hold for what is so, and for nothing that is not."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import codec
from ledger.errors import FormatError, ProofError
from ledger.leaf_proof import SIBLINGS_BYTES, Leaf, Path, compute_root_from_leaf, verify_leaf
from ledger.primitives import ZERO_DIGEST, Digest
from ledger.proof import (
    PrefixProof,
    RecordProof,
    check_version,
    decode_version,
    find_standing,
    make_version,
    prove_absence,
    prove_prefix,
    prove_record,
    verify_absence,
    verify_prefix,
    verify_record,
    verify_versions,
)
from ledger.record import make_key
from tests.ledger.chain import Chain

KEYS = [make_key("t", f"{n:03}") for n in range(0, 80, 2)]


def make_chain() -> Chain:
    chain = Chain(records=[(key, {"n": n}) for n, key in enumerate(KEYS[:20])])
    chain.extend([chain.make_transaction([(key, {"n": n}) for n, key in enumerate(KEYS[20:])])])
    for value in range(3):
        chain.extend([chain.make_transaction([(KEYS[3], value)])])
    chain.extend([chain.make_transaction([(make_key("u", "a"), 1), (make_key("s", "a"), 1)])])
    return chain


CHAIN = make_chain()
STATE, TREE, ROOT = CHAIN.store.state, CHAIN.store.tree, CHAIN.store.header.state_root


def present(key: bytes) -> RecordProof:
    proof = prove_record(STATE, TREE, key)
    assert proof is not None
    return proof


def under(prefix: bytes) -> PrefixProof:
    proof = prove_prefix(STATE, TREE, prefix, 100)
    assert proof is not None
    return proof


RECORD = present(KEYS[3])


def test_a_record_is_proved() -> None:
    verify_record(RECORD, ROOT)
    assert (RECORD.version.value, RECORD.version.version) == (2, 4)
    assert decode_version(RECORD.version.body) == RECORD.version
    assert prove_record(STATE, TREE, b"nobody\x00") is None
    assert prove_record(STATE, TREE, b"") is None


def with_path(**fields: Any) -> RecordProof:
    return replace(RECORD, path=replace(RECORD.path, **fields))


SIBLINGS = RECORD.path.siblings
FORGED = make_version(CHAIN.store.list_versions(KEYS[3])[0])
BAD = {
    "another value": replace(RECORD, version=FORGED),
    "another key": replace(RECORD, key=KEYS[4]),
    "another next key": replace(RECORD, next_key=KEYS[5]),
    "a next key below": replace(RECORD, next_key=KEYS[2]),
    "its own next key": replace(RECORD, next_key=KEYS[3]),
    "no next key": replace(RECORD, next_key=b""),
    "another slot": replace(RECORD, slot=RECORD.slot + 1),
    "a slot in another bundle": replace(RECORD, slot=RECORD.slot + 16),
    "a slot beyond the count": replace(RECORD, slot=RECORD.path.count),
    "a negative slot": replace(RECORD, slot=-1),
    "the sentinel's slot": replace(RECORD, slot=0),
    "the sentinel's key": replace(RECORD, key=b""),
    "another count": with_path(count=RECORD.path.count + 1),
    "a count of another depth": with_path(count=17),
    "a deeper count": with_path(count=257),
    "an endless count": with_path(count=1 << 64),
    "a level too few": with_path(siblings=SIBLINGS[:-1]),
    "a level too many": with_path(siblings=(*SIBLINGS, bytes(SIBLINGS_BYTES))),
    "a short level": with_path(siblings=(SIBLINGS[0][:-32], *SIBLINGS[1:])),
    "a long level": with_path(siblings=(SIBLINGS[0] + bytes(32), *SIBLINGS[1:])),
    "swapped levels": with_path(siblings=SIBLINGS[::-1]),
}


@pytest.mark.parametrize("name", BAD)
def test_a_forged_record_is_refused(name: str) -> None:
    with pytest.raises(ProofError):
        verify_record(BAD[name], ROOT)


@given(st.integers(0, len(SIBLINGS) - 1), st.integers(0, SIBLINGS_BYTES - 1), st.integers(1, 255))
def test_every_byte_of_the_path_counts(level: int, at: int, mask: int) -> None:
    changed = bytearray(SIBLINGS[level])
    changed[at] ^= mask
    siblings = (*SIBLINGS[:level], bytes(changed), *SIBLINGS[level + 1 :])
    with pytest.raises(ProofError):
        verify_record(with_path(siblings=siblings), ROOT)


def test_an_inner_node_cannot_pass_for_a_leaf() -> None:
    """A path that begins one level up, with the count it would need, has another root."""
    path = Path(16, SIBLINGS[1:])
    with pytest.raises(ProofError):
        verify_leaf(replace(RECORD.leaf, slot=RECORD.slot // 16), path, ROOT)


def test_the_sentinel_is_a_leaf_without_value() -> None:
    gap = prove_absence(STATE, TREE, b"a\x00")
    assert gap is not None
    assert gap.leaf == Leaf(0, b"", make_key("s", "a"), ZERO_DIGEST)
    with pytest.raises(ProofError, match="no value"):
        verify_leaf(replace(gap.leaf, value_hash=Digest(b"\x01" * 32)), gap.path, ROOT)
    with pytest.raises(ProofError, match="not a record"):
        verify_record(RecordProof(0, b"", gap.leaf.next_key, FORGED, gap.path), ROOT)


@pytest.mark.parametrize("key", [b"a", KEYS[3] + b"x", make_key("t", "001"), b"zzz", KEYS[0][:-1]])
def test_absence_is_proved_and_for_no_key_that_is_there(key: bytes) -> None:
    gap = prove_absence(STATE, TREE, key)
    assert gap is not None
    verify_absence(key, gap, ROOT)
    for other in KEYS:
        with pytest.raises(ProofError):
            verify_absence(other, gap, ROOT)
    with pytest.raises(ProofError):
        verify_absence(key, replace(gap, leaf=replace(gap.leaf, next_key=b"")), Digest(bytes(32)))


def test_what_is_there_cannot_be_proved_absent() -> None:
    assert prove_absence(STATE, TREE, KEYS[3]) is None
    assert prove_absence(STATE, TREE, b"") is None


@pytest.mark.parametrize(
    "prefix", [b"t\x00", b"t\x0000", b"t\x00003", b"a", b"s\x00", b"u\x00", b"z", KEYS[3], b"t"]
)
def test_a_prefix_is_proved_complete(prefix: bytes) -> None:
    proof = under(prefix)
    verify_prefix(proof, ROOT)
    expected = [key for key, _ in STATE.scan(b"") if key.startswith(prefix)]
    assert [record.key for record in proof.records] == expected


@given(st.data())
@settings(max_examples=60)
def test_nothing_can_be_left_out_of_a_prefix(data: st.DataObject) -> None:
    whole = under(b"t\x000")
    at = data.draw(st.integers(0, len(whole.records) - 1))
    end = data.draw(st.integers(at + 1, len(whole.records)))
    records = whole.records[:at] + whole.records[end:]
    with pytest.raises(ProofError):
        verify_prefix(replace(whole, records=records), ROOT)


def test_nothing_can_be_put_into_a_prefix() -> None:
    whole, outside = under(b"t\x00"), present(make_key("u", "a"))
    first = whole.records[0]
    for records in (
        (*whole.records, outside),
        (first, *whole.records),
        whole.records[::-1],
    ):
        with pytest.raises(ProofError):
            verify_prefix(replace(whole, records=records), ROOT)
    for prefix in (b"", b"t\x00000\x00x", b"s"):
        with pytest.raises(ProofError):
            verify_prefix(replace(whole, prefix=prefix), ROOT)


def test_a_prefix_of_too_many_is_not_proved() -> None:
    assert prove_prefix(STATE, TREE, b"t\x00", len(KEYS)) is not None
    assert prove_prefix(STATE, TREE, b"t\x00", len(KEYS) - 1) is None


VERSIONS = [make_version(record) for record in reversed(CHAIN.store.list_versions(KEYS[3]))]


def test_versions_lead_back_to_the_first() -> None:
    verify_versions(VERSIONS[0], VERSIONS[1:])
    verify_versions(VERSIONS[0], VERSIONS[1:2])
    assert [version.value for version in VERSIONS] == [2, 1, 0, {"n": 3}]


@pytest.mark.parametrize(
    "older",
    [VERSIONS[2:], VERSIONS[:1], [VERSIONS[2], VERSIONS[1]], [VERSIONS[1], VERSIONS[3]]],
)
def test_no_version_can_be_left_out(older: list[Any]) -> None:
    with pytest.raises(ProofError):
        verify_versions(VERSIONS[0], older)


def forge(body: list[Any]) -> tuple[Any, Any]:
    """A version before another whose hash it names rightly, and which is wrong in itself."""
    before = check_version(codec.encode(body))
    return check_version(codec.encode([3, 1, 5, 2, before.hash, 0])), before


@pytest.mark.parametrize(
    "body",
    [
        [1, 1, 2, 0, b"", 0],
        [2, 0, 2, 0, bytes(32), 0],
        [2, 1, 6, 0, bytes(32), 0],
    ],
)
def test_versions_are_in_order(body: list[Any]) -> None:
    current, before = forge(body)
    with pytest.raises(ProofError):
        verify_versions(current, [before])


def test_a_due_item_of_the_same_block_wrote_before_a_transaction_of_lower_index() -> None:
    current, before = forge([2, 1, 5, 3, bytes(32), 0])
    verify_versions(current, [before])


@pytest.mark.parametrize(
    "body",
    [
        [0, 1, 1, 0, b"", 0],
        [1, 1, 1, 0, bytes(32), 0],
        [2, 1, 1, 0, b"", 0],
        [1, 2, 1, 0, b"", 0],
        [1, 1, 1, -1, b"", 0],
        [1, 1, 1, 0, b""],
    ],
)
def test_a_body_of_other_shape_is_refused(body: list[Any]) -> None:
    with pytest.raises(FormatError):
        decode_version(codec.encode(body))
    with pytest.raises(ProofError, match="not a record"):
        check_version(codec.encode(body))


def test_the_version_that_stood_at_a_height_is_found() -> None:
    standing = {height: find_standing(VERSIONS, height) for height in range(6)}
    assert [version.value if version else None for version in standing.values()] == [
        {"n": 3},
        {"n": 3},
        0,
        1,
        2,
        2,
    ]
    assert find_standing(VERSIONS[:2], 2) is None


def test_the_root_of_one_leaf_needs_no_path() -> None:
    chain = Chain()
    gap = prove_absence(chain.store.state, chain.store.tree, b"a")
    assert gap is not None
    assert gap.path == Path(1, ())
    assert compute_root_from_leaf(gap.leaf, gap.path) == chain.store.header.state_root
