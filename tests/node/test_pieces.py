"""Pieces: what is missing is asked for once, in any parts that come, and lies write nothing."""

from dataclasses import replace

import pytest

from ledger import install, schema, snapshot
from ledger.errors import LedgerError
from ledger.memory import Memory
from ledger.snapshot import Snapshot
from node.offers import Offers
from node.pieces import Part, Piece, Pieces, is_empty
from node.snapshot_frames import EpochEnds, Offer, PartKind
from node.snapshot_rules import ALONE
from tests.ledger.chain import Chain
from tests.ledger.transfer import take_snapshot

KEYS = [b"k%05d\x00" % number for number in range(300)]
WINDOW = 300


@pytest.fixture(scope="module")
def chain() -> Chain:
    chain = Chain(records=[(KEYS[0], "first")])
    for number in range(60):
        puts = [(key, number) for key in KEYS[5 * number : 5 * number + 5]]
        chain.extend([chain.make_transaction(puts), chain.make_transaction([(KEYS[0], number)])])
    return chain


@pytest.fixture
def source(chain: Chain) -> Snapshot:
    return take_snapshot(chain.store)


@pytest.fixture
def disk() -> Memory:
    return Memory()


@pytest.fixture
def pieces(chain: Chain, source: Snapshot, disk: Memory) -> Pieces:
    first = chain.store.get_header_bytes(0)
    assert first is not None
    return Pieces(source.manifest, source.header, disk, first, WINDOW)


def serve(chain: Chain, piece: Piece) -> Part:
    offers = Offers(chain.store, lambda: 0, ALONE)
    offers.take()
    answer = offers.answer(piece.want(chain.store.height))
    assert not isinstance(answer, Offer | EpochEnds)
    return answer


def fetch(chain: Chain, pieces: Pieces, disk: Memory, wanted: list[Piece]) -> int:
    """Fetch pieces with all their parts; how many parts it took."""
    parts = 0
    while wanted:
        piece = wanted.pop()
        part = serve(chain, piece)
        assert piece.is_answered_by(part)
        assert not is_empty(part)
        changes, rest = pieces.take(piece, part)
        disk.write(changes, sync=True)
        wanted += [] if rest is None else [rest]
        parts += 1
    return parts


def test_nothing_is_missing_once_everything_came(
    chain: Chain, pieces: Pieces, disk: Memory
) -> None:
    assert fetch(chain, pieces, disk, pieces.list_headers()) == 1
    wanted = pieces.list_others()
    spans = [(piece.kind, piece.first, piece.last) for piece in wanted]
    assert spans == [
        (PartKind.STATE, 0, 0),
        (PartKind.STATE, 1, 1),
        (PartKind.RESULTS, 1, 32),
        (PartKind.RESULTS, 33, 60),
        (PartKind.BODIES, 1, 32),
        (PartKind.BODIES, 33, 60),
    ]
    assert fetch(chain, pieces, disk, wanted) == 6
    assert pieces.list_headers() == pieces.list_others() == []


def test_small_parts_add_up_to_the_same(
    chain: Chain, pieces: Pieces, disk: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(chain, pieces, disk, pieces.list_headers())
    monkeypatch.setattr(snapshot, "MAX_PART", 300)
    assert fetch(chain, pieces, disk, pieces.list_others()) > 120
    assert pieces.list_others() == []
    genesis = {schema.body_key(0), schema.results_key(0)}
    for table in (b"b", b"l", b"r", b"s", b"t"):
        whole = chain.disk.scan(table, bytes((table[0] + 1,)))
        kept = [(key, value) for key, value in whole if key not in genesis]
        assert list(disk.scan(table, bytes((table[0] + 1,)))) == kept


def test_only_what_lacks_is_asked_for_again(chain: Chain, pieces: Pieces, disk: Memory) -> None:
    fetch(chain, pieces, disk, pieces.list_headers())
    fetch(chain, pieces, disk, pieces.list_others())
    disk.write([(schema.piece_key(install.STATE, 1), None)], sync=True)
    for height in (7, 8, 40):
        disk.write([(schema.results_key(height), None)], sync=True)
    assert [(piece.kind, piece.first, piece.last) for piece in pieces.list_others()] == [
        (PartKind.STATE, 1, 1),
        (PartKind.RESULTS, 7, 8),
        (PartKind.RESULTS, 40, 40),
    ]


def test_more_than_was_asked_for_is_a_lie(chain: Chain, pieces: Pieces, disk: Memory) -> None:
    fetch(chain, pieces, disk, pieces.list_headers())
    for kind in (PartKind.RESULTS, PartKind.BODIES):
        part = serve(chain, Piece(kind, 5, 9))
        with pytest.raises(LedgerError, match="than were asked for"):
            pieces.take(Piece(kind, 5, 8), part)


def test_headers_of_another_genesis_are_a_lie(chain: Chain, source: Snapshot, disk: Memory) -> None:
    pieces = Pieces(source.manifest, source.header, disk, b"another header", WINDOW)
    (piece,) = pieces.list_headers()
    with pytest.raises(LedgerError, match="genesis"):
        pieces.take(piece, serve(chain, piece))


def test_an_answer_belongs_to_its_piece(chain: Chain) -> None:
    piece = Piece(PartKind.RESULTS, 5, 9)
    part = serve(chain, piece)
    assert piece.is_answered_by(part)
    for other in (replace(piece, first=6), replace(piece, skip=1), Piece(PartKind.BODIES, 5, 9)):
        assert not other.is_answered_by(part)
