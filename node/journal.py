"""The disk beside the store: what this peer said, and what it accepted.

    j number            a record of consensus, in order
    y block hash        canonical [header, [signed transaction, ...], parent certificate]
    x transaction id    a signed transaction that this peer acknowledged and that is not final yet
    mjournal            16 random bytes that the store's disk carries too
    mbarred key         a validator key whose journal was lost: it never votes again here

A journal that does not carry the mark of the store beside it was lost, replaced by another
one: what this peer's validator keys signed is not known any more. They are barred, and the peer
votes again in an epoch that has a new key of it (docs/spec/consensus.md).
"""

from collections.abc import Iterable, Iterator, Sequence

from consensus import journal as core_journal
from ledger import codec
from ledger.block import decode_header
from ledger.errors import LedgerError
from ledger.keyvalue import Change, KeyValue, prefix_end
from ledger.primitives import Digest, PublicKey
from ledger.schema import META_JOURNAL
from node.frames import BlockBody

MARK_KEY = META_JOURNAL
BARRED_PREFIX = b"mbarred"
REWRITE_RECORDS = 4096


class Journal:
    """Reading the journal's disk, and composing what is written to it."""

    def __init__(self, disk: KeyValue) -> None:
        self.disk = disk
        self._next = 0
        self._count = 0
        for key, _ in disk.scan(b"j", b"k"):
            self._next = int.from_bytes(key[1:], "big") + 1
            self._count += 1

    def list_records(self) -> list[bytes]:
        """All records of consensus in order."""
        return [value for _, value in self.disk.scan(b"j", b"k")]

    def compose_bar(self, key: PublicKey) -> Change:
        """This validator key votes no more."""
        return BARRED_PREFIX + key, b""

    def is_barred(self, key: PublicKey) -> bool:
        """Whether this validator key must not vote."""
        return self.disk.get(BARRED_PREFIX + key) is not None

    @property
    def is_long(self) -> bool:
        """Whether it is time to write the records that still count anew."""
        return self._count >= REWRITE_RECORDS

    def compose_records(self, records: Sequence[bytes]) -> list[Change]:
        """Append records."""
        changes: list[Change] = []
        for record in records:
            changes.append((b"j" + self._next.to_bytes(8, "big"), record))
            self._next += 1
        self._count += len(records)
        return changes

    def compose_rewrite(self, records: Sequence[bytes]) -> list[Change]:
        """Replace all records by those that still count, in one batch."""
        first = self._next - self._count
        changes: list[Change] = [
            (b"j" + number.to_bytes(8, "big"), None) for number in range(first, self._next)
        ]
        self._count = 0
        return changes + self.compose_records(records)

    def compose_body(self, hash_: Digest, body: BlockBody) -> Change:
        """Keep the body of a block that was voted for."""
        value = codec.encode([body.header, list(body.raws), body.parent_certificate])
        return b"y" + hash_, value

    def forget_body(self, hash_: Digest) -> Change:
        """A body that is final or lost."""
        return b"y" + hash_, None

    def get_body(self, hash_: Digest) -> BlockBody | None:
        """The body of a block that was voted for."""
        data = self.disk.get(b"y" + hash_)
        if data is None:
            return None
        header, raws, certificate = codec.decode_trusted(data)
        return BlockBody(header, tuple(raws), certificate)

    def list_bodies(self) -> list[tuple[Digest, int]]:
        """The hashes of all kept bodies, with their heights."""
        return [
            (Digest(key[1:]), decode_header(codec.decode_trusted(data)[0]).height)
            for key, data in self.disk.scan(b"y", b"z")
        ]

    def compose_accepted(self, id_: Digest, raw: bytes) -> Change:
        """Remember an acknowledged transaction."""
        return b"x" + id_, raw

    def forget_accepted(self, id_: Digest) -> Change:
        """A transaction that is final or can never be."""
        return b"x" + id_, None

    def scan_accepted(self) -> Iterator[tuple[Digest, bytes]]:
        """The acknowledged transactions that were not final when last heard of."""
        for key, raw in self.disk.scan(b"x", prefix_end(b"x")):
            yield Digest(key[1:]), raw


def adopt(journal: KeyValue, store: KeyValue, fresh: bytes, keys: Iterable[PublicKey]) -> bool:
    """Tie a journal to the store beside it; False where it is not the one that was there.

    Both get the mark `fresh` when both are new; the store carries it under the same key. A journal
    that is not the store's, or that is damaged, takes the store's mark, loses what it holds of
    consensus, and `keys`, the validator keys that the lost one may have been about, are barred.
    """
    mine, theirs = journal.get(MARK_KEY), store.get(MARK_KEY)
    if mine is not None and mine == theirs and _is_whole(journal):
        return True
    is_empty = next(journal.scan(b"j", b"k"), None) is None
    if theirs is None and is_empty:
        # The journal first: a crash between the two leaves an empty journal with a mark that the
        # store does not know, and the next start comes here again.
        journal.write([(MARK_KEY, mine or fresh)], sync=True)
        store.write([(MARK_KEY, mine or fresh)], sync=True)
        return True
    changes: list[Change] = [(key, None) for key, _ in journal.scan(b"j", b"k")]
    changes += [(BARRED_PREFIX + key, b"") for key in keys]
    journal.write([*changes, (MARK_KEY, theirs or fresh)], sync=True)
    store.write([(MARK_KEY, theirs or fresh)], sync=True)
    return False


def _is_whole(journal: KeyValue) -> bool:
    """Whether its records of consensus can be read."""
    try:
        core_journal.replay(record for _, record in journal.scan(b"j", b"k"))
    except LedgerError:
        return False
    return True
