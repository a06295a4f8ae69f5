"""The state at a height: against the states that once stood, and by executing blocks on it."""

from bisect import bisect_right
from typing import Any

import pytest

from contracts import machine
from contracts.registry import DERIVED
from devnet.simulator.simulation import Simulation
from ledger import schema
from ledger.block import decode_header
from ledger.genesis import Genesis
from ledger.record import make_key
from ledger.store import Store
from ledger.trail import Trail
from ledger.transaction import decode_transaction
from node.epochs import find_validators
from node.evidence import make_reader
from node.past import PastError, read_past
from node.trail import extend_trail
from tests.ledger.chain import REGIONS
from tests.node.evidence import make_chain
from tests.node.network import run_network

KEYS = [make_key("toy", name) for name in ("a", "b", "c", "d", "e")]


@pytest.fixture(scope="module")
def network() -> Simulation:
    """A network that traded for a few seconds."""
    return run_network(seed=11, observers=0, rotations=1)


@pytest.fixture(scope="module")
def store(network: Simulation) -> Store:
    return network.processes[0].replica.store


def test_every_height_reads_as_it_was() -> None:
    chain = make_chain()
    stood: list[dict[bytes, Any]] = [dict(chain.genesis.records)]
    for block in range(12):
        changed = [
            (KEYS[place], [block, place]) for place in range(len(KEYS)) if block % (place + 2)
        ]
        twice = [(KEYS[0], ["again", block])] if block % 4 == 1 else []
        parts = [chain.make_transaction([pair], REGIONS[:1]) for pair in (*changed, *twice)]
        chain.extend(parts)
        stood.append({**stood[-1], **dict(changed), **dict(twice)})
    for height, values in enumerate(stood):
        past = read_past(chain.store, height)
        found = {key: record.value for key, record in past.scan(b"")}
        assert found == values
        assert past.height == height
        for key in KEYS:
            record = past.get(key)
            assert (None if record is None else record.value) == values.get(key)
            keys = sorted(values)
            before = bisect_right(keys, key[:-1])
            assert past.find_predecessor(key) == keys[before - 1]
        after = list(past.scan(make_key("toy"), KEYS[1]))
        assert [key for key, _ in after] == [key for key in KEYS[2:] if key in values]


def test_blocks_executed_on_the_past_end_as_they_did(network: Simulation, store: Store) -> None:
    genesis = network.population.genesis
    assert store.height > 10
    trail, read_evidence = Trail((), ()), make_reader(network.processes[0].replica.domain)
    for height in range(1, store.height + 1):
        past, block = read_past(store, height - 1), store.get_block(height)
        assert block is not None
        trail = _extend(trail, store, genesis, height - 1)
        transactions = [decode_transaction(item, genesis.chain) for item in block.transactions]
        given = machine.BlockInput(
            height,
            block.header.time_ms,
            past.header.time_ms,
            transactions,
            genesis.hash,
            trail,
            read_evidence,
        )
        output = machine.execute_block(past, given)
        assert [item.encode() for item in output.results] == store.get_result_leaves(height)


def _extend(trail: Trail, store: Store, genesis: Genesis, height: int) -> Trail:
    block = store.get_block(height)
    assert block is not None
    members = tuple(find_validators(store, genesis, block.header.epoch).codes)
    return extend_trail(trail, block.header, block.parent_certificate, members)


def test_derived_tables_are_those_that_the_store_has(store: Store) -> None:
    past = read_past(store, store.height)
    compared = 0
    for name in DERIVED:
        found = list(past.scan_derived(make_key(name)))
        assert found == list(store.state.scan_derived(make_key(name)))
        for place, (key, value) in enumerate(found):
            assert past.get_derived(key) == value
            assert list(past.scan_derived(make_key(name), key)) == found[place + 1 :]
        compared += len(found)
    assert compared > 5


def test_heights_that_are_not_final_are_refused(store: Store) -> None:
    for height in (-1, store.height + 1):
        with pytest.raises(PastError, match="are final here"):
            read_past(store, height)


@pytest.mark.parametrize("oldest", [1, 4, 8, 12])
def test_every_state_above_the_floor_reads_as_it_was_and_none_below(oldest: int) -> None:
    whole, pruned = make_chain(), make_chain()
    for chain in (whole, pruned):
        for block in range(12):
            changed = [(key, block) for place, key in enumerate(KEYS) if block % (place + 1) == 0]
            chain.extend([chain.make_transaction(changed, REGIONS[:1])])
    pruned.store.forget_states(oldest)
    pruned.store.sweep(b"")
    pruned.extend()
    for height in range(oldest, 13):
        there = [(key, record.encode()) for key, record in read_past(whole.store, height).scan(b"")]
        past = read_past(pruned.store, height)
        assert [(key, record.encode()) for key, record in past.scan(b"")] == there
    for height in range(oldest):
        with pytest.raises(PastError, match=f"lacks what was so at {height}, .* from {oldest} on"):
            read_past(pruned.store, height)


def test_a_peer_that_lacks_old_versions_says_so() -> None:
    chain = make_chain()
    for block in range(3):
        chain.extend([chain.make_transaction([(KEYS[0], block)], REGIONS[:1])])
    disk = chain.disk
    for version in (1, 2):
        disk.write([(schema.version_key(KEYS[0], version), None)], sync=True)
    chain.extend()
    past = read_past(chain.store, 2)
    with pytest.raises(PastError, match="ask an archive"):
        past.get(KEYS[0])
    assert past.get(make_key("rules")) is not None
    assert decode_header(chain.store.get_header_bytes(2) or b"") == past.header
