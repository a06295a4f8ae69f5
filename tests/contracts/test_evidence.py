"""Evidence: what is recorded of a validator that signed twice, and what the others make of it."""

import pytest

from contracts import machine
from contracts.ballot import make_ballot_key
from contracts.evidence import DOUBLE_SIGNINGS, MAX_OF_KEY, make_count_key, make_evidence_key
from contracts.invariants import check_invariants
from contracts.nodes import NODES
from contracts.standing import make_identity_key
from ledger.crypto import SigningKey
from ledger.record import make_key
from ledger.transaction import key_signer
from tests.contracts.failures.evidence import VOICE, WITNESS, accusation, recorded, report_data
from tests.contracts.trade import AUDITOR
from tests.contracts.world import (
    BEIJING,
    GUANGDONG,
    GUIZHOU,
    NATIONAL,
    REGIONS,
    SHANGHAI,
    SICHUAN,
    World,
    list_events,
    make_evidence,
    make_keys,
)

NEW_VOICE = make_keys("the next voice of Sichuan")


def rotate(world: World, key: SigningKey, code: str = SICHUAN) -> str:
    return world.run("identity.rotate_validator", (code, key_signer(key.public))).code


def test_a_peer_reports_what_it_saw_under_its_validator_key(world: World) -> None:
    result = world.do("evidence.report", WITNESS, **report_data(view=7))
    assert list_events(result) == ["evidence.recorded"]
    assert result.events[0]["about"] == [SICHUAN, GUIZHOU]
    found = world.value(make_evidence_key(SICHUAN, 0, 7))
    assert (found["reporter"], found["key"]) == (GUIZHOU, VOICE.public)
    assert found["kinds"] == ["nullify", "finalize"]
    assert found["evidence"] == make_evidence(VOICE, 0, 7)
    assert (found["height"], found["time_ms"]) == (world.height, world.time_ms)
    # One record, and no account: a key has none.
    assert list(world.layer.records) == [make_evidence_key(SICHUAN, 0, 7)]
    assert check_invariants(world.state) == []


def test_nodes_and_auditors_report_under_their_codes(world: World) -> None:
    world.register(AUDITOR, NATIONAL)
    for view, reporter in enumerate((NATIONAL, BEIJING, AUDITOR), start=1):
        world.do("evidence.report", reporter, **report_data(view))
        assert world.value(make_evidence_key(SICHUAN, 0, view))["reporter"] == reporter


def test_a_report_alone_suspends_nobody(world: World) -> None:
    for view in range(1, MAX_OF_KEY + 1):
        world.do("evidence.report", WITNESS, **report_data(view))
    assert world.value(NODES.make_key(SICHUAN))["status"] == "active"
    assert SICHUAN in dict(machine.compute_validators(world.state))
    assert world.state.get_derived(make_count_key(VOICE.public)) == MAX_OF_KEY


def test_it_is_recorded_once_however_many_report_it(world: World) -> None:
    calls = [
        world.make("evidence.report", key_signer(make_keys(code + "validator").public), **data)
        for code, data in ((GUIZHOU, report_data()), (BEIJING, report_data()))
    ]
    codes = [result.code for result in world.block(*calls)]
    assert codes == ["ok", "already-recorded"]
    assert len(list(world.state.scan(DOUBLE_SIGNINGS.prefix))) == 1


def test_a_former_key_accuses_whose_it_was(world: World) -> None:
    assert rotate(world, NEW_VOICE) == "ok"
    world.do("evidence.report", WITNESS, **report_data())
    assert world.value(make_evidence_key(SICHUAN, 0, 1))["key"] == VOICE.public
    # And the new one has a count of its own.
    again = {"evidence": make_evidence(NEW_VOICE, 0, 2), "key": NEW_VOICE.public}
    world.do("evidence.report", WITNESS, **again)
    assert check_invariants(world.state) == []


def test_a_former_key_is_no_witness_and_nobody_takes_it_again(world: World) -> None:
    assert rotate(world, NEW_VOICE) == "ok"
    data = report_data(code=BEIJING)
    assert world.run("evidence.report", key_signer(VOICE.public), **data).code == "not-a-validator"
    assert rotate(world, VOICE) == "key-taken"
    assert rotate(world, VOICE, GUANGDONG) == "key-taken"
    assert rotate(world, make_keys(BEIJING + "validator")) == "key-taken"


def test_a_quorum_of_the_others_suspends_on_that_ground(world: World) -> None:
    data = recorded(world)
    ballot = world.do("ballot.accuse", GUIZHOU, **data).events[0]["about"][0]
    assert world.value(make_ballot_key(ballot))["details"] == {
        "epoch": 0,
        "reason": "double-signing",
        "view": 1,
    }
    assert world.run("ballot.reject", SICHUAN, ballot=ballot, note="").code == "not-a-voter"
    for voter in (BEIJING, SHANGHAI):
        world.do("ballot.approve", voter, ballot=ballot)
    assert SICHUAN not in dict(machine.compute_validators(world.state))
    identity = world.value(make_identity_key(SICHUAN))
    assert (identity["status"], identity["reason"]) == ("suspended", "double-signing")
    assert check_invariants(world.state) == []


def test_a_suspension_that_would_stop_the_chain_waits(world: World) -> None:
    ballot = world.do("ballot.accuse", NATIONAL, **recorded(world)).events[0]["about"][0]
    for voter in REGIONS[:2]:
        world.do("ballot.approve", voter, ballot=ballot)
    world.silent = [BEIJING, GUANGDONG]
    assert world.run("ballot.approve", REGIONS[2], ballot=ballot).code == "too-few-live"
    world.silent = []
    world.do("ballot.approve", REGIONS[2], ballot=ballot)
    assert world.value(NODES.make_key(SICHUAN))["status"] == "suspended"


@pytest.mark.parametrize("fault", ["stranger", "two", "ballot"])
def test_the_invariant_sees_a_wrong_accusation(world: World, fault: str) -> None:
    world.do("ballot.accuse", NATIONAL, **recorded(world))
    assert check_invariants(world.state) == []
    found = world.value(make_evidence_key(SICHUAN, 0, 1))
    match fault:
        case "stranger":
            world.given((make_evidence_key(BEIJING, 0, 1), found))
        case "two":
            former = {"code": BEIJING, "height": 1, "rules": 1}
            world.given((make_key("former_key", VOICE.public.hex()), former))
        case _:
            del world.state.records[make_evidence_key(SICHUAN, 0, 1)]
            world.given()
    assert check_invariants(world.state) != []


def test_an_accusation_names_what_is_recorded_of_that_node(world: World) -> None:
    recorded(world)
    other = accusation(code=BEIJING)
    assert world.run("ballot.accuse", NATIONAL, **other).code == "unknown-evidence"
