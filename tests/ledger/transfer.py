"""A snapshot carried from one disk to another piece by piece, each verified on its way."""

from collections.abc import Callable, Iterator

from ledger import install
from ledger.block import decode_header
from ledger.codec import Value
from ledger.keyvalue import Change, KeyValue
from ledger.snapshot import (
    CHUNK_HEADERS,
    CHUNK_SLOTS,
    Snapshot,
    count_chunks,
    find_first_body,
    find_first_results,
    split,
    verify_body,
    verify_headers,
    verify_manifest,
    verify_results,
    verify_state_part,
)
from ledger.state import Reader
from ledger.store import EpochEnd, Store, compose_body, compose_results


def take_snapshot(store: Store) -> Snapshot:
    """The store as it is now."""
    finalization = store.get_finalization(store.height)
    assert finalization is not None
    return Snapshot(store.state.view, store.header, finalization, store.tree)


def derive_nothing(_: Reader) -> dict[bytes, Value]:
    return {}


def list_epochs(store: Store) -> tuple[EpochEnd, ...]:
    """How all epochs before the running one ended."""
    ends = (store.get_epoch_end(epoch) for epoch in range(store.header.epoch))
    return tuple(end for end in ends if end is not None)


def compose_pieces(snapshot: Snapshot, window: int) -> Iterator[list[Change]]:
    """All pieces, as what they write; each is verified by the manifest or by its header."""
    manifest = snapshot.manifest
    header = verify_manifest(manifest)
    for chunk in range(count_chunks(header.height, CHUNK_HEADERS)):
        part = snapshot.read_headers(chunk)
        assert part is not None
        verify_headers(manifest, part)
        root = split(manifest.header_roots)[chunk]
        yield [
            *install.compose_headers(part),
            install.compose_root(install.HEADERS, chunk, root),
        ]
    for chunk in range(count_chunks(manifest.count, CHUNK_SLOTS)):
        skip, size = 0, min(CHUNK_SLOTS, manifest.count - chunk * CHUNK_SLOTS)
        while skip < size:
            found = snapshot.read_state(chunk, skip)
            assert found is not None
            skip += len(found.records)
            changes = list(install.compose_records(verify_state_part(manifest, found)))
            if skip == size:
                root = split(manifest.state_roots)[chunk]
                changes.append(install.compose_root(install.STATE, chunk, root))
            yield changes
    yield from compose_blocks(snapshot, window)


def compose_blocks(snapshot: Snapshot, window: int) -> Iterator[list[Change]]:
    last = snapshot.height
    for height in range(find_first_results(last, window), last + 1):
        part = snapshot.read_results(height, height, 0)
        data = snapshot.manifest.header if height == last else read_header(snapshot, height)
        assert part is not None
        header = decode_header(data)
        results = verify_results(header, part, part.blocks[0])
        yield [
            compose_results(height, part.blocks[0]),
            *install.compose_places(header, results),
        ]
        if height >= find_first_body(last):
            found = snapshot.read_bodies(height, height)
            assert found is not None
            (body,) = found.bodies
            verify_body(header, data, body)
            yield [compose_body(height, body.parent_certificate, body.transactions)]


def read_header(snapshot: Snapshot, height: int) -> bytes:
    part = snapshot.read_headers(height // CHUNK_HEADERS)
    assert part is not None
    return part.headers[height % CHUNK_HEADERS]


def carry(
    store: Store,
    disk: KeyValue,
    window: int,
    derive: Callable[[Reader], dict[bytes, Value]] = derive_nothing,
) -> None:
    """Install a snapshot of a store on another disk."""
    snapshot = take_snapshot(store)
    disk.write(install.compose_begin(snapshot.height), sync=True)
    for changes in compose_pieces(snapshot, window):
        disk.write(changes, sync=True)
    certified = install.Certified(
        snapshot.manifest.header, snapshot.finalization, list_epochs(store)
    )
    install.finish(disk, certified, window, derive)
