"""The tree of unfinalized blocks: branches, losers, and forks that must not be."""

import pytest

from ledger.state import Layer
from node.errors import Fork
from tests.node.stage import Stage


def test_a_branch_knows_its_blocks_and_ids() -> None:
    stage = Stage()
    items = [stage.deposit() for _ in range(3)]
    blocks = stage.grow(items[:1], [], items[1:])
    tip = blocks[-1].block.hash
    assert stage.chain.list_branch(tip) == blocks
    ids = stage.chain.list_branch_ids(tip)
    assert len(ids) == 3
    assert all(item.id in ids for item in items)
    assert sorted(ids) == sorted(item.id for item in items)
    assert items[2].id not in stage.chain.list_branch_ids(blocks[1].block.hash)
    assert stage.chain.list_branch(stage.store.hash) == []


def test_parents_are_what_is_executed_and_not_lost() -> None:
    stage = Stage()
    (block,) = stage.grow([])
    assert stage.chain.find_parent(stage.store.hash) is not None
    found = stage.chain.find_parent(block.block.hash)
    assert found is not None
    assert found.state is block.layer
    assert stage.chain.find_parent(stage.make(view=9).block.hash) is None


def test_final_blocks_are_decided_once_and_then_folded() -> None:
    stage = Stage()
    blocks = stage.grow([stage.deposit()], [], [])
    assert stage.chain.decide(blocks[1].block.hash) == blocks[:2]
    assert stage.chain.decide(blocks[1].block.hash) == []
    assert (stage.chain.decided_height, stage.store.height) == (2, 0)
    assert stage.chain.decided_hash == blocks[1].block.hash
    assert stage.chain.decide(blocks[2].block.hash) == blocks[2:]
    stage.store.commit(blocks[:2], b"f")
    stage.chain.fold(blocks[:2])
    assert (stage.store.height, len(stage.chain)) == (2, 1)
    assert blocks[2].layer.parent is stage.store.state
    assert blocks[2].tree.parent is stage.store.tree
    stage.store.commit(blocks[2:], b"f")
    stage.chain.fold(blocks[2:])
    assert len(stage.chain) == 0
    assert stage.store.tree.root == stage.store.header.state_root


def test_losers_go_with_their_children() -> None:
    stage = Stage()
    winner, loser = stage.make(view=1), stage.make(view=2)
    for sealed in (winner, loser):
        stage.chain.add(sealed)
    above_loser = stage.make(above=loser, view=3)
    above_winner = stage.make(above=winner, view=4)
    for sealed in (above_loser, above_winner):
        stage.chain.add(sealed)
    assert stage.chain.decide(winner.block.hash) == [winner]
    assert list(stage.chain) == [winner, above_winner]


def test_a_fork_is_not_taken() -> None:
    stage = Stage()
    one, other = stage.make(view=1), stage.make(view=2)
    stage.chain.add(one)
    stage.chain.decide(one.block.hash)
    # It cannot come here by the rules; if it did, it must not be followed.
    stage.chain._sealed[other.block.hash] = other
    child = stage.make(above=other, view=3)
    stage.chain._sealed[child.block.hash] = child
    stage.chain._ids[child.block.hash] = stage.chain._ids[other.block.hash] = frozenset()
    with pytest.raises(Fork, match="keep its folder"):
        stage.chain.decide(child.block.hash)


def test_a_child_reads_its_parents_changes() -> None:
    stage = Stage()
    blocks = stage.grow([stage.deposit()], [stage.deposit()])
    assert isinstance(blocks[1].layer, Layer)
    assert blocks[1].layer.parent is blocks[0].layer
