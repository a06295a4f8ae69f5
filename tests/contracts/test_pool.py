"""Pools: what a region or a sector gathers, with the providers' own signatures."""

from contracts.invariants import check_invariants
from contracts.pool import MEMBERS, POOLS, make_count_key, make_pooled_key, make_size_key
from tests.contracts.failures.standards import publication
from tests.contracts.public import make_pool, register_industry
from tests.contracts.trade import INDUSTRY, PROVIDER, RESOURCE, Trade, find_object, make_descriptor
from tests.contracts.world import GUIZHOU, NATIONAL, make_world


def test_a_provider_joins_and_leaves_with_its_own_signature() -> None:
    trade = Trade().set_up()
    world, pool = trade.world, make_pool(trade)
    joined = world.do("pool.join", PROVIDER, pool=pool, resource=RESOURCE)
    assert [len(joined.changes), joined.events[0]["about"][0]] == [1, pool]
    assert world.state.get_derived(make_size_key(pool)) == 1
    key = MEMBERS.make_key(pool, RESOURCE)
    assert world.state.get_derived(make_pooled_key(RESOURCE, "region")) == key

    world.do("pool.leave", PROVIDER, pool=pool, resource=RESOURCE)
    assert world.value(key)["state"] == "left"
    assert world.state.get_derived(make_size_key(pool)) is None
    world.do("pool.join", PROVIDER, pool=pool, resource=RESOURCE)
    assert world.value(key)["state"] == "joined"


def test_a_node_takes_out_with_a_reason_and_closes_what_is_empty() -> None:
    trade = Trade().set_up()
    world, pool = trade.world, make_pool(trade)
    world.do("pool.join", PROVIDER, pool=pool, resource=RESOURCE)
    world.do("pool.remove", GUIZHOU, note="", pool=pool, reason="not-attested", resource=RESOURCE)
    member = world.value(MEMBERS.make_key(pool, RESOURCE))
    assert (member["actor"], member["reason"]) == (GUIZHOU, "not-attested")
    world.do("pool.close", GUIZHOU, pool=pool)
    assert find_object(world, pool)["state"] == "closed"
    assert world.state.get_derived(make_count_key(GUIZHOU)) is None


def test_a_resource_is_in_one_pool_of_its_region_and_one_of_its_sector() -> None:
    trade = Trade().set_up()
    world, industry = trade.world, register_industry(trade)
    assert industry == INDUSTRY
    for pool in (make_pool(trade), make_pool(trade, industry)):
        world.do("pool.join", PROVIDER, pool=pool, resource=RESOURCE)
    pools = [record.value for _, record in world.state.scan(POOLS.prefix)]
    assert [(pool["scope"], pool["place"]) for pool in pools] == [("sector", "I"), ("region", "52")]


def test_a_pool_may_ask_for_a_class_and_a_profile() -> None:
    trade = Trade(make_world()).set_up()
    world = trade.world
    wrong_class = make_pool(trade, resource_class="10")
    wrong_profile = make_pool(trade, interface="slurm-1")
    right = make_pool(trade, resource_class="20", interface="kubernetes-1")
    for pool, code in (
        (wrong_class, "outside-pool"),
        (wrong_profile, "outside-pool"),
        (right, "ok"),
    ):
        assert world.run("pool.join", PROVIDER, pool=pool, resource=RESOURCE).code == code


def test_the_machine_itself_may_change_while_it_is_pooled() -> None:
    trade = Trade().set_up()
    world, pool = trade.world, make_pool(trade, interface="kubernetes-1")
    world.do("pool.join", PROVIDER, pool=pool, resource=RESOURCE)
    world.do("standards.publish", NATIONAL, **publication())
    changed = make_descriptor(interface="slurm-1")
    world.do("resource.update", PROVIDER, code=RESOURCE, descriptor=changed)
    world.do("pool.leave", PROVIDER, pool=pool, resource=RESOURCE)
    assert world.run("pool.join", PROVIDER, pool=pool, resource=RESOURCE).code == "outside-pool"


def test_checkers_see_a_member_of_a_closed_pool_or_of_two() -> None:
    trade = Trade().set_up()
    world, pool, other = trade.world, make_pool(trade), make_pool(trade)
    world.do("pool.join", PROVIDER, pool=pool, resource=RESOURCE)
    assert check_invariants(world.state) == []
    key = MEMBERS.make_key(pool, RESOURCE)
    world.state.records[MEMBERS.make_key(other, RESOURCE)] = world.state.records[key]
    assert any("two pools" in wrong for wrong in check_invariants(world.state))
    pool_key = POOLS.make_key(GUIZHOU, pool)
    closed = {**world.value(pool_key), "state": "closed"}
    record = world.state.records[pool_key]
    world.state.records[pool_key] = record.replaced(closed, record.height, record.index)
    assert any("is closed" in wrong for wrong in check_invariants(world.state))
