"""What all checks of a store share: the disk as it was when they began, and where to report."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ledger import schema
from ledger.block import Header, decode_header
from ledger.crypto import Domain
from ledger.errors import DiskError, LedgerError
from ledger.floor import Floor
from ledger.genesis import Genesis
from ledger.keyvalue import Readable, prefix_end
from ledger.primitives import Digest
from ledger.sealed import SealedBlock
from node.check.finding import Findings, show_place

Saw = Callable[[str, int], None]
"""Hears which table is read, and how many entries of it have been."""

STEP = 256  # entries between two words of progress


@dataclass(slots=True)
class Scope:
    """One check of one store. `height` is that of the last final block, -1 until it is known.

    `ends` are the heights at which epochs 0, 1, ... ended, as the headers have it. `unreadable` are
    tables that could not be read to their end: what they lack is not said again. Below the
    `floor` a store need not have everything.
    """

    view: Readable
    genesis: Genesis
    first: SealedBlock
    votes: Domain
    saw: Saw
    findings: Findings = field(default_factory=Findings)
    counts: dict[str, int] = field(default_factory=dict)
    facts: list[str] = field(default_factory=list)
    unreadable: set[str] = field(default_factory=set)
    height: int = -1
    floor: Floor = field(default_factory=Floor)
    peaks: tuple[bytes, ...] = ()
    ends: list[int] = field(default_factory=list)

    def get(self, key: bytes) -> bytes | None:
        """The value under a key; None where it is missing or cannot be read."""
        try:
            return self.view.get(key)
        except DiskError as error:
            table = chr(key[0])
            self.unreadable.add(table)
            self.findings.add(table, show_place(key), f"cannot be read: {error}")
            return None

    def scan(self, table: str) -> Iterator[tuple[bytes, bytes]]:
        """Every pair of a table, as far as it can be read; the pairs are counted."""
        prefix, count = table.encode("ascii"), 0
        for pair in self.scan_between(table, prefix, prefix_end(prefix)):
            count += 1
            if count % STEP == 0:
                self.saw(table, count)
            yield pair
        self.counts[table] = count

    def scan_between(
        self, table: str, start: bytes, stop: bytes, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """The pairs of a range, as far as it can be read; what cannot is said of the table."""
        last = start
        try:
            for pair in self.view.scan(start, stop, reverse):
                last = pair[0]
                yield pair
        except DiskError as error:
            self.unreadable.add(table)
            after = f"from {show_place(last)} on" if len(last) > 1 else "from its beginning on"
            self.findings.add(table, after, f"cannot be read: {error}")

    def get_header_bytes(self, height: int) -> bytes | None:
        """The header at a height."""
        return self.get(schema.header_key(height))

    def read_header(self, height: int) -> Header | None:
        """The header at a height; None where it is missing, or what stands there is none of it."""
        data = self.get_header_bytes(height)
        try:
            header = None if data is None else decode_header(data)
        except LedgerError:
            return None
        return None if header is None or header.height != height else header

    @property
    def genesis_hash(self) -> Digest:
        """Of the chain that the store must belong to."""
        return self.genesis.hash
