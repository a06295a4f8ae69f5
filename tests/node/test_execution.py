"""Executing blocks: proposer and validator make the same header, and nothing but it decides."""

from consensus.validators import ValidatorSet
from ledger.primitives import Code, TimeMs, View
from ledger.transaction import key_signer
from node.execution import Frame, compute_validator_set, execute_block
from tests.node.stage import Stage


def test_the_same_parent_and_transactions_make_the_same_header() -> None:
    one, other = Stage(), Stage()
    items = [one.deposit(), one.deposit(reference="again")]
    made = [stage.make(items) for stage in (one, other)]
    assert made[0].block.header_bytes == made[1].block.header_bytes
    header = made[0].block.header
    assert (header.height, header.transactions_count, header.results_count) == (1, 2, 2)
    assert header.history_root == one.store.history.compute_root(1)
    assert header.state_root == made[0].tree.root != one.store.tree.root


def test_what_fails_is_recorded() -> None:
    stage = Stage()
    bureau = stage.founder(stage.population.bureau)
    data = {"account": stage.population.regions[0], "amount_micro_yuan": 1, "reference": ""}
    sealed = stage.make([stage.sign("settlement.deposit", data, [bureau])])
    assert [result.code for result in sealed.results] == ["not-a-bank"]


def test_an_empty_block_changes_no_record() -> None:
    stage = Stage()
    sealed = stage.make()
    assert sealed.layer.records == {}
    assert sealed.block.header.state_root == stage.store.tree.root


def test_a_new_validator_key_ends_the_epoch() -> None:
    stage = Stage()
    region = stage.population.regions[1]
    fresh = stage.population.voter_keys(region)[1]
    signers = [stage.founder(region), (key_signer(fresh.public), fresh)]
    sealed = stage.make([stage.sign("identity.rotate_validator", {}, signers)])
    header = sealed.block.header
    assert header.is_last_of_epoch
    members = dict(stage.genesis.validators)
    expected = ValidatorSet(
        (Code(code), fresh.public if code == region else key) for code, key in members.items()
    )
    assert compute_validator_set(sealed.layer) == expected
    assert header.next_validators_hash == expected.hash
    assert not stage.make([stage.deposit()]).block.header.is_last_of_epoch


def test_a_frame_is_in_the_header() -> None:
    stage = Stage()
    parent = stage.parent()
    frame = Frame(
        parent.header.epoch,
        View(7),
        TimeMs(parent.header.time_ms + 5),
        stage.population.regions[2],
        b"x",
    )
    header = execute_block(parent, frame, (), stage.validators, stage.votes).block.header
    assert (header.view, header.proposer) == (7, stage.population.regions[2])
    assert header.time_ms == parent.header.time_ms + 5
