"""Statements: what a party had, every movement of its money in a period, and what it has then.

1. A party's *buckets* are those of the records that are its own by their keys: its account's
   balance (what a bank issued, too), and whatever other table has the owner for its first field and
   declares money. What leases hold for a consumer lies in records of the providers: it is the other
   side of a movement.
2. A *movement* is a transaction or due item that changed a bucket. Its *postings* are all changes
   of money that it made, each with the record and whose it is; together they are zero, and this is
   checked.
3. Opening and closing are read from the versions of the records; opening + movements = closing in
   every bucket, which is checked too. So a movement that the indexes missed cannot go unseen.
4. The movements of a block stand in the order in which it made them: due items before transactions.
   A page ends with a block, and the next one opens as it closed.

The indexes and versions are this peer's own; the history bundle of an account proves its balances.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from contracts.registry import TABLES, find_table
from contracts.table import Table, count_money, get_owner
from ledger.keyvalue import Readable
from ledger.record import Record, make_key
from ledger.result import Result
from ledger.store import IndexEntry, Store, read_height
from node.audit import Blocks
from node.errors import NodeError
from node.past import PastError, PastState

MAX_MOVEMENTS: Final = 1_000  # in a page, and those of one block more
MAX_EXAMINED: Final = 5_000  # index entries a page, and those of one block more
MAX_RECORDS: Final = 50_000  # of one table that are a party's own
BALANCES: Final = "balances"

Buckets = dict[str, int]


class StatementError(NodeError):
    """No such statement can be made: `pruned` or `too-many`."""

    code = "statement"


class UnbalancedError(Exception):
    """A statement does not add up: a fault of ours."""


@dataclass(frozen=True, slots=True)
class Posting:
    """What a movement changed in one bucket of one record; `party` is whose money it is."""

    key: bytes
    party: str
    bucket: str
    change: int


@dataclass(frozen=True, slots=True)
class Movement:
    """A transaction or due item that moved a party's money.

    `changes` are those of the party's buckets and `after` what they hold then; `postings` are all
    sides of it. `objects` are the leases and other objects concerned, `events` the types.
    """

    time_ms: int
    height: int
    index: int
    id: bytes
    kind: str
    signers: tuple[str, ...]
    events: tuple[str, ...]
    objects: tuple[str, ...]
    epoch: int | None
    reference: str
    changes: Buckets
    after: Buckets
    postings: tuple[Posting, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A page: the blocks `first` to `last`, both included; `next_height` begins the next, or None.

    `height` is the final one up to which this peer had come.
    """

    party: str
    height: int
    first: int
    last: int
    opening: Buckets
    closing: Buckets
    movements: tuple[Movement, ...]
    next_height: int | None


def make_statement(
    store: Store,
    view: Readable,
    party: str,
    from_ms: int | None = None,
    to_ms: int | None = None,
    start: int | None = None,
    limit: int = 100,
) -> Statement:
    """One page of a party's statement; raises StatementError.

    `view` is a snapshot of the store's disk, of a final block. `start` is `next_height` of the page
    before. It may run in any thread, whatever becomes final meanwhile.
    """
    height = read_height(view)
    blocks = Blocks(store, height)
    low, high = blocks.find_span(from_ms, to_ms)
    low = max(low, 1)  # block 0 lays down what there is to begin with
    first = low if start is None else min(max(start, low), max(low, high + 1))
    past = _Past(blocks, view, party)
    opening = past.read_buckets(first - 1)
    walk = _Walk(blocks, past, party, opening)
    last, following = walk.run(first, high, min(limit, MAX_MOVEMENTS))
    closing = past.read_buckets(last)
    _check_sum(party, opening, walk.movements, closing)
    return Statement(party, height, first, last, opening, closing, tuple(walk.movements), following)


class _Past:
    """What a party's buckets held after some block, and what moved in others."""

    def __init__(self, blocks: Blocks, view: Readable, party: str) -> None:
        self._blocks = blocks
        self._view = view
        self._party = party

    def read_buckets(self, height: int) -> Buckets:
        """What a party's buckets held after a block."""
        past = PastState(self._view, self._blocks.get_header(height))
        buckets: Buckets = {BALANCES: 0}
        try:
            for table in _OWNED:
                prefix = make_key(table.name, self._party)
                for count, (key, record) in enumerate(past.scan(prefix)):
                    if count == MAX_RECORDS:
                        message = f"{self._party} has more than {MAX_RECORDS} {table.name}s"
                        raise StatementError(message, "too-many")
                    _add(buckets, _read_money(table, key, record))
        except PastError as error:
            raise StatementError(str(error), "pruned") from None
        return _drop_empty(buckets)

    def list_postings(self, result: Result) -> Iterator[Posting]:
        """Every change of money that a transaction or due item made."""
        for key, version in result.changes:
            table = find_table(key)
            if table is None or table.money is None:
                continue
            record = self._get(key, version)
            change = dict(_read_money(table, key, record))
            if version > 1:
                _add(change, _read_money(table, key, self._get(key, version - 1)), -1)
            owner = table.owner(key, record.value) if table.owner is not None else ""
            for bucket, micro_yuan in change.items():
                if micro_yuan:
                    yield Posting(key, owner, bucket, micro_yuan)

    def _get(self, key: bytes, version: int) -> Record:
        found = self._blocks.store.list_versions(key, version, 1)
        if not found or found[0].version != version:
            raise StatementError("this peer lacks old versions: ask an archive", "pruned")
        return found[0]


class _Walk:
    """The movements of a party from a height on, as far as a page goes."""

    def __init__(self, blocks: Blocks, past: _Past, party: str, opening: Buckets) -> None:
        self._blocks = blocks
        self._past = past
        self._party = party
        self._after = dict(opening)
        self.movements: list[Movement] = []

    def run(self, first: int, high: int, limit: int) -> tuple[int, int | None]:
        """Walk whole blocks; the last height that was walked, and where to go on, or None."""
        examined = 0
        for height, entries in _group(self._list_entries(first, high)):
            if examined >= MAX_EXAMINED or len(self.movements) >= limit:
                return height - 1, height
            examined += len(entries)
            self._walk_block(height, entries)
        return max(first - 1, high), None

    def _list_entries(self, first: int, high: int) -> Iterator[IndexEntry]:
        after = (first - 1, (1 << 32) - 1) if first > 0 else None
        for entry in self._blocks.store.scan_subject(self._party, after):
            if entry.height > high:
                return
            yield entry

    def _walk_block(self, height: int, entries: list[IndexEntry]) -> None:
        header, results = self._blocks.get_header(height), self._blocks.get_results(height)
        if results is None:
            raise StatementError(f"this peer no longer has block {height}", "pruned")
        due = [entry for entry in entries if entry.index >= header.transactions_count]
        others = [entry for entry in entries if entry.index < header.transactions_count]
        for entry in (*due, *others):
            self._walk_entry(entry, results[entry.index], header.time_ms)

    def _walk_entry(self, entry: IndexEntry, result: Result, time_ms: int) -> None:
        postings = merge_postings(self._past.list_postings(result))
        changes: Buckets = {}
        for posting in postings:
            if is_own(posting, self._party):
                _add(changes, {posting.bucket: posting.change})
        _check_balance(entry, postings)
        if not any(changes.values()):
            return
        _add(self._after, changes)
        objects, epoch, reference = _read_events(result)
        self.movements.append(
            Movement(
                time_ms=time_ms,
                height=entry.height,
                index=entry.index,
                id=entry.id,
                kind=entry.kind,
                signers=entry.signers,
                events=tuple(dict.fromkeys(event["type"] for event in result.events)),
                objects=objects,
                epoch=epoch,
                reference=reference,
                changes=changes,
                after=_drop_empty(self._after),
                postings=tuple(postings),
            )
        )


def is_own(posting: Posting, party: str) -> bool:
    """Whether a posting is in a party's own bucket (rule 1)."""
    table = find_table(posting.key)
    return posting.party == party and table is not None and table.owner is get_owner


def merge_postings(postings: Iterable[Posting]) -> list[Posting]:
    """One posting a bucket and record, in the order in which they came; none of zero."""
    sums: dict[tuple[bytes, str, str], int] = {}
    for item in postings:
        place = (item.key, item.party, item.bucket)
        sums[place] = sums.get(place, 0) + item.change
    return [Posting(*place, change) for place, change in sums.items() if change]


_OWNED: Final = tuple(
    table for table in TABLES if table.money is not None and table.owner is get_owner
)


def _read_money(table: Table[Any], key: bytes, record: Record) -> Mapping[str, int]:
    assert table.money is not None
    return table.money(key, record.value)


def _add(buckets: Buckets, others: Mapping[str, int], sign: int = 1) -> None:
    for name, micro_yuan in others.items():
        buckets[name] = buckets.get(name, 0) + sign * micro_yuan


def _drop_empty(buckets: Buckets) -> Buckets:
    """The buckets that hold something, and the balance, so that what is the same looks the same."""
    return {name: held for name, held in buckets.items() if held or name == BALANCES}


def _group(entries: Iterable[IndexEntry]) -> Iterator[tuple[int, list[IndexEntry]]]:
    """The entries block by block."""
    group: list[IndexEntry] = []
    for entry in entries:
        if group and group[0].height != entry.height:
            yield group[0].height, group
            group = []
        group.append(entry)
    if group:
        yield group[0].height, group


def _read_events(result: Result) -> tuple[tuple[str, ...], int | None, str]:
    """The objects that events are about, and the meter epoch and the reference that they name."""
    objects: dict[str, None] = {}
    epoch, reference = None, ""
    for event in result.events:
        objects.update((name, None) for name in event["about"] if "-" in name)
        epoch = event["data"].get("epoch", epoch)
        reference = event["data"].get("reference", reference)
    return tuple(objects), epoch, reference


def _check_balance(entry: IndexEntry, postings: Iterable[Posting]) -> None:
    """Rule 2."""
    total = sum(count_money({posting.bucket: posting.change}) for posting in postings)
    if total:
        raise UnbalancedError(f"{entry.height}/{entry.index} made or lost {total} micro-yuan")


def _check_sum(
    party: str, opening: Buckets, movements: Iterable[Movement], closing: Buckets
) -> None:
    """Rule 3."""
    wanted = dict(opening)
    for movement in movements:
        _add(wanted, movement.changes)
    for name in {**wanted, **closing}:
        if wanted.get(name, 0) != closing.get(name, 0):
            raise UnbalancedError(
                f"{name} of {party}: {wanted.get(name, 0)} by movements, and {closing.get(name, 0)}"
            )
