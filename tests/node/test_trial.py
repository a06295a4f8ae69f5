"""Rules on trial: what the last blocks of a network would have made of other rules."""

import pytest

from contracts.rules import load_current, load_last, make_rules_key
from devnet.simulator.simulation import Simulation
from ledger.genesis import Genesis
from ledger.state import Layer
from ledger.store import Store
from node import trial as trials
from node.past import read_past
from node.trial import TrialError, try_rules
from tests.node.network import run_market


@pytest.fixture(scope="module")
def network() -> Simulation:
    return run_market()


@pytest.fixture(scope="module")
def genesis(network: Simulation) -> Genesis:
    return network.population.genesis


@pytest.fixture(scope="module")
def store(network: Simulation) -> Store:
    return network.processes[0].replica.store


def test_the_same_rules_change_nothing(genesis: Genesis, store: Store) -> None:
    for last in (1, 5, store.height, 10 * store.height):
        same = try_rules(genesis, store, {"hold_epochs": genesis.rules["hold_epochs"]}, last)
        assert (same.first, same.last) == (max(1, store.height - last + 1), store.height)
        assert (same.otherwise, same.moved, same.balances) == ([], [], [])
        assert same.due_items == same.due_items_would_be
    assert same.transactions > 10
    assert same.due_items > 0


def test_what_would_have_failed_is_named(genesis: Genesis, store: Store) -> None:
    """Where no lease waits for its activation, none is dispatched, and so none metered."""
    tried = try_rules(genesis, store, {"activation_timeout_ms": 1}, store.height)
    assert tried.changes == {"activation_timeout_ms": (genesis.rules["activation_timeout_ms"], 1)}
    kinds = {item.kind for item in tried.otherwise if (item.was, item.why) == ("ok", "code")}
    assert {"lease.dispatch", "lease.activate", "metering.receipt"} <= kinds
    dispatched = [item for item in tried.otherwise if item.kind == "lease.dispatch"]
    assert {item.would_be for item in dispatched} == {"wrong-state"}
    assert tried.codes["ok", "wrong-state"] >= len(dispatched)
    first = dispatched[0]
    block = store.get_block(first.height)
    assert block is not None
    assert block.header.time_ms == first.time_ms
    assert store.find_transaction(first.id) == (first.height, first.index)


def test_due_work_is_compared_by_what_it_did_and_when(genesis: Genesis, store: Store) -> None:
    tried = try_rules(genesis, store, {"activation_timeout_ms": 1}, store.height)
    expired = [item for item in tried.moved if "lease.failed" in item.events and not item.was]
    assert expired
    assert all(len(item.would_be) == 1 for item in expired)
    assert tried.due_items != tried.due_items_would_be


def test_the_same_code_may_have_another_effect(genesis: Genesis, store: Store) -> None:
    """A receipt that is deemed agreed sooner was signed and is told all the same."""
    tried = try_rules(genesis, store, {"countersign_window_ms": 100}, store.height)
    assert {item.why for item in tried.otherwise} == {"events"}
    assert all(item.was == item.would_be == "ok" for item in tried.otherwise)


def test_money_is_compared_party_by_party(genesis: Genesis, store: Store) -> None:
    """Without leases nobody earns anything, and the whole of it stays with those who have it."""
    tried = try_rules(genesis, store, {"activation_timeout_ms": 1}, store.height)
    for item in tried.balances:
        more = item.would_be_micro_yuan > item.was_micro_yuan
        assert more == (item.code[0] == "U"), item
    assert {item.code[0] for item in tried.balances} == {"P", "U"}


def test_nothing_is_written(genesis: Genesis, store: Store) -> None:
    root, height = store.header.state_root, store.height
    try_rules(genesis, store, {"hold_epochs": 3}, 10)
    assert (store.header.state_root, store.height) == (root, height)
    assert load_last(store.state)["version"] == 1


def test_versions_that_wait_move_up_by_one(genesis: Genesis, store: Store) -> None:
    layer = Layer(read_past(store, 1))
    first = load_last(layer)
    waiting = {**first, "from_height": 50, "version": 2}
    layer.put(make_rules_key(2), waiting, 1, 0)
    layer.put_derived(b"rules_count\x00", 2)
    trials._put_version(layer, {"hold_epochs": 7}, 10)
    assert [load_current(layer, height).version for height in (9, 10, 49, 50)] == [1, 2, 2, 3]
    assert load_current(layer, 9)["hold_epochs"] == genesis.rules["hold_epochs"]
    assert load_current(layer, 50)["hold_epochs"] == 7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"printing_press": 1}, "printing_press is no rule"),
        ({"minimum_validators": 3}, "minimum_validators"),
        ({"sla_floor_2_bp": 9_999}, "sla_floor_1_bp"),
    ],
)
def test_rules_that_cannot_be(
    genesis: Genesis, store: Store, changes: dict[str, int], message: str
) -> None:
    with pytest.raises(TrialError, match=message):
        try_rules(genesis, store, changes, 5)
