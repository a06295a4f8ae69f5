"""What is missing of a snapshot, and what becomes of its parts when they come.

A `Piece` is what is asked for at one go. Its answer may hold the beginning of it only; the rest is
a piece again. A part is verified here and turned into what is written of it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, assert_never

from ledger import install, schema
from ledger.block import Header, decode_header
from ledger.errors import FormatError
from ledger.keyvalue import Change, Readable
from ledger.snapshot import (
    CHUNK_HEADERS,
    CHUNK_SLOTS,
    DIGEST,
    BodyPart,
    HeaderPart,
    Manifest,
    ResultPart,
    StatePart,
    count_chunks,
    find_first_body,
    find_first_results,
    find_root,
    verify_body,
    verify_headers,
    verify_results,
    verify_state_part,
)
from ledger.store import compose_body, compose_results
from node.snapshot_frames import PartKind, WantPart

SPAN: Final = 32  # blocks of a piece
Part: TypeAlias = StatePart | HeaderPart | ResultPart | BodyPart
Taken: TypeAlias = tuple[list[Change], "Piece | None"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Chunk `first` of the state or the headers, or blocks `first` to `last`."""

    kind: PartKind
    first: int
    last: int
    skip: int = 0

    def want(self, height: int) -> WantPart:
        """The request for it."""
        return WantPart(height, self.kind, self.first, self.last, self.skip)

    def is_answered_by(self, part: Part) -> bool:
        """Whether a part begins where this piece does."""
        match part:
            case StatePart():
                begins = (PartKind.STATE, part.chunk, len(part.before) // DIGEST)
            case HeaderPart():
                begins = (PartKind.HEADERS, part.chunk, 0)
            case ResultPart():
                begins = (PartKind.RESULTS, part.first, len(part.before) // DIGEST)
            case BodyPart():
                begins = (PartKind.BODIES, part.first, 0)
            case _:
                assert_never(part)
        return begins == (self.kind, self.first, self.skip) or (
            is_empty(part) and begins[:2] == (self.kind, self.first)
        )


def is_empty(part: Part) -> bool:
    """Whether a part says that the other side has not what was asked for."""
    match part:
        case StatePart():
            return not part.records
        case HeaderPart():
            return not part.headers
        case ResultPart():
            return not part.blocks
        case BodyPart():
            return not part.bodies
        case _:
            assert_never(part)


class Pieces:
    """The pieces of one snapshot, on a disk that has some of them already."""

    def __init__(
        self, manifest: Manifest, header: Header, disk: Readable, first_header: bytes, window: int
    ) -> None:
        self.height = int(header.height)
        self._manifest = manifest
        self._disk = disk
        self._first_header = first_header
        self._window = window
        self._leaves: dict[int, list[bytes]] = {}  # of blocks whose results come in parts

    def __len__(self) -> int:
        """Of how many blocks the results are here in part: of one to a piece at most."""
        return len(self._leaves)

    # --- what is missing

    def list_headers(self) -> list[Piece]:
        """The chunks of headers that are not here."""
        chunks = count_chunks(self.height, CHUNK_HEADERS)
        return self._list_chunks(PartKind.HEADERS, install.HEADERS, chunks)

    def list_others(self) -> list[Piece]:
        """All else that is not here, once the headers are: parts are held against these."""
        self._leaves.clear()
        chunks = count_chunks(self._manifest.count, CHUNK_SLOTS)
        results = self._list_missing(schema.results_key, self.first_results)
        bodies = self._list_missing(schema.body_key, self.first_body)
        return [
            *self._list_chunks(PartKind.STATE, install.STATE, chunks),
            *_make_spans(PartKind.RESULTS, results),
            *_make_spans(PartKind.BODIES, bodies),
        ]

    @property
    def first_body(self) -> int:
        """The lowest block whose body is part of it."""
        return find_first_body(self.height)

    @property
    def first_results(self) -> int:
        """The lowest block whose results are part of it."""
        return find_first_results(self.height, self._window)

    def _list_chunks(self, kind: PartKind, name: str, chunks: int) -> list[Piece]:
        here = install.read_roots(self._disk, name)
        roots = (
            self._manifest.state_roots if kind is PartKind.STATE else self._manifest.header_roots
        )
        return [
            Piece(kind, chunk, chunk)
            for chunk in range(chunks)
            if here.get(chunk) != find_root(roots, chunk)
        ]

    def _list_missing(self, key_of: Callable[[int], bytes], first: int) -> list[int]:
        end = self.height + 1
        here = {
            int.from_bytes(key[1:], "big") for key, _ in self._disk.scan(key_of(first), key_of(end))
        }
        return [height for height in range(first, end) if height not in here]

    # --- what comes

    def take(self, piece: Piece, part: Part) -> Taken:
        """What a part writes, and what is left of its piece; raises LedgerError for a lie."""
        match part:
            case StatePart():
                return self._take_state(part)
            case HeaderPart():
                return self._take_headers(part)
            case ResultPart():
                return self._take_results(piece, part)
            case BodyPart():
                return self._take_bodies(piece, part)
            case _:
                assert_never(part)

    def _take_state(self, part: StatePart) -> Taken:
        records = verify_state_part(self._manifest, part)
        changes = list(install.compose_records(records))
        if part.after:
            known = len(part.before) // DIGEST + len(records)
            return changes, Piece(PartKind.STATE, part.chunk, part.chunk, known)
        root = find_root(self._manifest.state_roots, part.chunk)
        return [*changes, install.compose_root(install.STATE, part.chunk, root)], None

    def _take_headers(self, part: HeaderPart) -> Taken:
        verify_headers(self._manifest, part)
        if part.chunk == 0 and part.headers[0] != self._first_header:
            raise FormatError("the headers do not begin with the genesis")
        root = find_root(self._manifest.header_roots, part.chunk)
        noted = install.compose_root(install.HEADERS, part.chunk, root)
        return [*install.compose_headers(part), noted], None

    def _take_results(self, piece: Piece, part: ResultPart) -> Taken:
        is_cut = bool(part.before or part.after)
        if len(part.blocks) > (1 if is_cut else piece.last + 1 - piece.first):
            raise FormatError("more results than were asked for")
        if is_cut:
            return self._take_some_results(piece, part)
        changes: list[Change] = []
        for height, leaves in enumerate(part.blocks, start=part.first):
            header = decode_header(self._read_header(height))
            changes += _compose_results(header, part, leaves)
        return changes, _cut(piece, len(part.blocks))

    def _take_some_results(self, piece: Piece, part: ResultPart) -> Taken:
        """Results of a block that has too many for one part: kept until all of them are here."""
        height = part.first
        header = decode_header(self._read_header(height))
        verify_results(header, part, part.blocks[0])
        known = self._leaves.pop(height, []) if part.before else []
        known += part.blocks[0]
        if part.after:
            self._leaves[height] = known
            return [], replace(piece, skip=len(known))
        whole = ResultPart(part.height, height, b"", (tuple(known),), b"")
        return _compose_results(header, whole, known), _cut(piece, 1)

    def _take_bodies(self, piece: Piece, part: BodyPart) -> Taken:
        if len(part.bodies) > piece.last + 1 - piece.first:
            raise FormatError("more bodies than were asked for")
        changes: list[Change] = []
        for height, body in enumerate(part.bodies, start=part.first):
            data = self._read_header(height)
            verify_body(decode_header(data), data, body)
            changes.append(compose_body(height, body.parent_certificate, body.transactions))
        return changes, _cut(piece, len(part.bodies))

    def _read_header(self, height: int) -> bytes:
        if height == self.height:
            return self._manifest.header
        data = self._disk.get(schema.header_key(height))
        assert data is not None, "headers come before what is held against them"
        return data


def _compose_results(header: Header, part: ResultPart, leaves: Sequence[bytes]) -> list[Change]:
    results = verify_results(header, part, leaves)
    return [
        compose_results(header.height, leaves),
        *install.compose_places(header, results),
    ]


def _cut(piece: Piece, blocks: int) -> Piece | None:
    first = piece.first + blocks
    return Piece(piece.kind, first, piece.last) if first <= piece.last else None


def _make_spans(kind: PartKind, heights: Sequence[int]) -> Iterator[Piece]:
    """Heights in runs of at most `SPAN`."""
    start = 0
    for at in range(1, len(heights) + 1):
        is_end = at == len(heights) or heights[at] != heights[at - 1] + 1
        if is_end or at - start == SPAN:
            yield Piece(kind, heights[start], heights[at - 1])
            start = at
