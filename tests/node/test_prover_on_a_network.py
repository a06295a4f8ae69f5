"""Bundles out of a network that ran: real contracts, votes, epochs and signatures."""

import pytest

from devnet.simulator.simulation import Simulation
from ledger.genesis import Genesis
from ledger.store import Store
from node import prover
from node.audit import AuditQuery, list_record_history, run_audit
from node.client.verify import verify_bundle
from tests.node.network import run_network


@pytest.fixture(scope="module")
def network() -> Simulation:
    return run_network()


def list_stores(network: Simulation) -> list[tuple[Store, Genesis]]:
    genesis = network.population.genesis
    return [(process.replica.store, genesis) for process in network.processes]


def test_every_history_of_every_record_verifies_with_every_signature(network: Simulation) -> None:
    store, genesis = list_stores(network)[-1]
    assert store.header.epoch > 0
    checked = 0
    for key, _ in store.state.scan(b""):
        bundle = prover.prove_object_history(store, genesis, key)
        verified = verify_bundle(bundle.encode(), genesis.hash)
        assert len(verified.relied_on) == store.header.epoch + 1
        assert verified.proved[0].fields["complete"]
        for item in verified.proved:
            for signer in item.fields.get("signers", ()):
                assert signer["key"] is not None
                checked += 1
    assert checked > 20


def test_peers_prove_the_same_of_the_same_block(network: Simulation) -> None:
    bundles = set()
    for store, genesis in list_stores(network):
        bundle = prover.prove_list(store, genesis, b"identity\x00")
        verified = verify_bundle(bundle.encode(), genesis.hash)
        bundles.add((verified.height, verified.block, str(verified.proved)))
    assert len(bundles) == len({height for height, _, _ in bundles})


def test_every_transaction_is_found_and_proved(network: Simulation) -> None:
    store, genesis = list_stores(network)[0]
    entries = run_audit(store, AuditQuery(limit=1000)).entries
    assert len(entries) > 10
    for entry in entries:
        if entry.kind == "due":
            continue
        bundle = prover.prove_transaction(store, genesis, entry.id)
        item = verify_bundle(bundle.encode(), genesis.hash).proved[0]
        assert (item.subject, item.fields["kind"]) == (entry.id.hex(), entry.kind)
        assert item.fields["code"] == entry.code


def test_what_audit_says_of_a_record_is_what_its_bundle_proves(network: Simulation) -> None:
    store, genesis = list_stores(network)[0]
    for key, _ in store.state.scan(b"account\x00"):
        history = list_record_history(store, key, most=1000)
        bundle = prover.prove_object_history(store, genesis, key)
        proved = verify_bundle(bundle.encode(), genesis.hash).proved[0].fields["versions"]
        assert [entry.value for entry in history] == [item["value"] for item in proved[::-1]]
