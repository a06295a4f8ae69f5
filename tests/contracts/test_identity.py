"""Identities and nodes: registration, standing, new keys, number blocks."""

import pytest

from contracts import machine
from contracts.invariants import check_invariants
from contracts.life import compute_terminal
from contracts.nodes import NODES
from contracts.standing import LIFE, make_identity_key
from ledger.code import compose_code
from ledger.crypto import SigningKey
from ledger.transaction import key_signer
from ledger.x509 import issue_certificate
from tests.contracts.trade import PROVIDER
from tests.contracts.world import (
    BEGIN_MS,
    BEIJING,
    END_MS,
    GUIZHOU,
    HOUR_MS,
    NATIONAL,
    REGIONS,
    SICHUAN,
    START_MS,
    World,
    make_keys,
)

SUSPENSION = {"note": "", "reason": "investigation"}


def rotate(world: World, code: str, issuer: str, actor: str, key: SigningKey) -> str:
    certificate = world.certificate(code, issuer, key)
    signers = (actor, key_signer(key.public))
    return world.run("identity.rotate", signers, certificate=certificate, code=code).code


def test_registration_says_who_and_why(world: World) -> None:
    world.register(PROVIDER, GUIZHOU)
    identity = world.value(make_identity_key(PROVIDER))
    assert (identity["actor"], identity["issuer"]) == (GUIZHOU, GUIZHOU)
    assert (identity["status"], identity["rules"]) == ("active", 1)
    assert identity["expires_ms"] == END_MS + 1000
    assert world.results[0].events[0]["about"] == [PROVIDER, GUIZHOU]


def test_what_an_issuer_issued_is_a_prefix(world: World) -> None:
    codes = [compose_code("P", "520100", f"0E00{n}", "I") for n in range(3)]
    for code in codes:
        world.register(code, GUIZHOU)
    prefix = make_identity_key("P52")[:-1]
    assert [key[9:-1].decode() for key, _ in world.state.scan(prefix)] == codes


def test_who_issues_whom(world: World) -> None:
    world.register(compose_code("A", "520000", "00021"), NATIONAL, "communications")
    world.register(compose_code("M", "000000", "00022"), NATIONAL)
    world.register(PROVIDER, GUIZHOU)
    world.register(compose_code("S", "520100", "0E001", "I", "70", "0000001"), GUIZHOU)


def test_suspension_and_its_end(world: World) -> None:
    world.register(PROVIDER, GUIZHOU)
    world.do("identity.suspend", GUIZHOU, code=PROVIDER, **SUSPENSION)
    identity = world.value(make_identity_key(PROVIDER))
    assert (identity["status"], identity["reason"]) == ("suspended", "investigation")
    world.do("identity.resume", GUIZHOU, code=PROVIDER, note="")
    world.do("identity.suspend", NATIONAL, code=PROVIDER, **SUSPENSION)
    world.do("identity.resume", NATIONAL, code=PROVIDER, note="")
    assert world.value(make_identity_key(PROVIDER))["actor"] == NATIONAL


def test_revocation_is_a_version_of_the_identity(world: World) -> None:
    world.register(PROVIDER, GUIZHOU)
    before = world.state.get(make_identity_key(PROVIDER))
    world.do("identity.revoke", NATIONAL, code=PROVIDER, note="", reason="key-compromise")
    after = world.state.get(make_identity_key(PROVIDER))
    assert before is not None and after is not None
    assert (after.version, after.previous) == (2, before.hash)
    assert after.value["status"] == "revoked"
    assert compute_terminal(LIFE) == ("revoked",)


def test_a_rotation_keeps_the_code(world: World) -> None:
    world.register(PROVIDER, GUIZHOU)
    for actor, name in ((PROVIDER, "second"), (GUIZHOU, "third")):
        key = make_keys(name)
        assert rotate(world, PROVIDER, GUIZHOU, actor, key) == "ok"
        assert machine.resolve_key(world.state, PROVIDER) == key.public


def test_a_regional_node_rotates_under_the_root(world: World) -> None:
    key = make_keys("new beijing")
    assert rotate(world, BEIJING, NATIONAL, BEIJING, key) == "ok"
    assert rotate(world, NATIONAL, NATIONAL, NATIONAL, make_keys("new national")) == "ok"
    node = machine.get_node(world.state, BEIJING)
    assert node is not None
    assert node.identity_key == key.public


def test_what_is_expired_can_be_renewed(world: World) -> None:
    world.register(PROVIDER, GUIZHOU, not_after_ms=START_MS + HOUR_MS)
    world.wait(2 * HOUR_MS)
    pay = {"amount_micro_yuan": 1, "reference": "", "to": BEIJING}
    assert world.run("settlement.pay", PROVIDER, **pay).code == "signer-expired"
    assert rotate(world, PROVIDER, GUIZHOU, PROVIDER, make_keys(PROVIDER)) == "ok"
    assert world.run("settlement.pay", PROVIDER, **pay).code == "insufficient-balance"


def test_expiry_begins_after_the_last_second(world: World) -> None:
    world.register(PROVIDER, GUIZHOU, not_after_ms=START_MS + HOUR_MS)
    world.time_ms = START_MS + HOUR_MS + 998
    pay = {"amount_micro_yuan": 1, "reference": "", "to": BEIJING}
    call = world.make("settlement.pay", PROVIDER, **pay)
    assert world.block(call, after_ms=1)[0].code == "insufficient-balance"
    call = world.make("settlement.pay", PROVIDER, **pay)
    assert world.block(call, after_ms=1)[0].code == "signer-expired"


def test_number_blocks(world: World) -> None:
    world.do("identity.allot", NATIONAL, first=36**4, issuer=GUIZHOU, last=36**4 + 99)
    world.register(compose_code("P", "520100", "10000", "I"), GUIZHOU)
    overlap = {"first": 36**4 + 99, "issuer": BEIJING, "last": 36**4 + 200}
    assert world.run("identity.allot", NATIONAL, **overlap).code == "block-taken"


def test_a_validator_key_rotates_alone(world: World) -> None:
    key = make_keys("new validator")
    world.do("identity.rotate_validator", (GUIZHOU, key_signer(key.public)))
    assert dict(machine.compute_validators(world.state))[GUIZHOU] == key.public
    assert any(record.startswith(machine.VALIDATORS_PREFIX) for record in world.layer.records)


def test_a_peer_key_rotates_alone(world: World) -> None:
    key = make_keys("new peer")
    certificate = issue_certificate(
        GUIZHOU, GUIZHOU, key.public, make_keys(GUIZHOU), 7, BEGIN_MS, END_MS, False
    )
    world.do(
        "identity.rotate_peer",
        (GUIZHOU, key_signer(key.public)),
        certificate=certificate,
        http_endpoint="https://gz.example",
        peer_endpoint="gz.example:7000",
    )
    node = machine.get_node(world.state, GUIZHOU)
    assert node is not None
    assert (node.peer_key, node.peer_endpoint) == (key.public, "gz.example:7000")


@pytest.mark.parametrize("endpoint", ["nowhere", "gz.example:0", "gz.example:99999", "a b:7000"])
def test_a_node_is_where_it_can_be_dialled(world: World, endpoint: str) -> None:
    key = make_keys("new peer")
    certificate = issue_certificate(
        GUIZHOU, GUIZHOU, key.public, make_keys(GUIZHOU), 7, BEGIN_MS, END_MS, False
    )
    data = {"certificate": certificate, "http_endpoint": "https://gz.example"}
    signers = (GUIZHOU, key_signer(key.public))
    moved = world.run("identity.rotate_peer", signers, peer_endpoint=endpoint, **data)
    assert moved.code == "bad-data"
    data["http_endpoint"] = f"https://{endpoint}/path"
    moved = world.run("identity.rotate_peer", signers, peer_endpoint="gz.example:7000", **data)
    assert moved.code == "bad-data"


def test_validators_are_the_active_regions(world: World) -> None:
    assert [code for code, _ in machine.compute_validators(world.state)] == sorted(REGIONS)
    assert world.decide("suspension", SICHUAN).code == "ok"
    assert len(machine.compute_validators(world.state)) == 4
    assert world.value(NODES.make_key(SICHUAN))["status"] == "suspended"
    assert world.decide("resumption", SICHUAN).code == "ok"
    assert len(machine.compute_validators(world.state)) == 5
    assert world.decide("revocation", SICHUAN).code == "ok"
    statuses = {node.code: node.status for node in machine.compute_peers(world.state)}
    assert statuses[SICHUAN] == "retired"
    assert set(statuses) == {NATIONAL, *REGIONS}


def test_keys_resolve(world: World) -> None:
    bare = make_keys("bare").public
    assert machine.resolve_key(world.state, key_signer(bare)) == bare
    assert machine.resolve_key(world.state, PROVIDER) is None
    assert machine.resolve_key(world.state, GUIZHOU) == make_keys(GUIZHOU).public


def test_a_successor_acts_for_what_another_issued(world: World) -> None:
    provider = compose_code("P", "510100", "0D001", "I")
    world.register(provider, SICHUAN)
    suspension = {"code": provider, **SUSPENSION}
    assert world.run("identity.suspend", GUIZHOU, **suspension).code == "not-issuer"
    assert world.decide("retirement", SICHUAN, proposer=SICHUAN).code == "ok"
    # What it issued stands, and so do those who were issued.
    pay = {"amount_micro_yuan": 1, "reference": "", "to": GUIZHOU}
    assert world.run("settlement.pay", provider, **pay).code == "insufficient-balance"
    world.do("identity.name_successor", NATIONAL, issuer=SICHUAN, successor=GUIZHOU)
    key = make_keys("renewed")
    assert rotate(world, provider, SICHUAN, provider, key) == "bad-certificate"
    assert rotate(world, provider, GUIZHOU, provider, key) == "ok"
    identity = world.value(make_identity_key(provider))
    assert (identity["issuer"], identity["key"]) == (SICHUAN, key.public)
    world.do("identity.suspend", GUIZHOU, **suspension)
    world.do("identity.resume", GUIZHOU, code=provider, note="")
    world.do("identity.revoke", GUIZHOU, code=provider, note="", reason="ceased")
    assert check_invariants(world.state) == []


def test_nobody_renews_under_the_key_of_a_revoked_successor(world: World) -> None:
    provider = compose_code("P", "510100", "0D001", "I")
    world.register(provider, SICHUAN)
    assert world.decide("retirement", SICHUAN, proposer=SICHUAN).code == "ok"
    world.do("identity.name_successor", NATIONAL, issuer=SICHUAN, successor=GUIZHOU)
    leaked = world.value(make_identity_key(GUIZHOU))
    world.given((make_identity_key(GUIZHOU), {**leaked, "status": "revoked"}))
    assert rotate(world, provider, GUIZHOU, provider, make_keys("late")) == "issuer-revoked"
    world.do("identity.name_successor", NATIONAL, issuer=SICHUAN, successor=BEIJING)
    assert rotate(world, provider, BEIJING, provider, make_keys("renewed")) == "ok"


def test_the_national_node_takes_no_vote_over_with_a_new_key(world: World) -> None:
    key = make_keys("of the national node")
    assert rotate(world, SICHUAN, NATIONAL, NATIONAL, key) == "needs-ballot"
    assert rotate(world, SICHUAN, NATIONAL, SICHUAN, make_keys("its own")) == "ok"
    # A node that lost its key is suspended by a ballot, gets a new one, and is resumed by a ballot.
    assert world.decide("suspension", SICHUAN).code == "ok"
    assert rotate(world, SICHUAN, NATIONAL, NATIONAL, make_keys("after the loss")) == "ok"
    assert world.decide("resumption", SICHUAN).code == "ok"


def test_an_issuer_that_is_back_acts_for_itself(world: World) -> None:
    provider = compose_code("P", "510100", "0D001", "I")
    world.register(provider, SICHUAN)
    assert world.decide("suspension", SICHUAN).code == "ok"
    world.do("identity.name_successor", NATIONAL, issuer=SICHUAN, successor=GUIZHOU)
    assert rotate(world, provider, GUIZHOU, GUIZHOU, make_keys("while it was away")) == "ok"
    assert world.decide("resumption", SICHUAN).code == "ok"
    assert rotate(world, provider, GUIZHOU, GUIZHOU, make_keys("late")) == "not-issuer"
    assert rotate(world, provider, SICHUAN, SICHUAN, make_keys("again")) == "ok"
