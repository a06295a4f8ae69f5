"""What never enters a block, and who may act in which standing."""

import gc
import weakref

import pytest

from contracts import machine
from contracts.call import STANDING_FAILURES
from contracts.errors import CallError
from contracts.registry import CALLS
from ledger.codec import Value
from ledger.transaction import key_signer
from tests.contracts.trade import CONSUMER, PROVIDER, Trade
from tests.contracts.world import BANK, BEIJING, GUIZHOU, HOUR_MS, START_MS, World, make_keys

PAY = {"amount_micro_yuan": 1, "reference": "", "to": PROVIDER}


def check(world: World, kind: str, signers: object, data: dict[str, Value]) -> CallError:
    transaction = world.make(kind, signers, **data)  # type: ignore[arg-type]
    with pytest.raises(CallError) as caught:
        machine.check_call(transaction)
    # Should such a one be executed all the same, it fails with the same code.
    assert world.block(transaction)[0].code in (caught.value.code, "signer-unknown")
    return caught.value


def test_an_unknown_kind(world: World) -> None:
    assert check(world, "settlement.print", BANK, {}).code == "unknown-kind"


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("amount_micro_yuan", {"amount_micro_yuan": 0}),
        ("amount_micro_yuan", {"amount_micro_yuan": 1 << 63}),
        ("amount_micro_yuan", {"amount_micro_yuan": True}),
        ("amount_micro_yuan", {"amount_micro_yuan": "1"}),
        ("amount_micro_yuan", {"amount_micro_yuan": None}),
        ("extra", {"extra": 1}),
        ("to", {"to": PROVIDER[:-1] + "0"}),
        ("to", {"to": PROVIDER.lower()}),
        ("reference", {"reference": "\u7b97"}),
        ("reference", {"reference": "a\nb"}),
        ("reference", {"reference": b"bytes"}),
        ("reference", {"reference": "x" * 65}),
    ],
)
def test_bad_data_names_its_field(world: World, field: str, change: dict[str, Value]) -> None:
    error = check(world, "settlement.pay", GUIZHOU, {**PAY, **change})
    assert error.code == "bad-data"
    assert str(error).startswith(f"{field}: ")


def test_a_missing_field(world: World) -> None:
    error = check(world, "settlement.pay", GUIZHOU, {"to": PROVIDER, "reference": ""})
    assert (error.code, str(error).partition(":")[0]) == ("bad-data", "amount_micro_yuan")


def test_a_role_is_for_authorities(world: World) -> None:
    signers, data = (
        (GUIZHOU, key_signer(make_keys("x").public)),
        {
            "certificate": b"\x30",
            "code": PROVIDER,
            "credit_code": "",
            "name": "somebody",
            "role": "bank",
        },
    )
    assert check(world, "identity.register", signers, data).code == "bad-data"
    data = {**data, "role": "", "credit_code": "91110000600037341K"}
    assert "credit_code" in str(check(world, "identity.register", signers, data))
    data = {**data, "credit_code": "91110000600037341L"}
    machine.check_call(world.make("identity.register", signers, **data))


@pytest.mark.parametrize(
    ("kind", "signers", "data"),
    [
        ("settlement.pay", key_signer(make_keys("x").public), PAY),
        ("settlement.pay", (GUIZHOU, BEIJING), PAY),
        ("settlement.withdraw", GUIZHOU, {"amount_micro_yuan": 1, "reference": ""}),
        ("settlement.withdraw", (BANK, GUIZHOU), {"amount_micro_yuan": 1, "reference": ""}),
        ("identity.rotate_validator", GUIZHOU, {}),
        ("identity.rotate_validator", (GUIZHOU, BEIJING), {}),
        ("market.withdraw_offer", CONSUMER, {"offer": "offer-" + "0" * 32 + "-0"}),
    ],
)
def test_missing_signers(world: World, kind: str, signers: object, data: dict[str, Value]) -> None:
    assert check(world, kind, signers, data).code == "missing-signer"


def test_an_unknown_signer_leaves_no_trace(world: World) -> None:
    result = world.run("settlement.pay", CONSUMER, **{**PAY, "to": GUIZHOU})
    assert result.code == "signer-unknown"
    assert not world.layer.records


def stand(trade: Trade, standing: str) -> str:
    """The code of paying for a consumer of that standing."""
    change = {"code": CONSUMER, "note": ""}
    if standing == "suspended":
        trade.world.do("identity.suspend", BEIJING, reason="arrears", **change)
    elif standing == "revoked":
        trade.world.do("identity.revoke", BEIJING, reason="ceased", **change)
    else:
        trade.world.wait(2 * HOUR_MS)
    return trade.world.run("settlement.pay", CONSUMER, **PAY).code


@pytest.mark.parametrize("standing", ["revoked", "suspended", "expired"])
def test_standing_is_judged_where_it_executes(standing: str) -> None:
    trade = Trade()
    trade.world.register(PROVIDER, GUIZHOU)
    trade.world.register(CONSUMER, BEIJING, not_after_ms=START_MS + HOUR_MS)
    trade.world.deposit(CONSUMER, 1_000)
    assert trade.world.run("settlement.pay", CONSUMER, **PAY).code == "ok"
    code = f"signer-{standing}"
    assert code in STANDING_FAILURES
    assert stand(trade, standing) == code


def test_standing_changes_within_a_block() -> None:
    trade = Trade().set_up()
    world = trade.world
    suspension = {"code": CONSUMER, "note": "", "reason": "arrears"}
    results = world.block(
        world.make("settlement.pay", CONSUMER, **PAY),
        world.make("identity.suspend", BEIJING, **suspension),
        world.make("settlement.pay", CONSUMER, **PAY),
    )
    assert [result.code for result in results] == ["ok", "ok", "signer-suspended"]


def test_old_business_goes_on_while_suspended() -> None:
    trade = Trade().start()
    world = trade.world
    for code, issuer in ((PROVIDER, GUIZHOU), (CONSUMER, BEIJING)):
        world.do("identity.suspend", issuer, code=code, note="", reason="arrears")
    world.wait(HOUR_MS)
    trade.agree(0)
    world.do("lease.close", CONSUMER, lease=trade.lease, note="", reason="finished")
    assert world.run("market.take", CONSUMER, **trade.take_data()).code == "signer-suspended"
    assert world.run("market.offer", PROVIDER, **trade.offer_data()).code == "signer-suspended"


def test_declarations_are_sound() -> None:
    for kind, call in CALLS.items():
        assert kind == call.kind
        assert len(set(call.failures)) == len(call.failures)
        assert not set(call.failures) & {*STANDING_FAILURES, "unknown-kind", "bad-data"}
        assert set(call.tolerates) <= {"suspended", "expired", "inactive"}
        roles = [role.optional for role in call.signers]
        assert roles == sorted(roles), "optional signers come last"


def test_a_payload_that_is_refused_leaves_nothing_behind() -> None:
    """pydantic's errors are none that Python's collector can look into: what is kept with one, by
    its traceback, is kept for ever, and whoever hands in nonsense could fill the memory."""

    class Submission:
        """What a caller has in its hands, and the answer with it."""

        answer: CallError | None = None

    def hand_in(submission: Submission) -> None:
        try:
            CALLS["settlement.pay"].parse({**PAY, "to": PROVIDER[:-1] + "0"})
        except CallError as error:
            submission.answer = error

    submission = Submission()
    hand_in(submission)
    assert submission.answer is not None
    assert submission.answer.code == "bad-data"
    kept = weakref.ref(submission)
    del submission
    gc.collect()
    assert kept() is None
