"""The final chain as requests read it: nothing above its height, recent blocks decoded once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from ledger import codec
from ledger.block import Header, compute_header_hash, decode_header
from ledger.codec import Value
from ledger.primitives import Digest
from ledger.result import Result, decode_result
from ledger.store import Store, StoredBlock
from ledger.transaction import Transaction, decode_transaction

CACHED_BLOCKS: Final = 4
STEP: Final = 32  # entries decoded before votes and other requests get their turn
DUE: Final = "due"  # the kind of an item that a block executed itself

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """A transaction or a due item with what it did; due items have no signers."""

    height: int
    index: int
    id: Digest
    kind: str
    signers: tuple[str, ...]
    code: str
    events: tuple[Value, ...]


class Chain:
    """What lies in the store at and below its height."""

    __slots__ = ("_blocks", "_entries", "_leaves", "store")

    def __init__(self, store: Store) -> None:
        self.store = store
        self._blocks: _Cache[StoredBlock] = _Cache()
        self._leaves: _Cache[list[bytes]] = _Cache()
        self._entries: _Cache[tuple[Entry, ...]] = _Cache()

    @property
    def height(self) -> int:
        """Of the last final block."""
        return self.store.height

    def get_header(self, height: int) -> Header | None:
        """The header at a final height."""
        data = self.store.get_header_bytes(height)
        return None if data is None else decode_header(data)

    def get_hash(self, height: int) -> str:
        """The hash, in hex, of a block whose header is here."""
        data = self.store.get_header_bytes(height)
        assert data is not None
        return compute_header_hash(data).hex()

    def find_height(self, digest: Digest) -> int | None:
        """The height of a final block by its hash."""
        height = self.store.find_height(digest)
        return None if height is None or height > self.height else height

    def get_block(self, height: int) -> StoredBlock | None:
        """The block at a final height; None above it or where this peer no longer has the body."""
        block = self._blocks.get(height)
        if block is None:
            block = self.store.get_block(height)
            if block is not None:
                self._blocks.put(height, block)
        return block

    def get_transaction(self, height: int, index: int) -> Transaction | None:
        """The transaction at a place; None for a due item or where the body is gone."""
        block = self.get_block(height)
        if block is None or index >= len(block.transactions):
            return None
        return decode_transaction(block.transactions[index], block.header.chain)

    def get_result(self, height: int, index: int) -> Result | None:
        """The result at a place."""
        leaves = self._get_leaves(height)
        return None if leaves is None or index >= len(leaves) else decode_result(leaves[index])

    def _get_leaves(self, height: int) -> list[bytes] | None:
        leaves = self._leaves.get(height)
        if leaves is None and height <= self.height:
            leaves = self.store.get_result_leaves(height)
            if leaves is not None:
                self._leaves.put(height, leaves)
        return leaves

    async def load_entries(self, height: int) -> Sequence[Entry] | None:
        """Every transaction and due item of a block; None where this peer no longer has them."""
        entries = self._entries.get(height)
        if entries is not None:
            return entries
        block = self.get_block(height)
        leaves = self._get_leaves(height)
        if block is None or leaves is None:
            return None
        found: list[Entry] = []
        for start in range(0, len(leaves), STEP):
            if start:
                await asyncio.sleep(0)
            found += [_read_entry(block, leaf) for leaf in leaves[start : start + STEP]]
        self._entries.put(height, tuple(found))
        return found

    def read_entry(self, height: int, index: int) -> Entry | None:
        """One entry of a block."""
        block = self.get_block(height)
        leaves = self._get_leaves(height)
        if block is None or leaves is None or index >= len(leaves):
            return None
        return _read_entry(block, leaves[index])


def _read_entry(block: StoredBlock, leaf: bytes) -> Entry:
    height, index, id_, code, events, _ = codec.decode_trusted(leaf)
    kind: str = DUE
    signers: tuple[str, ...] = ()
    if index < len(block.transactions):
        kind, signers = read_kind(block.transactions[index])
    return Entry(height, index, id_, kind, signers, code, tuple(events))


def read_kind(raw: bytes) -> tuple[str, tuple[str, ...]]:
    """The kind and signers of a transaction that is final, so that its form was checked."""
    body = codec.decode_trusted(codec.decode_trusted(raw)[0])
    return body["kind"], tuple(body["signers"])


class _Cache(Generic[T]):
    """The few values used last, by height."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[int, T] = {}

    def get(self, height: int) -> T | None:
        value = self._values.pop(height, None)
        if value is not None:
            self._values[height] = value
        return value

    def put(self, height: int, value: T) -> None:
        self._values[height] = value
        if len(self._values) > CACHED_BLOCKS:
            del self._values[next(iter(self._values))]
