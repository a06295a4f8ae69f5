"""Nodes: who joins and leaves the validators, and what must be alive when they do."""

import pytest

from consensus.validators import ValidatorSet
from contracts import machine
from contracts.invariants import check_invariants
from contracts.nodes import LIFE, NODES, compute_quorum
from contracts.rules import VERSION_1
from ledger.codec import Value
from ledger.crypto import sha256
from ledger.result import Result
from tests.contracts.failures.cases import SUSPENSION
from tests.contracts.newcomer import HEBEI, INDUSTRY_NODE, admit, connection, declare
from tests.contracts.public import case_data
from tests.contracts.world import BEIJING, GUIZHOU, NATIONAL, REGIONS, SICHUAN, World

POLICY: dict[str, Value] = {
    "attestors": ["R"],
    "consumers": "anyone",
    "providers": "anyone",
    "sla_class": 0,
}
POOL: dict[str, Value] = {"interface": "", "name": "一号池", "resource_class": ""}
RETRY_MS = VERSION_1["activation_retry_ms"]


def status(world: World, code: str = HEBEI) -> str:
    return str(world.value(NODES.make_key(code))["status"])


def validators(world: World) -> list[str]:
    return [code for code, _ in machine.compute_validators(world.state)]


def connect(world: World, code: str = HEBEI, **changes: object) -> Result:
    signers, data = connection(world, code, **changes)
    return world.do("membership.connect", signers, **data)


def set_up(world: World, code: str = HEBEI) -> World:
    admit(world, code)
    declare(world, code)
    return world


def test_an_admitted_region_votes_from_the_block_after_it_connected(world: World) -> None:
    set_up(world)
    assert validators(world) == sorted(REGIONS)
    connect(world)
    assert status(world) == "connected"
    assert validators(world) == sorted(REGIONS)
    (result,) = world.block()
    assert result.events[0]["type"] == "membership.activated"
    assert status(world) == "active"
    assert validators(world) == sorted([*REGIONS, HEBEI])
    assert world.block() == []
    assert check_invariants(world.state) == []


def test_a_connected_node_waits_until_enough_are_alive(world: World) -> None:
    set_up(world)
    world.silent = [BEIJING]  # five of six would be a quorum: four are alive
    connect(world)
    (result,) = world.block()
    assert result.events[0]["data"] == {"reason": "too-few-live"}
    assert world.wait(RETRY_MS - 1000, step_ms=10_000) == []
    assert status(world) == "connected"
    world.silent = []
    (result,) = world.block()
    assert (result.events[0]["type"], status(world)) == ("membership.activated", "active")
    assert check_invariants(world.state) == []


def test_a_connected_node_whose_identity_stands_badly_waits(world: World) -> None:
    set_up(world)
    connect(world)
    suspension = world.make("identity.suspend", NATIONAL, code=HEBEI, **SUSPENSION)
    world.silent = list(REGIONS)
    assert world.block(suspension)[1].events[0]["type"] == "membership.waits"
    assert status(world) == "connected"
    world.silent = []
    (result,) = world.block(after_ms=RETRY_MS)
    assert result.events[0]["data"] == {"reason": "identity"}
    world.do("identity.resume", NATIONAL, code=HEBEI, note="")
    assert status(world) == "connected"
    world.block(after_ms=RETRY_MS)
    assert status(world) == "active"


def test_an_industry_node_is_connected_through_a_region(world: World) -> None:
    set_up(world, INDUSTRY_NODE)
    world.silent = list(REGIONS)  # it has no vote: who else is alive does not matter
    connect(world, INDUSTRY_NODE, through=BEIJING)
    world.block()
    node = world.value(NODES.make_key(INDUSTRY_NODE))
    assert (node["status"], node["through"]) == ("active", BEIJING)
    assert node["sector"] == "artificial-intelligence"  # which the letter J does not say
    assert validators(world) == sorted(REGIONS)


def test_an_industry_node_goes_on_through_another_region(world: World) -> None:
    set_up(world, INDUSTRY_NODE)
    connect(world, INDUSTRY_NODE, through=BEIJING)
    world.block()
    assert world.decide("revocation", BEIJING).code == "ok"
    result = world.do("membership.reconnect", INDUSTRY_NODE, through=GUIZHOU)
    assert result.events[0]["about"] == [INDUSTRY_NODE, GUIZHOU, BEIJING]
    node = world.value(NODES.make_key(INDUSTRY_NODE))
    assert (node["status"], node["through"]) == ("active", GUIZHOU)
    assert len(world.layer.records) == 2
    retired = world.run("membership.reconnect", INDUSTRY_NODE, through=BEIJING)
    assert retired.code == "wrong-gateway"


@pytest.mark.parametrize(
    ("code", "kind", "data"),
    [
        (INDUSTRY_NODE, "policy.set", POLICY),
        (INDUSTRY_NODE, "pool.create", POOL),
        (HEBEI, "pool.create", POOL),
    ],
)
def test_a_node_acts_once_it_is_active(
    world: World, code: str, kind: str, data: dict[str, Value]
) -> None:
    """What was checked at its connection cannot be gone round by never connecting."""
    set_up(world, code)
    assert world.run(kind, code, **data).code == "signer-inactive"
    world.do("help.open", code, **case_data(node=NATIONAL))
    connect(world, code, **({"through": BEIJING} if code[0] == "I" else {}))
    assert status(world, code) == "connected"
    assert world.run(kind, code, **data).code == "ok"  # the block activates it first
    assert status(world, code) == "active"


@pytest.mark.parametrize("step", ["admitted", "connected", "active", "suspended"])
def test_revocation_retires_a_node_wherever_it_stands(world: World, step: str) -> None:
    set_up(world)
    if step != "admitted":
        connect(world)
    if step in ("active", "suspended"):
        world.block()
    if step == "suspended":
        assert world.decide("suspension", HEBEI).code == "ok"
    assert status(world) == step
    if step == "connected":
        world.silent = list(REGIONS)  # or the next block would activate it
    if step in ("admitted", "connected"):
        world.do("identity.revoke", NATIONAL, code=HEBEI, note="", reason="ceased")
    else:
        assert world.decide("revocation", HEBEI).code == "ok"
    assert status(world) == "retired"
    assert world.block() == []
    assert validators(world) == sorted(REGIONS)
    assert check_invariants(world.state) == []


def test_a_dead_member_may_go_and_a_live_one_may_not(world: World) -> None:
    """Three of five are alive: without a dead one they are a quorum of four, two are not."""
    world.silent = [SICHUAN, GUIZHOU]
    assert world.decide("suspension", BEIJING).code == "too-few-live"
    assert world.decide("suspension", SICHUAN).code == "ok"
    assert validators(world) == sorted({*REGIONS} - {SICHUAN})


def test_who_comes_back_counts_as_a_member_and_not_as_alive(world: World) -> None:
    assert world.decide("suspension", SICHUAN).code == "ok"
    world.silent = [BEIJING]
    assert world.decide("resumption", SICHUAN).code == "too-few-live"
    world.silent = []
    assert world.decide("resumption", SICHUAN).code == "ok"
    assert validators(world) == sorted(REGIONS)


@pytest.mark.parametrize(("n", "quorum"), [(1, 1), (4, 3), (5, 4), (6, 5), (7, 5), (34, 23)])
def test_the_quorum_is_that_of_consensus(n: int, quorum: int) -> None:
    keys = [(f"R{place:02}", sha256(b"%d" % place)) for place in range(n)]
    assert compute_quorum(n) == quorum == ValidatorSet(keys).quorum


def test_retired_is_for_ever() -> None:
    assert not [step for step in LIFE if step[0] == "retired"]
    assert {start for (start, event) in LIFE if event == "retire"} == {
        "admitted", "connected", "active", "suspended",
    }  # fmt: skip
