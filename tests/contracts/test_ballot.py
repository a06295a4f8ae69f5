"""Ballots: who decides together, what it takes, and what a carried one does."""

from typing import Any

import pytest

from contracts import machine
from contracts.ballot import BALLOTS, make_ballot_key
from contracts.invariants import check_invariants
from contracts.nodes import NODES
from contracts.rules import VERSION_1, load_current, make_rules_key
from contracts.standing import ROOT_KEY, make_identity_key
from tests.contracts.failures.ballot import (
    NEW_NATIONAL,
    NEW_ROOT,
    opened,
    proposal,
    recovery_proposal,
    root_proposal,
    rules_proposal,
)
from tests.contracts.trade import AUDITOR, PROVIDER
from tests.contracts.world import (
    BEIJING,
    GUANGDONG,
    GUIZHOU,
    HOUR_MS,
    NATIONAL,
    REGIONS,
    ROOT,
    SHANGHAI,
    SICHUAN,
    World,
    list_events,
    make_world,
)

WINDOW_MS = VERSION_1["ballot_window_ms"]
NOTICE_MS = VERSION_1["root_notice_ms"]


def propose(world: World, matter: str = "suspension", proposer: str = NATIONAL, **data: Any) -> str:
    return opened(world, "ballot.propose", proposer, proposal(matter, **data))


def approve(world: World, name: str, *voters: str) -> None:
    for voter in voters:
        world.do("ballot.approve", voter, ballot=name)


def look(world: World, name: str) -> Any:
    return world.value(make_ballot_key(name))


def count_due(world: World) -> int:
    return sum(1 for _ in world.state.scan_derived(b"due\x00"))


def test_nobody_keeps_itself_from_a_ballot_by_opening_it_first(world: World) -> None:
    own = proposal("suspension", code=GUIZHOU)
    assert world.run("ballot.propose", GUIZHOU, **own).code == "not-entitled"
    name = propose(world, proposer=BEIJING, code=GUIZHOU)
    approve(world, name, SHANGHAI)
    withdrawal = {"ballot": name, "note": "a friend of its"}
    assert world.run("ballot.withdraw", BEIJING, **withdrawal).code == "approved-by-others"
    assert look(world, name)["state"] == "open"


def test_a_quorum_carries_and_the_effect_comes_at_once(world: World) -> None:
    name = propose(world)
    approve(world, name, *REGIONS[:2])
    assert look(world, name)["state"] == "open"
    assert world.value(NODES.make_key(SICHUAN))["status"] == "active"
    approve(world, name, REGIONS[2])
    ballot = look(world, name)
    assert (ballot["state"], ballot["closed_by"], ballot["reason"]) == (
        "carried",
        REGIONS[2],
        "carried",
    )
    assert [code for code, _ in ballot["approvals"]] == list(REGIONS[:3])
    identity = world.value(make_identity_key(SICHUAN))
    assert (identity["status"], identity["reason"]) == ("suspended", "investigation")
    assert identity["actor"] == NATIONAL
    assert SICHUAN not in dict(machine.compute_validators(world.state))
    types = list_events(world.results[0])
    assert types == ["ballot.approved", "ballot.carried", "identity.suspended"]
    assert count_due(world) == 0
    assert check_invariants(world.state) == []


def test_nobody_judges_itself(world: World) -> None:
    """The subject neither carries its suspension nor keeps others from it."""
    name = propose(world)
    vote = {"ballot": name}
    assert world.run("ballot.approve", SICHUAN, **vote).code == "not-a-voter"
    assert world.run("ballot.reject", SICHUAN, **vote, note="").code == "not-a-voter"
    world.do("ballot.reject", GUANGDONG, **vote, note="a friend of its")
    approve(world, name, *REGIONS[:3])
    assert look(world, name)["state"] == "carried"


def test_whoever_proposes_and_votes_has_approved(world: World) -> None:
    name = propose(world, proposer=GUIZHOU)
    approve(world, name, BEIJING, SHANGHAI)
    assert look(world, name)["state"] == "carried"


def test_a_suspended_node_comes_back_by_ballot_only(world: World) -> None:
    approve(world, propose(world), *REGIONS[:3])
    resume = {"code": SICHUAN, "note": ""}
    assert world.run("identity.resume", NATIONAL, **resume).code == "needs-ballot"
    assert world.run("ballot.propose", SICHUAN, **proposal("resumption")).code == "signer-suspended"
    name = propose(world, "resumption", proposer=GUIZHOU, reason="resolved")
    # Four are left, and three of them decide.
    approve(world, name, BEIJING, SHANGHAI)
    assert look(world, name)["state"] == "carried"
    assert SICHUAN in dict(machine.compute_validators(world.state))


@pytest.mark.parametrize(
    ("matter", "proposer", "reason"),
    [("revocation", NATIONAL, "investigation"), ("retirement", SICHUAN, "retired")],
)
def test_an_end_is_final(matter: str, proposer: str, reason: str) -> None:
    world = make_world()
    name = propose(world, matter, proposer)
    approve(world, name, *REGIONS[:3])
    identity = world.value(make_identity_key(SICHUAN))
    assert (identity["status"], identity["reason"]) == ("revoked", reason)
    assert world.value(NODES.make_key(SICHUAN))["status"] == "retired"
    assert world.run("ballot.propose", NATIONAL, **proposal("resumption")).code == "not-a-voter"


def test_no_one_removes_a_validator_alone(world: World) -> None:
    stop = {"code": SICHUAN, "note": "", "reason": "investigation"}
    assert world.run("identity.suspend", NATIONAL, **stop).code == "needs-ballot"
    end = {"code": SICHUAN, "note": "", "reason": "ceased"}
    assert world.run("identity.revoke", NATIONAL, **end).code == "needs-ballot"
    # Everybody else's standing stays with the issuer.
    world.register(PROVIDER, GUIZHOU)
    world.do("identity.suspend", GUIZHOU, **{**stop, "code": PROVIDER})


def test_a_mind_may_change(world: World) -> None:
    name = propose(world)
    approve(world, name, *REGIONS[:2])
    world.do("ballot.reject", REGIONS[0], ballot=name, note="not yet")
    approve(world, name, REGIONS[2])
    assert look(world, name)["state"] == "open"
    approve(world, name, REGIONS[0])
    assert look(world, name)["state"] == "carried"
    assert look(world, name)["rejections"] == []


def test_it_fails_when_too_many_reject_it(world: World) -> None:
    name = propose(world)
    for voter in (SHANGHAI, GUANGDONG):
        world.do("ballot.reject", voter, ballot=name, note="no")
    ballot = look(world, name)
    assert (ballot["state"], ballot["closed_by"], ballot["reason"]) == (
        "failed",
        GUANGDONG,
        "rejected",
    )
    assert count_due(world) == 0
    propose(world)


def test_it_fails_at_its_deadline_in_working_time() -> None:
    world = make_world(ballot_window_ms=HOUR_MS)
    name = propose(world)
    world.outage(3 * HOUR_MS)
    assert look(world, name)["state"] == "open"
    world.wait(HOUR_MS)
    ballot = look(world, name)
    assert (ballot["state"], ballot["closed_by"], ballot["reason"]) == (
        "failed",
        "block",
        "expired",
    )


def test_a_ballot_is_judged_again_when_the_voters_have_become_fewer(world: World) -> None:
    waiting = opened(world, "ballot.propose_rules", NATIONAL, rules_proposal(world))
    approve(world, waiting, *REGIONS[:3])
    approve(world, propose(world), *REGIONS[:3])
    assert look(world, waiting)["state"] == "open"
    assert look(world, waiting)["judge_ms"] > 0
    (result,) = world.block()
    assert list_events(result) == ["ballot.carried", "rules.versioned"]
    assert look(world, waiting)["closed_by"] == "block"
    assert check_invariants(world.state) == []


def test_what_the_block_judges_and_cannot_be_done_fails(world: World) -> None:
    # Both leave five minus one; whichever comes second would leave too few.
    waiting = propose(world, "retirement", GUANGDONG, code=GUANGDONG)
    approve(world, waiting, *REGIONS[:2])
    approve(world, propose(world), *REGIONS[:3])
    world.block()
    ballot = look(world, waiting)
    assert (ballot["state"], ballot["reason"]) == ("failed", "too-few-validators")
    assert world.value(NODES.make_key(GUANGDONG))["status"] == "active"


def test_votes_of_those_who_vote_no_longer_do_not_count(world: World) -> None:
    waiting = opened(world, "ballot.propose_rules", NATIONAL, rules_proposal(world))
    approve(world, waiting, SICHUAN, GUIZHOU)
    approve(world, propose(world), *REGIONS[:3])
    approve(world, waiting, BEIJING)
    assert look(world, waiting)["state"] == "open"
    approve(world, waiting, SHANGHAI)
    assert look(world, waiting)["state"] == "carried"


# rules


def test_rules_come_into_force_at_their_height() -> None:
    world = make_world(rules_notice_blocks=3)
    name = opened(world, "ballot.propose_rules", NATIONAL, rules_proposal(world, ahead=10))
    height = look(world, name)["details"]["from_height"]
    approve(world, name, *REGIONS[:4])
    record = world.value(make_rules_key(2))
    assert (record["from_height"], record["ballot"]) == (height, name)
    assert record["integers"] == {**VERSION_1, "rules_notice_blocks": 3, "hold_epochs": 3}
    while world.height < height:
        assert machine.get_rules_version(world.state, world.height) == 1
        world.block()
    assert load_current(world.state, world.height)["hold_epochs"] == 3


def test_rules_that_are_carried_late_come_into_force_later() -> None:
    world = make_world(rules_notice_blocks=3)
    name = opened(world, "ballot.propose_rules", NATIONAL, rules_proposal(world, ahead=3))
    approve(world, name, *REGIONS[:3])
    for _ in range(5):
        world.block()
    approve(world, name, REGIONS[3])
    assert world.value(make_rules_key(2))["from_height"] == world.height + 3
    # The next version comes after it, whatever it says.
    name = opened(world, "ballot.propose_rules", NATIONAL, rules_proposal(world, ahead=3))
    approve(world, name, *REGIONS[:4])
    assert (
        world.value(make_rules_key(3))["from_height"]
        > world.value(make_rules_key(2))["from_height"]
    )


# the root


def test_the_old_root_and_a_quorum_replace_it(world: World) -> None:
    name = opened(world, "ballot.propose_root", *root_proposal())
    approve(world, name, *REGIONS[:3])
    assert world.value(ROOT_KEY)["key"] == ROOT.public
    approve(world, name, REGIONS[3])
    root = world.value(ROOT_KEY)
    assert (root["key"], root["ballot"]) == (NEW_ROOT.public, name)
    # What the old root signed stands; from now on only the new one signs.
    assert world.value(make_identity_key(GUIZHOU))["status"] == "active"
    (old,) = world.block(world.registration(AUDITOR, NATIONAL))
    assert old.code == "bad-certificate"


def test_a_supermajority_recovers_the_root_after_its_notice(world: World) -> None:
    name = opened(world, "ballot.propose_recovery", *recovery_proposal())
    approve(world, name, BEIJING, SHANGHAI, GUANGDONG, SICHUAN)
    assert look(world, name)["state"] == "open"
    world.outage(NOTICE_MS)
    assert look(world, name)["state"] == "open"
    world.wait(NOTICE_MS)
    assert look(world, name)["state"] == "carried"
    assert world.value(ROOT_KEY)["key"] == NEW_ROOT.public
    assert machine.resolve_key(world.state, NATIONAL) == NEW_NATIONAL.public
    assert check_invariants(world.state) == []


def test_a_recovery_takes_more_than_a_quorum() -> None:
    world = make_world(root_supermajority_bp=10_000, root_notice_ms=HOUR_MS)
    name = opened(world, "ballot.propose_recovery", *recovery_proposal())
    approve(world, name, BEIJING, SHANGHAI, GUANGDONG)
    world.wait(2 * HOUR_MS)
    assert look(world, name)["state"] == "open"
    approve(world, name, SICHUAN)
    assert look(world, name)["state"] == "carried"


def test_one_rejection_is_enough_where_all_must_agree() -> None:
    world = make_world(root_supermajority_bp=10_000)
    name = opened(world, "ballot.propose_recovery", *recovery_proposal())
    world.do("ballot.reject", SICHUAN, ballot=name, note="the root is safe")
    assert look(world, name)["state"] == "failed"


def test_a_replacement_of_a_root_that_is_gone_fails() -> None:
    world = make_world(root_notice_ms=HOUR_MS)
    root = opened(world, "ballot.propose_root", *root_proposal())
    recovery = opened(world, "ballot.propose_recovery", *recovery_proposal())
    approve(world, root, *REGIONS[:4])
    approve(world, recovery, BEIJING, SHANGHAI, GUANGDONG)
    world.wait(2 * HOUR_MS)
    assert (look(world, recovery)["state"], look(world, recovery)["reason"]) == (
        "failed",
        "wrong-state",
    )


def test_ballots_have_records_of_their_own(world: World) -> None:
    name = propose(world)
    assert BALLOTS.make_key(name) == make_ballot_key(name)
    assert len(world.layer.records) == 2
    approve(world, name, GUIZHOU)
    assert len(world.layer.records) == 2


def test_what_a_ballot_may_not_look_like(world: World) -> None:
    name = propose(world)
    approve(world, name, GUIZHOU)
    ballot, key = look(world, name), make_ballot_key(name)
    check = BALLOTS.check
    assert check is not None
    assert list(check(key, ballot)) == []
    assert list(check(key, {**ballot, "rejections": ballot["approvals"]}))
    assert list(check(key, {**ballot, "state": "carried"}))
    assert list(check(key, {**ballot, "closed_by": GUIZHOU}))
