"""The prover: bounded, honest about what it has not, and at one block throughout."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from ledger import schema
from ledger.record import make_key
from node import prover
from node.client.bundle import ResultClaim, TransactionClaim, VersionsClaim
from node.client.claims import make_identity_key
from node.client.verify import verify_bundle
from node.prover import ProverError
from tests.ledger.chain import NATIONAL, REGIONS, Chain
from tests.node.evidence import GUIYANG, LEASE, OTHER, make_chain, make_evidence

EVIDENCE = make_evidence()
STORE, GENESIS = EVIDENCE.chain.store, EVIDENCE.chain.genesis


def refusal(call: Callable[[], Any]) -> ProverError:
    with pytest.raises(ProverError) as caught:
        call()
    return caught.value


def test_a_record_that_is_not_there_is_proved_absent() -> None:
    bundle = prover.prove_current(STORE, GENESIS, make_key("lease", "none"))
    assert verify_bundle(bundle.encode(), GENESIS.hash).proved[0].type == "absence"


def test_what_is_not_there_is_not_proved() -> None:
    assert refusal(lambda: prover.prove_gap(STORE, GENESIS, LEASE)).code == "not-found"
    assert refusal(lambda: prover.prove_list(STORE, GENESIS, b"")).code == "not-found"
    missing = make_key("lease", "none")
    assert refusal(lambda: prover.prove_object_history(STORE, GENESIS, missing)).code == "not-found"
    assert refusal(lambda: prover.prove_transaction(STORE, GENESIS, bytes(32))).code == "not-found"
    for heights in ((0, 3), (4, 3), (1, STORE.height + 1)):
        error = refusal(lambda h=heights: prover.prove_consistency(STORE, GENESIS, *h))
        assert error.code == "not-found"


def test_a_prefix_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prover, "MAX_RECORDS", 1)
    assert refusal(lambda: prover.prove_list(STORE, GENESIS, make_key("lease"))).code == "too-many"
    prover.prove_list(STORE, GENESIS, make_key("lease", "P1"))


def test_versions_are_bounded_from_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prover, "MAX_VERSIONS", 2)
    bundle = prover.prove_object_history(STORE, GENESIS, LEASE)
    claim = bundle.claims[0]
    assert isinstance(claim, VersionsClaim)
    assert [version.version for version in claim.older] == [3, 2]
    verified = verify_bundle(bundle.encode(), GENESIS.hash)
    assert verified.proved[0].fields["complete"] is False


def test_the_genesis_alone_cannot_be_proved() -> None:
    chain = make_chain()
    key = make_identity_key(NATIONAL)
    error = refusal(lambda: prover.prove_current(chain.store, chain.genesis, key))
    assert error.code == "not-yet"


def test_a_block_on_its_way_to_the_disk_is_not_seen() -> None:
    """Committed, not folded: the bundle is that of the block before, in every part."""
    evidence = make_evidence()
    chain = evidence.chain
    before = prover.prove_object_history(chain.store, chain.genesis, LEASE)
    sealed = chain.seal([chain.make_transaction([(LEASE, "newer")])])
    chain.store.commit([sealed], chain.certify(sealed).encode())
    assert prover.prove_object_history(chain.store, chain.genesis, LEASE) == before
    new = sealed.transactions[0].id
    assert refusal(lambda: prover.prove_transaction(chain.store, chain.genesis, new))
    chain.store.fold([sealed])
    after = prover.prove_object_history(chain.store, chain.genesis, LEASE)
    assert verify_bundle(after.encode(), chain.genesis.hash).height == sealed.height


def test_a_pruned_body_is_said_to_be_pruned() -> None:
    chain = make_evidence().chain
    chain.disk.write([(schema.body_key(1), None)], sync=True)
    error = refusal(lambda: prover.prove_object_history(chain.store, chain.genesis, LEASE))
    assert error.code == "pruned"
    bundle = prover.prove_current(chain.store, chain.genesis, OTHER)
    verify_bundle(bundle.encode(), chain.genesis.hash)


def test_a_peer_that_forgot_old_blocks_proves_what_is_left() -> None:
    chain = make_evidence().chain
    chain.store.forget_blocks(5)
    chain.store.forget_states(4)
    chain.store.sweep(b"")
    bundle = prover.prove_object_history(chain.store, chain.genesis, LEASE)
    verified = verify_bundle(bundle.encode(), chain.genesis.hash)
    assert any("are not in this bundle" in line for line in verified.proved[0].lines)
    assert [height for height, _ in prover.list_places(chain.store, LEASE)] == [5, 6]


def test_versions_that_a_snapshot_did_not_bring_are_said_to_be_missing() -> None:
    chain = make_evidence().chain
    gone = [(schema.version_key(LEASE, number), None) for number in (1, 2)]
    chain.disk.write(gone, sync=True)
    bundle = prover.prove_object_history(chain.store, chain.genesis, LEASE)
    verified = verify_bundle(bundle.encode(), chain.genesis.hash)
    assert "versions before 3 are not in this bundle" in verified.proved[0].lines


def test_items_that_were_loaded_ahead_make_the_same_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    places = prover.list_places(STORE, LEASE)
    items = prover.load_items(STORE, places)
    whole = prover.prove_object_history(STORE, GENESIS, LEASE)
    assert len(places) == 4
    assert prover.prove_object_history(STORE, GENESIS, LEASE, items) == whole
    some = {place: items[place] for place in places[1:3]}
    assert prover.prove_object_history(STORE, GENESIS, LEASE, some) == whole
    monkeypatch.setattr(STORE, "get_block", None)
    assert prover.prove_object_history(STORE, GENESIS, LEASE, items) == whole
    assert prover.list_places(STORE, make_key("none")) == []


def test_items_are_bounded_from_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prover, "MAX_ITEMS", 2)
    bundle = prover.prove_object_history(STORE, GENESIS, LEASE)
    verified = verify_bundle(bundle.encode(), GENESIS.hash)
    assert verified.proved[0].fields["complete"] is True
    kinds = [item.type for item in verified.proved]
    assert kinds[:3] == ["versions", "transaction", "result"]
    assert "version 1, written by item 0 of block 1" in verified.proved[0].lines


def test_an_object_history_has_each_item_once() -> None:
    chain = make_chain()
    chain.extend([chain.make_transaction([(LEASE, 1), (LEASE, 2)])])
    chain.extend([chain.make_transaction([(LEASE, 3)])], due=[(LEASE, 4)])
    bundle = prover.prove_object_history(chain.store, chain.genesis, LEASE)
    kinds = [type(claim) for claim in bundle.claims]
    assert kinds == [VersionsClaim, TransactionClaim, TransactionClaim, ResultClaim, VersionsClaim]
    verify_bundle(bundle.encode(), chain.genesis.hash)


def test_the_history_of_an_identity_has_its_record_once() -> None:
    bundle = prover.prove_object_history(STORE, GENESIS, make_identity_key(GUIYANG))
    keys = [claim.record.key for claim in bundle.claims if isinstance(claim, VersionsClaim)]
    assert sorted(keys) == sorted([make_identity_key(GUIYANG), make_identity_key(NATIONAL)])
    item = verify_bundle(bundle.encode(), GENESIS.hash).proved[1]
    assert all(signer["key"] for signer in item.fields["signers"])


def test_consistency_holds_between_any_two_heights() -> None:
    for height in range(1, STORE.height + 1):
        for later in range(height, STORE.height + 1):
            bundle = prover.prove_consistency(STORE, GENESIS, height, later)
            item = verify_bundle(bundle.encode(), GENESIS.hash).proved[0]
            assert item.fields["height"] == str(height)
            assert item.fields["later"] == str(later)


def test_every_transaction_of_a_large_block_is_proved() -> None:
    chain = make_chain()
    items = [chain.make_transaction([(make_key("t", str(n)), n)]) for n in range(37)]
    chain.extend(items)
    chain.extend()
    for item in items:
        bundle = prover.prove_transaction(chain.store, chain.genesis, item.id)
        assert verify_bundle(bundle.encode(), chain.genesis.hash).proved[0].subject == item.id.hex()


def test_the_identity_key_is_where_the_contracts_keep_it() -> None:
    from contracts import standing

    assert make_identity_key(REGIONS[0]) == standing.make_identity_key(REGIONS[0])
    record = STORE.state.get(standing.make_identity_key(GUIYANG))
    assert record is not None
    assert standing.resolve_key(STORE.state, GUIYANG) == record.value["key"]


def test_a_bundle_is_made_in_little_time() -> None:
    chain = large_chain()
    key = make_key("t", "07777")
    best = min(
        _time(lambda: prover.prove_current(chain.store, chain.genesis, key).encode())
        for _ in range(10)
    )
    assert best < 0.005


def large_chain() -> Chain:
    chain = make_chain()
    puts = [(make_key("t", f"{n:05}"), {"n": n}) for n in range(8000)]
    for at in range(0, len(puts), 1000):
        chain.extend(due=puts[at : at + 1000])
    return chain


def _time(call: Callable[[], Any]) -> float:
    start = time.thread_time()
    call()
    return time.thread_time() - start
