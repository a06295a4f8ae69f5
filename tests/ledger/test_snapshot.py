"""Snapshots: every piece proves itself, and nothing but the certified is taken."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ledger import snapshot as module
from ledger import tree
from ledger.block import decode_header
from ledger.errors import LedgerError
from ledger.snapshot import (
    CHUNK_HEADERS,
    CHUNK_SLOTS,
    Body,
    Manifest,
    Snapshot,
    StatePart,
    compute_state_roots,
    verify_body,
    verify_headers,
    verify_manifest,
    verify_results,
    verify_state_part,
)
from tests.ledger.chain import Chain
from tests.ledger.transfer import compose_pieces, read_header, take_snapshot

KEYS = [b"k%05d\x00" % number for number in range(4_400)]


def make_chain(records: int, blocks: int = 3) -> Chain:
    """A chain whose state has so many records, the sentinel included."""
    chain = Chain(records=[(KEYS[0], "first")])
    for number in range(blocks):
        chain.extend([chain.make_transaction([(KEYS[0], number)])])
    fresh = [(key, {"value": key}) for key in KEYS[1 : records - 1]]
    while fresh:
        chain.extend([chain.make_transaction(fresh[:1_000])])
        fresh = fresh[1_000:]
    return chain


@pytest.fixture(scope="module")
def chain() -> Chain:
    """Three chunks of records in four levels of the tree, and a chunk and a bit of headers."""
    chain = make_chain(2 * CHUNK_SLOTS + 7, CHUNK_HEADERS + 20)
    assert tree.compute_depth(chain.store.tree.count) == 3
    return chain


@pytest.fixture
def snapshot(chain: Chain) -> Snapshot:
    return take_snapshot(chain.store)


@pytest.mark.parametrize("records", [2, 16, 17, 255, 256, 257, 300, 4096, 4097])
def test_the_chunks_of_a_tree_of_any_size_lead_to_its_root(records: int) -> None:
    chain = make_chain(records)
    assert chain.store.tree.count == records
    snapshot = take_snapshot(chain.store)
    header = verify_manifest(snapshot.manifest)
    assert header == chain.store.header
    keys: list[bytes] = []
    for chunk in range(len(compute_state_roots(chain.store.tree)) // 32):
        part = snapshot.read_state(chunk, 0)
        assert part is not None
        keys += [key for key, _ in verify_state_part(snapshot.manifest, part)]
    assert sorted(keys) == [key for key, _ in chain.store.state.scan_all()]


@pytest.mark.parametrize("blocks", [1, 2, 255, 256, 257, 511, 512, 513])
def test_the_chunks_of_headers_lead_to_the_history_root(blocks: int) -> None:
    chain = Chain(records=[(KEYS[0], "first")])
    for _ in range(blocks):
        chain.extend()
    manifest = take_snapshot(chain.store).manifest
    assert verify_manifest(manifest).height == blocks
    assert len(manifest.header_roots) == 32 * -(-blocks // CHUNK_HEADERS)


def test_a_snapshot_stays_as_it_is_while_the_chain_goes_on() -> None:
    chain = make_chain(300)
    snapshot = take_snapshot(chain.store)
    before = list(compose_pieces(snapshot, 10))
    again = take_snapshot(chain.store)
    chain.extend([chain.make_transaction([(key, "new") for key in KEYS[:400]])])
    assert list(compose_pieces(again, 10)) == before


def flip(data: bytes, at: int = 0) -> bytes:
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


def test_a_lying_manifest_is_refused(snapshot: Snapshot) -> None:
    manifest = snapshot.manifest
    lies = [
        replace(manifest, count=manifest.count + 1),
        replace(manifest, count=manifest.count - 1),
        replace(manifest, count=0),
        replace(manifest, count=1 << 60),
        replace(manifest, state_roots=flip(manifest.state_roots, 40)),
        replace(manifest, state_roots=manifest.state_roots[:-32]),
        replace(manifest, state_roots=manifest.state_roots + bytes(32)),
        replace(manifest, state_roots=manifest.state_roots[:-1]),
        replace(manifest, header_roots=flip(manifest.header_roots)),
        replace(manifest, header_roots=manifest.header_roots[32:]),
        replace(manifest, header_roots=b""),
        replace(manifest, header=flip(manifest.header, 60)),
        replace(manifest, header=b""),
        replace(manifest, header=replace(snapshot.header, height=1 << 50).encode()),  # type: ignore[arg-type]
    ]
    for lie in lies:
        with pytest.raises(LedgerError):
            verify_manifest(lie)


def test_the_genesis_is_no_snapshot(chain: Chain) -> None:
    data = chain.store.get_header_bytes(0)
    assert data is not None
    with pytest.raises(LedgerError, match="genesis"):
        verify_manifest(Manifest(data, 1, bytes(32), b""))


def change_envelope(part: StatePart, change: Callable[[bytes], bytes]) -> StatePart:
    key, envelope = part.records[5]
    records = (*part.records[:5], (key, change(envelope)), *part.records[6:])
    return replace(part, records=records)


def test_a_lying_part_of_the_state_is_refused(snapshot: Snapshot) -> None:
    part = snapshot.read_state(0, 0)
    assert part is not None
    key = part.records[3][0]
    lies = [
        replace(part, records=part.records[:-1]),
        replace(part, records=(part.records[1], part.records[0], *part.records[2:])),
        replace(part, records=((key, part.records[0][1]), *part.records[1:])),
        replace(part, records=()),
        replace(part, chunk=1),
        replace(part, before=bytes(32)),
        replace(part, after=bytes(31)),
        replace(part, records=part.records[:-1], after=bytes(32)),
        change_envelope(part, lambda data: flip(data, len(data) - 1)),
        change_envelope(part, lambda data: flip(data, 1)),
        change_envelope(part, lambda data: data[:-1]),
        change_envelope(part, lambda _: b""),
    ]
    for lie in lies:
        with pytest.raises(LedgerError):
            verify_state_part(snapshot.manifest, lie)


def test_the_sentinel_has_no_value_to_smuggle_in(snapshot: Snapshot) -> None:
    """Its leaf commits no value: any other envelope than its own would pass unseen."""
    part = snapshot.read_state(0, 0)
    assert part is not None
    key, envelope = part.records[0]
    assert (key, envelope[-1:]) == (b"", b"\xc0")
    lie = replace(part, records=((key, envelope[:-1] + b"\xc3"), *part.records[1:]))
    with pytest.raises(LedgerError, match="slot 0"):
        verify_state_part(snapshot.manifest, lie)


def test_a_large_chunk_comes_in_parts(snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = snapshot.read_state(1, 0)
    assert whole is not None
    monkeypatch.setattr(module, "MAX_PART", 2_000)
    records: list[Any] = []
    while len(records) < CHUNK_SLOTS:
        part = snapshot.read_state(1, len(records))
        assert part is not None
        assert 0 < len(part.records) < CHUNK_SLOTS // 2
        assert len(part.before) == 32 * len(records)
        verify_state_part(snapshot.manifest, part)
        with pytest.raises(LedgerError):
            verify_state_part(snapshot.manifest, replace(part, records=part.records[1:]))
        records += part.records
    assert tuple(records) == whole.records


def test_what_is_beyond_a_snapshot_is_not_there(snapshot: Snapshot) -> None:
    assert snapshot.read_state(3, 0) is None
    assert snapshot.read_state(0, CHUNK_SLOTS) is None
    assert snapshot.read_state(2, 7) is None
    assert snapshot.read_state(1 << 40, 0) is None
    assert snapshot.read_headers(2) is None
    assert snapshot.read_headers(1 << 40) is None
    assert snapshot.read_results(snapshot.height + 1, 1 << 48, 0) is None
    assert snapshot.read_results(1, 1, 1 << 30) is None
    assert snapshot.read_bodies(snapshot.height + 1, 1 << 48) is None


def test_lying_headers_are_refused(snapshot: Snapshot) -> None:
    part = snapshot.read_headers(1)
    assert part is not None
    assert len(part.headers) == snapshot.height - CHUNK_HEADERS
    assert verify_headers(snapshot.manifest, part)[0].height == CHUNK_HEADERS
    for lie in (
        replace(part, headers=part.headers[:-1]),
        replace(part, headers=(*part.headers, part.headers[-1])),
        replace(part, headers=part.headers[::-1]),
        replace(part, headers=(flip(part.headers[0], 60), *part.headers[1:])),
        replace(part, chunk=0),
        replace(part, headers=()),
    ):
        with pytest.raises(LedgerError):
            verify_headers(snapshot.manifest, lie)


def test_lying_results_are_refused(snapshot: Snapshot) -> None:
    part = snapshot.read_results(2, 4, 0)
    assert part is not None
    assert len(part.blocks) == 3
    leaves = part.blocks[0]
    header = decode_header(read_header(snapshot, 2))
    (result,) = verify_results(header, part, leaves)
    assert (result.height, result.index) == (2, 0)
    for changed, lie in (
        (part, part.blocks[1]),
        (part, ()),
        (part, (*leaves, *leaves)),
        (part, (flip(leaves[0], 3),)),
        (replace(part, before=bytes(32)), leaves),
        (replace(part, after=bytes(5)), leaves),
    ):
        with pytest.raises(LedgerError):
            verify_results(header, changed, lie)


def test_a_large_block_s_results_come_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = Chain(records=[(KEYS[0], "first")])
    chain.extend([chain.make_transaction([(key, 1)]) for key in KEYS[:40]])
    snapshot = take_snapshot(chain.store)
    whole = snapshot.read_results(1, 1, 0)
    assert whole is not None
    monkeypatch.setattr(module, "MAX_PART", 1_000)
    leaves: list[bytes] = []
    while len(leaves) < 40:
        part = snapshot.read_results(1, 9, len(leaves))
        assert part is not None
        assert len(part.blocks[0]) < 20
        results = verify_results(chain.store.header, part, part.blocks[0])
        assert results[0].index == len(leaves)
        leaves += part.blocks[0]
    assert (tuple(leaves),) == whole.blocks


def test_a_lying_body_is_refused(snapshot: Snapshot) -> None:
    part = snapshot.read_bodies(3, 1 << 48)
    assert part is not None
    assert len(part.bodies) == 256 < snapshot.height - 2
    data, body = read_header(snapshot, 3), part.bodies[0]
    header = decode_header(data)
    assert verify_body(header, data, body).header.height == 3
    for lie in (
        part.bodies[1],
        Body(body.transactions, b""),
        Body((), body.parent_certificate),
        Body(body.transactions * 2, body.parent_certificate),
    ):
        with pytest.raises(LedgerError):
            verify_body(header, data, lie)
