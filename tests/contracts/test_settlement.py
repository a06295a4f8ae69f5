"""Money: in through a bank, from account to account, out again."""

from contracts.account import compute_head, make_account_key
from ledger.code import compose_code
from ledger.primitives import ZERO_DIGEST
from tests.contracts.world import BANK, BEIJING, GUIZHOU, World

PROVIDER = compose_code("P", "520100", "0E001", "I")
CONSUMER = compose_code("U", "110100", "0A001", "I")


def join(world: World) -> None:
    world.register(PROVIDER, GUIZHOU)
    world.register(CONSUMER, BEIJING)


def test_money_comes_in_moves_and_goes_out(world: World) -> None:
    join(world)
    world.deposit(CONSUMER, 5_000_000)
    paid = world.do(
        "settlement.pay", CONSUMER, amount_micro_yuan=2_000_000, reference="7", to=PROVIDER
    )
    assert paid.events == (
        {
            "about": [CONSUMER, PROVIDER],
            "data": {"amount_micro_yuan": 2_000_000, "reference": "7"},
            "type": "settlement.paid",
        },
    )
    assert (world.balance(CONSUMER), world.balance(PROVIDER)) == (3_000_000, 2_000_000)
    world.do("settlement.withdraw", (PROVIDER, BANK), amount_micro_yuan=500_000, reference="")
    assert world.balance(PROVIDER) == 1_500_000
    assert world.value(make_account_key(BANK))["issued"] == 4_500_000


def test_an_account_chains_what_its_party_signed(world: World) -> None:
    join(world)
    world.deposit(CONSUMER, 1_000)
    calls = [
        world.make("settlement.pay", CONSUMER, amount_micro_yuan=amount, reference="", to=PROVIDER)
        for amount in (100, 100_000, 200)
    ]
    results = world.block(*calls)
    assert [result.code for result in results] == ["ok", "insufficient-balance", "ok"]
    head = ZERO_DIGEST
    for result in results:
        head = compute_head(head, CONSUMER, world.height, result.index, result.id)
    account = world.value(make_account_key(CONSUMER))
    assert (account["count"], account["head"], account["balance"]) == (3, head, 700)


def test_the_fold_is_one_write_for_each_account(world: World) -> None:
    join(world)
    world.deposit(CONSUMER, 1_000)
    pay = {"amount_micro_yuan": 10, "reference": "", "to": PROVIDER}
    before = world.state.get(make_account_key(CONSUMER))
    world.block(world.make("settlement.pay", CONSUMER, **pay))
    after = world.state.get(make_account_key(CONSUMER))
    assert before is not None and after is not None
    assert after.version == before.version + 1
    assert after.previous == before.hash
    assert [key for key, _ in world.layer.versions] == [
        make_account_key(CONSUMER),
        make_account_key(PROVIDER),
    ]
    assert all(world.layer.records[key] is record for key, record in world.layer.versions)


def test_a_failure_still_counts(world: World) -> None:
    join(world)
    pay = {"amount_micro_yuan": 10, "reference": "", "to": PROVIDER}
    result = world.run("settlement.pay", CONSUMER, **pay)
    assert (result.code, result.events, result.changes) == ("insufficient-balance", (), ())
    record = world.state.get(make_account_key(CONSUMER))
    assert record is not None
    assert (record.value["count"], record.index, record.version) == (1, 0, 1)
