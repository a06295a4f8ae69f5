"""Transactions that were checked and wait for a block.

1. Bounded in number, in bytes and per actor; what does not fit is refused, never dropped later.
2. One transaction per id: whoever comes second under other signatures is a duplicate.
3. In order of arrival. A transaction leaves when its block is final or its `until` has passed.
4. Those whose first signer is a key that nobody registered (the draft of an application) are one
   actor together: making such keys costs nothing. A block holds few of them.
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ledger.primitives import Digest, PublicKey
from ledger.transaction import Transaction
from node.errors import Refused

STRANGERS: Final = "key:"
MAX_STRANGERS: Final = 64  # waiting
MAX_STRANGERS_IN_BLOCK: Final = 8


@dataclass(frozen=True, slots=True)
class MempoolLimits:
    """The bounds; `per_actor` is what one first signer may have waiting."""

    count: int = 20_000
    size_bytes: int = 64 * 1024 * 1024
    per_actor: int = 10_000


@dataclass(frozen=True, slots=True)
class Pending:
    """A waiting transaction and the keys that its signatures were checked with."""

    transaction: Transaction
    keys: tuple[PublicKey, ...]


class Mempool:
    """Waiting transactions by hash."""

    def __init__(self, limits: MempoolLimits) -> None:
        self._limits = limits
        self._pending: dict[Digest, Pending] = {}
        self._by_id: dict[Digest, Digest] = {}
        self._by_actor: dict[str, int] = {}
        self._by_until: dict[int, dict[Digest, None]] = {}
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._pending)

    def get(self, hash_: Digest) -> Pending | None:
        """A waiting transaction by its hash."""
        return self._pending.get(hash_)

    def has_id(self, id_: Digest) -> bool:
        """Whether a transaction of this id waits."""
        return id_ in self._by_id

    def check_room(self, transaction: Transaction, count: int = 0) -> None:
        """Raise Refused where the bounds leave no room beside `count` others on their way in."""
        if len(self._pending) + count >= self._limits.count:
            raise Refused("this peer has too many waiting transactions", "busy", retry=True)
        if self.size_bytes + len(transaction.raw) > self._limits.size_bytes:
            raise Refused("this peer has too many waiting bytes", "busy", retry=True)
        actor, most = _get_actor(transaction), self._limits.per_actor
        if actor == STRANGERS:
            most = min(most, MAX_STRANGERS)
        if self._by_actor.get(actor, 0) >= most:
            who = "keys that nobody registered have" if actor == STRANGERS else f"{actor} has"
            raise Refused(
                f"{who} {most} transactions waiting; wait until some are final",
                "quota",
                retry=True,
            )

    def add(self, pending: Pending) -> None:
        """Take a checked transaction; a known one is ignored."""
        transaction = pending.transaction
        if transaction.id in self._by_id:
            return
        self._pending[transaction.hash] = pending
        self._by_id[transaction.id] = transaction.hash
        actor = _get_actor(transaction)
        self._by_actor[actor] = self._by_actor.get(actor, 0) + 1
        self._by_until.setdefault(transaction.until, {})[transaction.hash] = None
        self.size_bytes += len(transaction.raw)

    def select(
        self, height: int, count: int, size_bytes: int, taken: Container[Digest]
    ) -> Iterator[Pending]:
        """What a block at `height` may hold, in order of arrival, but for the ids in `taken`."""
        strangers = 0
        for pending in self._pending.values():
            if count == 0:
                return
            transaction = pending.transaction
            if transaction.until < height or transaction.id in taken:
                continue
            if _get_actor(transaction) == STRANGERS:
                strangers += 1
                if strangers > MAX_STRANGERS_IN_BLOCK:
                    continue
            size_bytes -= len(transaction.raw)
            if size_bytes < 0:
                return
            count -= 1
            yield pending

    def remove_ids(self, ids: Iterable[Digest]) -> None:
        """Forget transactions that are final, whatever signatures their copies here carry."""
        for id_ in ids:
            hash_ = self._by_id.get(id_)
            if hash_ is not None:
                self._remove(hash_)

    def expire(self, height: int) -> list[Transaction]:
        """Forget and return those that no block above `height` may hold."""
        gone = [
            self._pending[hash_].transaction
            for until in sorted(until for until in self._by_until if until <= height)
            for hash_ in self._by_until[until]
        ]
        for transaction in gone:
            self._remove(transaction.hash)
        return gone

    def __iter__(self) -> Iterator[Pending]:
        return iter(self._pending.values())

    def _remove(self, hash_: Digest) -> None:
        transaction = self._pending.pop(hash_).transaction
        del self._by_id[transaction.id]
        self.size_bytes -= len(transaction.raw)
        alike = self._by_until[transaction.until]
        del alike[hash_]
        if not alike:
            del self._by_until[transaction.until]
        actor = _get_actor(transaction)
        left = self._by_actor[actor] - 1
        if left:
            self._by_actor[actor] = left
        else:
            del self._by_actor[actor]


def _get_actor(transaction: Transaction) -> str:
    """Whose quota a transaction is charged to (rule 4)."""
    return STRANGERS if transaction.actor.startswith(STRANGERS) else transaction.actor
