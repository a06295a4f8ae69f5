"""The snapshots that a peer offers to those who come anew (docs/spec/snapshot.md).

1. One is taken where a run of blocks ends at a height that the interval of the rules divides, so
   that peers offer the same ones, and at the start. It costs a view of the disk and a copy of one
   level of the tree.
2. The newest eight are kept. An older one is kept while it is read, for a while, and a few in all.
3. A part is read when it is asked for, and is small; nothing here waits for anything.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from ledger.snapshot import BodyPart, HeaderPart, ResultPart, Snapshot, StatePart
from ledger.store import Store
from node.epochs import find_validators_after
from node.snapshot_frames import (
    MAX_EPOCHS,
    Ended,
    EpochEnds,
    Offer,
    PartKind,
    WantEpochs,
    WantPart,
    WantSnapshot,
)
from node.snapshot_rules import SnapshotRules

NEWEST: Final = 8
MOST: Final = 10
LEASE_MS: Final = 30_000
MAX_AGE_MS: Final = 15 * 60_000

Want: TypeAlias = WantSnapshot | WantEpochs | WantPart
Answer: TypeAlias = Offer | EpochEnds | StatePart | HeaderPart | ResultPart | BodyPart


@dataclass(slots=True)
class _Kept:
    snapshot: Snapshot
    taken_ms: int
    read_ms: int


class Offers:
    """The snapshots of a store, newest first."""

    def __init__(self, store: Store, monotonic_ms: Callable[[], int], rules: SnapshotRules) -> None:
        self._store = store
        self._rules = rules
        self._monotonic_ms = monotonic_ms
        self._kept: dict[int, _Kept] = {}

    @property
    def heights(self) -> list[int]:
        """The heights of the snapshots that are kept, the newest first."""
        return sorted(self._kept, reverse=True)

    def grew(self) -> None:
        """Blocks were folded: take a snapshot where others take one."""
        if self._store.height % self._rules.interval == 0:
            self.take()

    def take(self) -> None:
        """Offer the state as it is, if it can be proved."""
        store = self._store
        finalization = store.get_finalization(store.height)
        if store.height == 0 or finalization is None or store.header.is_last_of_epoch:
            return  # after an epoch's last block a store needs the next set too
        snapshot = Snapshot(store.state.view, store.header, finalization, store.tree)
        if snapshot.fits:
            now_ms = self._monotonic_ms()
            self._kept[store.height] = _Kept(snapshot, now_ms, now_ms)
            self._drop_old()

    def _drop_old(self) -> None:
        now_ms = self._monotonic_ms()
        older = {height: self._kept[height] for height in self.heights[NEWEST:]}
        read_last = sorted(older, key=lambda height: older[height].read_ms, reverse=True)
        for place, height in enumerate(read_last):
            kept = older[height]
            is_read = now_ms - kept.read_ms < LEASE_MS and now_ms - kept.taken_ms < MAX_AGE_MS
            if place >= MOST - NEWEST or not is_read:
                del self._kept[height]

    # --- answers

    def answer(self, want: Want) -> Answer:
        """What was asked for, or that it is not here."""
        match want:
            case WantSnapshot():
                return self._offer()
            case WantEpochs(first):
                return self._list_epochs(first)
            case WantPart():
                return self._read(want) or _lack(want)
            case _:
                assert_never(want)

    def _offer(self) -> Offer:
        heights = self.heights
        if not heights:
            return Offer(None)
        snapshot = self._touch(heights[0]).snapshot
        return Offer(snapshot.manifest, snapshot.finalization)

    def _touch(self, height: int) -> _Kept:
        kept = self._kept[height]
        kept.read_ms = self._monotonic_ms()
        return kept

    def _list_epochs(self, first: int) -> EpochEnds:
        found: list[Ended] = []
        for epoch in range(first, first + MAX_EPOCHS):
            end = self._store.get_epoch_end(epoch)
            header = None if end is None else self._store.get_header_bytes(end.height)
            if end is None or header is None:
                break
            found.append(Ended(header, end.finalization, find_validators_after(end).encode()))
        return EpochEnds(first, tuple(found))

    def _read(self, want: WantPart) -> StatePart | HeaderPart | ResultPart | BodyPart | None:
        if want.height not in self._kept:
            return None
        snapshot = self._touch(want.height).snapshot
        match want.kind:
            case PartKind.STATE:
                return snapshot.read_state(want.first, want.skip)
            case PartKind.HEADERS:
                return snapshot.read_headers(want.first)
            case PartKind.RESULTS:
                return snapshot.read_results(want.first, want.last, want.skip)
            case PartKind.BODIES:
                return snapshot.read_bodies(want.first, want.last)
            case _:
                assert_never(want.kind)


def _lack(want: WantPart) -> StatePart | HeaderPart | ResultPart | BodyPart:
    """The answer where a part is not here."""
    match want.kind:
        case PartKind.STATE:
            return StatePart(want.height, want.first, b"", (), b"")
        case PartKind.HEADERS:
            return HeaderPart(want.height, want.first, ())
        case PartKind.RESULTS:
            return ResultPart(want.height, want.first, b"", (), b"")
        case PartKind.BODIES:
            return BodyPart(want.height, want.first, ())
        case _:
            assert_never(want.kind)
