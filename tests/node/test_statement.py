"""Statements add up: by hand for one lease, and for random lives of a whole market."""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, settings

from contracts.account import ACCOUNTS
from contracts.registry import TABLES
from contracts.table import count_money, get_last_field, get_owner
from node.statement import (
    BALANCES,
    Movement,
    Statement,
    StatementError,
    UnbalancedError,
    make_statement,
)
from tests.contracts.test_conservation import Market
from tests.contracts.trade import CONSUMER, PROVIDER, YUAN, Trade
from tests.contracts.world import BANK, BEIJING, GUIZHOU, HOUR_MS
from tests.node.recorded import RecordedWorld, make_recorded_world


def state_of(world: RecordedWorld, party: str, **how: int | None) -> Statement:
    return make_statement(world.store, world.store.state.view, party, **how)  # type: ignore[arg-type]


@pytest.fixture
def trade() -> Trade:
    """One epoch paid, the rest given back."""
    trade = Trade(make_recorded_world())
    trade.start()
    trade.world.wait(HOUR_MS)
    trade.agree(0)
    trade.world.do("lease.close", CONSUMER, lease=trade.lease, note="", reason="finished")
    return trade


def world_of(trade: Trade) -> RecordedWorld:
    assert isinstance(trade.world, RecordedWorld)
    return trade.world


def show(movement: Movement) -> tuple[str, int]:
    return movement.kind, movement.changes[BALANCES]


def test_the_statement_of_a_consumer(trade: Trade) -> None:
    world = world_of(trade)
    statement = state_of(world, CONSUMER)
    assert statement.opening == {BALANCES: 0}
    assert statement.closing == {BALANCES: world.balance(CONSUMER)}
    refund = 10_000 * YUAN - 100 * YUAN
    assert [show(item) for item in statement.movements][:2] == [
        ("settlement.deposit", 10_000 * YUAN),
        ("market.take", -100 * YUAN),
    ]
    deposit, take = statement.movements[:2]
    assert {item.party: item.change for item in deposit.postings} == {
        CONSUMER: 10_000 * YUAN,
        BANK: 10_000 * YUAN,
    }
    assert take.after == {BALANCES: refund}
    assert trade.lease in take.objects
    hold = next(item for item in take.postings if item.bucket == "holds")
    assert (hold.party, hold.change) == (CONSUMER, 100 * YUAN)


def test_the_statement_of_a_provider_names_lease_and_epoch(trade: Trade) -> None:
    (paid,) = state_of(world_of(trade), PROVIDER).movements
    assert (paid.kind, paid.epoch) == ("metering.receipt", 0)
    assert trade.lease in paid.objects
    assert paid.changes == {BALANCES: trade.record["billed_micro_yuan"]}
    assert {item.bucket: item.change for item in paid.postings} == {
        "balances": paid.changes[BALANCES],
        "holds": -paid.changes[BALANCES],
    }


def test_the_statement_of_a_bank(trade: Trade) -> None:
    world = world_of(trade)
    world.do(
        "settlement.withdraw", (CONSUMER, BANK), amount_micro_yuan=YUAN, reference="transfer 7"
    )
    statement = state_of(world, BANK)
    assert statement.closing == {BALANCES: 0, "issued": 9_999 * YUAN}
    assert statement.movements[-1].changes == {"issued": -YUAN}
    assert statement.movements[-1].reference == "transfer 7"


def test_vouchers_have_a_bucket_of_their_own() -> None:
    trade = Trade(make_recorded_world()).set_up()
    trade.make_offer()
    trade.take()
    voucher = trade.issue_voucher()
    trade.world.do("lease.top_up", CONSUMER, **trade.top_up_data(voucher=20 * YUAN))
    trade.world.do("lease.close", CONSUMER, lease=trade.lease, note="", reason="finished")
    world = world_of(trade)
    statement = state_of(world, CONSUMER)
    moved = [item for item in statement.movements if "vouchers" in item.changes]
    assert [item.changes["vouchers"] for item in moved] == [50 * YUAN, -20 * YUAN, 20 * YUAN]
    assert all(voucher in item.objects for item in moved)
    assert statement.closing == {BALANCES: 10_000 * YUAN, "vouchers": 50 * YUAN}
    assert state_of(world, GUIZHOU).closing == {BALANCES: 0, "issued vouchers": 50 * YUAN}
    world.wait(31 * 24 * HOUR_MS, step_ms=24 * HOUR_MS)
    statement = state_of(world, CONSUMER)
    assert statement.closing == {BALANCES: 10_000 * YUAN}
    assert statement.movements[-1].kind == "due"


def test_demands_have_a_bucket_of_their_own() -> None:
    trade = Trade(make_recorded_world()).set_up()
    world = world_of(trade)
    world.do("market.demand", CONSUMER, **trade.demand_data())
    (aside,) = [item for item in state_of(world, CONSUMER).movements if "budgets" in item.changes]
    assert aside.changes["budgets"] == -aside.changes[BALANCES] > 0


def test_a_period_and_its_edges(trade: Trade) -> None:
    world = world_of(trade)
    whole = state_of(world, CONSUMER)
    at_ms = whole.movements[1].time_ms
    before = state_of(world, CONSUMER, to_ms=at_ms)
    after = state_of(world, CONSUMER, from_ms=at_ms)
    assert before.closing == after.opening == whole.movements[0].after
    assert (*before.movements, *after.movements) == whole.movements
    nothing = state_of(world, CONSUMER, from_ms=world.time_ms + 1)
    assert nothing.opening == nothing.closing == whole.closing
    assert nothing.movements == ()
    early = state_of(world, CONSUMER, to_ms=1)
    assert early.opening == early.closing == {BALANCES: 0}


def test_who_never_had_money(trade: Trade) -> None:
    statement = state_of(world_of(trade), BEIJING)
    assert (statement.opening, statement.movements) == ({BALANCES: 0}, ())
    assert state_of(world_of(trade), "U0000").closing == {BALANCES: 0}


def test_a_snapshot_does_not_move(trade: Trade) -> None:
    world = world_of(trade)
    view, closing = world.store.state.view, world.balance(CONSUMER)
    world.deposit(CONSUMER, YUAN)
    statement = make_statement(world.store, view, CONSUMER)
    assert statement.closing == {BALANCES: closing}
    assert statement.height == world.height - 1


def test_a_movement_that_the_index_missed_is_found_out(
    trade: Trade, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_of(trade)
    real = world.store.scan_subject
    monkeypatch.setattr(
        world.store,
        "scan_subject",
        lambda *how: (item for item in real(*how) if item.kind != "market.take"),
    )
    with pytest.raises(UnbalancedError, match="balances of U"):
        state_of(world, CONSUMER)


def test_a_peer_without_old_versions_says_so(trade: Trade, monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(trade)
    monkeypatch.setattr(world.store, "list_versions", lambda *_: [])
    with pytest.raises(StatementError, match="archive"):
        state_of(world, CONSUMER)


def read_pages(world: RecordedWorld, party: str, limit: int) -> list[Statement]:
    pages = [state_of(world, party, limit=limit)]
    while pages[-1].next_height is not None:
        pages.append(state_of(world, party, limit=limit, start=pages[-1].next_height))
    return pages


class Statements(Market):
    """The market of `test_conservation`, and what everybody's statements say of it."""

    make_world = staticmethod(make_recorded_world)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        assert isinstance(world, RecordedWorld)
        total = 0
        for party in (get_last_field(key) for key, _ in world.state.scan(ACCOUNTS.prefix)):
            whole = state_of(world, party, limit=1_000)
            assert whole.opening == {BALANCES: 0}
            own = {name: held for name, held in compute_own(world, party).items() if held}
            assert whole.closing == {BALANCES: 0, **own}
            pages = read_pages(world, party, 3)
            assert [item for page in pages for item in page.movements] == list(whole.movements)
            for page, following in pairwise(pages):
                assert (page.closing, page.last + 1) == (following.opening, following.first)
            total += sum(count_money(item.changes) for item in whole.movements)
        # What left all of them together is where no party's own record has it, in leases.
        assert total == -sum(
            count_money(table.money(key, record.value))
            for table in TABLES
            if table.money is not None and table.owner is not get_owner
            for key, record in world.state.scan(table.prefix)
        )


def compute_own(world: RecordedWorld, party: str) -> dict[str, int]:
    """What the records of a party hold now."""
    buckets: dict[str, int] = {}
    for table in TABLES:
        if table.money is not None and table.owner is get_owner:
            for key, record in world.state.scan(table.make_key(party)):
                for name, micro_yuan in table.money(key, record.value).items():
                    buckets[name] = buckets.get(name, 0) + micro_yuan
    return buckets


Statements.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestStatements = Statements.TestCase
del Market  # it has a test of its own
