"""Where what lies in the store: the first byte names the table (docs/spec/store.md).

    m name                        format version, genesis, final height, floor, the journal's mark,
                                  a snapshot on its way here
    h height                      header
    k header hash                 height
    b height                      canonical [parent certificate, [signed transaction, ...]]
    r height                      canonical [result leaf, ...]
    f height                      finalization certificate, where this peer saw one
    e epoch                       canonical [height of its last block, finalization certificate,
                                  [[code, validator key], ...] of the next epoch]
    n level index                 hash of a perfect subtree of the header tree
    t transaction id              height index
    s key                         current record's envelope
    l slot                        key of the record that stands at this slot of the state tree
    v length key version          envelope of every version, the current one included
    d key                         derived value
    i subject 0x00 height index   canonical [id, kind, code, [signer, ...]]

Heights are 8 bytes, indexes 4, big-endian, so that byte order is the order of history.
"""

from ledger.primitives import Digest

FORMAT_VERSION = 2

END = b"\xff" * 40  # beyond every key

META_FORMAT = b"mformat"
META_GENESIS = b"mgenesis"
META_FINAL = b"mfinal"
META_FLOOR = b"mfloor"
META_JOURNAL = b"mjournal"
META_INSTALL = b"minstall"
META_PIECE = b"mpiece"


def piece_key(kind: str, chunk: int) -> bytes:
    """Of the root of a chunk of a snapshot that is being installed, once it is here as a whole."""
    return META_PIECE + kind.encode("ascii") + chunk.to_bytes(8, "big")


def header_key(height: int) -> bytes:
    """Of a header."""
    return b"h" + height.to_bytes(8, "big")


def header_hash_key(digest: Digest) -> bytes:
    """Of a height by header hash."""
    return b"k" + digest


def body_key(height: int) -> bytes:
    """Of a block's transactions."""
    return b"b" + height.to_bytes(8, "big")


def results_key(height: int) -> bytes:
    """Of a block's results."""
    return b"r" + height.to_bytes(8, "big")


def finalization_key(height: int) -> bytes:
    """Of a finalization certificate."""
    return b"f" + height.to_bytes(8, "big")


def epoch_key(epoch: int) -> bytes:
    """Of an ended epoch."""
    return b"e" + epoch.to_bytes(8, "big")


def node_key(level: int, index: int) -> bytes:
    """Of a node of the header tree."""
    return b"n" + bytes((level,)) + index.to_bytes(8, "big")


def transaction_key(id_: bytes) -> bytes:
    """Of a transaction's place."""
    return b"t" + id_


def record_key(key: bytes) -> bytes:
    """Of a current record."""
    return b"s" + key


def slot_key(slot: int) -> bytes:
    """Of the key that stands at a slot of the state tree."""
    return b"l" + slot.to_bytes(8, "big")


def version_key(key: bytes, version: int) -> bytes:
    """Of one version of a record."""
    return version_prefix(key) + version.to_bytes(8, "big")


def version_prefix(key: bytes) -> bytes:
    """Of all versions of a record."""
    return b"v" + len(key).to_bytes(2, "big") + key


def derived_key(key: bytes) -> bytes:
    """Of a derived value."""
    return b"d" + key


def place(height: int, index: int) -> bytes:
    """A transaction's place, in the order of history."""
    return height.to_bytes(8, "big") + index.to_bytes(4, "big")


def parse_place(data: bytes) -> tuple[int, int]:
    """The height and index of a place."""
    return int.from_bytes(data[:8], "big"), int.from_bytes(data[8:12], "big")


def subject_prefix(subject: str) -> bytes:
    """Of all entries of an index subject: a code, an object id, or `kind:<kind>`."""
    return b"i" + subject.encode("ascii") + b"\x00"
