"""The founding of a network: what comes out holds, and each step refuses what it should."""

from dataclasses import replace
from pathlib import Path

import pytest

from contracts.errors import FoundingError
from contracts.founding import check_records
from contracts.nodes import NODES
from contracts.standing import make_identity_key
from ledger.code import PROVINCES
from ledger.errors import LedgerError, SignatureError
from ledger.genesis import ConsensusLimits, Genesis, decode_genesis
from ledger.x509 import parse_certificate, verify_certificate
from node.ceremony import (
    Founded,
    Member,
    NetworkSpec,
    assemble,
    check_entry,
    check_founding,
    compose_members,
    found_network,
    make_network,
    make_root,
)
from node.config import load_config, load_credentials, load_genesis
from node.enrolment import Certified, Validity, certify, make_keys, make_request
from node.errors import ConfigError
from node.keys import Role, list_keys, load_certificates, load_key
from node.tls import make_client_context, make_server_context

TIME_MS = 1_775_059_200_500
SPEC = NetworkSpec("trial", TIME_MS, compose_members(), seed=b"ceremony")


@pytest.fixture(scope="module")
def founded() -> Founded:
    return make_network(SPEC)


def test_a_seed_gives_the_same_bytes(founded: Founded) -> None:
    again = make_network(SPEC)
    assert again == founded
    assert again.genesis.data == founded.genesis.data
    assert make_network(replace(SPEC, seed=b"other")).genesis.hash != founded.genesis.hash


def test_without_a_seed_no_two_networks_are_alike() -> None:
    spec = replace(SPEC, seed=None)
    assert make_network(spec).genesis.hash != make_network(spec).genesis.hash


def test_the_document_is_one_that_everybody_accepts(founded: Founded) -> None:
    genesis = decode_genesis(founded.genesis.data)
    check_founding(genesis)
    check_records(genesis)
    assert [code for code, _ in genesis.validators] == [m.code for m in founded.select("R")]
    assert genesis.consensus == ConsensusLimits()
    assert genesis.chain.startswith("trial-")


def test_everybody_stands_in_the_records(founded: Founded) -> None:
    records = dict(founded.genesis.records)
    for member in founded.members:
        assert records[make_identity_key(member.code)]["key"] == member.keys.identity.public
        node = records.get(NODES.make_key(member.code))
        assert (node is not None) == member.is_node
    assert records[make_identity_key(founded.find("bank").code)]["role"] == "bank"
    industry = records[NODES.make_key(founded.find("industry-i").code)]
    assert industry["validator_key"] == b""
    assert industry["peer_endpoint"]


def test_the_root_certifies_and_identities_certify_peers(founded: Founded) -> None:
    for member in founded.members:
        identity = parse_certificate(member.certificate)
        verify_certificate(identity, founded.root.public)
        if member.is_node:
            peer = parse_certificate(member.request.peer_certificate)
            verify_certificate(peer, identity.public_key)


def test_a_network_of_all_provinces() -> None:
    members = compose_members(tuple(PROVINCES), ("A", "T"))
    genesis = make_network(replace(SPEC, members=members)).genesis
    assert len(genesis.validators) == len(PROVINCES) == 34


def test_three_regions_are_too_few() -> None:
    with pytest.raises(FoundingError, match="four"):
        make_network(replace(SPEC, members=compose_members(("11", "31", "44"))))


def test_a_network_needs_its_national_node() -> None:
    with pytest.raises(FoundingError, match="one national node"):
        make_network(replace(SPEC, members=compose_members()[1:]))


def certified(founded: Founded) -> list[Certified]:
    return [Certified(member.request, member.certificate) for member in founded.members]


def reassemble(founded: Founded, items: list[Certified], name: str = "trial") -> Genesis:
    root = founded.genesis.root_certificate
    return assemble(name, TIME_MS, root, items, ConsensusLimits())


def test_the_order_of_requests_does_not_matter(founded: Founded) -> None:
    assert reassemble(founded, certified(founded)[::-1]).data == founded.genesis.data


def test_a_request_for_another_network_is_refused(founded: Founded) -> None:
    with pytest.raises(FoundingError, match="another network"):
        reassemble(founded, certified(founded), "other")


def test_a_certificate_for_another_key_is_refused(founded: Founded) -> None:
    items = certified(founded)
    bank, bureau = items[-2], items[-1]
    items[-1] = Certified(bureau.request, bank.certificate)
    with pytest.raises(FoundingError, match="not for its key"):
        reassemble(founded, items)


def test_a_forged_proof_is_refused(founded: Founded) -> None:
    items = certified(founded)
    request = items[1].request
    proofs = {**request.proofs, "peer": request.proofs["identity"]}
    items[1] = Certified(replace(request, proofs=proofs), items[1].certificate)
    with pytest.raises(SignatureError, match="peer key"):
        reassemble(founded, items)


def test_a_certificate_by_another_root_is_refused(founded: Founded) -> None:
    items, region = certified(founded), founded.find("region-11")
    rogue = make_keys(region.code).identity
    validity = Validity.from_days(TIME_MS, 1)
    items[1] = certify(region.request, founded.genesis.national.code, rogue, validity)
    with pytest.raises((LedgerError, FoundingError)):
        reassemble(founded, items)


def changed_records(founded: Founded, at: bytes, changes: dict[str, object]) -> Genesis:
    records = [
        (found, {**value, **changes} if found == at else value)
        for found, value in founded.genesis.records
    ]
    return decode_genesis(replace(founded.genesis, records=tuple(records)).data)


def test_nothing_hides_in_the_records(founded: Founded) -> None:
    bank = make_identity_key(founded.find("bank").code)
    region = make_identity_key(founded.find("region-11").code)
    hidden: list[tuple[bytes, dict[str, object]]] = [
        (bank, {"status": "suspended"}),
        (bank, {"blocks": [[1, 2]]}),
        (bank, {"extra": 1}),
        (bank, {"name": 1}),
        (bank, {"certificate": "text"}),
        (region, {"key": bytes(32)}),
        (b"root\x00", {"rules": 2}),
    ]
    for key, changes in hidden:
        with pytest.raises((FoundingError, LedgerError)):
            check_founding(changed_records(founded, key, changes))


def test_records_cannot_be_added_or_taken(founded: Founded) -> None:
    records = founded.genesis.records
    for chosen in (records[:-1], (*records, (b"x\x00", 1)), ((b"identity\x00x\x00", {}), *records)):
        broken = replace(founded.genesis, records=tuple(sorted(chosen, key=lambda r: r[0])))
        with pytest.raises((FoundingError, LedgerError)):
            check_founding(decode_genesis(broken.data))


def test_a_region_finds_what_it_asked_for(founded: Founded) -> None:
    region = founded.find("region-44")
    check_entry(founded.genesis, region.request)
    other = make_request(
        "trial",
        region.spec.profile,
        make_keys(region.code),
        Validity.from_days(TIME_MS),
    )
    with pytest.raises(FoundingError, match="not what it asked for"):
        check_entry(founded.genesis, other)
    with pytest.raises(FoundingError, match="not among the founders"):
        check_entry(founded.genesis, founded.find("bank").request)


def test_a_root_is_made_offline(founded: Founded) -> None:
    national = founded.genesis.national.code
    made = make_root(national, founded.root, Validity.from_days(TIME_MS))
    assert made == founded.genesis.root_certificate


def test_every_peer_runs_from_its_folder(tmp_path: Path, founded: Founded) -> None:
    assert found_network(tmp_path, SPEC) == founded
    for member in founded.members:
        check_operator(tmp_path, member)
        if member.is_node:
            check_folder(tmp_path / "nodes" / member.spec.label, member, founded)
    assert load_key(tmp_path / "root" / "root.key", Role.ROOT).key == founded.root
    assert {item.problem for item in list_keys(tmp_path)} == {""}
    with pytest.raises(ConfigError, match="never overwritten"):
        found_network(tmp_path, SPEC)


def check_operator(folder: Path, member: Member) -> None:
    place = folder / "operators" / member.spec.label
    role = Role.IDENTITY if member.is_node else Role.PARTY
    assert load_key(place / "identity.key", role).key == member.keys.identity
    assert load_certificates(place / "identity.pem")[0].der == member.certificate


def check_folder(folder: Path, member: Member, founded: Founded) -> None:
    config = load_config(folder / "node.toml")
    genesis, credentials = load_genesis(config), load_credentials(config)
    assert genesis.hash == founded.genesis.hash
    held = (member.keys.validator,) if member.keys.validator else ()
    assert credentials.validator_keys == held
    roots = [genesis.root_certificate]
    for make in (make_server_context, make_client_context):
        assert make(config.keys.peer_certificate, config.keys.peer_key, roots)
    assert f"http://{config.listen.http}" == member.spec.profile.http_endpoint
    assert config.listen.peer == member.spec.profile.peer_endpoint
