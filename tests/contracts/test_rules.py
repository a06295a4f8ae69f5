"""Rules: versions, the heights from which they are in force, bounds and relations."""

import pytest

from contracts import machine
from contracts.errors import FoundingError
from contracts.founding import compute_initial_records
from contracts.rules import (
    RULES,
    VERSION_1,
    apply_version,
    compute_bounds,
    find_beyond_bounds,
    find_broken_relations,
    load_current,
    load_last,
    load_version,
    make_rules_key,
)
from tests.contracts.world import World, make_founding


def test_the_first_version_is_in_force_from_the_start(world: World) -> None:
    assert load_current(world.state, 0).version == 1
    assert load_current(world.state, 10**9).version == 1
    assert load_last(world.state)["from_height"] == 0


def test_each_version_is_in_force_from_its_height(world: World) -> None:
    ctx = world.look()
    apply_version(ctx, {"hold_epochs": 3}, 10, "ballot-a")
    apply_version(ctx, {"meter_epoch_ms": 60_000}, 20, "ballot-b")
    world.state.apply(ctx.layer)
    state = world.state
    assert [load_current(state, height).version for height in (9, 10, 19, 20, 99)] == [
        1,
        2,
        2,
        3,
        3,
    ]
    assert load_current(state, 10)["hold_epochs"] == 3
    # A version is a change of the last one, in force already or not.
    assert load_current(state, 20)["hold_epochs"] == 3
    assert load_current(state, 20)["meter_epoch_ms"] == 60_000
    assert load_version(world.look(), 1)["hold_epochs"] == VERSION_1["hold_epochs"]
    assert world.value(make_rules_key(3))["ballot"] == "ballot-b"
    assert state.derived == machine.rebuild_derived(state)


def test_a_block_executes_under_the_rules_of_its_height(world: World) -> None:
    ctx = world.look()
    apply_version(ctx, {}, 2, "")
    world.state.apply(ctx.layer)
    for version in (1, 2):
        world.block()
        assert machine.get_rules_version(world.state, world.height) == version


def test_bounds_follow_from_units() -> None:
    assert compute_bounds("sla_floor_1_bp") == (1, 10_000)
    assert compute_bounds("minimum_validators") == (4, 34)
    assert find_beyond_bounds(VERSION_1) == []
    changed = {**VERSION_1, "sla_floor_1_bp": 10_001, "hold_epochs": 0, "minimum_validators": 3}
    assert find_beyond_bounds(changed) == ["hold_epochs", "minimum_validators", "sla_floor_1_bp"]


def test_relations_hold_within_a_version() -> None:
    assert find_broken_relations(VERSION_1) == []
    (broken,) = find_broken_relations({**VERSION_1, "sla_floor_2_bp": 9_991})
    assert "sla_floor_1_bp" in broken
    assert find_broken_relations({**VERSION_1, "sla_credit_3_bp": 2_999})


def test_a_chain_begins_with_rules_within_their_bounds() -> None:
    for changes in ({"sla_floor_1_bp": 10_001}, {"sla_floor_2_bp": 9_991}):
        with pytest.raises(FoundingError):
            compute_initial_records(make_founding(**changes))


def test_what_a_version_may_not_look_like(world: World) -> None:
    record, check = load_last(world.state), RULES.check
    assert check is not None
    assert list(check(make_rules_key(1), record)) == []
    for name, integer in (("hold_epochs", 0), ("sla_floor_2_bp", 9_991)):
        integers = {**record["integers"], name: integer}
        assert list(check(make_rules_key(1), {**record, "integers": integers}))
