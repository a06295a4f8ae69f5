"""Moves: a lease goes on elsewhere, and neither money nor capacity is counted twice."""

import pytest

from contracts.agreement import LEASES, Lease
from contracts.invariants import check_invariants
from ledger.code import compose_code
from ledger.result import Result
from tests.contracts.trade import (
    CONSUMER,
    INDUSTRY,
    OTHER_PROVIDER,
    PRICE,
    PROVIDER,
    RESOURCE,
    UNITS,
    YUAN,
    Trade,
    make_descriptor,
)
from tests.contracts.world import BEIJING, END_MS, GUIZHOU, HOUR_MS

SECOND = compose_code("C", "520100", "0E001", "I", "20", "0000002")
FAR = compose_code("C", "110100", "0E001", "I", "20", "0000003")
OTHER = compose_code("C", "520100", "0E002", "I", "20", "0000001")
BILL = 2 * PRICE


def add_resource(trade: Trade, code: str, owner: str = PROVIDER, units: int = UNITS) -> None:
    """Another attested resource."""
    world = trade.world
    if owner == OTHER_PROVIDER:
        world.register(OTHER_PROVIDER, GUIZHOU)
    world.do("resource.register", owner, code=code, descriptor=make_descriptor())
    attestor = BEIJING if code == FAR else GUIZHOU
    world.do("resource.attest", attestor, code=code, units=units, until_ms=END_MS)


def move(trade: Trade, resource: str, *heir: str) -> Result:
    signers = (PROVIDER, CONSUMER, *heir)
    return trade.world.run("lease.move", signers, lease=trade.lease, resource=resource)


def find_successor(trade: Trade, result: Result, provider: str = PROVIDER) -> tuple[str, Lease]:
    matched = next(event for event in result.events if event["type"] == "lease.matched")
    name = matched["about"][0]
    lease: Lease = trade.world.value(LEASES.make_key(provider, name))
    return name, lease


def test_in_place_everything_but_the_resource_stays() -> None:
    trade = Trade().start()
    world = trade.world
    add_resource(trade, SECOND)
    world.wait(HOUR_MS)
    trade.agree(0)
    before = trade.record
    assert move(trade, SECOND).code == "ok"
    assert len(world.layer.records) == 3
    changed = {name for name, value in trade.record.items() if value != before[name]}
    assert changed == {"offer", "resource"}
    assert (world.reserved(RESOURCE), world.reserved(trade.offer)) == (0, 0)
    assert world.reserved(SECOND) == 2_000
    world.wait(HOUR_MS)
    trade.agree(1)
    world.wait(2 * HOUR_MS)
    trade.agree(2)
    trade.agree(3)
    assert trade.record["state"] == "closed"
    assert check_invariants(world.state) == []


def test_elsewhere_a_successor_has_what_is_left() -> None:
    trade = Trade().start()
    world = trade.world
    add_resource(trade, OTHER, OTHER_PROVIDER)
    world.wait(HOUR_MS)
    trade.agree(0)
    world.wait(HOUR_MS // 2)
    result = move(trade, OTHER, OTHER_PROVIDER)
    assert result.code == "ok"
    name, successor = find_successor(trade, result, OTHER_PROVIDER)
    old = trade.record
    assert (old["state"], old["reason"], old["closed_by"]) == ("settling", "moved", PROVIDER)
    unmetered_ms = old["ended_ms"] - old["metered_ms"]
    assert old["held_micro_yuan"] == -(-BILL * unmetered_ms // HOUR_MS)
    assert successor["predecessor"] == trade.lease
    assert successor["state"] == "matched"
    assert successor["seconds"] == (old["ends_ms"] - old["ended_ms"]) // 1000
    assert (successor["offer"], successor["resource"]) == ("", OTHER)
    assert successor["held_micro_yuan"] == 100 * YUAN - BILL - old["held_micro_yuan"]
    assert world.balance(CONSUMER) == 9_900 * YUAN
    assert (world.reserved(RESOURCE), world.reserved(OTHER)) == (0, 2_000)
    assert check_invariants(world.state) == []
    # The old one settles; the new one begins.
    trade.agree(1, unmetered_ms * 2)
    assert trade.record["state"] == "closed"
    world.do("lease.dispatch", (GUIZHOU, BEIJING), lease=name, reference="")
    world.do("lease.activate", OTHER_PROVIDER, lease=name)
    assert check_invariants(world.state) == []


def test_what_was_claimed_stays_with_the_old_lease() -> None:
    trade = Trade().start()
    add_resource(trade, FAR)
    trade.world.wait(HOUR_MS)
    trade.submit(0)
    result = move(trade, FAR)
    name, _ = find_successor(trade, result)
    assert len(trade.record["open"]) == 1
    # Consumer and resource are of one region now.
    trade.world.do("lease.dispatch", BEIJING, lease=name, reference="")
    trade.world.do("metering.countersign", CONSUMER, epoch=0, lease=trade.lease)
    assert trade.world.balance(PROVIDER) == BILL
    assert check_invariants(trade.world.state) == []


@pytest.mark.parametrize("ahead_ms", [0, HOUR_MS])
def test_before_it_began(ahead_ms: int) -> None:
    trade = Trade().set_up()
    trade.make_offer()
    trade.take(starts_ms=trade.world.time_ms + ahead_ms if ahead_ms else 0)
    add_resource(trade, FAR)
    result = move(trade, FAR)
    name, successor = find_successor(trade, result)
    assert (trade.record["state"], trade.record["reason"]) == ("closed", "moved")
    assert (successor["seconds"], successor["held_micro_yuan"]) == (4 * 3600, 100 * YUAN)
    if ahead_ms:
        assert successor["starts_ms"] == trade.record["starts_ms"]
    assert name != trade.lease
    assert trade.allocated == 0
    assert check_invariants(trade.world.state) == []


def test_out_of_a_reclaim_nothing_of_the_time_is_lost() -> None:
    trade = Trade().start()
    add_resource(trade, SECOND)
    trade.world.do("lease.close", PROVIDER, lease=trade.lease, note="", reason="reclaimed")
    assert trade.record["ends_ms"] < trade.record["activated_ms"] + HOUR_MS
    result = move(trade, SECOND)
    _, successor = find_successor(trade, result)
    passed_ms = trade.record["ended_ms"] - trade.record["activated_ms"]
    assert successor["seconds"] == (4 * HOUR_MS - passed_ms) // 1000
    assert (trade.record["reason"], successor["resource"]) == ("moved", SECOND)
    assert trade.allocated == 0
    assert check_invariants(trade.world.state) == []


def test_a_lease_moves_on_and_on() -> None:
    trade = Trade().start()
    add_resource(trade, SECOND)
    assert move(trade, SECOND).code == "ok"
    assert move(trade, RESOURCE).code == "ok"
    assert trade.allocated == 2_000
    assert check_invariants(trade.world.state) == []


def test_in_place_it_stays_at_its_venue_and_elsewhere_it_leaves_it() -> None:
    trade = Trade().set_up()
    trade.make_offer(venue=trade.open_venue())
    trade.take()
    add_resource(trade, SECOND)
    assert move(trade, SECOND).code == "ok"
    assert trade.record["venue"] == INDUSTRY
    trade.world.do("policy.forbid", INDUSTRY, code=PROVIDER, note="")
    assert move(trade, RESOURCE).code == "against-policy"
    add_resource(trade, FAR)
    _, successor = find_successor(trade, move(trade, FAR))
    assert successor["venue"] == ""
