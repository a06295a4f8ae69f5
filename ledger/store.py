"""The store: what is final, on disk (docs/spec/store.md).

1. A run of final blocks is written in one atomic synced batch: blocks, results, state, versions,
   indexes, roots. After a crash the store holds all of a block or nothing of it.
2. `commit` may run in a thread; it reads nothing that changes. `fold` then moves the readers on,
   and belongs to the thread that reads.
3. Old blocks and versions may be forgotten in steps (`ledger.pruning`); `floor` says what is here.
4. The store carries a format version and the genesis hash; another of either is refused.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ledger import codec, schema, tree
from ledger.block import Header, compute_header_hash, compute_validators_hash, decode_header
from ledger.errors import StoreError
from ledger.final_state import FinalState, read_envelope
from ledger.floor import read_floor
from ledger.history import History, compute_new_nodes
from ledger.index import compose_index
from ledger.keyvalue import Change, KeyValue, Readable, prefix_end
from ledger.merkle import Accumulator
from ledger.primitives import Digest
from ledger.pruning import compose_blocks_step, sweep_versions
from ledger.record import Record
from ledger.result import Result, decode_result
from ledger.sealed import SealedBlock


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """A final block as it lies on disk; `transactions` are signed transactions."""

    header: Header
    header_bytes: bytes
    hash: Digest
    parent_certificate: bytes
    transactions: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """A transaction or due item that concerned a subject; due items have no signers."""

    height: int
    index: int
    id: Digest
    kind: str
    code: str
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """The height of an epoch's last block, what made it final, and the set of the next epoch."""

    height: int
    finalization: bytes
    next_validators: tuple[tuple[str, bytes], ...]


class Store:
    """The final chain and its state; `height` is the last final block's."""

    def __init__(self, disk: KeyValue, genesis: SealedBlock) -> None:
        self._disk = disk
        self._genesis_hash = genesis.block.header.parent
        self._genesis_block_hash = genesis.block.hash
        self._check_format()
        if disk.get(schema.META_INSTALL) is not None:
            raise StoreError(
                "a snapshot is being installed in this store: start its peer, which goes on with it"
            )
        if disk.get(schema.META_FINAL) is None:
            disk.write(_compose_block(genesis), sync=True)
        self._load()

    def _check_format(self) -> None:
        version = self._disk.get(schema.META_FORMAT)
        if version is None:
            self._disk.write(
                [
                    (schema.META_FORMAT, str(schema.FORMAT_VERSION).encode()),
                    (schema.META_GENESIS, self._genesis_hash),
                ],
                sync=True,
            )
        elif version != str(schema.FORMAT_VERSION).encode():
            raise StoreError(
                f"the store has format {version.decode('ascii', 'replace')}, and this version "
                f"reads {schema.FORMAT_VERSION}: use the version that wrote it, or sync a new store"
            )
        elif self._disk.get(schema.META_GENESIS) != self._genesis_hash:
            raise StoreError("the store belongs to another chain: check the genesis or the folder")

    def _load(self) -> None:
        meta = self._disk.get(schema.META_FINAL)
        assert meta is not None
        height, peaks = codec.decode(meta)
        self.history_accumulator = Accumulator(height + 1, peaks)
        self.floor = read_floor(self._disk)
        self._set_final(height)
        self.state = FinalState(self._disk)
        self.tree = tree.rebuild(self.state.scan_all())
        if self.tree.root != self.header.state_root:
            raise StoreError(
                f"the records do not give the state root of block {height}: the disk is damaged; "
                "sync a new store"
            )

    def _set_final(self, height: int) -> None:
        data = self._disk.get(schema.header_key(height))
        if data is None:
            raise StoreError(f"header {height} is missing: the disk is damaged")
        self.height = height
        self.header = decode_header(data)
        self.hash = compute_header_hash(data)

    def commit(
        self,
        blocks: Sequence[SealedBlock],
        finalization: bytes,
        next_validators: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Write a run of blocks, the last of which the certificate finalizes, in one batch.

        Where that block ends its epoch, `next_validators` is the set that its header commits for
        the next one: (code, validator key) by code.
        """
        changes: list[Change] = []
        for block in blocks:
            changes += _compose_block(block)
        last = blocks[-1]
        changes.append((schema.finalization_key(last.height), finalization))
        if last.block.header.is_last_of_epoch:
            header = last.block.header
            assert compute_validators_hash(next_validators) == header.next_validators_hash
            end = EpochEnd(last.height, finalization, tuple(next_validators))
            changes.append(compose_epoch_end(header.epoch, end))
        self._disk.write(changes, sync=True)

    def forget_blocks(self, keep_from: int) -> None:
        """Forget the next old blocks below a height; may run in a thread, in turn with `commit`."""
        raised, changes = compose_blocks_step(self.floor, keep_from)
        self.floor = raised  # before anything is missing
        self._disk.write(changes, sync=True)

    def forget_states(self, oldest: int) -> None:
        """Answer for no state below a height any more: old versions may be swept away then."""
        self.floor = replace(self.floor, state=max(self.floor.state, oldest))
        self._disk.write([self.floor.compose()], sync=True)

    def sweep(self, start: bytes) -> bytes | None:
        """Take away some versions that no state needs; the key to go on from."""
        swept = sweep_versions(self._disk, start, self.floor.state)
        if swept.changes:
            self._disk.write(swept.changes, sync=False)
        return swept.resume

    def compact_blocks(self, first: int, stop: int) -> None:
        """Give back the space of blocks that were forgotten; takes long, in any thread.

        LevelDB merges what overlaps, so both ends are deleted once more: else it would pass over
        what a reader still held when the blocks were forgotten.
        """
        for make_key in (schema.body_key, schema.results_key):
            ends = make_key(first), make_key(stop - 1)
            self._disk.write([(key, None) for key in ends], sync=False)
            self._disk.compact(ends[0], make_key(stop))

    def compact_versions(self, start: bytes, stop: bytes) -> None:
        """Give back the space of versions between two keys of a walk; empty ones are the ends."""
        self._disk.compact(start or b"v", stop or prefix_end(b"v"))

    def fold(self, blocks: Sequence[SealedBlock]) -> None:
        """Move the readers on over blocks that `commit` has written."""
        for block in blocks:
            assert block.height == self.height + 1
            self.tree.fold(block.tree)
            self.state.fold(block.layer)
            self.height, self.header = block.height, block.block.header
            self.hash = block.block.hash
            self.history_accumulator = block.history

    @property
    def history(self) -> History:
        """Proofs about the headers up to the last final one."""
        return History(self._read_node, self.height + 1)

    def _read_node(self, level: int, index: int) -> bytes:
        node = self._disk.get(schema.node_key(level, index))
        if node is None:
            raise StoreError(f"node {index} of level {level} of the header tree is missing")
        return node

    def get_header_bytes(self, height: int) -> bytes | None:
        """The canonical header at a height."""
        return self._disk.get(schema.header_key(height)) if 0 <= height <= self.height else None

    def get_header_hash(self, height: int) -> Digest | None:
        """The hash of the final block at a height."""
        data = self.get_header_bytes(height)
        return None if data is None else compute_header_hash(data)

    @property
    def genesis_block_hash(self) -> Digest:
        """The hash of block 0."""
        return self._genesis_block_hash

    def find_height(self, header_hash: Digest) -> int | None:
        """The height of a final block by its hash."""
        data = self._disk.get(schema.header_hash_key(header_hash))
        return None if data is None else int.from_bytes(data, "big")

    def get_block(self, height: int) -> StoredBlock | None:
        """A final block with its transactions."""
        header = self.get_header_bytes(height)
        body = self._disk.get(schema.body_key(height))
        if header is None or body is None:
            return None
        certificate, transactions = codec.decode_trusted(body)
        return StoredBlock(
            decode_header(header),
            header,
            compute_header_hash(header),
            certificate,
            tuple(transactions),
        )

    def get_result_leaves(self, height: int) -> list[bytes] | None:
        """The result leaves of a final block."""
        data = self._disk.get(schema.results_key(height))
        return None if data is None else list(codec.decode_trusted(data))

    def get_results(self, height: int) -> list[Result] | None:
        """The results of a final block."""
        leaves = self.get_result_leaves(height)
        return None if leaves is None else [decode_result(leaf) for leaf in leaves]

    def find_transaction(self, id_: bytes) -> tuple[int, int] | None:
        """The height and index of a final transaction."""
        data = self._disk.get(schema.transaction_key(id_))
        return None if data is None else schema.parse_place(data)

    def get_finalization(self, height: int) -> bytes | None:
        """The finalization certificate of exactly this block, if this peer keeps one."""
        return self._disk.get(schema.finalization_key(height))

    def find_finalization(self, height: int) -> tuple[int, bytes] | None:
        """The first finalization certificate kept at or above a height, with its height."""
        start, stop = schema.finalization_key(height), prefix_end(b"f")
        for key, certificate in self._disk.scan(start, stop):
            return int.from_bytes(key[1:], "big"), certificate
        return None

    def get_last_finalization(self) -> tuple[int, bytes] | None:
        """The newest finalization certificate, with its height."""
        for key, certificate in self._disk.scan(b"f", prefix_end(b"f"), reverse=True):
            return int.from_bytes(key[1:], "big"), certificate
        return None

    def get_epoch_end(self, epoch: int) -> EpochEnd | None:
        """How an epoch ended; None while it lasts."""
        data = self._disk.get(schema.epoch_key(epoch))
        if data is None:
            return None
        height, certificate, pairs = codec.decode_trusted(data)
        return EpochEnd(height, certificate, tuple((code, key) for code, key in pairs))

    def list_versions(self, key: bytes, first: int = 1, most: int = 100) -> list[Record]:
        """Versions of a record from `first` on; their places in the tree are not current."""
        start = schema.version_key(key, first)
        found: list[Record] = []
        for _, data in self._disk.scan(start, prefix_end(schema.version_prefix(key))):
            found.append(read_envelope(data))
            if len(found) == most:
                break
        return found

    def scan_subject(
        self, subject: str, after: tuple[int, int] | None = None, reverse: bool = False
    ) -> Iterator[IndexEntry]:
        """The entries of an index subject in the order of history, or the reverse."""
        prefix = schema.subject_prefix(subject)
        start, stop = prefix, prefix_end(prefix)
        if after is not None and reverse:
            stop = prefix + schema.place(*after)
        elif after is not None:
            start = prefix + schema.place(*after) + b"\x00"
        for key, value in self._disk.scan(start, stop, reverse):
            height, index = schema.parse_place(key[len(prefix) :])
            id_, kind, code, signers = codec.decode_trusted(value)
            yield IndexEntry(height, index, id_, kind, code, tuple(signers))

    def close(self) -> None:
        """Release the files."""
        self._disk.close()


def read_height(view: Readable) -> int:
    """The height of the last final block in a snapshot of a store's disk."""
    meta = view.get(schema.META_FINAL)
    assert meta is not None
    return int(codec.decode_trusted(meta)[0])


def _compose_block(sealed: SealedBlock) -> list[Change]:
    """Everything that one block writes."""
    block, height = sealed.block, sealed.height
    raws = (transaction.raw for transaction in sealed.transactions)
    changes: list[Change] = [
        *compose_header(height, block.header_bytes, block.hash, sealed.history_before),
        compose_body(height, block.parent_certificate, raws),
        compose_results(height, sealed.result_leaves),
        compose_final(height, sealed.history),
    ]
    for key, record in sealed.layer.records.items():
        changes.append((schema.record_key(key), record.encode()))
        if record.created == height:
            changes.append((schema.slot_key(record.slot), key))
    for key, record in sealed.layer.versions:
        changes.append((schema.version_key(key, record.version), record.encode()))
    for key, value in sealed.layer.derived.items():
        encoded = None if value is None else codec.encode(value)
        changes.append((schema.derived_key(key), encoded))
    for position, transaction in enumerate(sealed.transactions):
        where = schema.place(height, position)
        changes.append((schema.transaction_key(transaction.id), where))
    changes += compose_index(height, sealed.results, sealed.transactions)
    return changes


def compose_header(
    height: int, data: bytes, hash_: Digest, before: Accumulator
) -> Iterator[Change]:
    """A header, its height by its hash, and the nodes that the tree over all before it gets."""
    yield schema.header_key(height), data
    yield schema.header_hash_key(hash_), height.to_bytes(8, "big")
    for level, index, node in compute_new_nodes(before, hash_):
        yield schema.node_key(level, index), node


def compose_body(height: int, parent_certificate: bytes, raws: Iterable[bytes]) -> Change:
    """What a block is beside its header."""
    return schema.body_key(height), codec.encode([parent_certificate, list(raws)])


def compose_results(height: int, leaves: Iterable[bytes]) -> Change:
    """All results of a block."""
    return schema.results_key(height), codec.encode(list(leaves))


def compose_final(height: int, history: Accumulator) -> Change:
    """Which block is the last, and the tree over all headers up to it."""
    return schema.META_FINAL, codec.encode([height, history.peaks])


def compose_epoch_end(epoch: int, end: EpochEnd) -> Change:
    """How an epoch ended."""
    pairs = [[code, key] for code, key in end.next_validators]
    return schema.epoch_key(epoch), codec.encode([end.height, end.finalization, pairs])
