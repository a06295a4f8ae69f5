"""What other peers ask for: transactions that a block names, and blocks with their bodies."""

from collections.abc import Sequence

from ledger.primitives import Digest
from ledger.sealed import SealedBlock
from ledger.store import Store, StoredBlock
from node.chain import Chain
from node.frames import (
    MAX_BATCH,
    MAX_RANGE,
    MAX_RANGE_BYTES,
    BlockBody,
    Range,
    Transactions,
    WantRange,
)
from node.journal import Journal
from node.mempool import Mempool
from node.ports import Ports

MAX_ANSWER_BYTES = 4 * 1024 * 1024  # of transactions; what is left out is asked for again


class Serving:
    """Answers out of mempool, unfinalized blocks, journal and store."""

    def __init__(
        self, store: Store, chain: Chain, mempool: Mempool, journal: Journal, ports: Ports
    ) -> None:
        self._store = store
        self._chain = chain
        self._mempool = mempool
        self._journal = journal
        self._ports = ports

    def send_transactions(self, to: str, hashes: Sequence[Digest]) -> None:
        """Those of the transactions that are here and not final yet."""
        found: list[bytes] = []
        for hash_ in dict.fromkeys(hashes):
            pending = self._mempool.get(hash_)
            known = pending.transaction if pending else self._chain.find_transaction(hash_)
            if known is not None:
                found.append(known.raw)
        raws = limit_size(found, MAX_ANSWER_BYTES)
        if raws:
            self._ports.send([to], Transactions(tuple(raws)))

    def send_block(self, to: str, hash_: Digest) -> None:
        """A block with its body, final or not."""
        body = self.find_body(hash_)
        if body is not None:
            self._ports.send([to], body)

    def find_body(self, hash_: Digest) -> BlockBody | None:
        """A block's body from wherever it is here."""
        sealed = self._chain.get(hash_)
        if sealed is not None:
            return body_of_sealed(sealed)
        kept = self._journal.get_body(hash_)
        if kept is not None:
            return kept
        height = self._store.find_height(hash_)
        stored = None if height is None else self._store.get_block(height)
        if stored is None:
            return None
        return body_of_stored(stored)

    def compose_range(self, want: WantRange) -> Range:
        """Final blocks for whoever asks."""
        return compose_range(self._store, want)


def compose_range(store: Store, want: WantRange) -> Range:
    """Final blocks, as far as bounds and the epoch go.

    The run ends with a block whose finalization is here. Where one frame does not hold it as far as
    that, the headers that follow up to the finalized one are in it.
    """
    bodies = _list_bodies(store, want.first, min(want.last, want.first + MAX_RANGE - 1))
    for count in range(len(bodies), 0, -1):
        finalization = store.get_finalization(want.first + count - 1)
        if finalization is not None:
            return Range(tuple(bodies[:count]), finalization)
    end = want.first + len(bodies) - 1
    found = store.find_finalization(end)
    if not bodies or found is None or found[0] > min(end + MAX_RANGE, store.height):
        return Range((), b"")
    headers = [store.get_header_bytes(height) for height in range(end + 1, found[0] + 1)]
    return Range(tuple(bodies), found[1], tuple(header for header in headers if header))


def _list_bodies(store: Store, first: int, last: int) -> list[BlockBody]:
    bodies: list[BlockBody] = []
    size = 0
    for height in range(first, min(last, store.height) + 1):
        stored = store.get_block(height)
        if stored is None:
            break
        size += sum(map(len, stored.transactions))
        if size > MAX_RANGE_BYTES and bodies:
            break
        bodies.append(body_of_stored(stored))
        if stored.header.is_last_of_epoch:
            break
    return bodies


def body_of_stored(stored: StoredBlock) -> BlockBody:
    """A final block with its transactions as it is sent."""
    return BlockBody(stored.header_bytes, stored.transactions, stored.parent_certificate)


def body_of_sealed(sealed: SealedBlock) -> BlockBody:
    """A block with its transactions as it is sent and kept."""
    return BlockBody(
        sealed.block.header_bytes,
        tuple(item.raw for item in sealed.transactions),
        sealed.block.parent_certificate,
    )


def limit_size(raws: Sequence[bytes], most_bytes: int) -> Sequence[bytes]:
    """As many from the beginning as fit into one frame."""
    size = 0
    for count, raw in enumerate(raws[:MAX_BATCH]):
        size += len(raw)
        if size > most_bytes:
            return raws[:count]
    return raws[:MAX_BATCH]
