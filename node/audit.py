"""Audit queries over the store's local indexes: who did what, when, signed by whom.

1. A query names subjects (a party, a resource, an object, a kind), conditions (outcome, region,
   industry) and a span of time. All must hold.
2. Every subject is an index in the order of history. Several are intersected by leaping each index
   to where the furthest one stands, so the narrowest sets the pace. A query without a subject walks
   the blocks.
3. A page examines at most `MAX_EXAMINED` entries; the cursor says where the next one goes on, also
   when nothing was found.
4. Block times only grow, so a span of time is a span of heights, found by bisection.
5. A peer that lacks old blocks finds less: below its floor there may be no index, and no events by
   which a place could be told. A page says from which height on it lacks nothing.

The indexes are this peer's own and prove nothing: `node.prover` does.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ledger import codec
from ledger.block import Header, decode_header
from ledger.code import is_code
from ledger.floor import Floor
from ledger.primitives import Digest
from ledger.record import Record
from ledger.result import OK, Result
from ledger.store import IndexEntry, Store
from node.client.difference import Change, compute_difference, show_value

Place = tuple[int, int]  # height and index

MAX_EXAMINED: Final = 5_000  # entries or blocks a page
MAX_LIMIT: Final = 1_000  # entries in a page
FAILED: Final = "failed"  # as an outcome: whatever is not `ok`
_LAST_INDEX: Final = (1 << 32) - 1
_STEPS: Final = 8  # entries passed one by one before an index leaps


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """What to look for; what is None does not matter.

    `party`, `resource` and `object_id` are signers or what events are about. `kind` is
    `contract.verb`, or `due` for what blocks executed themselves. `outcome` is `ok`, `failed` or a
    failure's code. `region` is the beginning of a place (two to six digits) and `industry` the
    letter of any code concerned. Times are block times, `from_ms` included and `to_ms` not.
    """

    party: str | None = None
    resource: str | None = None
    object_id: str | None = None
    kind: str | None = None
    outcome: str | None = None
    region: str | None = None
    industry: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    newest_first: bool = False
    limit: int = 100
    cursor: Place | None = None

    @property
    def subjects(self) -> tuple[str, ...]:
        """The indexes to intersect."""
        named = (self.party, self.resource, self.object_id)
        subjects = dict.fromkeys(subject for subject in named if subject is not None)
        if self.kind is not None:
            subjects[f"kind:{self.kind}"] = None
        return tuple(subjects)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A transaction or due item; `events` and `changes` are None where the block was pruned."""

    time_ms: int
    height: int
    index: int
    id: Digest
    kind: str
    code: str
    signers: tuple[str, ...]
    rules_version: int
    events: tuple[dict[str, Any], ...] | None
    changes: tuple[tuple[bytes, int], ...] | None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries in the query's order, and where to go on; None at the end.

    Nothing is missing from the height `complete_from` on.
    """

    entries: tuple[AuditEntry, ...]
    next_cursor: Place | None
    complete_from: int = 0


@dataclass(frozen=True, slots=True)
class VersionEntry:
    """A version of a record: what it changed, when, by whom, under which rules.

    `id` is None and `kind` empty for what the genesis laid down or a pruned block wrote.
    """

    version: int
    height: int
    index: int
    time_ms: int
    rules_version: int
    id: Digest | None
    kind: str
    signers: tuple[str, ...]
    changes: tuple[Change, ...]
    value: Any


def run_audit(store: Store, query: AuditQuery) -> AuditPage:
    """One page of what a query finds."""
    blocks = Blocks(store)
    low, high = blocks.find_span(query.from_ms, query.to_ms)
    lacking = _find_complete_from(store.floor, query)
    if not query.subjects:
        low = max(low, lacking)
    walk = _Walk(query, low, high)
    found: list[AuditEntry] = []
    limit = max(1, min(query.limit, MAX_LIMIT))
    for entry in _list_candidates(blocks, query, walk):
        if not low <= entry.height <= high:
            return AuditPage(tuple(found), None, lacking)
        detail = blocks.describe(entry)
        if _matches(detail, query):
            found.append(detail)
            if len(found) == limit:
                break
    return AuditPage(tuple(found), walk.cursor, lacking)


def _find_complete_from(floor: Floor, query: AuditQuery) -> int:
    """From which height on a query finds everything (rule 5)."""
    needs_blocks = not query.subjects or query.region is not None or query.industry is not None
    lowest = max(floor.body, floor.results, floor.index) if needs_blocks else floor.index
    return 0 if lowest == 1 else lowest


def list_record_history(
    store: Store, key: bytes, first: int = 1, most: int = 100
) -> list[VersionEntry]:
    """Versions of a record from `first` on, oldest first, each with what it changed and by whom."""
    current = store.state.get(key)
    if current is None:
        return []
    blocks = Blocks(store)
    # One more in front, so that the first one too can say what it changed.
    versions = store.list_versions(key, max(1, first - 1), most + 1)
    entries: list[VersionEntry] = []
    before: Record | None = None
    for version in versions:
        # A block on its way to the disk may have written newer ones already.
        if first <= version.version <= current.version and len(entries) < most:
            entries.append(blocks.explain(version, before))
        before = version
    return entries


class _Walk:
    """Where a page stands: `place` is the next to be examined, included."""

    __slots__ = ("high", "is_done", "left", "low", "place", "reverse")

    def __init__(self, query: AuditQuery, low: int, high: int) -> None:
        self.reverse = query.newest_first
        self.low, self.high = low, high
        self.place: Place = (high, _LAST_INDEX) if self.reverse else (low, 0)
        if query.cursor is not None and self.is_behind(self.place, query.cursor):
            height, index = query.cursor
            self.place = min(max(height, low - 1), high + 1), min(max(index, 0), _LAST_INDEX)
        self.left = MAX_EXAMINED
        self.is_done = False

    @property
    def is_within(self) -> bool:
        """Whether the place is in the span of heights."""
        return self.low <= self.place[0] <= self.high

    @property
    def cursor(self) -> Place | None:
        """Where the next page goes on; None when the walk is at its end."""
        return None if self.is_done or not self.is_within else self.place

    def spend(self) -> bool:
        """Take one from what may be examined; False when nothing is left."""
        self.left -= 1
        return self.left >= 0

    def pass_over(self, place: Place) -> None:
        """Go on behind a place."""
        height, index = place
        if not self.reverse:
            self.place = (height, index + 1)
        else:
            self.place = (height, index - 1) if index else (height - 1, _LAST_INDEX)

    def is_behind(self, a: Place, b: Place) -> bool:
        """Whether `a` comes before `b` in the order of the walk."""
        return a > b if self.reverse else a < b


class _Index:
    """One subject's entries from the walk's place on, with leaps."""

    def __init__(self, store: Store, subject: str, walk: _Walk) -> None:
        self._store = store
        self._subject = subject
        self._walk = walk
        self.head: IndexEntry | None = None
        self._leap(walk.place)

    def advance(self, target: Place) -> bool:
        """Go on to the first entry that is not behind `target`; False when nothing may be spent."""
        steps = 0
        while self.head is not None and self._walk.is_behind(place_of(self.head), target):
            if not self._walk.spend():
                return False
            steps += 1
            if steps > _STEPS:
                self._leap(target)
            else:
                self.head = next(self._entries, None)
        return True

    def _leap(self, target: Place) -> None:
        height, index = target
        after: Place | None = (height, index + 1)
        if not self._walk.reverse:
            after = (height, index - 1) if index else (height - 1, _LAST_INDEX)
            after = None if after[0] < 0 else after
        elif index == _LAST_INDEX:
            after = (height + 1, 0)
        self._entries = self._store.scan_subject(self._subject, after, self._walk.reverse)
        self.head = next(self._entries, None)


def place_of(entry: IndexEntry | AuditEntry) -> Place:
    """Where an entry stands in history."""
    return entry.height, entry.index


class Blocks:
    """Headers, transactions and results of the store's final blocks, one block kept."""

    def __init__(self, store: Store, height: int | None = None) -> None:
        self.store = store
        self.height = store.height if height is None else height  # the store may hold more already
        self._headers: dict[int, Header] = {}
        self._results: tuple[int, list[Result] | None] = (-1, None)

    def get_header(self, height: int) -> Header:
        """A final header."""
        header = self._headers.get(height)
        if header is None:
            data = self.store.get_header_bytes(height)
            assert data is not None, "headers are never pruned"
            if len(self._headers) > 256:
                self._headers.clear()
            header = self._headers[height] = decode_header(data)
        return header

    def get_results(self, height: int) -> list[Result] | None:
        """The results of a final block; None where they were pruned."""
        if self._results[0] != height:
            self._results = height, self.store.get_results(height)
        return self._results[1]

    def find_span(self, from_ms: int | None, to_ms: int | None) -> tuple[int, int]:
        """The heights, both included, whose times lie within from_ms <= time < to_ms."""
        heights = range(self.height + 1)
        low = 0 if from_ms is None else bisect_left(heights, from_ms, key=self._get_time)
        end = len(heights) if to_ms is None else bisect_left(heights, to_ms, key=self._get_time)
        return low, end - 1

    def describe(self, entry: IndexEntry) -> AuditEntry:
        """An index entry with its block's time and its result."""
        header, results = self.get_header(entry.height), self.get_results(entry.height)
        result = None if results is None else results[entry.index]
        return AuditEntry(
            time_ms=header.time_ms,
            height=entry.height,
            index=entry.index,
            id=entry.id,
            kind=entry.kind,
            code=entry.code,
            signers=entry.signers,
            rules_version=header.rules_version,
            events=result.events if result else None,
            changes=result.changes if result else None,
        )

    def explain(self, version: Record, before: Record | None) -> VersionEntry:
        """A version with its maker and what it changed."""
        maker = self._find_maker(version.height, version.index)
        header = self.get_header(version.height)
        changes = compute_difference(before.value if before else None, version.value)
        return VersionEntry(
            version=version.version,
            height=version.height,
            index=version.index,
            time_ms=header.time_ms,
            rules_version=header.rules_version,
            id=maker.id if maker else None,
            kind=maker.kind if maker else "",
            signers=maker.signers if maker else (),
            changes=tuple(changes),
            value=show_value(version.value),
        )

    def list_entries(self, height: int) -> list[IndexEntry]:
        """All entries of a block, transactions first; none where it was pruned."""
        block, results = self.store.get_block(height), self.get_results(height)
        if block is None or results is None:
            return []
        makers = [_read_maker(raw) for raw in block.transactions]
        makers += [("due", ())] * (len(results) - len(makers))
        return [
            IndexEntry(height, result.index, result.id, kind, result.code, signers)
            for result, (kind, signers) in zip(results, makers, strict=True)
        ]

    def _find_maker(self, height: int, index: int) -> IndexEntry | None:
        entries = self.list_entries(height)
        return entries[index] if index < len(entries) else None

    def _get_time(self, height: int) -> int:
        return self.get_header(height).time_ms


def _list_candidates(blocks: Blocks, query: AuditQuery, walk: _Walk) -> Iterator[IndexEntry]:
    """Entries that all subjects have, and before each the walk passes over it."""
    if query.subjects:
        yield from _intersect(blocks, query.subjects, walk)
    else:
        yield from _walk_blocks(blocks, walk)


def _intersect(blocks: Blocks, subjects: Sequence[str], walk: _Walk) -> Iterator[IndexEntry]:
    if not walk.is_within:
        return
    indexes = [_Index(blocks.store, subject, walk) for subject in subjects]
    while walk.spend():
        heads = [index.head for index in indexes]
        places = [place_of(head) for head in heads if head is not None]
        if len(places) < len(indexes):
            walk.is_done = True
            return
        walk.place = min(places) if walk.reverse else max(places)
        if min(places) == max(places):
            entry = heads[0]
            assert entry is not None
            walk.pass_over(walk.place)
            yield entry
        if not all(index.advance(walk.place) for index in indexes):
            return


def _walk_blocks(blocks: Blocks, walk: _Walk) -> Iterator[IndexEntry]:
    while walk.is_within:
        if not walk.spend():
            return
        height = walk.place[0]
        entries = blocks.list_entries(height)
        for entry in reversed(entries) if walk.reverse else entries:
            if walk.is_behind(place_of(entry), walk.place):
                continue
            if not walk.spend():
                return
            walk.pass_over(place_of(entry))
            yield entry
        walk.place = (height - 1, _LAST_INDEX) if walk.reverse else (height + 1, 0)


def _matches(entry: AuditEntry, query: AuditQuery) -> bool:
    outcome = query.outcome
    if outcome == FAILED and entry.code == OK:
        return False
    if outcome not in (None, FAILED) and entry.code != outcome:
        return False
    if query.region is None and query.industry is None:
        return True
    codes = list(_list_codes(entry))
    if query.region is not None and not any(code[1:].startswith(query.region) for code in codes):
        return False
    return query.industry is None or any(code[7] == query.industry for code in codes)


def _list_codes(entry: AuditEntry) -> Iterator[str]:
    yield from (signer for signer in entry.signers if is_code(signer))
    for event in entry.events or ():
        yield from (subject for subject in event["about"] if is_code(subject))


def _read_maker(raw: bytes) -> tuple[str, tuple[str, ...]]:
    body = codec.decode_trusted(codec.decode_trusted(raw)[0])
    return body["kind"], tuple(body["signers"])
