"""The offline verifier: it accepts what is so, and says precisely which part is not."""

import base64
import json
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.certificate import Certificate
from ledger import codec
from ledger.block import decode_header
from ledger.crypto import SigningKey
from ledger.primitives import Digest, Signature
from ledger.record import make_key
from node import prover
from node.client.bundle import (
    Bundle,
    BundleError,
    Certified,
    PastHeader,
    TransactionClaim,
    VersionsClaim,
    compose_text,
    compute_digest,
    decode_bundle,
)
from node.client.claims import make_identity_key
from node.client.verified import Verified
from node.client.verify import verify_bundle
from tests.ledger.chain import NATIONAL, REGIONS, START_MS
from tests.node.evidence import GUIYANG, LEASE, OTHER, RULES, make_chain, make_evidence

EVIDENCE = make_evidence(2)
CHAIN = EVIDENCE.chain
STORE, GENESIS = CHAIN.store, CHAIN.genesis
LAST = STORE.height
HISTORY = prover.prove_object_history(STORE, GENESIS, LEASE)
BUNDLES: dict[str, Bundle] = {
    "record": prover.prove_current(STORE, GENESIS, LEASE),
    "absence": prover.prove_gap(STORE, GENESIS, make_key("lease", "P1", "lease-9")),
    "prefix": prover.prove_list(STORE, GENESIS, make_key("lease")),
    "history": HISTORY,
    "transaction": prover.prove_transaction(STORE, GENESIS, EVIDENCE.transactions[2].id),
    "consistency": prover.prove_consistency(STORE, GENESIS, 3),
}


def verify(bundle: Bundle | bytes) -> Verified:
    data = bundle if isinstance(bundle, bytes) else bundle.encode()
    return verify_bundle(data, GENESIS.hash)


def refuse(bundle: Bundle | bytes) -> BundleError:
    with pytest.raises(BundleError) as caught:
        verify(bundle)
    return caught.value


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse_socket(*_: Any, **__: Any) -> None:
        raise AssertionError("the verifier opened a socket")

    monkeypatch.setattr(socket, "socket", refuse_socket)
    monkeypatch.setattr(socket, "create_connection", refuse_socket)


@pytest.mark.parametrize("name", BUNDLES)
def test_every_kind_of_bundle_is_verified_offline(name: str) -> None:
    verified = verify(BUNDLES[name])
    assert verified.height == LAST
    assert verified.block == STORE.hash
    assert verified.time_ms == START_MS + 1000 * LAST
    assert verified.proved
    assert list(verified.iterate_lines())
    json.dumps(verified.as_json())


def test_the_report_says_whose_epochs_it_relied_on() -> None:
    verified = verify(BUNDLES["record"])
    assert [relied.epoch for relied in verified.relied_on] == [0, 1, 2]
    assert verified.relied_on[-1].height == LAST
    for relied in verified.relied_on:
        assert relied.validators == REGIONS
        assert relied.signers == REGIONS[:3]


def test_the_report_says_what_a_record_is_and_how_old() -> None:
    item = verify(BUNDLES["record"]).proved[0]
    assert (item.type, item.subject) == ("record", "lease/P1/lease-1")
    assert item.fields["value"] == {"price": "4", "reason": "expired", "state": "closed"}
    assert item.fields["version"] == "4"
    assert f"stands after block {LAST}" in item.lines
    older = verify(prover.prove_current(STORE, GENESIS, OTHER)).proved[0]
    assert older.lines[1] == (
        "version 1, written by item 1 of block 1, 2026-04-01 16:00:01.000 UTC, "
        f"{LAST - 1} s before the anchor"
    )


def test_the_age_is_told_when_the_time_is() -> None:
    data = BUNDLES["record"].encode()
    now_ms = START_MS + 1000 * LAST + 90_000
    verified = verify_bundle(data, GENESIS.hash, now_ms)
    assert verified.age_ms == 90_000
    assert any("1 min ago" in line for line in verified.iterate_lines())


def test_who_did_what_to_a_lease() -> None:
    verified = verify(HISTORY)
    kinds = [item.type for item in verified.proved]
    assert kinds[:5] == ["versions", "transaction", "transaction", "transaction", "result"]
    assert set(kinds[5:]) == {"versions"}, "the identities of those who signed"
    versions = verified.proved[0]
    assert versions.fields["complete"]
    assert [version["version"] for version in versions.fields["versions"]] == ["4", "3", "2", "1"]
    assert "  price: 5 -> 4" in versions.lines
    assert "  state: active -> closed" in versions.lines
    signers = [item.fields["signers"] for item in verified.proved[1:4]]
    old, new = (CHAIN_KEYS[0].hex(), CHAIN_KEYS[1].hex())
    assert [signer["key"] for signer in (signers[0][0], signers[1][0])] == [old, new]
    assert all(signer["key"] for group in signers for signer in group), "all were checked"
    assert any("checked: its key" in line for line in verified.proved[1].lines)
    assert "due" in verified.proved[4].lines[0]


CHAIN_KEYS = [version.value["key"] for version in STORE.list_versions(make_identity_key(GUIYANG))]


def test_a_signature_that_cannot_be_checked_is_said_to_be_so() -> None:
    bundle = BUNDLES["transaction"]
    bare = replace(bundle, claims=bundle.claims[:1])
    item = verify(bare).proved[0]
    assert [signer["key"] for signer in item.fields["signers"]] == [None, None]
    assert "the validators checked it" in item.lines[2]


def test_a_failed_transaction_is_proved_to_have_failed() -> None:
    entry = next(iter(STORE.scan_subject(REGIONS[2])))
    item = verify(prover.prove_transaction(STORE, GENESIS, entry.id)).proved[0]
    assert item.fields["code"] == "refused"
    assert item.lines[0] == "toy.put, which failed: refused"


def test_records_of_the_genesis_are_told_apart() -> None:
    bundle = prover.prove_object_history(STORE, GENESIS, make_identity_key(NATIONAL))
    verified = verify(bundle)
    assert any("laid down in the genesis document" in line for line in verified.proved[0].lines)
    history = verify(prover.prove_object_history(STORE, GENESIS, RULES))
    assert history.proved[0].fields["versions"][-1]["height"] == "0"


# --- what is not so


def test_another_genesis_is_refused() -> None:
    with pytest.raises(BundleError, match="genesis: its hash is") as caught:
        verify_bundle(HISTORY.encode(), Digest(bytes(32)))
    assert caught.value.part == "genesis"


def test_every_byte_of_a_small_bundle_counts() -> None:
    chain = make_chain()
    chain.extend()
    data = prover.prove_current(chain.store, chain.genesis, RULES).encode()
    verify_bundle(data, chain.genesis.hash)
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1
        if at > 400 and at % 7:
            continue  # the base64 of long parts: a sample
        with pytest.raises(BundleError) as caught:
            verify_bundle(bytes(changed), chain.genesis.hash)
        assert caught.value.part
        assert str(caught.value).startswith(f"{caught.value.part}: ")


@given(st.sampled_from(sorted(BUNDLES)), st.data())
@settings(max_examples=400, deadline=None)
def test_any_one_changed_byte_is_found(name: str, data: st.DataObject) -> None:
    changed = bytearray(BUNDLES[name].encode())
    at = data.draw(st.integers(0, len(changed) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != changed[at]))
    changed[at] = byte
    error = refuse(bytes(changed))
    assert error.part


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_any_one_changed_character_of_the_contents_is_found_in_its_part(
    data: st.DataObject,
) -> None:
    """Also when the text stays canonical and the digest is made anew."""
    document = json.loads(HISTORY.encode())
    part = data.draw(st.sampled_from(("anchor", "epochs", "headers", "claims", "genesis")))
    holder, key = _pick(document, part, data)
    text = holder[key]
    at = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(
        st.sampled_from("0123456789abcdefABCDEF/+=g").filter(lambda c: c != text[at])
    )
    holder[key] = text[:at] + letter + text[at + 1 :]
    error = refuse(sealed(document))
    expected = {
        "anchor": ("anchor", "certificate"),
        "epochs": ("epoch", "certificate of epoch", "validators of epoch"),
        "headers": ("header", "claim"),
        "claims": ("claim",),
        "genesis": ("genesis",),
    }
    assert error.part.startswith(expected[part]), str(error)


def _pick(document: Any, part: str, data: st.DataObject) -> tuple[Any, Any]:
    """A text somewhere under a part, as its holder and key."""
    holder, key = document, part
    while type(holder[key]) is not str:
        holder = holder[key]
        keys = [
            k
            for k in (range(len(holder)) if type(holder) is list else sorted(holder))
            if holder[k] not in ("", [])
        ]
        key = data.draw(st.sampled_from(keys))
    return holder, key


def sealed(document: Any) -> bytes:
    """The text of a document whose digest is right."""
    document["digest"] = compute_digest(document).hex()
    return compose_text(document)


def test_a_damaged_statement_that_is_still_true_is_told_by_the_digest() -> None:
    """Another key that is absent too: every part holds, and still the text was changed."""
    document = json.loads(BUNDLES["absence"].encode())
    other = make_key("lease", "P1", "lease-8")
    document["claims"][0]["key"] = base64.b64encode(other).decode()
    assert refuse(compose_text(document)).part == "digest"
    assert verify(sealed(document)).proved[0].subject == "lease/P1/lease-8"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "not JSON at character 0"),
        (b"{}\n", "has not exactly the fields"),
        (b"[]\n", "not a JSON object"),
        (b'{"a":1}\n\n', "not in canonical form at character 8"),
        (b'{"a":1}', "not in canonical form at character 7"),
        (b'{"a": 1}\n', "not in canonical form at character 5"),
        (b'{"a":1,"a":1}\n', "not in canonical form"),
        (b'{"a":NaN}\n{', "not JSON"),
        ("{é}\n".encode(), "not ASCII at character 1"),
        (b"[" * 100_000, "not JSON"),
        (b"9" * 10_000, "not JSON"),
    ],
)
def test_a_text_that_is_no_bundle_says_where(text: bytes, why: str) -> None:
    assert why in str(refuse(text))


def test_pretty_printing_is_refused_where_it_begins() -> None:
    pretty = json.dumps(json.loads(HISTORY.encode()), indent=1).encode()
    assert str(refuse(pretty)) == "text: not in canonical form at character 1"


# --- forgeries by somebody who can write bundles, and sign for fewer than a quorum


def recertify(change: Callable[[Certificate], Certificate]) -> Bundle:
    bundle = BUNDLES["record"]
    certificate = change(Certificate.decode(bundle.anchor.certificate))
    return replace(bundle, anchor=Certified(bundle.anchor.header, certificate.encode()))


def test_a_wrong_signature_is_named_with_its_validator() -> None:
    def break_second(certificate: Certificate) -> Certificate:
        signatures = list(certificate.signatures)
        signatures[1] = Signature(bytes(64))
        return replace(certificate, signatures=tuple(signatures))

    error = refuse(recertify(break_second))
    assert str(error) == f"certificate: the signature of {REGIONS[1]} is wrong"


def test_a_quorum_is_wanted() -> None:
    error = refuse(
        recertify(lambda c: replace(c, signers=c.signers[:2], signatures=c.signatures[:2]))
    )
    assert str(error) == "certificate: 2 signatures where 3 are a quorum"


def test_a_notarization_is_not_enough() -> None:
    chain = make_chain()
    sealed_block = chain.seal()
    notarized = chain.certify(sealed_block, kind=_NOTARIZE).encode()
    chain.store.commit([sealed_block], notarized)
    chain.store.fold([sealed_block])
    bundle = prover.prove_current(chain.store, chain.genesis, RULES)
    with pytest.raises(BundleError, match="not a finalization"):
        verify_bundle(bundle.encode(), chain.genesis.hash)


_NOTARIZE = type(Certificate.decode(BUNDLES["record"].anchor.certificate).kind).NOTARIZE


def test_the_certificate_of_another_block_is_refused() -> None:
    other = STORE.find_finalization(1)
    assert other is not None
    bundle = BUNDLES["record"]
    error = refuse(replace(bundle, anchor=Certified(bundle.anchor.header, other[1])))
    assert str(error) == f"certificate: not of this block {LAST}, but of another"


def test_an_older_set_cannot_sign_for_a_later_epoch() -> None:
    bundle = BUNDLES["record"]
    error = refuse(replace(bundle, epochs=bundle.epochs[:1]))
    assert error.part == "anchor"
    error = refuse(replace(bundle, epochs=(bundle.epochs[0], bundle.epochs[0])))
    assert error.part == "epoch 1"
    error = refuse(replace(bundle, epochs=()))
    assert error.part == "anchor"


def test_another_next_set_is_refused() -> None:
    bundle = BUNDLES["record"]
    links = (replace(bundle.epochs[0], next_validators=bundle.epochs[1].next_validators),)
    error = refuse(replace(bundle, epochs=(*links, bundle.epochs[1])))
    assert str(error).startswith("validators of epoch 1: not those that block 3 commits")


def test_an_epoch_ends_with_its_last_block() -> None:
    """A final block in the middle of an epoch hands over to nobody."""
    bundle = BUNDLES["record"]
    height = 2
    final = STORE.get_finalization(height)
    header = STORE.get_header_bytes(height)
    assert final is not None
    assert header is not None
    link = replace(bundle.epochs[0], header=header, certificate=final)
    error = refuse(replace(bundle, epochs=(link, bundle.epochs[1])))
    assert str(error) == "epoch 0: block 2 does not end the epoch"


def test_headers_must_be_below_the_anchor() -> None:
    bundle = BUNDLES["transaction"]
    past = bundle.headers[0]
    forged = codec.encode(codec.decode(past.header) | {"time_ms": 5})
    assert refuse(replace(bundle, headers=(PastHeader(forged, past.path),))).part == "header 0"
    assert refuse(replace(bundle, headers=(past, past))).part == "header 1"
    assert refuse(replace(bundle, headers=(PastHeader(past.header, past.path[1:]),))).part == (
        "header 0"
    )
    error = refuse(replace(bundle, headers=()))
    height = decode_header(past.header).height
    assert str(error) == f"claim 0: the bundle has no header of block {height}"
    anchor = PastHeader(bundle.anchor.header, past.path)
    assert refuse(replace(bundle, headers=(past, anchor))).part == "header 1"


def test_the_genesis_cannot_be_an_anchor() -> None:
    header = STORE.get_header_bytes(0)
    assert header is not None
    bundle = replace(BUNDLES["record"], epochs=(), anchor=Certified(header, b""))
    assert str(refuse(bundle)) == "anchor: the genesis has no certificate"


def test_a_record_of_another_chain_or_height_is_named() -> None:
    elsewhere = make_evidence(1).chain
    foreign = prover.prove_current(elsewhere.store, elsewhere.genesis, OTHER)
    error = refuse(replace(BUNDLES["record"], claims=foreign.claims))
    assert str(error) == (
        "claim 0, record lease/P2/lease-2: its path does not lead to the state root "
        f"of block {LAST}"
    )


def test_a_version_cannot_be_left_out() -> None:
    claim = HISTORY.claims[0]
    assert isinstance(claim, VersionsClaim)
    without = VersionsClaim(claim.record, claim.older[1:])
    error = refuse(replace(HISTORY, claims=(without,)))
    assert error.part == "claim 0, record lease/P1/lease-1"


def test_versions_that_are_not_there_are_said_not_to_be() -> None:
    claim = HISTORY.claims[0]
    assert isinstance(claim, VersionsClaim)
    short = VersionsClaim(claim.record, claim.older[:1])
    proved = verify(replace(HISTORY, claims=(short,))).proved[0]
    assert proved.fields["complete"] is False
    assert "versions before 3 are not in this bundle" in proved.lines


def find_transaction_claim() -> TransactionClaim:
    claim = BUNDLES["transaction"].claims[0]
    assert isinstance(claim, TransactionClaim)
    return claim


@pytest.mark.parametrize("name", ["index", "height", "result", "transaction", "path"])
def test_a_transaction_is_where_it_is_and_did_what_it_did(name: str) -> None:
    claim, other = find_transaction_claim(), HISTORY.claims[1]
    assert isinstance(other, TransactionClaim)
    changed: dict[str, Any] = {
        "index": claim.index + 1,
        "height": LAST,
        "result": other.result,
        "transaction": other.transaction,
        "path": (Digest(bytes(32)),),
    }
    forged = replace(claim, **{name: changed[name]})
    bundle = BUNDLES["transaction"]
    assert refuse(replace(bundle, claims=(forged,))).part.startswith("claim 0")


def test_a_signature_is_held_against_the_key_that_is_proved() -> None:
    """Validators that let a wrong signature through are caught by the bundle itself."""
    chain = make_chain()
    chain.identities[GUIYANG] = SigningKey.from_seed(bytes(32))
    bad = chain.make_transaction([(LEASE, 1)], [GUIYANG])
    chain.extend([bad])
    chain.extend()
    bundle = prover.prove_transaction(chain.store, chain.genesis, bad.id)
    with pytest.raises(BundleError, match=f"the signature of {GUIYANG} is wrong under the key"):
        verify_bundle(bundle.encode(), chain.genesis.hash)


def test_a_signer_that_was_not_registered_yet_is_found_out() -> None:
    chain = make_chain()
    code = "P110100I0A0010000000000A"
    chain.identities[code] = SigningKey.from_seed(bytes(32))  # type: ignore[index]
    early = chain.make_transaction([(LEASE, 1)], [code])
    value = {"key": chain.identities[code].public}  # type: ignore[index]
    chain.extend([early, chain.make_transaction([(make_identity_key(code), value)])])
    bundle = prover.prove_transaction(chain.store, chain.genesis, early.id)
    with pytest.raises(BundleError, match="not registered yet at block 0"):
        verify_bundle(bundle.encode(), chain.genesis.hash)


def test_a_bundle_without_claims_proves_its_anchor_final() -> None:
    verified = verify(replace(BUNDLES["record"], claims=(), headers=()))
    assert (verified.height, verified.proved) == (LAST, ())


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_is_read_back(name: str) -> None:
    data = BUNDLES[name].encode()
    bundle, is_whole = decode_bundle(data)
    assert is_whole
    assert bundle == BUNDLES[name]
    assert bundle.encode() == data


def test_verifying_costs_little_beside_the_signatures() -> None:
    data = BUNDLES["record"].encode()
    verify(data)
    best = min(_time(lambda: verify(data)) for _ in range(10))
    signature_s = min(_time(_check_signature) for _ in range(10))
    checks = 3 * 3  # of three epochs
    assert best < 0.010 + checks * signature_s


def _check_signature() -> None:
    certificate = Certificate.decode(BUNDLES["record"].anchor.certificate)
    keys = CHAIN.validators.keys
    CHAIN.votes.is_valid(
        keys[certificate.signers[0]], certificate.signatures[0], certificate.vote.encode()
    )


def _time(call: Callable[[], Any]) -> float:
    start = time.thread_time()
    call()
    return time.thread_time() - start
