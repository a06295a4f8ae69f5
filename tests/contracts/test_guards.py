"""The guards: a block that the rules could not have made is found out by what it changed."""

from dataclasses import replace
from typing import Any

import pytest

from contracts import machine
from contracts.account import ACCOUNTS, apply_credit, make_account_key
from contracts.agreement import LEASES
from contracts.context import Context
from contracts.errors import BrokenInvariant
from contracts.guards import check_changes
from contracts.offer import OFFERS
from contracts.registry import CALLS, DUE
from contracts.resource import RESOURCES
from contracts.standing import IDENTITIES
from contracts.table import Table
from tests.contracts.trade import CONSUMER, PROVIDER, RESOURCE, UNITS, YUAN, Trade
from tests.contracts.world import BANK, GUIZHOU, HOUR_MS, World


class Block:
    """The changes of a block that no rules were asked about."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ctx = world.look()

    def change(self, table: Table[Any], key: bytes, **changes: object) -> "Block":
        value = table.get(self.ctx, key)
        table.put(self.ctx, key, {**value, **changes})
        return self

    def check(self) -> list[str]:
        return check_changes(self.world.state, self.ctx.layer, self.world.time_ms)


@pytest.fixture
def trade() -> Trade:
    return Trade().start()


def lease_key(trade: Trade) -> bytes:
    return LEASES.make_key(PROVIDER, trade.lease)


def test_money_out_of_nowhere(trade: Trade) -> None:
    block = Block(trade.world)
    key = make_account_key(CONSUMER)
    before = trade.world.balance(CONSUMER)
    (wrong,) = block.change(ACCOUNTS, key, balance=before + 1).check()
    assert wrong == "money was made or lost, 1 micro-yuan: {'balances': 1}"


def test_money_moves_and_comes_in_through_banks(trade: Trade) -> None:
    world, block = trade.world, Block(trade.world)
    issued = world.value(make_account_key(BANK))["issued"]
    block.change(ACCOUNTS, make_account_key(BANK), issued=issued + YUAN)
    (wrong,) = block.check()
    assert wrong.startswith(f"money was made or lost, -{YUAN} micro-yuan")
    block.change(ACCOUNTS, make_account_key(CONSUMER), balance=world.balance(CONSUMER) + YUAN)
    assert block.check() == []


def test_a_negative_bucket(trade: Trade) -> None:
    world, block = trade.world, Block(trade.world)
    block.change(ACCOUNTS, make_account_key(PROVIDER), balance=-1)
    block.change(ACCOUNTS, make_account_key(CONSUMER), balance=world.balance(CONSUMER) + 1)
    (wrong,) = block.check()
    assert "negative bucket" in wrong


def test_a_lease_that_loses_money(trade: Trade) -> None:
    world, block = trade.world, Block(trade.world)
    held = trade.record["held_micro_yuan"]
    block.change(LEASES, lease_key(trade), held_micro_yuan=held - YUAN)
    block.change(ACCOUNTS, make_account_key(CONSUMER), balance=world.balance(CONSUMER) + YUAN)
    (wrong,) = block.check()
    assert wrong.endswith("has lost or made money")


@pytest.mark.parametrize("units", [UNITS, UNITS + 1])
def test_what_is_sold_is_there(trade: Trade, units: int) -> None:
    block = Block(trade.world).change(LEASES, lease_key(trade), units=units)
    wrong = block.check()
    assert [item.split(" ", 1)[1].split(" at ")[0] for item in wrong] == (
        [] if units == UNITS else ["is oversold"] * 2
    )


def test_what_is_sold_stays_there(trade: Trade) -> None:
    key = RESOURCES.make_key(RESOURCE)
    assert Block(trade.world).change(RESOURCES, key, attested_units=2_000).check() == []
    (wrong,) = Block(trade.world).change(RESOURCES, key, attested_units=1_999).check()
    assert wrong.endswith("2000 of 1999")
    offer = OFFERS.make_key(PROVIDER, trade.offer)
    (wrong,) = Block(trade.world).change(OFFERS, offer, units=1_000).check()
    assert wrong.startswith(trade.offer)


def test_what_was_sold_before_now_is_past(trade: Trade) -> None:
    world, key = trade.world, RESOURCES.make_key(RESOURCE)
    world.time_ms = trade.record["ends_ms"]
    assert Block(world).change(RESOURCES, key, attested_units=0).check() == []


def test_a_step_that_no_life_has(trade: Trade) -> None:
    (wrong,) = Block(trade.world).change(LEASES, lease_key(trade), state="matched").check()
    assert wrong.endswith("went from active to matched")


def test_each_version_is_a_step(trade: Trade) -> None:
    block = Block(trade.world)
    block.change(LEASES, lease_key(trade), state="reclaiming")
    block.change(LEASES, lease_key(trade), state="active")
    (wrong,) = block.check()
    assert wrong.endswith("went from reclaiming to active")


def test_an_end_is_final(trade: Trade) -> None:
    world = trade.world
    world.do("market.withdraw_offer", PROVIDER, offer=trade.offer)
    key = OFFERS.make_key(PROVIDER, trade.offer)
    (wrong,) = Block(world).change(OFFERS, key, price_micro_yuan=1).check()
    assert wrong.endswith("changed after its end as withdrawn")


def test_a_revoked_identity_keeps_its_state_only(trade: Trade) -> None:
    world, key = trade.world, IDENTITIES.make_key(PROVIDER)
    world.do("identity.revoke", GUIZHOU, code=PROVIDER, note="", reason="ceased")
    assert Block(world).change(IDENTITIES, key, name="another").check() == []
    (wrong,) = Block(world).change(IDENTITIES, key, status="active").check()
    assert wrong.endswith("changed after its end as revoked")


def test_an_end_without_a_reason(trade: Trade) -> None:
    block = Block(trade.world).change(LEASES, lease_key(trade), state="settling")
    block.change(LEASES, lease_key(trade), state="closed")
    wrong = block.check()
    assert any("without an actor or a reason" in item for item in wrong)
    assert any("still holds money" in item for item in wrong)


def test_a_faulty_rule_costs_its_call_and_not_the_chain(
    trade: Trade, monkeypatch: pytest.MonkeyPatch
) -> None:
    def give(ctx: Context, call: Any) -> None:
        apply_credit(ctx, call.to, call.amount_micro_yuan)

    world = trade.world
    kind = "settlement.pay"
    call = CALLS[kind]
    faulty = replace(call, handler=give, failures={**call.failures, machine.BROKEN: "never"})
    monkeypatch.setitem(CALLS, kind, faulty)
    deposit = {"account": CONSUMER, "amount_micro_yuan": 5, "reference": ""}
    before = trade.money
    results = world.block(
        world.make(kind, CONSUMER, amount_micro_yuan=1, reference="", to=PROVIDER),
        world.make("settlement.deposit", BANK, **deposit),
    )
    assert [result.code for result in results] == [machine.BROKEN, "ok"]
    assert results[0].changes == () and results[0].events == ()
    assert trade.money == (before[0] + 5, *before[1:])


def test_due_work_of_a_faulty_rule_is_done_by_nobody(
    trade: Trade, monkeypatch: pytest.MonkeyPatch
) -> None:
    def give(ctx: Context, key: bytes) -> None:
        DUE["lease.end"].handler(ctx, key)
        apply_credit(ctx, CONSUMER, 1)

    faulty = replace(DUE["lease.end"], handler=give)
    monkeypatch.setattr(machine, "DUE", {**DUE, "lease.end": faulty})
    with pytest.raises(BrokenInvariant, match="money was made or lost, 1"):
        trade.world.wait(5 * HOUR_MS, step_ms=HOUR_MS)
