"""Results: what became of a transaction, or of a due item that the block executed itself.

    leaf = canonical [height, index, id, code, events, changes]

`code` is `ok` or the failure's. `events` are maps with `about` (the subjects: codes and object
ids), `data` and `type`. `changes` are [key, version] pairs of the records written, in the order of
writing; the fold of `count` and `head` into the signers' accounts follows from the signers and is
not listed. A due item's index continues after the block's transactions, and its id is the SHA-256
of its key.
"""

from dataclasses import dataclass

from ledger import codec, shape
from ledger.codec import Value
from ledger.primitives import MAX_HEIGHT, Digest, Height

OK = "ok"
MAX_RESULT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Result:
    """One leaf under `results_root`."""

    height: Height
    index: int
    id: Digest
    code: str
    events: tuple[Value, ...]
    changes: tuple[tuple[bytes, int], ...]

    def encode(self) -> bytes:
        """The canonical leaf."""
        changes = [[key, version] for key, version in self.changes]
        return codec.encode(
            [self.height, self.index, self.id, self.code, list(self.events), changes]
        )


def decode_result(data: bytes) -> Result:
    """The result of its leaf; raises EncodingError or FormatError."""
    height, index, id_, code, events, changes = shape.check_tuple(
        codec.decode(data, MAX_RESULT_BYTES), "a result", 6
    )
    return Result(
        Height(shape.check_integer(height, "height", 0, MAX_HEIGHT)),
        shape.check_integer(index, "index", 0, 1 << 32),
        shape.check_digest(id_, "id"),
        shape.check_text(code, "code", 64),
        tuple(shape.check_list(events, "events", 4096)),
        tuple(_decode_change(item) for item in shape.check_list(changes, "changes", 65536)),
    )


def read_result(data: bytes) -> Result:
    """The result of a leaf that is proved, or was written here: it is not checked again."""
    height, index, id_, code, events, changes = codec.decode_trusted(data)
    return Result(
        height, index, id_, code, tuple(events), tuple((key, version) for key, version in changes)
    )


def _decode_change(item: Value) -> tuple[bytes, int]:
    key, version = shape.check_tuple(item, "a change", 2)
    return shape.check_blob(key, "a key", 256), shape.check_integer(version, "version", 1, 1 << 48)
