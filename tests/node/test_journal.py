"""The journal: records in order, bodies, promises, and whose journal it is."""

import pytest

from consensus.journal import Opened, encode_record
from devnet.simulator.disk import PowerLoss, SimulatedDisk
from ledger.primitives import Epoch
from node.frames import BlockBody
from node.journal import MARK_KEY, REWRITE_RECORDS, Journal, adopt
from tests.node.stage import Stage, digest, public

OPENED = encode_record(Opened(Epoch(0), digest(1)))
KEY = public(7)


def test_records_come_back_in_order() -> None:
    disk = SimulatedDisk()
    journal = Journal(disk)
    for number in range(300):
        disk.write(journal.compose_records([b"%d" % number]), False)
    assert journal.list_records() == [b"%d" % number for number in range(300)]
    again = Journal(disk)
    disk.write(again.compose_records([b"more"]), False)
    assert Journal(disk).list_records()[-2:] == [b"299", b"more"]


def test_a_long_journal_is_written_anew_in_one_batch() -> None:
    disk = SimulatedDisk()
    journal = Journal(disk)
    disk.write(journal.compose_records([b"old"] * (REWRITE_RECORDS - 1)), True)
    assert not journal.is_long
    disk.write(journal.compose_records([b"old"]), True)
    assert journal.is_long
    changes = journal.compose_rewrite([b"new", b"newer"])
    disk.write(changes, False)
    assert journal.list_records() == [b"new", b"newer"]
    assert not journal.is_long
    disk.crash(0)
    assert Journal(disk).list_records() == [b"old"] * REWRITE_RECORDS
    after = Journal(disk)
    disk.write(after.compose_rewrite([b"new"]), True)
    disk.write(after.compose_records([b"next"]), True)
    assert Journal(disk).list_records() == [b"new", b"next"]


def test_bodies_come_back() -> None:
    disk = SimulatedDisk()
    journal = Journal(disk)
    sealed = Stage().make([])
    body = BlockBody(sealed.block.header_bytes, (b"tx",), b"certificate")
    disk.write([journal.compose_body(sealed.block.hash, body)], True)
    assert journal.get_body(sealed.block.hash) == body
    assert journal.list_bodies() == [(sealed.block.hash, 1)]
    disk.write([journal.forget_body(sealed.block.hash)], True)
    assert journal.get_body(sealed.block.hash) is None
    assert journal.list_bodies() == []


def test_promises_come_back() -> None:
    disk = SimulatedDisk()
    journal = Journal(disk)
    disk.write([journal.compose_accepted(digest(n), b"%d" % n) for n in (2, 1)], True)
    assert list(journal.scan_accepted()) == [(digest(1), b"1"), (digest(2), b"2")]
    disk.write([journal.forget_accepted(digest(1))], True)
    assert list(journal.scan_accepted()) == [(digest(2), b"2")]
    assert journal.list_records() == []


def test_a_new_pair_belongs_together_whenever_the_power_fails() -> None:
    for writes in range(2):
        journal, store = SimulatedDisk(), SimulatedDisk()
        (store if writes else journal).writes_left = 0
        with pytest.raises(PowerLoss):
            adopt(journal, store, b"a" * 16, [KEY])
        journal.writes_left = store.writes_left = None
        assert adopt(journal, store, b"b" * 16, [KEY])
        assert adopt(journal, store, b"c" * 16, [KEY])
        assert not Journal(journal).is_barred(KEY)


def make_pair() -> tuple[SimulatedDisk, SimulatedDisk]:
    journal, store = SimulatedDisk(), SimulatedDisk()
    assert adopt(journal, store, b"a" * 16, [KEY])
    journal.write(Journal(journal).compose_records([OPENED]), True)
    return journal, store


def test_a_lost_journal_bars_its_keys() -> None:
    _, store = make_pair()
    fresh = SimulatedDisk()
    assert not adopt(fresh, store, b"b" * 16, [KEY])
    assert Journal(fresh).is_barred(KEY)
    assert not Journal(fresh).is_barred(public(8))
    # The next start knows the journal, and the key stays barred.
    assert adopt(fresh, store, b"c" * 16, [KEY, public(8)])
    assert Journal(fresh).is_barred(KEY)
    assert not Journal(fresh).is_barred(public(8))


def test_a_journal_of_another_store_bars_its_keys() -> None:
    journal, store = make_pair()
    journal.write([(MARK_KEY, b"x" * 16)], True)
    assert not adopt(journal, store, b"b" * 16, [KEY])
    assert Journal(journal).list_records() == []
    assert Journal(journal).is_barred(KEY)


def test_a_journal_without_its_store_bars_its_keys() -> None:
    journal, _ = make_pair()
    assert not adopt(journal, SimulatedDisk(), b"b" * 16, [KEY])
    assert Journal(journal).is_barred(KEY)


@pytest.mark.parametrize("damage", [b"garbage", OPENED[:-1], b""])
def test_a_damaged_journal_bars_its_keys(damage: bytes) -> None:
    journal, store = make_pair()
    journal.write(Journal(journal).compose_records([damage]), True)
    assert not adopt(journal, store, b"b" * 16, [KEY])
    assert Journal(journal).is_barred(KEY)
    assert Journal(journal).list_records() == []
    assert adopt(journal, store, b"c" * 16, [KEY])
