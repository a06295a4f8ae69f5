"""Offers: the newest snapshots, those that are read a while longer, and a small number in all."""

import pytest

from ledger.errors import ProofError
from ledger.snapshot import (
    BodyPart,
    HeaderPart,
    ResultPart,
    Snapshot,
    StatePart,
    verify_manifest,
)
from node import offers as module
from node.lineage import Lineage, read_offer
from node.offers import Answer, Offers
from node.snapshot_frames import EpochEnds, Offer, PartKind, WantEpochs, WantPart, WantSnapshot
from node.snapshot_rules import SnapshotRules
from tests.ledger.chain import REGIONS, Chain, key_of


class Clock:
    """Milliseconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now_ms = 1_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(module, "NEWEST", 2)
    monkeypatch.setattr(module, "MOST", 4)
    return Clock()


@pytest.fixture
def chain() -> Chain:
    return Chain(records=[(b"a\x00", 1)])


@pytest.fixture
def offers(chain: Chain, clock: Clock) -> Offers:
    return Offers(chain.store, clock, SnapshotRules(interval=2))


def grow(chain: Chain, offers: Offers, blocks: int) -> None:
    for _ in range(blocks):
        chain.extend()
        offers.grew()


def read(offers: Offers, height: int) -> Answer:
    return offers.answer(WantPart(height, PartKind.STATE, 0, 0))


def test_they_are_taken_where_others_take_them(chain: Chain, offers: Offers) -> None:
    offers.take()
    assert offers.heights == [], "the genesis needs no snapshot"
    grow(chain, offers, 5)
    assert offers.heights == [4, 2]
    offer = offers.answer(WantSnapshot())
    assert isinstance(offer, Offer)
    assert offer.manifest is not None
    assert verify_manifest(offer.manifest).height == 4
    offers.take()
    assert offers.heights[:2] == [5, 4], "at a start, wherever the chain is"


def test_an_epochs_last_block_is_not_offered_and_not_taken(chain: Chain, offers: Offers) -> None:
    """A store that begins with it would lack the set of the epoch that follows."""
    chain.extend()
    chain.extend(next_members={str(code): key_of(f"{code} next") for code in REGIONS})
    assert chain.store.header.is_last_of_epoch
    offers.grew()
    offers.take()
    assert offers.heights == []
    finalization = chain.store.get_finalization(2)
    assert finalization is not None
    store = chain.store
    snapshot = Snapshot(store.state.view, store.header, finalization, store.tree)
    lineage = Lineage(chain.genesis, chain.votes)
    offered = read_offer(Offer(snapshot.manifest, finalization))
    assert offered is not None
    with pytest.raises(ProofError, match="last block"):
        lineage.prove(offered)
    chain.extend()
    chain.extend()
    offers.grew()
    assert offers.heights == [4]


def test_one_that_is_read_stays_while_it_is_read(
    chain: Chain, offers: Offers, clock: Clock
) -> None:
    grow(chain, offers, 2)
    for _ in range(4):
        clock.now_ms += module.LEASE_MS - 1
        assert isinstance(read(offers, 2), StatePart)
        grow(chain, offers, 2)
        assert 2 in offers.heights
    clock.now_ms += module.LEASE_MS
    grow(chain, offers, 2)
    assert offers.heights == [12, 10]
    assert read(offers, 2) == StatePart(2, 0, b"", (), b"")


def test_nobody_keeps_one_for_ever(chain: Chain, offers: Offers, clock: Clock) -> None:
    grow(chain, offers, 2)
    while clock.now_ms < 1_000 + module.MAX_AGE_MS:
        assert 2 in offers.heights
        clock.now_ms += module.LEASE_MS // 2
        read(offers, 2)
    grow(chain, offers, 4)
    assert offers.heights == [6, 4]


def test_whoever_reads_them_all_keeps_few(chain: Chain, offers: Offers, clock: Clock) -> None:
    for _ in range(10):
        grow(chain, offers, 2)
        for height in offers.heights:
            clock.now_ms += 1
            read(offers, height)
        assert len(offers.heights) <= module.MOST
    assert offers.heights[:2] == [20, 18]


def test_what_is_not_here_is_said_not_to_be(chain: Chain, offers: Offers) -> None:
    assert offers.answer(WantSnapshot()) == Offer(None)
    grow(chain, offers, 2)
    lacking = [
        (PartKind.STATE, StatePart(2, 9, b"", (), b"")),
        (PartKind.HEADERS, HeaderPart(2, 9, ())),
        (PartKind.RESULTS, ResultPart(2, 9, b"", (), b"")),
        (PartKind.BODIES, BodyPart(2, 9, ())),
    ]
    for kind, answer in lacking:
        assert offers.answer(WantPart(2, kind, 9, 9)) == answer
    assert offers.answer(WantEpochs(0)) == EpochEnds(0, ())


def test_epochs_come_a_few_at_a_time(
    chain: Chain, offers: Offers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_EPOCHS", 2)
    for number in range(3):
        chain.extend(next_members={str(code): key_of(f"{code} {number}") for code in REGIONS})
    pages = [offers.answer(WantEpochs(first)) for first in (0, 2, 3)]
    assert [len(page.ends) for page in pages if isinstance(page, EpochEnds)] == [2, 1, 0]
