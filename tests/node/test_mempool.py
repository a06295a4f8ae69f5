"""The mempool: its bounds, its order, and that nothing stays behind."""

import pytest

from ledger.crypto import SigningKey, sha256
from ledger.transaction import Transaction, key_signer
from node.errors import Refused
from node.mempool import (
    MAX_STRANGERS,
    MAX_STRANGERS_IN_BLOCK,
    Mempool,
    MempoolLimits,
    Pending,
)
from tests.node.stage import Stage


def test_in_order_of_arrival_but_for_what_is_taken_or_over() -> None:
    stage = Stage()
    items = [stage.deposit(until=until) for until in (9, 4, 9, 9)]
    stage.pend(*items)
    selected = stage.mempool.select(5, 10, 10_000, {items[2].id})
    assert [pending.transaction for pending in selected] == [items[0], items[3]]
    assert len(list(stage.mempool.select(1, 2, 10_000, ()))) == 2
    assert len(list(stage.mempool.select(1, 9, len(items[0].raw), ()))) == 1
    assert [pending.transaction for pending in stage.mempool] == items


def test_a_second_copy_is_ignored() -> None:
    stage = Stage()
    item = stage.deposit()
    stage.pend(item, item)
    assert len(stage.mempool) == 1
    assert stage.mempool.size_bytes == len(item.raw)
    assert stage.mempool.has_id(item.id)
    assert stage.mempool.get(item.hash) is not None


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (MempoolLimits(2, 10_000, 10), "busy"),
        (MempoolLimits(10, 600, 10), "busy"),
        (MempoolLimits(10, 10_000, 2), "quota"),
    ],
)
def test_bounds(limits: MempoolLimits, code: str) -> None:
    stage = Stage(limits)
    stage.mempool.check_room(stage.deposit())
    stage.pend(stage.deposit(), stage.deposit())
    with pytest.raises(Refused) as caught:
        stage.mempool.check_room(stage.deposit())
    assert (caught.value.code, caught.value.retry) == (code, True)


def draft(stage: Stage) -> Transaction:
    """What anybody may send under a key that was made a moment ago."""
    key = SigningKey.from_seed(sha256(b"stranger %d" % stage.nonce))
    return stage.sign("admission.draft", {}, [(key_signer(key.public), key)])


def test_strangers_are_one_actor_and_few_in_a_block() -> None:
    stage = Stage()
    known = stage.deposit()
    stage.pend(*(draft(stage) for _ in range(MAX_STRANGERS - 1)))
    stage.mempool.check_room(draft(stage))
    stage.pend(draft(stage), known)
    with pytest.raises(Refused) as caught:
        stage.mempool.check_room(draft(stage))
    assert (caught.value.code, caught.value.retry) == ("quota", True)
    stage.mempool.check_room(stage.deposit())
    chosen = [item.transaction for item in stage.mempool.select(5, 1_000, 1 << 20, ())]
    assert len(chosen) == MAX_STRANGERS_IN_BLOCK + 1
    assert chosen[-1] is known
    stage.mempool.remove_ids(item.id for item in chosen)
    stage.mempool.check_room(draft(stage))
    following = list(stage.mempool.select(5, 1_000, 1 << 20, ()))
    assert len(following) == MAX_STRANGERS_IN_BLOCK


def test_what_is_on_its_way_in_takes_room() -> None:
    stage = Stage(MempoolLimits(2, 10_000, 10))
    stage.pend(stage.deposit())
    stage.mempool.check_room(stage.deposit())
    with pytest.raises(Refused):
        stage.mempool.check_room(stage.deposit(), 1)


def test_what_is_over_leaves() -> None:
    stage = Stage()
    items = [stage.deposit(until=until) for until in (3, 5, 4)]
    stage.pend(*items)
    assert stage.mempool.expire(2) == []
    assert stage.mempool.expire(4) == [items[0], items[2]]
    assert stage.mempool.expire(4) == []
    assert len(stage.mempool) == 1


def test_nothing_stays_behind_of_what_left() -> None:
    mempool = Mempool(MempoolLimits())
    stage = Stage()
    for turn in range(50):
        items = [stage.deposit(until=1_000 + number) for number in range(4)]
        for item in items:
            mempool.add(Pending(item, ()))
        if turn % 2:
            mempool.remove_ids(item.id for item in items)
        else:
            mempool.remove_ids(item.id for item in items[:2])
            mempool.expire(2_000)
    empty = vars(Mempool(MempoolLimits()))
    assert {name: value for name, value in vars(mempool).items() if name != "_limits"} == {
        name: value for name, value in empty.items() if name != "_limits"
    }


def test_removing_what_is_not_there_is_nothing() -> None:
    stage = Stage()
    stage.pend(stage.deposit())
    stage.mempool.remove_ids([stage.deposit().id])
    assert len(stage.mempool) == 1
