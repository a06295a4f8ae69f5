"""Every kind of call by chance, in any order, by anybody: the invariants hold after every block.

The machine knows nothing of single contracts: whatever the registry has is driven, and a kind that
nobody ever brings about fails the test, until `plausible` says what its calls look like.
"""

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import cache
from random import Random
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from contracts import machine
from contracts.call import Due
from contracts.context import Context
from contracts.errors import CallError
from contracts.invariants import check_invariants, check_step
from contracts.registry import CALLS, DUE
from contracts.rules import VERSION_1
from ledger.code import compose_code
from ledger.crypto import sha256
from ledger.transaction import Transaction
from tests.contracts import newcomer, plausible
from tests.contracts.chance import FITS, Chance, NothingFits
from tests.contracts.failures.cases import OTHER_RESOURCE
from tests.contracts.trade import (
    AUDITOR,
    INDUSTRY,
    LOCAL_CONSUMER,
    OTHER_PROVIDER,
    PROVIDER,
    UNITS,
    YUAN,
    Trade,
    make_descriptor,
)
from tests.contracts.world import END_MS, GUIZHOU, NATIONAL, SICHUAN, MemoryState, World, make_world

SHANXI_INDUSTRY = compose_code("A", "140000", "00043")
EPOCH_MS = 60_000
EXAMPLES, STEPS = 25, 80
ROUNDS = range(2, 9)  # of so many examples, until every kind has come about
FEW, MANY = 4, 16  # calls of a block
# What a chance call cannot bring about, and why; tests of their own do.
RARE: dict[str, str] = {}
# How likely a kind is: what ends much comes seldom, what goes on with something begun comes often.
SELDOM, USUAL, OFTEN = 1, 4, 12
WEIGHTS = {
    "admission.bar": SELDOM,
    "admission.close_window": SELDOM,
    "admission.withdraw": SELDOM,
    "ballot.accuse": SELDOM,
    "ballot.approve": 3 * OFTEN,
    "ballot.propose": USUAL,
    "ballot.reject": SELDOM,
    "ballot.withdraw": SELDOM,
    "dispute.add_evidence": OFTEN,
    "dispute.concede": 3,
    "identity.revoke": SELDOM,
    "identity.suspend": SELDOM,
    "lease.close": SELDOM,
    "lease.answer_refusal": 3,
    "lease.refuse": 6,
    "dispute.appeal": 2 * OFTEN,
    "dispute.decide": 2 * OFTEN,
    "dispute.open": 2 * OFTEN,
    "dispute.rule": 2 * OFTEN,
    "market.take": 8,
    "market.withdraw_demand": SELDOM,
    "market.withdraw_offer": SELDOM,
    "pool.close": SELDOM,
    "resource.update": SELDOM,
}


@cache
def make_beginning() -> World:
    """A trading network with two leases that run, and two nodes that wait to be connected."""
    # Windows of minutes: what lapses, lapses while we look.
    rules = {name: 2 * EPOCH_MS for name in VERSION_1 if name.endswith("_window_ms")}
    rules |= {
        "activation_timeout_ms": 5 * EPOCH_MS,
        "ballot_window_ms": 5 * EPOCH_MS,
        "admission_reviewers": 1,
        "draft_window_ms": 10 * EPOCH_MS,
        "evidence_window_ms": EPOCH_MS,
        "meter_epoch_ms": EPOCH_MS,
        "monitoring_window_ms": VERSION_1["monitoring_window_ms"],
        "root_notice_ms": 5 * EPOCH_MS,
        "selection_aside_ms": EPOCH_MS,
        "selection_candidates": 2,
        "selection_items": 2,
        "selection_retry_ms": EPOCH_MS // 2,
    }
    trade = Trade(make_world(**rules))
    world = trade.world
    trade.set_up(funds=2_000 * YUAN)
    world.register(LOCAL_CONSUMER, GUIZHOU)
    world.register(OTHER_PROVIDER, GUIZHOU)
    world.register(AUDITOR, NATIONAL)
    world.register(INDUSTRY, NATIONAL)
    world.deposit(LOCAL_CONSUMER, 500 * YUAN)
    world.deposit(PROVIDER, 50 * YUAN)
    world.deposit(GUIZHOU, 50 * YUAN)
    descriptor = make_descriptor(4_000)
    world.do("resource.register", OTHER_PROVIDER, code=OTHER_RESOURCE, descriptor=descriptor)
    world.do("resource.attest", GUIZHOU, code=OTHER_RESOURCE, units=4_000, until_ms=END_MS)
    world.register(SHANXI_INDUSTRY, NATIONAL, "industry")
    for code in (newcomer.HEBEI, newcomer.INDUSTRY_NODE):
        newcomer.admit(world, code)
        newcomer.declare(world, code)
    world.decide("suspension", SICHUAN)
    voucher = {"voucher": trade.issue_voucher(), "voucher_micro_yuan": YUAN}
    for terms in ({"seconds": 900, "units": 1_000}, {"seconds": 240, "units": 2_000, **voucher}):
        trade.make_offer(units=UNITS, minimum_seconds=60)
        trade.take(**terms)
        trade.dispatch()
        trade.activate()
    return world


class Anything(RuleBasedStateMachine):
    """A network in which anybody does anything."""

    outcomes: ClassVar[Counter[tuple[str, str]]] = Counter()
    lapsed: ClassVar[Counter[str]] = Counter()
    round: ClassVar[int] = 0

    @initialize()
    def begin(self) -> None:
        self.world = deepcopy(make_beginning())
        self.done: Counter[str] = Counter()
        self.past = b""

    @rule(seed=st.integers(0, (1 << 32) - 1))
    def call(self, seed: int) -> None:
        """A block of a few calls."""
        self.draw(seed, FEW)

    @rule(seed=st.integers(0, (1 << 32) - 1))
    def crowd(self, seed: int) -> None:
        """A block of many calls, which may get in each other's way."""
        self.draw(seed, MANY)

    def draw(self, seed: int, most: int) -> None:
        # Hypothesis likes to repeat itself, so what happened before has a part in the seed.
        rng = Random(f"{self.round} {seed} {self.past.hex()}")
        chance = Chance(self.world, rng)
        weights = [self.weigh(kind) for kind in KINDS]
        transactions: list[Transaction] = []
        for kind in rng.choices(KINDS, weights, k=2 * rng.randint(1, most)):
            made = self.make(chance, kind)
            if made is not None and len(transactions) < most:
                transactions.append(made)
        self.block(transactions)

    @rule(after_ms=st.sampled_from([1, 30_000, EPOCH_MS, EPOCH_MS, 5 * EPOCH_MS]))
    def wait(self, after_ms: int) -> None:
        """A block of due work."""
        self.block([], after_ms)

    def weigh(self, kind: str) -> int:
        """What has not been done in this world is what we would like to see."""
        weight = WEIGHTS.get(kind, OFTEN if kind in FITS else USUAL)
        return weight if self.done[kind] else 2 * weight

    def make(self, chance: Chance, kind: str) -> Transaction | None:
        """A transaction that may enter a block."""
        try:
            signers, payload = chance.make(kind)
        except NothingFits:
            return None
        transaction = self.world.make(kind, signers, **payload)
        try:
            machine.check_call(transaction)
        except CallError as error:
            self.outcomes[kind, error.code] += 1
            return None
        return transaction

    def block(self, transactions: list[Transaction], after_ms: int = 10_000) -> None:
        note(f"after {after_ms} ms: {[transaction.kind for transaction in transactions]}")
        try:
            self.check(transactions, after_ms)
        except BaseException:
            for transaction in transactions:
                note(f"{transaction.kind} by {transaction.signers}: {transaction.data}")
            raise

    def check(self, transactions: list[Transaction], after_ms: int) -> None:
        """Execute a block; all that must hold holds after it."""
        before = MemoryState()
        before.records = dict(self.world.state.records)
        results = self.world.block(*transactions, after_ms=after_ms)
        for transaction, result in zip(transactions, results, strict=False):
            self.outcomes[transaction.kind, result.code] += 1
            self.done[transaction.kind] += result.code == "ok"
        codes = [result.code for result in results]
        self.past = sha256(f"{self.past.hex()} {after_ms} {codes}".encode())
        assert check_invariants(self.world.state) == []
        assert check_step(before, self.world.layer) == []


KINDS = sorted(CALLS)


def test_nothing_that_anybody_does_breaks_an_invariant(monkeypatch: pytest.MonkeyPatch) -> None:
    Anything.outcomes.clear()
    Anything.lapsed.clear()
    for action, due in DUE.items():
        monkeypatch.setitem(DUE, action, replace(due, handler=watch(due)))
    chosen = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    for number in range(max(ROUNDS)):
        Anything.round = number
        run_state_machine_as_test(Anything, settings=chosen)
        never = {kind: list_outcomes(kind) for kind in KINDS if not is_done(kind)}
        idle = sorted(set(DUE) - set(Anything.lapsed))
        if number + 1 in ROUNDS and not never and not idle:
            break
    assert not never, f"say in tests/contracts/plausible what these look like: {never}"
    assert not idle, f"this never falls due: {idle}"
    done = sum(count for (_, code), count in Anything.outcomes.items() if code == "ok")
    assert Anything.outcomes.total() > 5_000
    assert done * 4 > Anything.outcomes.total(), "hardly anything is legal"
    codes = {code for _, code in Anything.outcomes}
    assert len(codes) > 80, sorted(codes)


def is_done(kind: str) -> bool:
    """Whether a kind has come about, or need not."""
    return kind in RARE or Anything.outcomes[kind, "ok"] > 0


def watch(due: Due) -> Callable[[Context, bytes], None]:
    """The handler of due work, with a count of it; it says nothing that it does not declare."""

    def handle(ctx: Context, key: bytes) -> None:
        Anything.lapsed[due.action] += 1
        due.handler(ctx, key)
        assert {event["type"] for event in ctx.events} <= set(due.events), (due.action, ctx.events)

    return handle


def list_outcomes(kind: str) -> dict[str, int]:
    """What became of the calls of a kind."""
    return {code: count for (name, code), count in Anything.outcomes.items() if name == kind}


def test_what_is_said_of_kinds_is_said_of_kinds_that_there_are() -> None:
    assert plausible.MODULES
    assert {*WEIGHTS, *RARE, *FITS} <= set(CALLS)
