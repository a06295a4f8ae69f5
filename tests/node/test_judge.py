"""Judging blocks: what is right is executed, what is wrong is named, the rest waits."""

from collections.abc import Sequence
from typing import Any

import pytest

from ledger.block import Block, compute_transactions_root, make_block
from ledger.primitives import Height
from ledger.sealed import SealedBlock
from ledger.transaction import Transaction, decode_transaction, join_signatures
from node.judge import MAX_PARKED, Outcome, list_rekeyed
from tests.node.stage import Stage, change, digest, raws

Heard = list[tuple[Outcome, str]]


def park(stage: Stage, block: Block, bodies: Sequence[bytes], is_certified: bool = False) -> Heard:
    heard: Heard = []
    stage.judge.park(
        block, bodies, "peer", lambda *what: heard.append(what), is_certified=is_certified
    )
    stage.ports.check()
    return heard


def judge(stage: Stage, sealed: SealedBlock, **fields: Any) -> Heard:
    """What is said of a block with changed fields."""
    return park(stage, change(sealed, **fields), raws(sealed))


def wrap(sealed: SealedBlock, transactions: Sequence[Transaction]) -> Block:
    """A block that names other transactions than were executed."""
    hashes = [item.hash for item in transactions]
    header = change(
        sealed,
        transactions_count=len(hashes),
        transactions_root=compute_transactions_root(hashes),
    ).header
    return make_block(header, hashes, sealed.block.parent_certificate)


EXECUTED: Heard = [(Outcome.EXECUTED, "")]


def test_a_right_block_is_executed() -> None:
    stage = Stage()
    sealed = stage.make([stage.deposit()])
    assert judge(stage, sealed) == EXECUTED
    assert [item.block.hash for item in stage.executed] == [sealed.block.hash]
    assert stage.chain.get(sealed.block.hash) is not None
    assert len(stage.judge) == 0
    # Once more, it is known.
    assert judge(stage, sealed) == EXECUTED
    assert len(stage.executed) == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"height": Height(2)}, "height or chain"),
        ({"chain": "other"}, "height or chain"),
        ({"validators_hash": digest(1)}, "another validator set"),
        ({"state_root": digest(1)}, "other state_root"),
        ({"results_root": digest(1)}, "other results_root"),
        ({"results_count": 5}, "other results_count"),
        ({"history_root": digest(1)}, "other history_root"),
        ({"next_validators_hash": digest(1)}, "other next_validators_hash"),
        ({"rules_version": 9}, "other rules_version"),
    ],
)
def test_a_wrong_header_is_named(fields: dict[str, Any], reason: str) -> None:
    stage = Stage()
    ((outcome, said),) = judge(stage, stage.make([stage.deposit()]), **fields)
    assert outcome is Outcome.INVALID
    assert reason in said
    assert len(stage.chain) == len(stage.judge) == 0


def test_time_goes_on() -> None:
    stage = Stage()
    ((outcome, said),) = judge(stage, stage.make(after_ms=0))
    assert (outcome, said) == (Outcome.INVALID, "the time is not above the parent's")


def test_a_time_ahead_is_undecided_until_it_comes() -> None:
    stage = Stage()
    sealed = stage.make(after_ms=5_000)
    heard = park(stage, sealed.block, [])
    assert heard == []
    stage.ports.advance(2_000)
    assert heard == []
    stage.ports.advance(1_000)
    assert heard == EXECUTED


def test_a_certified_time_is_not_held_against_this_clock() -> None:
    stage = Stage()
    assert park(stage, stage.make(after_ms=90_000).block, [], is_certified=True) == EXECUTED


def test_a_block_waits_for_its_parent() -> None:
    stage = Stage()
    blocks = Stage().grow([], [])
    heard = park(stage, blocks[1].block, [])
    assert heard == []
    assert park(stage, blocks[0].block, []) == EXECUTED
    assert heard == EXECUTED


def test_a_block_waits_for_its_transactions() -> None:
    stage = Stage()
    items = [stage.deposit(), stage.deposit()]
    stage.pend(items[0])
    sealed = stage.make(items)
    heard = park(stage, sealed.block, [])
    parked = stage.judge.get(sealed.block.hash)
    assert parked is not None
    assert parked.missing == [items[1].hash]
    assert stage.judge.list_incomplete() == [parked]
    assert stage.judge.wants(items[1].hash)
    stage.judge.take([items[1].raw, b"garbage"])
    stage.ports.check()
    assert heard == EXECUTED
    assert not stage.judge.is_wanting


def test_what_enters_the_mempool_is_noticed_and_not_checked_again() -> None:
    stage = Stage()
    item = stage.deposit()
    heard = park(stage, stage.make([item]).block, [])
    stage.pend(item)
    stage.judge.notice([item])
    assert heard == EXECUTED
    assert stage.ports.verifying == []


def invalid(stage: Stage, transactions: Sequence[Transaction]) -> str:
    ((outcome, said),) = park(
        stage, wrap(stage.make(), transactions), [item.raw for item in transactions]
    )
    assert outcome is Outcome.INVALID
    return said


def test_wrong_transactions_are_named() -> None:
    stage = Stage()
    item, window = stage.deposit(), stage.genesis.consensus.transaction_window
    assert "stands twice" in invalid(stage, [item, item])
    assert "not alive" in invalid(stage, [stage.deposit(until=window + 2)])
    many = [stage.deposit() for _ in range(stage.genesis.consensus.max_block_transactions + 1)]
    assert "more than 40 transactions" in invalid(stage, many)
    stranger = stage.population.parties[0]
    pay = {"amount_micro_yuan": 1, "reference": "", "to": stage.population.regions[0]}
    unknown = stage.sign("settlement.pay", pay, [(stranger.code, stranger.keys[0])])
    assert "not registered" in invalid(stage, [unknown])
    assert "no transaction" in invalid(
        stage, [stage.sign("settlement.nothing", {}, [stage.founder(stage.population.bank)])]
    )
    forged = decode_transaction(join_signatures(item.body, [bytes(64)]), stage.genesis.chain)
    assert "signature is wrong" in invalid(stage, [forged])


def test_a_transaction_that_is_over_is_named() -> None:
    stage = Stage()
    (block,) = stage.grow([])
    late = stage.deposit(until=1)
    ((_, said),) = park(stage, wrap(stage.make(above=block), [late]), [late.raw])
    assert said == "a transaction is not alive at this height"


def test_a_transaction_happens_once() -> None:
    stage = Stage()
    item = stage.deposit()
    blocks = stage.grow([item])
    again = wrap(stage.make(above=blocks[0]), [item])
    ((_, said),) = park(stage, again, [item.raw])
    assert said == "a transaction stands in an ancestor already"
    stage.finish(blocks)
    final = wrap(stage.make(view=5), [item])
    ((_, said),) = park(stage, final, [item.raw])
    assert said == "a transaction is final already"


def test_a_final_transaction_in_the_mempool_is_not_taken_for_new() -> None:
    """It may come back there while its signatures are checked; a block must not hold it again."""
    stage = Stage()
    item = stage.deposit()
    stage.finish(stage.grow([item]))
    assert stage.store.find_transaction(item.id) == (1, 0)
    ((_, said),) = park(stage, wrap(stage.make(view=5), [item]), [item.raw])
    assert said == "a transaction is final already"


def test_keys_are_those_of_the_parents_state() -> None:
    stage = Stage()
    party = stage.population.parties[0]
    data = {
        "certificate": party.certificates[0],
        "code": party.code,
        "credit_code": "",
        "name": "a party",
        "role": "",
    }
    key = party.keys[0]
    signers = [stage.founder(party.issuer), (f"key:{key.public.hex()}", key)]
    registration = stage.sign("identity.register", data, signers)
    pay = {"amount_micro_yuan": 1, "reference": "", "to": stage.population.regions[0]}
    spend = stage.sign("settlement.pay", pay, [(party.code, key)])
    (block,) = stage.grow([registration])
    assert block.results[0].code == "ok"
    assert list(list_rekeyed(block.layer)) != []
    assert party.code in set(list_rekeyed(block.layer))
    # Beside its registration it has no key yet, above it, it has.
    ((_, said),) = park(stage, wrap(stage.make(view=7), [spend]), [spend.raw])
    assert "not registered" in said
    assert judge(stage, stage.make([spend], above=block)) == EXECUTED


def test_room_is_made_at_the_far_end_but_not_of_what_is_certified() -> None:
    stage = Stage()
    far = Stage().grow([], [])[1]
    park(stage, far.block, [], is_certified=True)
    for number in range(MAX_PARKED + 10):
        park(stage, change(far, view=100 + number), [])
    assert len(stage.judge) == MAX_PARKED
    assert far.block.hash in stage.judge


def test_blocks_at_final_heights_are_forgotten() -> None:
    stage = Stage()
    item = stage.deposit()
    heard = park(stage, stage.make([item], view=3).block, [])
    stage.judge.prune(0)
    assert len(stage.judge) == 1
    stage.judge.prune(1)
    assert len(stage.judge) == 0
    assert not stage.judge.is_wanting
    assert heard == []
    assert stage.ports.timers == {}


def test_a_block_forgotten_while_it_was_checked_says_nothing() -> None:
    stage = Stage()
    sealed = stage.make([stage.deposit()])
    heard: Heard = []
    stage.judge.park(
        sealed.block, raws(sealed), "peer", lambda *what: heard.append(what), is_certified=False
    )
    stage.judge.prune(1)
    stage.ports.check()
    assert heard == []
    assert len(stage.chain) == 0


def test_a_wrong_header_is_named_before_anything_is_fetched() -> None:
    stage = Stage()
    sealed = stage.make([stage.deposit()])
    heard = park(stage, change(sealed, height=7), [])
    assert heard == [(Outcome.INVALID, "height or chain does not follow from the parent")]
    assert not stage.judge.is_wanting


def test_proposals_of_views_that_are_over_are_forgotten_but_not_what_is_certified() -> None:
    stage = Stage()
    item = stage.deposit()
    old, certified, current = (stage.make([item], view=view) for view in (1, 2, 3))
    park(stage, old.block, [])
    park(stage, certified.block, [], is_certified=True)
    park(stage, current.block, [])
    stage.judge.leave(3)
    assert [hash_ in stage.judge for hash_ in (old.block.hash, certified.block.hash)] == [
        False,
        True,
    ]
    assert current.block.hash in stage.judge
