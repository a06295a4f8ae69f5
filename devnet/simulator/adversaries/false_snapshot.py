"""A snapshot that is whole and false: one record of it is another one.

All of its roots are computed anew, up to the header's, so that everything leads to everything:
nothing but the missing proof that this header is final tells it from a true one.
"""

from dataclasses import replace

from ledger import tree
from ledger.block import decode_header
from ledger.record import decode_record
from ledger.snapshot import CHUNK_LEVEL, DIGEST, Manifest, StatePart


def is_forgeable(part: StatePart) -> bool:
    """Whether a part begins with the sentinel and has the record that is forged, of slot 1."""
    return part.chunk == 0 and not part.before and len(part.records) > 1


def forge_part(part: StatePart) -> StatePart:
    """The part with a record that claims to be of another transaction; the same one each time."""
    sentinel, (key, envelope), *rest = part.records
    record = decode_record(envelope)
    forged = record.replaced(record.value, record.height, record.index + 1)
    return replace(part, records=(sentinel, (key, forged.encode()), *rest))


def forge_manifest(manifest: Manifest, part: StatePart) -> Manifest:
    """The manifest of a snapshot whose first chunk begins with a part that was forged."""
    leaves = [tree.compute_record_leaf(key, decode_record(data)) for key, data in part.records]
    depth = tree.compute_depth(manifest.count)
    level = min(CHUNK_LEVEL, depth)
    first = tree.climb(b"".join([*leaves, part.after]), 0, level)
    roots = first + manifest.state_roots[DIGEST:]
    root = tree.compute_state_root(manifest.count, tree.climb(roots, level, depth))
    header = replace(decode_header(manifest.header), state_root=root)
    return replace(manifest, header=header.encode(), state_roots=roots)
