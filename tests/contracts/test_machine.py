"""The machine: order, bounds, clocks, folds, and the same answer every time."""

from copy import deepcopy

from contracts import machine
from contracts.account import make_account_key
from contracts.invariants import check_invariants
from contracts.machine import CLOCK_KEY, MAX_DUE_ITEMS
from ledger.codec import Value
from ledger.crypto import sha256
from ledger.record import make_key
from ledger.state import Layer, Reader
from tests.contracts.trade import CONSUMER, PROVIDER, RESOURCE, YUAN, Trade, make_descriptor
from tests.contracts.world import (
    BEIJING,
    GENESIS_HASH,
    HOUR_MS,
    FakeTrail,
    World,
    read_evidence,
)


def test_an_empty_block_changes_nothing(world: World) -> None:
    assert world.block() == []
    assert not world.layer.records and not world.layer.derived


def test_a_gap_is_recorded_and_stops_working_time(world: World) -> None:
    (result,) = world.outage(HOUR_MS)
    assert (result.index, result.code) == (0, "ok")
    assert result.id == sha256(make_key("due", "clock", world.height.to_bytes(8, "big")))
    assert result.changes == ((CLOCK_KEY, 1),)
    assert machine.compute_working_ms(world.state, world.time_ms) == world.time_ms - HOUR_MS
    assert world.block(after_ms=60_000) == []
    (result,) = world.outage(60_001)
    assert world.value(CLOCK_KEY) == {"lost_ms": HOUR_MS + 60_001}


def make_small_demand(world: World, latest_ms: int) -> dict[str, Value]:
    """A demand that costs one micro-yuan."""
    changes = {"ceiling_micro_yuan": 1, "seconds": 1, "units": 1, "latest_ms": latest_ms}
    return Trade(world).demand_data(**changes)


def make_demands(world: World, count: int) -> None:
    data = make_small_demand(world, world.time_ms + 29_999)
    world.deposit(CONSUMER, count)
    world.block(*(world.make("market.demand", CONSUMER, **data) for _ in range(count)))


def test_due_work_is_bounded_and_goes_on(world: World) -> None:
    world.register(CONSUMER, BEIJING)
    make_demands(world, MAX_DUE_ITEMS + 10)
    first = world.block(
        world.make("settlement.pay", CONSUMER, amount_micro_yuan=YUAN, reference="", to=BEIJING),
        after_ms=29_000,
    )
    assert first[0].code == "insufficient-balance"
    # The transaction, and one item more because of it.
    assert [result.index for result in first] == list(range(MAX_DUE_ITEMS + 2))
    second = world.block()
    assert len(second) == 9
    assert world.block() == []
    ids = [result.id for result in (*first, *second)]
    assert len(set(ids)) == len(ids)
    assert check_invariants(world.state) == []


def test_nobody_makes_due_work_faster_than_it_is_done(world: World) -> None:
    """Who keeps blocks full of what falls due at once holds up nobody's deadline."""
    world.register(CONSUMER, BEIJING)
    world.deposit(CONSUMER, 10_000)
    honest_ms = world.time_ms + 12_000
    world.do("market.demand", CONSUMER, **make_small_demand(world, honest_ms))
    for _ in range(11):
        data = make_small_demand(world, world.time_ms + 1_001)
        calls = [world.make("market.demand", CONSUMER, **data) for _ in range(2 * MAX_DUE_ITEMS)]
        world.block(*calls)
    world.block()
    waiting = [key for key, _ in world.state.scan_derived(make_key("due", "time"))]
    at = len(make_key("due", "time"))
    assert waiting
    assert all(int.from_bytes(key[at : at + 8], "big") > honest_ms for key in waiting)


def test_due_work_comes_in_the_order_of_its_time(world: World) -> None:
    world.register(CONSUMER, BEIJING)
    world.deposit(CONSUMER, 3)
    names = {}
    for offset in (30_000, 10_000, 20_000):
        latest_ms = world.time_ms + offset
        result = world.do("market.demand", CONSUMER, **make_small_demand(world, latest_ms))
        names[latest_ms] = result.events[0]["about"][0]
    results = world.block(after_ms=50_000)
    ended = [result.events[0]["about"][0] for result in results]
    assert ended == [names[latest_ms] for latest_ms in sorted(names)]


def test_due_work_is_done_before_transactions() -> None:
    trade = Trade().set_up()
    trade.make_offer(ends_ms=trade.world.time_ms + 30_000)
    world = trade.world
    take = world.make("market.take", CONSUMER, **trade.take_data())
    result, expired = world.block(take, after_ms=40_000)
    assert result.code == "offer-closed"
    assert expired.events[0]["type"] == "market.offer_expired"
    assert (result.index, expired.index) == (0, 1)


def test_a_dropped_transaction_leaves_the_layer_clean() -> None:
    trade = Trade().set_up(funds=0)
    trade.make_offer()
    result = trade.world.run("market.take", CONSUMER, **trade.take_data())
    assert result.code == "insufficient-balance"
    assert list(trade.world.layer.records) == [make_account_key(CONSUMER)]
    assert trade.allocated == 0


def test_the_fold_of_several_versions_in_one_block() -> None:
    trade = Trade().set_up()
    world = trade.world
    key = make_account_key(CONSUMER)
    before = world.state.get(key)
    assert before is not None
    pay = {"amount_micro_yuan": YUAN, "reference": "", "to": PROVIDER}
    results = world.block(
        world.make("settlement.pay", CONSUMER, **pay),
        world.make("settlement.pay", CONSUMER, **pay),
        world.make("settlement.pay", CONSUMER, **{**pay, "amount_micro_yuan": 10**13}),
    )
    assert [result.code for result in results] == ["ok", "ok", "insufficient-balance"]
    versions = [record for other, record in world.layer.versions if other == key]
    first, last = versions
    # Both payments keep their own versions; the fold went into the last one.
    assert [record.version for record in versions] == [before.version + 1, before.version + 2]
    assert [record.index for record in versions] == [0, 1]
    assert (first.previous, last.previous) == (before.hash, first.hash)
    assert first.value["count"] == before.value["count"]
    assert last.value["count"] == before.value["count"] + 3
    assert world.layer.records[key] is last


def test_a_version_of_its_own_takes_the_last_index() -> None:
    trade = Trade().set_up()
    world = trade.world
    failing = {"amount_micro_yuan": 10**13, "reference": "", "to": CONSUMER}
    world.block(
        world.make("settlement.pay", PROVIDER, **failing),
        world.make("resource.update", PROVIDER, code=RESOURCE, descriptor=make_descriptor()),
        world.make("settlement.pay", PROVIDER, **failing),
    )
    record = world.state.get(make_account_key(PROVIDER))
    assert record is not None
    assert (record.height, record.index) == (world.height, 2)


def test_the_same_block_twice_is_the_same() -> None:
    trade = Trade().set_up()
    world = trade.world
    trade.make_offer()
    pay = {"amount_micro_yuan": YUAN, "reference": "", "to": PROVIDER}
    calls = [
        world.make("market.take", CONSUMER, **trade.take_data()),
        world.make("settlement.pay", CONSUMER, **pay),
        world.make("market.take", CONSUMER, **trade.take_data(units=7_000)),
    ]
    block = machine.BlockInput(
        world.height + 1,
        world.time_ms + 90_000,
        world.time_ms,
        calls,
        GENESIS_HASH,
        FakeTrail(world.height),
        read_evidence,
    )
    one, two = (machine.execute_block(world.state, block) for _ in range(2))
    assert [result.encode() for result in one.results] == [
        result.encode() for result in two.results
    ]
    assert list(one.layer.records) == list(two.layer.records)
    assert [(key, record.encode()) for key, record in one.layer.versions] == [
        (key, record.encode()) for key, record in two.layer.versions
    ]
    assert one.layer.derived == two.layer.derived


def test_blocks_execute_on_layers_of_unfinalized_blocks() -> None:
    """A chain of layers gives what a state gives to which each was applied."""
    trade = Trade().set_up()
    world = trade.world
    trade.make_offer()
    reader: Reader = world.state
    layers: list[Layer] = []
    twin = deepcopy(world.state)
    take = trade.take_data()
    for number in range(1, 4):
        block = machine.BlockInput(
            world.height + number,
            world.time_ms + 1000 * number,
            world.time_ms + 1000 * (number - 1),
            [world.make("market.take", CONSUMER, **take)],
            GENESIS_HASH,
            FakeTrail(world.height),
            read_evidence,
        )
        output = machine.execute_block(reader, block)
        assert output.results[0].code == "ok"
        layers.append(output.layer)
        reader = output.layer
        applied = machine.execute_block(twin, block)
        twin.apply(applied.layer)
        assert [item.encode() for item in output.results] == [
            item.encode() for item in applied.results
        ]
    for layer in layers:
        world.state.apply(layer)
    records, expected = (
        [(key, record.encode()) for key, record in state.scan(b"")] for state in (world.state, twin)
    )
    assert records == expected
    assert world.state.derived == twin.derived
    assert check_invariants(world.state) == []
    world.time_ms += 3000
    assert trade.allocated == 6_000


def test_rules_version(world: World) -> None:
    assert machine.get_rules_version(world.state, world.height) == 1


def test_results_name_their_changes() -> None:
    trade = Trade().set_up()
    trade.make_offer()
    trade.take()
    result = trade.world.results[0]
    assert result.changes == (
        (make_account_key(CONSUMER), 2),
        (f"lease\x00{PROVIDER}\x00{trade.lease}\x00".encode(), 1),
    )


def test_the_next_due_work_is_found() -> None:
    trade = Trade().set_up()
    world = trade.world
    assert machine.find_due_ms(world.state, world.time_ms, world.time_ms) is None
    trade.make_offer()
    ends_ms = world.time_ms - 1000 + 30 * 24 * HOUR_MS
    assert machine.find_due_ms(world.state, world.time_ms, world.time_ms) == ends_ms
    trade.take()
    deadline_ms = trade.record["deadline_ms"]
    # Half an hour ahead lies behind a gap, which is no working time.
    found = machine.find_due_ms(world.state, world.time_ms, world.time_ms)
    assert found == trade.record["reserved_until_ms"]
    world.outage(HOUR_MS)
    parent_ms = deadline_ms + HOUR_MS - 30_000
    found = machine.find_due_ms(world.state, parent_ms, parent_ms + 1)
    assert found == deadline_ms + HOUR_MS
    assert machine.find_due_ms(world.state, parent_ms, found + 5) == found + 5
